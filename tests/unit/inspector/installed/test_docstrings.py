"""Arguments as the libraries' docstrings list them."""

from __future__ import annotations

import pytest

from model_loupe.inspector.installed.docstrings import documented_arguments, plain_markdown, quoted_values

DOCSTRING = """Makes a model.

Args:
    vocab_size (`int`, *optional*, defaults to 256000):
        Number of tokens. See [`GemmaModel`] and
        [the guide](../guide.html).
    hidden_sizes (`list[int]`, *optional*,
        defaults to `[1, 2]`):
        Dimensions (one a stage).
    attention_type (`str`, *optional*, defaults to `"block"`)
        Without a colon.
    min_masks (`int`, defaults to 2),:
        With a comma.
    rope (`dict`):
        What there is in it:
            `rope_type` (`str`):
                The kind.
            `factor` (`float`, *optional*):
                How far.
    output(`bool`): On one line.
    **kwargs (`dict`): The rest.

Returns:
    model (`Model`): It.
"""


def test_each_argument_has_its_type_default_and_text() -> None:
    found = documented_arguments(DOCSTRING)
    assert list(found) == [
        "vocab_size",
        "hidden_sizes",
        "attention_type",
        "min_masks",
        "rope",
        "output",
        "kwargs",
    ]
    assert found["vocab_size"] == ("`int`", "Number of tokens. See `GemmaModel` and\nthe guide.", "256000")
    assert found["hidden_sizes"] == ("`list[int]`", "Dimensions (one a stage).", "[1, 2]")
    assert found["attention_type"] == ("`str`", "Without a colon.", '"block"')
    assert found["min_masks"].text == "With a comma."
    assert found["output"] == ("`bool`", "On one line.", None)


def test_what_is_listed_inside_an_argument_is_found_in_its_text() -> None:
    inner = documented_arguments(documented_arguments(DOCSTRING)["rope"].text)
    assert {name: said.text for name, said in inner.items()} == {
        "rope_type": "The kind.",
        "factor": "How far.",
    }


@pytest.mark.parametrize(
    "docstring", [None, "", "Nothing (at all) here.", "Args:\n", "Args:\n    x (`int`", "(:\n(("]
)
def test_without_arguments_there_are_none(docstring: str | None) -> None:
    assert documented_arguments(docstring) == {}


def test_what_only_the_libraries_site_understands_is_taken_out() -> None:
    said = "<Tip warning={true}>\n\nUse [`~transformers.AutoModel.from_pretrained`].\n\n</Tip>\n\n[a](b) [c](https://d)"
    assert plain_markdown(said) == "Use `from_pretrained`.\n\na [c](https://d)"
    said = "As <namespace>/<repo>, `<eos>`, 3 < 4 or <https://d>:\n```\n<x>\n```"
    assert plain_markdown(said) == said.replace("<n", "\\<n").replace("<r", "\\<r")
    assert quoted_values("`\"eager\"`, `'sdpa'` or `other`") == ("eager", "sdpa")
