"""What a hover finds under a cursor (``$0``): the literal, the variable, its assignment, a later use."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from model_loupe.documents import Cell, analyse_notebook, analyse_python, read_notebook
from model_loupe.domain.errors import LoupeError

FILES = {
    "in the literal": ("AutoModel.from_pretrained('gp$0t2')", "gpt2"),
    "at the opening quote": ("AutoModel.from_pretrained($0'gpt2')", "gpt2"),
    "after the closing quote": ("AutoModel.from_pretrained('gpt2'$0)", "gpt2"),
    "on the class": ("Auto$0Model.from_pretrained('gpt2')", None),
    "on another argument": ("AutoModel.from_pretrained('gpt2', revision='ma$0in')", None),
    "on the variable": ("n = 'gpt2'\nAutoModel.from_pretrained($0n)", "gpt2"),
    "on the assigned name": ("na$0me = 'gpt2'\nAutoModel.from_pretrained(name)", "gpt2"),
    "on the assigned literal": ("n = 'gp$0t2'\nAutoModel.from_pretrained(n)", "gpt2"),
    "on a later use": ("n = 'gpt2'\nAutoModel.from_pretrained(n)\nprint($0n)", "gpt2"),
    "on a use before": ("n = 'gpt2'\nprint($0n)\nAutoModel.from_pretrained(n)", "gpt2"),
    "on a name that nothing loads": ("n = 'gpt2'\nprint($0n)", None),
    "on another string": ("x = 'gp$0t3'\nAutoModel.from_pretrained('gpt2')", None),
    "after an emoji": ("x = '😀'; AutoModel.from_pretrained('gpt2$0')", "gpt2"),
    "in an f-string": ("o = 'a'\nAutoModel.from_pretrained(f'{o}/$0b')", "a/b"),
    "below the text": ("AutoModel.from_pretrained('gpt2')\n\n$0", None),
}


@pytest.mark.parametrize("case", FILES, ids=str)
def test_mention_in_a_file(case: str) -> None:
    marked, expected = FILES[case]
    before, _ = marked.split("$0")
    position = (before.count("\n"), len(before) - before.rfind("\n") - 1)
    found = analyse_python(marked.replace("$0", "")).mention_at(None, *position)
    assert (found.model if found else None) == expected
    if found:
        assert found.span.contains(*position)
        assert found.reference is not None


def notebook(*texts: str) -> list[Cell]:
    return [Cell(number, "code", text) for number, text in enumerate(texts)]


def test_a_name_of_an_earlier_cell_is_known() -> None:
    analysis = analyse_notebook(notebook("name = 'a/b'", "", "AutoModel.from_pretrained(name)"))
    (found,) = analysis.references
    assert (found.cell, found.model, found.kind) == (2, "a/b", "hub")
    mention = analysis.mention_at(0, 0, 1)
    assert mention is not None
    assert mention.reference == found


def test_the_last_cell_before_the_use_wins() -> None:
    cells = notebook("n = 'a/1'", "n = 'a/2'", "AutoModel.from_pretrained(n)", "n = 'a/3'")
    assert [found.model for found in analyse_notebook(cells).references] == ["a/2"]


def test_a_name_bound_only_later_is_taken_all_the_same() -> None:
    cells = notebook("AutoModel.from_pretrained(n)", "n = 'a/b'")
    assert [found.model for found in analyse_notebook(cells).references] == ["a/b"]


def test_imports_of_earlier_cells_hold() -> None:
    cells = notebook("from transformers import AutoTokenizer as T", "T.from_pretrained('gpt2')")
    assert [found.role for found in analyse_notebook(cells).references] == ["tokenizer"]


def test_a_broken_cell_loses_only_itself() -> None:
    cells = notebook("n = 'a/b'", "for in in ):", "AutoModel.from_pretrained(n)")
    assert [found.model for found in analyse_notebook(cells).references] == ["a/b"]


def test_other_languages_and_markdown_are_left_alone() -> None:
    text = "AutoModel.from_pretrained('gpt2')"
    cells = [Cell(0, "markdown", text), Cell(1, "code", text, "r"), Cell(2, "code", text)]
    assert [found.cell for found in analyse_notebook(cells).references] == [2]


def test_notebook_files() -> None:
    text = (
        '{"cells": [{"cell_type": "raw", "source": "x"}, {"cell_type": "markdown", "source": ["# a\\n","b"]},'
        ' {"cell_type": "code", "source": "n = 1"}], "metadata": {"kernelspec": {"language": "python"}}}'
    )
    assert read_notebook(text) == [Cell(0, "markdown", "# a\nb"), Cell(1, "code", "n = 1")]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"cells": 3}', "{" * 100_000, '{"cells": [1, null]'])
def test_bad_notebooks_are_named(text: str) -> None:
    with pytest.raises(LoupeError) as raised:
        read_notebook(text)
    assert raised.value.code == "bad-notebook"


CODE = """from transformers import AutoModel, pipeline
name = f"{org}/x" if a else 'gpt2'  # é 😀
def load(n="a/b", *rest, **more):
    !pip install x
    return AutoModel.from_pretrained(n, torch_dtype=torch.bfloat16)
with open("f") as f: model = load(name)
class C(Base):
    x: str = 'm'
print([pipeline("t", model=m) for m in ("a", "b")], model?)
"""


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, len(CODE)), st.integers(0, 12), st.text(max_size=4)), max_size=6),
    st.integers(0, 12),
    st.integers(0, 60),
)
def test_arbitrary_edits_never_raise(edits: list[tuple[int, int, str]], line: int, column: int) -> None:
    code = CODE
    for position, removed, inserted in edits:
        code = code[:position] + inserted + code[position + removed :]
    analysis = analyse_python(code)
    lines = code.split("\n")
    for found in analysis.references:
        assert 0 <= found.span.line <= found.span.end_line < len(lines) + 1
        analysis.mention_at(None, found.span.line, found.span.column)
    analysis.mention_at(None, line, column)
    # What was remembered of the text before makes no difference.
    assert analyse_python(code).references == analysis.references
