"""The argument under a cursor, and the call that is being typed."""

from __future__ import annotations

import pytest

from model_loupe.documents import Argument, Cell, OpenCall, analyse_notebook, analyse_python

IMPORTS = (
    "import torch\nfrom transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig as Bits\n"
)


def argument(code: str, at: str) -> Argument | None:
    text = IMPORTS + code
    before = text[: text.index(at) + 1].split("\n")
    return analyse_python(text).argument_at(None, len(before) - 1, len(before[-1]))


def open_call(code: str) -> OpenCall | None:
    """With the cursor where ``|`` is."""
    text = IMPORTS + code
    lines = text[: text.index("|")].split("\n")
    return analyse_python(text.replace("|", "")).open_call_at(None, len(lines) - 1, len(lines[-1]))


LOAD = "m = AutoModelForCausalLM.from_pretrained('a/b'{})\n"
LOADING = "AutoModelForCausalLM.from_pretrained"
TOKENIZER = "t = AutoTokenizer.from_pretrained('a/b')\n"


@pytest.mark.parametrize(
    ("code", "at", "callee", "value", "model"),
    [
        (LOAD.format(", dtype=torch.half"), "dtype", LOADING, "torch.half", "a/b"),
        (LOAD.format("") + "m.generate(x, top_k=3)", "top_k", "PreTrainedModel.generate", "3", "a/b"),
        (TOKENIZER + "t(x, padding=True)", "padding", "PreTrainedTokenizerBase.__call__", "True", "a/b"),
        (
            "b = Bits(load_in_4bit=True)\n" + LOAD.format(", q=b"),
            "load_in",
            "BitsAndBytesConfig",
            "True",
            "a/b",
        ),
        (LOAD.format(", q=Bits(load_in_8bit=True)"), "load_in", "BitsAndBytesConfig", "True", "a/b"),
        (
            "c = AutoModelForCausalLM\nc.from_pretrained('a/b', revision='x')",
            "revision",
            LOADING,
            "'x'",
            "a/b",
        ),
        (
            "b = Bits(threshold=1)\n" + LOAD.format("") + "wrap(m, b)",
            "threshold",
            "BitsAndBytesConfig",
            "1",
            "a/b",
        ),
        ("Bits(load_in_4bit=True)", "load_in", "BitsAndBytesConfig", "True", None),
    ],
)
def test_the_argument_under_a_cursor(code: str, at: str, callee: str, value: str, model: str | None) -> None:
    found = argument(code, at)
    assert found is not None
    assert found.callee == f"transformers.{callee}"
    assert found.value == value
    assert (found.reference.model if found.reference else None) == model


@pytest.mark.parametrize(
    ("code", "at"),
    [
        ("def f(dtype=1): ...", "dtype"),
        ("x = object()\nx.run(dtype=1)", "dtype"),
        ("AutoModelForCausalLM.from_pretrained('a/b', dtype=torch.half)", "torch.half"),
        ("AutoModelForCausalLM.from_pretrained('a/b', dtype=torch.half)", "from_pretrained"),
    ],
)
def test_elsewhere_there_is_none(code: str, at: str) -> None:
    assert argument(code, at) is None


def test_what_is_given_beside_and_inside_is_told() -> None:
    code = "b = Bits(load_in_4bit=True)\n" + LOAD.format(", dtype=1, quantization_config=b")
    found = argument(code, "quantization_config")
    assert found is not None
    assert found.beside == {"dtype": "1"}
    assert found.inside == {"load_in_4bit": "True"}


def test_an_earlier_cell_says_what_is_called() -> None:
    cells = [Cell(0, "code", IMPORTS), Cell(1, "code", "AutoTokenizer.from_pretrained('a/b', use_fast=True)")]
    found = analyse_notebook(cells).argument_at(1, 0, 40)
    assert found is not None
    assert found.callee == "transformers.AutoTokenizer.from_pretrained"


@pytest.mark.parametrize(
    ("code", "given", "position", "name", "word", "quote"),
    [
        ("AutoTokenizer.from_pretrained(|", (), 0, None, "", ""),
        ("AutoTokenizer.from_pretrained('a/b', |)", (), 1, None, "", ""),
        ("AutoTokenizer.from_pretrained('a/b', rev|", (), 1, None, "rev", ""),
        ("AutoTokenizer.from_pretrained('a/b', revision='x', use_|)", ("revision",), 2, None, "use_", ""),
        ("AutoTokenizer.from_pretrained('a/b', padding_side='le|')", (), 1, "padding_side", "le", "'"),
        ('AutoTokenizer.from_pretrained("a/b", padding_side="|', (), 1, "padding_side", "", '"'),
        ("AutoTokenizer.from_pretrained('a/b', use_fast=|", (), 1, "use_fast", "", ""),
        ("AutoTokenizer.from_pretrained('a, (b', |", (), 1, None, "", ""),
        ("AutoTokenizer.from_pretrained(\n  'a/b',  # (\n  use|\n)", (), 1, None, "use", ""),
    ],
)
def test_the_call_that_is_being_typed(
    code: str, given: tuple[str, ...], position: int, name: str | None, word: str, quote: str
) -> None:
    found = open_call(code)
    assert found is not None
    assert found.callee == "transformers.AutoTokenizer.from_pretrained"
    assert (found.given, found.position, found.name, found.word, found.quote) == (
        given,
        position,
        name,
        word,
        quote,
    )
    assert found.span.end_column - found.span.column == len(word)


@pytest.mark.parametrize(
    "code",
    [
        "x = 1 |",
        "AutoTokenizer.from_pretrained('a') |",
        "f({'a': |",
        "x = (|",
        "f(1)  # f(|",
        "unknown = 1\nunknown(|",
    ],
)
def test_outside_of_a_known_call_nothing_is_typed(code: str) -> None:
    assert open_call(code) is None
