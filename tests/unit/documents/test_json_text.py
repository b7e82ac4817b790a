"""JSON with places, whole and half typed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_loupe.documents import hit, parse_json

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**40), 10**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=30
)


@given(VALUES, st.sampled_from([None, 2]), st.booleans())
def test_whole_json_is_read_as_json_reads_it(value: object, indent: int | None, ascii_: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_)
    found = parse_json(text)
    assert found is not None
    read = json.loads(json.dumps(json.loads(text)).encode("utf-8", "replace"))
    assert found.value == read or "\\ud" in text
    assert (found.start, found.end) == (0, len(text))


@given(st.text(alphabet='{}[]",:\\ \nab1-.etru/*\ud800'))
def test_no_text_is_too_strange(text: str) -> None:
    found = parse_json(text)
    for offset in range(len(text) + 1):
        hit(found, offset)


def test_depth_and_length_have_bounds() -> None:
    assert parse_json("[" * 100_000) is not None
    assert parse_json('{"a": ' * 100_000) is not None
    assert parse_json('{"n": ' + "9" * 100_000 + "}") is not None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 1, "b', {"a": 1}),
        ('{"a": 1, "b"', {"a": 1}),
        ('{"a": , "b": 2}', {"b": 2}),
        ('{"a" "b": 2}', {"b": 2}),
        ('{"a": "open\n "b": 2}', {"a": "open", "b": 2}),
        ('{"a": [1, 2, "b": 3}', {"a": [1, 2, "b", 3]}),
        ('{"a": {"b": 1, "c": 2', {"a": {"b": 1, "c": 2}}),
        ('{"a": 1,}', {"a": 1}),
        ('// said\n{"a": /* here */ 1}', {"a": 1}),
        ('{"a": nul, "b": true}', {"a": "nul", "b": True}),
    ],
)
def test_half_typed_json_gives_what_it_has(text: str, value: object) -> None:
    found = parse_json(text)
    assert found is not None
    assert found.value == value


TEXT = '{"a": {"b": [10, "x"]}, "c": 3}'


@pytest.mark.parametrize(
    ("at", "parts", "on_key"),
    [
        ('"a"', ("a",), True),
        ('"b"', ("a", "b"), True),
        ("10", ("a", "b", 0), False),
        ("x", ("a", "b", 1), False),
        ("3", ("c",), False),
    ],
)
def test_a_place_is_told_by_the_keys_that_lead_there(
    at: str, parts: tuple[object, ...], on_key: bool
) -> None:
    found = hit(parse_json(TEXT), TEXT.index(at) + 1)
    assert found is not None
    assert (found.parts, found.on_key) == (parts, on_key)


def test_a_place_between_the_fields_is_in_their_object() -> None:
    text = '{"a": {\n  \n}}'
    found = hit(parse_json(text), text.index("\n") + 2)
    assert found is not None and found.node is not None
    assert (found.parts, found.node.value) == (("a",), {})


def test_a_field_is_found_by_its_parts() -> None:
    root = parse_json(TEXT)
    assert root is not None

    def text(*parts: str | int) -> str:
        start, end = root.place_of(parts)
        return TEXT[start:end]

    assert text("a", "b") == '"b"'
    assert text("a", "b", 1) == '"x"'
    assert text("a", "missing") == '"a"'
    assert text("missing") == "{"
