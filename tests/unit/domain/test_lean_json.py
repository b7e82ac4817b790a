"""JSON by the accelerator is json's own in values, text and errors; without it, json does the work."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from model_loupe.domain import lean_json

VALUES = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(),
    lambda inner: some.lists(inner) | some.dictionaries(some.text(), inner),
)
TEXTS = [
    "",
    " ",
    "{",
    "[1] x",
    "nul",
    '{"a": 1,}',
    '{"a": 1, "a": 2}',
    '"\n"',
    '"\\ud800"',
    "[NaN, Infinity, -Infinity]",
    "\ufeff{}",
    "[" * 100_000,
    "[1,\n2]\r\n",
    "12345678901234567890123",
    "[1e999, 2.5, -0.0]",
    "-",
    '\x0b"a"',
    "{'a': 1}",
]
NOT_ALL_JSON = [{1: 2, None: 3, False: 4, 1.5: 5}, (1, (2,)), object(), {(1,): 2}, {"a": {1}}]


@pytest.fixture(params=["accelerated", "without"], autouse=True)
def accelerator(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "without":
        monkeypatch.setattr(lean_json, "_scan", None)


def outcome(call: Any, *arguments: Any, **named: Any) -> Any:
    try:
        return repr(call(*arguments, **named))
    except (ValueError, RecursionError, TypeError) as error:
        return type(error), "" if isinstance(error, RecursionError | TypeError) else str(error)


def test_cpython_has_the_accelerator(request: pytest.FixtureRequest) -> None:
    """What the package is measured with."""
    assert (lean_json._scan is None) == ("without" in request.node.name)


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_texts(text: str) -> None:
    assert outcome(lean_json.loads, text) == outcome(json.loads, text)
    hooks: dict[str, Any] = {"parse_float": str, "parse_constant": repr}
    assert outcome(lean_json.loads, text, **hooks) == outcome(json.loads, text, **hooks)
    for start in (0, min(1, len(text))):
        theirs = outcome(json.JSONDecoder().raw_decode, text, start)
        assert outcome(lean_json.raw_decode, text, start) == theirs


@pytest.mark.parametrize("value", NOT_ALL_JSON)
@pytest.mark.parametrize("ensure_ascii", [True, False])
def test_values_that_are_not_all_json(value: object, ensure_ascii: bool) -> None:
    theirs = outcome(json.dumps, value, ensure_ascii=ensure_ascii)
    assert outcome(lean_json.dumps, value, ensure_ascii=ensure_ascii) == theirs


@given(VALUES)
def test_any_value(value: Any) -> None:
    for ensure_ascii in (True, False):
        text = lean_json.dumps(value, ensure_ascii=ensure_ascii)
        assert text == json.dumps(value, ensure_ascii=ensure_ascii)
        assert repr(lean_json.loads(text)) == repr(json.loads(text))


@pytest.mark.parametrize("text", ["{", '{"a":{', '{"a":{"b', '{"weight_map":{', '["', "tru", '{"a" 1}'])
def test_text_that_ends_too_soon_before_json_is_imported(text: str) -> None:
    """In a process of its own: the scanner has no error to raise where json.decoder is not there yet."""
    program = (
        "import sys\nfrom model_loupe.domain import lean_json\nassert 'json.decoder' not in sys.modules\n"
        "try:\n    lean_json.loads(sys.argv[1])\n"
        "except ValueError as error:\n    print(type(error).__name__)\n"
    )
    ran = subprocess.run([sys.executable, "-c", program, text], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "JSONDecodeError"
