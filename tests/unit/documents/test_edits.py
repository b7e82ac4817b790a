"""Edits of code: what comes out parses, means what was wanted, and is else as it was."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_loupe.documents.cells import parse
from model_loupe.documents.edits import (
    CallText,
    Edit,
    applied,
    call_at,
    change_of,
    imported,
    without_call,
    without_statement,
)
from model_loupe.documents.edits.dicts import DictText
from model_loupe.documents.source import Source

# --- calls ---

CALLS = [
    ("f()", "f(dtype=D)", "f()"),
    ("f(a)", "f(a, dtype=D)", "f(a)"),
    ("f(a,)", "f(a, dtype=D)", "f(a,)"),
    ("f(a, b=1)", "f(a, b=1, dtype=D)", "f(a)"),
    ("f(b=1)", "f(b=1, dtype=D)", "f()"),
    ("f(b=1, c=2)", "f(b=1, c=2, dtype=D)", "f(c=2)"),
    ("f(a, (b))", "f(a, (b), dtype=D)", "f(a, (b))"),
    ("f(a, b=(1))", "f(a, b=(1), dtype=D)", "f(a)"),
    ("f(a, b=1, **kw)", "f(a, b=1, dtype=D, **kw)", "f(a, **kw)"),
    ("f(a, *b, **kw)", "f(a, *b, dtype=D, **kw)", "f(a, *b, **kw)"),
    ("f(k=lambda a, b: a, b=2)", "f(k=lambda a, b: a, b=2, dtype=D)", "f(k=lambda a, b: a)"),
    ("f(x for x in y)", "f((x for x in y), dtype=D)", "f(x for x in y)"),
    ("f(\n    a,\n    b=1,\n)", "f(\n    a,\n    b=1,\n    dtype=D,\n)", "f(\n    a,\n)"),
    ("f(\n    a,\n    b=1\n)", "f(\n    a,\n    b=1,\n    dtype=D\n)", "f(\n    a,\n)"),
    (
        "f(\n    a,  # one\n    b=1,  # two\n    # end\n)",
        "f(\n    a,  # one\n    b=1,  # two\n    dtype=D,\n    # end\n)",
        "f(\n    a,  # one\n    # end\n)",
    ),
    ("f(\n  a,\n  b=1  # two\n)", "f(\n  a,\n  b=1,  # two\n  dtype=D\n)", "f(\n  a,\n)"),
    ("f(a,\n  b=1)", "f(a,\n  b=1,\n  dtype=D)", "f(a)"),
    ("f(a,  # one\n  b=1)", "f(a,  # one\n  b=1,\n  dtype=D)", "f(a,  # one\n  )"),
    ("f(\n    a, b=1,\n)", "f(\n    a, b=1, dtype=D,\n)", "f(\n    a,\n)"),
    ("f(\n    a, b=1\n)", "f(\n    a, b=1, dtype=D\n)", "f(\n    a\n)"),
    ("f(\n  b=1,\n  **kw,\n)", "f(\n  b=1,\n  dtype=D,\n  **kw,\n)", "f(\n  **kw,\n)"),
    ("(m\n .f)(a, b=1)", "(m\n .f)(a, b=1, dtype=D)", "(m\n .f)(a)"),
    ("f('é😀', b='ü')", "f('é😀', b='ü', dtype=D)", "f('é😀')"),
    ("f(f'{x(1, 2)}', b=1)", "f(f'{x(1, 2)}', b=1, dtype=D)", "f(f'{x(1, 2)}')"),
]


@pytest.mark.parametrize(("text", "added", "without"), CALLS)
def test_a_keyword_is_added_and_removed(text: str, added: str, without: str) -> None:
    assert CallText(text).with_keyword("dtype", "D").text == added
    assert CallText(text).without_keyword("b").text == without


@pytest.mark.parametrize(
    ("text", "replaced", "renamed"),
    [
        ("f(b=1)", "f(b=D)", "f(new=1)"),
        ("f(a, b = ( 1 ), c=2)", "f(a, b = D, c=2)", "f(a, new = ( 1 ), c=2)"),
        (
            "f(\n  b=g(\n    1,\n  ),  # two\n)",
            "f(\n  b=D,  # two\n)",
            "f(\n  new=g(\n    1,\n  ),  # two\n)",
        ),
        ("f(b='é', c='ü')", "f(b=D, c='ü')", "f(new='é', c='ü')"),
        ("f(a)", "f(a, b=D)", "f(a)"),
    ],
)
def test_a_keyword_is_replaced_and_renamed(text: str, replaced: str, renamed: str) -> None:
    assert CallText(text).with_keyword("b", "D").text == replaced
    assert CallText(text).renamed("b", "new").text == renamed


def test_what_is_given_is_told_as_written() -> None:
    call = CallText("f(a, b = ( 1 ), **kw)")
    assert (call.argument("b"), call.argument("c")) == ("( 1 )", None)
    assert call.has_keyword("b")
    assert CallText("m.to(device, torch.half)").without_positional(1).text == "m.to(device)"


@pytest.mark.parametrize("text", ["f", "f(", "f(a b)", "", "x = f()", "f(\udc00"])
def test_what_is_no_call_is_not_edited(text: str) -> None:
    assert (
        call_at(text, Source(text).span(ast.Constant("", lineno=1, col_offset=0, end_col_offset=9))) is None
    )


NAMES = ("a", "b", "dtype", "d", "e")
VALUES = (
    "1",
    "(1)",
    "'x, y'",
    "[1, 2]",
    "lambda p, q: (p, q)",
    "g(h=1,)",
    "'é'",
    "{\n 'k': 1,\n}",
    "x if y else z",
)
GAPS = ("", " ", "\n", "\n    ", "  # c, d)\n  ")


@st.composite
def calls(draw: st.DrawFn) -> str:
    """Calls as nobody lays them out: every gap may hold a line break or a comment."""
    names = draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=4))
    parts = [draw(st.sampled_from(VALUES)) for _ in range(draw(st.integers(0, 2)))]
    parts += [f"{name}{draw(st.sampled_from(('=', ' = ')))}{draw(st.sampled_from(VALUES))}" for name in names]
    parts += draw(st.sampled_from(([], ["**kw"])))
    text = "f(" + draw(st.sampled_from(GAPS))
    for at, part in enumerate(parts):
        comma = "," if at + 1 < len(parts) or draw(st.booleans()) else ""
        text += part + draw(st.sampled_from(GAPS)) + comma + draw(st.sampled_from(GAPS))
    return text + ")"


def meaning(text: str) -> tuple[list[str], dict[str | None, str]]:
    """Positional arguments and keywords, whatever their layout."""
    node = ast.parse(text, mode="eval").body
    assert isinstance(node, ast.Call)
    return list(map(ast.dump, node.args)), {each.arg: ast.dump(each.value) for each in node.keywords}


def comments(text: str) -> int:
    return text.count("# c, d)")


@settings(max_examples=100, deadline=None)
@given(calls(), st.sampled_from(NAMES))
def test_only_what_is_wanted_differs(text: str, name: str) -> None:
    positional, keywords = meaning(text)
    call = CallText(text)
    added = call.with_keyword(name, "torch.float16").text
    assert meaning(added) == (
        positional,
        keywords | {name: ast.dump(ast.parse("torch.float16", mode="eval").body)},
    )
    assert comments(added) == comments(text)
    without = call.without_keyword(name).text
    assert meaning(without) == (positional, {key: value for key, value in keywords.items() if key != name})
    renamed = {("new" if key == name else key): value for key, value in keywords.items()}
    assert meaning(call.renamed(name, "new").text) == (positional, renamed)
    # As an edit of a larger text too.
    around = f"x = 'é😀'; y = {text}\n"
    span = Source(around).span(ast.parse(around).body[1].value)  # type: ignore[attr-defined]
    edit = change_of(around, span, CallText(added))
    assert applied(around, [edit]) == around.replace(text, added)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("load(x).half()", "load(x)"),
        ("(model).to(torch.half)", "(model)"),
        ("load(\n    x,\n).to(torch.half)", "load(\n    x,\n)"),
        ("load(x)\n    .half()", "load(x)"),
        ("load(x)  # c\n    .half()", "load(x)  # c\n    "),
        ("models['é'][0].half()", "models['é'][0]"),
    ],
)
def test_a_method_call_leaves_a_chain(text: str, left: str) -> None:
    whole = f"y = ({text})\n"
    span = Source(whole).span(ast.parse(whole).body[0].value)  # type: ignore[attr-defined]
    edit = without_call(whole, span)
    assert edit is not None
    assert applied(whole, [edit]) == f"y = ({left})\n"


def test_a_call_of_a_function_is_not_taken_from_a_chain() -> None:
    text = "load(x)"
    assert without_call(text, Source(text).span(ast.parse(text).body[0].value)) is None  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "with_item", "without_item"),
    [
        ("{}", '{"b": D}', "{}"),
        ("{'a': 1}", "{'a': 1, \"b\": D}", "{'a': 1}"),
        ("{'b': f(1, 2), **more}", "{'b': D, **more}", "{**more}"),
        ("{\n  'a': 1,\n  'b': 2,  # c\n}", "{\n  'a': 1,\n  'b': D,  # c\n}", "{\n  'a': 1,\n}"),
    ],
)
def test_items_of_a_dict(text: str, with_item: str, without_item: str) -> None:
    assert DictText(text).with_item("b", "D").text == with_item
    assert DictText(text).without_item("b").text == without_item


@pytest.mark.parametrize("text", ["x", "{1, 2}", "{'a': 1", "{'a': lambda x, y: 1}"])
def test_what_is_no_dict_literal_is_not_edited(text: str) -> None:
    with pytest.raises((SyntaxError, ValueError)):
        DictText(text)


# --- statements ---


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("a\nGONE\nb\n", "a\nb\n"),
        ("a\nGONE", "a"),
        ("GONE", ""),
        ("GONE  # c\nb", "b"),
        ("# above\nGONE\nb", "# above\nb"),
        ("a; GONE; b", "a; b"),
        ("a; GONE", "a"),
        ("GONE; b", "b"),
        ("if x:\n    GONE\ny", "if x:\n    pass\ny"),
        ("if x: GONE", "if x: pass"),
        ("if x:\n    a\n    GONE\nelse:\n    b", "if x:\n    a\nelse:\n    b"),
        ("try:\n    a\nexcept E:\n    GONE\n", "try:\n    a\nexcept E:\n    pass\n"),
        ("%time a\n!ls\nGONE\n%%b\nc", "%time a\n!ls\n%%b\nc"),
        ("é = '😀'; GONE", "é = '😀'"),
        ("match x:\n    case 1:\n        GONE\n", "match x:\n    case 1:\n        pass\n"),
    ],
)
def test_a_statement_goes(text: str, left: str) -> None:
    where = text.index("GONE")
    line = text.count("\n", 0, where)
    edit = without_statement(text, line, where - (text.rfind("\n", 0, where) + 1))
    assert edit is not None
    assert applied(text, [edit]) == left


# --- imports ---

CONFIG = "transformers.BitsAndBytesConfig"


@pytest.mark.parametrize(
    ("text", "name", "result"),
    [
        ("import torch\nHERE", "torch", None),
        ("import torch as t\nHERE", "t", None),
        ("import torch.nn\nHERE", "torch", None),
        ("import torch.nn as nn\nHERE", "torch", "import torch.nn as nn\nimport torch\nHERE"),
        ("def f():\n    HERE\nimport torch\n", "torch", None),
        ("def f():\n    import torch\n    HERE\n", "torch", None),
        ("class C:\n    def f(self):\n        import torch as t\n        HERE\n", "t", None),
        ("def g():\n    import torch\nHERE\n", "torch", "import torch\ndef g():\n    import torch\nHERE\n"),
        ("HERE\nimport torch\n", "torch", "import torch\nHERE\nimport torch\n"),
        ("try:\n    import torch\nexcept ImportError:\n    torch = None\nHERE", "torch", None),
        ("if TYPE_CHECKING:\n    import torch\nHERE", "torch",
         "import torch\nif TYPE_CHECKING:\n    import torch\nHERE"),
        ('"""Doc."""\nHERE', "torch", '"""Doc."""\nimport torch\nHERE'),
        ('"""Doc."""\nfrom __future__ import annotations\nHERE', "torch",
         '"""Doc."""\nfrom __future__ import annotations\nimport torch\nHERE'),
        ("#!/usr/bin/python\n# Licence\n\nHERE", "torch",
         "#!/usr/bin/python\n# Licence\n\nimport torch\nHERE"),
        ("# About it\nHERE", "torch", "import torch\n# About it\nHERE"),
        ("import os  # c\nHERE", "torch", "import os  # c\nimport torch\nHERE"),
        ("import os; x = '''\n'''\nHERE", "torch", "import os; x = '''\n'''\nimport torch\nHERE"),
        ("from a import (\n    b,\n)\nHERE", "torch", "from a import (\n    b,\n)\nimport torch\nHERE"),
        ("import os\ndef f():\n    pass\nimport sys\nHERE", "torch",
         "import os\nimport torch\ndef f():\n    pass\nimport sys\nHERE"),
        ("%%time\nHERE", "torch", "%%time\nimport torch\nHERE"),
        ("!pip install x\nimport os\nHERE", "torch", "!pip install x\nimport os\nimport torch\nHERE"),
    ],
)  # fmt: skip
def test_a_module_is_imported(text: str, name: str, result: str | None) -> None:
    check_import(text, "torch", name, result)


@pytest.mark.parametrize(
    ("text", "name", "result"),
    [
        ("from transformers import BitsAndBytesConfig\nHERE", "BitsAndBytesConfig", None),
        ("from transformers import BitsAndBytesConfig as B\nHERE", "B", None),
        ("from transformers.utils.quantization_config import BitsAndBytesConfig\nHERE",
         "BitsAndBytesConfig", None),
        ("from transformers import *\nHERE", "BitsAndBytesConfig", None),
        ("import transformers\nHERE", "transformers.BitsAndBytesConfig", None),
        ("import transformers as tf\nHERE", "tf.BitsAndBytesConfig", None),
        ("from transformers import A\nimport os\nHERE", "BitsAndBytesConfig",
         "from transformers import A, BitsAndBytesConfig\nimport os\nHERE"),
        ("import transformers\nfrom transformers import A  # c\nHERE", "BitsAndBytesConfig",
         "import transformers\nfrom transformers import A, BitsAndBytesConfig  # c\nHERE"),
        ("from transformers import A, \\\n    B\nHERE", "BitsAndBytesConfig",
         "from transformers import A, \\\n    B, BitsAndBytesConfig\nHERE"),
        ("from transformers import (A, B)\nHERE", "BitsAndBytesConfig",
         "from transformers import (A, B, BitsAndBytesConfig)\nHERE"),
        ("from transformers import (\n    A,\n    B,  # c\n)\nHERE", "BitsAndBytesConfig",
         "from transformers import (\n    A,\n    B,  # c\n    BitsAndBytesConfig,\n)\nHERE"),
        ("from .transformers import A\nHERE", "BitsAndBytesConfig",
         "from .transformers import A\nfrom transformers import BitsAndBytesConfig\nHERE"),
        ("try:\n    from transformers import A\nexcept ImportError:\n    A = None\nHERE",
         "BitsAndBytesConfig",
         "from transformers import BitsAndBytesConfig\n"
         "try:\n    from transformers import A\nexcept ImportError:\n    A = None\nHERE"),
        ("def f():\n    from transformers import A\n    HERE\n", "BitsAndBytesConfig",
         "def f():\n    from transformers import A, BitsAndBytesConfig\n    HERE\n"),
        ("x = (\n", "BitsAndBytesConfig", "from transformers import BitsAndBytesConfig\nx = (\n"),
    ],
)  # fmt: skip
def test_a_name_is_imported(text: str, name: str, result: str | None) -> None:
    check_import(text, CONFIG, name, result)


def check_import(text: str, wanted: str, name: str, result: str | None) -> None:
    line = text[: text.find("HERE")].count("\n")
    found = imported([text], [wanted], 0, line)
    assert found.names == {wanted: name}
    assert applied(text, found.edits) == (text if result is None else result)
    # Once is enough.
    after = applied(text, found.edits)
    again = imported([after], [wanted], 0, line + after.count("\n") - text.count("\n"))
    assert again == (found.names, [])


def test_several_at_once() -> None:
    text = "from transformers import A\nload()"
    found = imported([text], ["torch", CONFIG, "transformers.X", "torchao.Y"], 0, 1)
    assert applied(text, found.edits) == (
        "from transformers import A, BitsAndBytesConfig, X\nimport torch\nfrom torchao import Y\nload()"
    )


@pytest.mark.parametrize(
    ("cells", "part", "wanted", "expected"),
    [
        # In the cell of the others, not in the one that needs it.
        (["%pip install x\nimport os", "x = 1", "load()"], 2, "torch",
         {0: "%pip install x\nimport os\nimport torch"}),
        (["", "from transformers import A", "load()"], 2, CONFIG,
         {1: "from transformers import A, BitsAndBytesConfig"}),
        (["x = 1", "load()"], 1, "torch", {1: "import torch\nload()"}),
        # What runs later is not there yet.
        (["import os", "load()", "import torch"], 1, "torch", {0: "import os\nimport torch"}),
        (["import torch", "load()"], 1, "torch", {}),
        # Another file's.
        (["%%writefile a.py\nimport torch", "load()"], 1, "torch", {1: "import torch\nload()"}),
    ],
)  # fmt: skip
def test_imports_of_a_notebook(cells: list[str], part: int, wanted: str, expected: dict[int, str]) -> None:
    found = imported(cells, [wanted], part, 0)
    by_part: dict[int, list[Edit]] = {}
    for edit in found.edits:
        by_part.setdefault(edit.part, []).append(edit)
    assert {number: applied(cells[number], edits) for number, edits in by_part.items()} == expected


def test_edits_of_a_notebook_cell_leave_its_magics() -> None:
    text = "%time x = 1\n!ls\nm = load('é', load_in_8bit=True)\n"
    statement = parse(text).statements[-1]
    span = Source(text).span(statement.value)  # type: ignore[attr-defined]
    call = call_at(text, span)
    assert call is not None
    edit = change_of(text, span, call.without_keyword("load_in_8bit").with_keyword("dtype", '"auto"'))
    assert applied(text, [edit]) == "%time x = 1\n!ls\nm = load('é', dtype=\"auto\")\n"


def test_overlapping_edits_are_refused() -> None:
    text = "load(x)"
    edit = change_of(text, Source(text).span(ast.parse(text).body[0].value), CallText("f(y)"))  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="overlap"):
        applied(text, [edit, edit])
