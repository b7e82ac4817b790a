"""What a hover finds under a cursor (``$0``): the literal, the variable, its assignment, a later use."""

from __future__ import annotations

import time
from pathlib import Path
from random import Random

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from model_loupe.documents import Cell, analyse_notebook, analyse_python, read_notebook
from model_loupe.documents.memory import MEMORY
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
    "on a name in an f-string": ("n = 'gpt2'\nAutoModel.from_pretrained(n)\nprint(f'x {$0n}')", "gpt2"),
    "on an attribute": ("c.n = 'gpt2'\nAutoModel.from_pretrained(c.n)\nprint(c.$0n)", "gpt2"),
    "on a default": ("def f(n='gp$0t2'):\n  AutoModel.from_pretrained(n)", "gpt2"),
    "on a constructor's value": ("c = C(n='gpt2')\nAutoModel.from_pretrained(c.n)\nprint($0c.n)", "gpt2"),
    "on the second of two": ("AutoModel.from_pretrained('x'); T.from_pretrained('$0y')", "y"),
    "in a pipeline without a model": ("pipeline('n$0er')", None),
    "after a line break in the call": ("AutoModel.from_pretrained(\n  'gp$0t2'\n)", "gpt2"),
    "after é": ("é = 'é'; AutoModel.from_pretrained($0'gpt2')", "gpt2"),
    "one character before, after é": ("é = 'é'; AutoModel.from_pretrained($0 'gpt2')", None),
    "in a file with carriage returns": ("n = 1\r\nAutoModel.from_pretrained('gp$0t2')\r\n", "gpt2"),
    "on a name that means another": ("n = 'a'\nAutoModel.from_pretrained(n)\nn = 'b'\nprint($0n)", None),
    "in a helper's body": ("def f(n):\n  AutoModel.from_pretrained($0n)\nf('gpt2')", "gpt2"),
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
    assert read_notebook(text) == [Cell(1, "markdown", "# a\nb"), Cell(2, "code", "n = 1")]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"cells": 3}', "{" * 100_000, '{"cells": [1, null]'])
def test_bad_notebooks_are_named(text: str) -> None:
    with pytest.raises(LoupeError) as raised:
        read_notebook(text)
    assert raised.value.code == "bad-notebook"


def test_a_function_sees_the_cells_before_it() -> None:
    helper = "def f():\n    return AutoModel.from_pretrained(n)"
    cells = notebook("n = 'a/1'", helper, "n = 'a/2'", helper)
    assert [found.model for found in analyse_notebook(cells).references] == ["a/1", "a/2"]


def test_a_cell_before_all_that_bind_a_name_takes_the_last_of_them() -> None:
    cells = notebook("AutoModel.from_pretrained(n)", "n = 'a/1'", "n = 'a/2'")
    assert [found.model for found in analyse_notebook(cells).references] == ["a/2"]


def test_a_pipeline_object_of_one_cell_is_no_pipeline_in_the_next() -> None:
    cells = notebook(
        "from transformers import pipeline\npipeline = pipeline('ner', model='a/b')",
        "pipeline('some text')",
        "from transformers import pipeline\npipeline(model='a/c')",
    )
    references = analyse_notebook(cells).references
    assert [(found.cell, found.model) for found in references] == [(0, "a/b"), (2, "a/c")]


def test_a_helper_of_one_cell_is_called_in_another() -> None:
    cells = notebook("def f(n):\n    return AutoModel.from_pretrained(n)", "f('a/b')")
    (found,) = analyse_notebook(cells).references
    assert (found.cell, found.model) == (0, "a/b")


def test_what_an_earlier_cell_writes_is_no_model_of_the_hub() -> None:
    cells = notebook("args = TrainingArguments(output_dir='out')", "AutoModel.from_pretrained('out')")
    assert [found.kind for found in analyse_notebook(cells).references] == ["written_here"]


def test_cells_keep_the_callers_indexes() -> None:
    cells = [Cell(7, "code", "n = 'a/b'"), Cell(3, "code", "AutoModel.from_pretrained(n)")]
    analysis = analyse_notebook(cells)
    assert [found.cell for found in analysis.references] == [3]
    mention = analysis.mention_at(7, 0, 0)
    assert mention is not None
    assert mention.model == "a/b"
    assert analysis.mention_at(0, 0, 0) is None


CODE = """from transformers import AutoModel, pipeline
name = f"{org}/x" if a else 'gpt2'  # é 😀
def load(n="a/b", *rest, **more):
    !pip install x
    return AutoModel.from_pretrained(n, torch_dtype=torch.bfloat16)
load().layers[3].mlp.half().
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
    for place in ((line, column), (len(lines) - 1, len(lines[-1]))):
        analysis.mention_at(None, *place)
        analysis.object_at(None, *place)
        analysis.typed_at(None, *place)
    analysis.literals(None)
    # What was remembered of the text before makes no difference.
    assert analyse_python(code).references == analysis.references


CELLS = [
    "from transformers import AutoModel, pipeline as p\nimport torch",
    "n = 'a/b'\no = {'k': n}",
    "def f(x, y=n):\n    global m\n    m = AutoModel.from_pretrained(x)\n    return p('t', model=y)",
    "class C:\n    n: str = 'c'\n    def g(self):\n        return T.from_pretrained(self.n, dtype=t.half)",
    "f(o['k'])\nargs = Args(output_dir=f'{n}-out')\nAutoModel.from_pretrained(args.output_dir)",
    "%time q = [AutoModel.from_pretrained(i) for i in ('a', n)]\nn += '-it'",
    "AutoModel.from_pretrained(n)  # é 😀\nm.layers[0].mlp.half()\nm.config.x; m.",
]
EDIT = st.tuples(st.integers(0, len(CELLS) - 1), st.integers(0, 90), st.integers(0, 9), st.text(max_size=3))


@settings(max_examples=100, deadline=None)
@given(st.lists(EDIT, max_size=5), st.permutations(range(len(CELLS))))
def test_analysis_after_edits_equals_analysis_from_scratch(
    edits: list[tuple[int, int, int, str]], order: list[int]
) -> None:
    texts = [CELLS[number] for number in order]
    analyse_notebook(notebook(*texts))
    for cell, position, removed, inserted in edits:
        texts[cell] = texts[cell][:position] + inserted + texts[cell][position + removed :]
        analyse_notebook(notebook(*texts))
    warm = analyse_notebook(notebook(*texts))
    MEMORY.clear()
    cold = analyse_notebook(notebook(*texts))
    assert warm.references == cold.references
    for cell, text in enumerate(texts):
        for line, content in enumerate(text.split("\n")):
            for column in range(0, len(content), 5):
                assert warm.mention_at(cell, line, column) == cold.mention_at(cell, line, column)
                assert warm.object_at(cell, line, column) == cold.object_at(cell, line, column)
                assert warm.typed_at(cell, line, column) == cold.typed_at(cell, line, column)
        assert warm.literals(cell) == cold.literals(cell)


REAL = [
    path.read_text()
    for folder in ("tests/libraries", "tests/server", "server/model_loupe/demo", "server/model_loupe/worker")
    for path in sorted((Path(__file__).parents[3] / folder).glob("*.py"))
]


@pytest.mark.filterwarnings("ignore:invalid .* escape:DeprecationWarning", "ignore:invalid:SyntaxWarning")
@settings(max_examples=60, deadline=None)
@given(st.sampled_from(REAL), st.randoms(use_true_random=False), st.lists(st.text(max_size=3), max_size=5))
def test_edits_of_real_code_never_raise(code: str, random: Random, inserted: list[str]) -> None:
    for text in inserted:
        position = random.randint(0, len(code))
        code = code[:position] + text + code[position + random.randint(0, 40) :]
    analysis = analyse_python(code)
    lines = code.split("\n")
    for _ in range(5):
        line = random.randrange(len(lines))
        column = random.randint(0, len(lines[line]))
        analysis.mention_at(None, line, column)
        analysis.object_at(None, line, column)
        analysis.typed_at(None, line, column)
    MEMORY.clear()
    assert analyse_python(code).references == analysis.references


MANY_NAMES = (
    "".join(f"n{n + 1} = f'{f'{{n{n}}}' * 99}'\n" for n in range(20)) + "AutoModel.from_pretrained(n20)"
)
HOSTILE = {
    "names made of names": "n0 = 'x'\n" + MANY_NAMES,
    "empty names made of names": "n0 = ''\n" + MANY_NAMES,
    "a name of itself": "n = n + n\nAutoModel.from_pretrained(n)",
    "a key of itself": "for k in d:\n  k = d[k]\nd[k] = d[d[k]]\nAutoModel.from_pretrained(d[k])",
    "keys of keys": "k = " + "d[" * 60 + "0" + "]" * 60 + "\nd = {k: k}\nAutoModel.from_pretrained(d[k])",
    "helpers that call each other": "def f(n): g(n)\ndef g(n): f(n); AutoModel.from_pretrained(n)",
    "long text": "n = 'x' * 9\n" + "n += n\n" * 500 + "AutoModel.from_pretrained(n)",
    "deep nesting": "(" * 5_000 + ")" * 5_000 + "\nAutoModel.from_pretrained('a')",
    "deep blocks": "".join(" " * n + "if x:\n" for n in range(99)) + " " * 99 + "f()",
    "a long sum": "n = " + " + ".join(["'a'"] * 5_000) + "\nAutoModel.from_pretrained(n)",
    "every line broken": "x = = AutoModel.from_pretrained('a')\n" * 5_000,
    "every other line broken": "x = = 1\nAutoModel.from_pretrained('a')\n" * 2_000,
    "open brackets": "f(\n" * 3_000,
    "open strings": "x = '''\ny = \"\"\"\n" * 2_001,
    "many bindings in a loop": "for i in x:\n" + "    n = f(n)\n    AutoModel.from_pretrained(n)\n" * 2_000,
}


def test_hovering_for_hours_changes_nothing() -> None:
    analysis = analyse_python("a = 'a/b'\nn = a\nAutoModel.from_pretrained(n)")
    for _ in range(3_000):
        mention = analysis.mention_at(None, 1, 0)
        assert mention is not None
        assert mention.model == "a/b"


def test_hovering_a_part_by_its_name_for_hours_changes_nothing() -> None:
    code = "model = AutoModel.from_pretrained('o/m')\nn = 'a.b'\nmodel.get_submodule(n).c"
    analysis = analyse_python(code)
    for _ in range(3_000):
        found = analysis.object_at(None, 2, len("model.get_submodule(n).c"))
        assert found is not None
        assert found.parts == ("a", "b", "c")


@pytest.mark.parametrize("case", HOSTILE, ids=str)
def test_hostile_text_takes_no_time(case: str) -> None:
    # Of the processor: other programs may have it meanwhile.
    started = time.process_time()
    analysis = analyse_python(HOSTILE[case])
    analysis.mention_at(None, 1, 0)
    assert time.process_time() - started < 5
