"""Positions and edits, against a plain re-encoding of the text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from lsprotocol import types

from model_loupe.lsp.positions import PositionEncoding
from model_loupe.lsp.text import Text

CODECS = {"utf-8": ("utf-8", 1), "utf-16": ("utf-16-le", 2), "utf-32": ("utf-32-le", 4)}

encodings = st.sampled_from(sorted(CODECS))
lines = st.text(st.sampled_from("ab é\u2028\f\t\x85漢🤗🐍"), max_size=12)
texts = st.lists(st.tuples(lines, st.sampled_from(["\n", "\r\n", "\r"])), max_size=5).map(
    lambda parts: "".join(line + line_break for line, line_break in parts)
)


def units(text: str, encoding: str) -> int:
    codec, width = CODECS[encoding]
    return len(text.encode(codec)) // width


@given(line=lines, encoding=encodings, data=st.data())
def test_a_column_survives_the_way_to_the_client_and_back(
    line: str, encoding: str, data: st.DataObject
) -> None:
    column = data.draw(st.integers(0, len(line)))
    agreed = PositionEncoding(encoding)
    assert agreed.to_units(line, column) == units(line[:column], encoding)
    assert agreed.to_column(line, agreed.to_units(line, column)) == column


@given(line=lines, encoding=encodings, column=st.integers(-5, 100))
def test_any_column_of_a_client_falls_on_a_character(line: str, encoding: str, column: int) -> None:
    found = PositionEncoding(encoding).to_column(line, column)
    assert 0 <= found <= len(line)
    assert units(line[:found], encoding) <= max(column, 0)


@given(text=texts, inserted=texts, encoding=encodings, data=st.data())
def test_an_edit_replaces_exactly_its_range(
    text: str, inserted: str, encoding: str, data: st.DataObject
) -> None:
    # Between \r and \n there is no position.
    places = [at for at in range(len(text) + 1) if text[at - 1 : at + 1] != "\r\n"]
    start, end = sorted((data.draw(st.sampled_from(places)), data.draw(st.sampled_from(places))))
    where = types.Range(position(text, start, encoding), position(text, end, encoding))
    edited = Text(text).edited(
        types.TextDocumentContentChangePartial(where, inserted), PositionEncoding(encoding)
    )
    assert edited.source == text[:start] + inserted + text[end:]


def position(text: str, at: int, encoding: str) -> types.Position:
    before = text[:at].replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return types.Position(len(before) - 1, units(before[-1], encoding))


def test_utf_16_is_what_is_agreed_when_nothing_is_said() -> None:
    for said in (None, "utf-16"):
        assert PositionEncoding(said).to_units("🤗a", 1) == 2
