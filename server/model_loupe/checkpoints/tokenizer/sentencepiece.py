"""SentencePiece's ``tokenizer.model``: a protocol buffer with the pieces in the order of their ids.

Only the fields that are needed are read
(https://github.com/google/sentencepiece/blob/master/src/sentencepiece_model.proto).
"""

from __future__ import annotations

from collections.abc import Iterator

from model_loupe.domain.tokenizer import Vocabulary

# Fields of ModelProto, SentencePiece and TrainerSpec.
_PIECES, _TRAINER = 1, 2
_PIECE_TEXT = 1
_MODEL_TYPE = 3
_KINDS = {1: "Unigram", 2: "BPE", 3: "Word", 4: "Char"}
_VARINT, _EIGHT_BYTES, _BYTES, _FOUR_BYTES = 0, 1, 2, 5


def read_sentencepiece(raw: bytes) -> Vocabulary:
    """The pieces of a model; raises ValueError where the bytes are none."""
    tokens: list[str | None] = []
    kind = "Unigram"  # the default of TrainerSpec
    for number, value in _fields(raw):
        if number == _PIECES and isinstance(value, bytes):
            tokens.append(_piece(value))
        elif number == _TRAINER and isinstance(value, bytes):
            given = next((each for field, each in _fields(value) if field == _MODEL_TYPE), 1)
            kind = _KINDS.get(given, kind) if isinstance(given, int) else kind
    if not tokens:
        raise ValueError("no pieces in it")
    return Vocabulary(kind, tuple(tokens))


def _piece(raw: bytes) -> str | None:
    text = next((value for field, value in _fields(raw) if field == _PIECE_TEXT), None)
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else None


def _fields(raw: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and value of each field of a message; raises ValueError for bytes that are none."""
    position, end = 0, len(raw)
    while position < end:
        key, position = _varint(raw, position)
        number, form = key >> 3, key & 7
        if form == _VARINT:
            value, position = _varint(raw, position)
            yield number, value
            continue
        if form == _BYTES:
            length, position = _varint(raw, position)
        elif form in (_EIGHT_BYTES, _FOUR_BYTES):
            length = 8 if form == _EIGHT_BYTES else 4
        else:
            raise ValueError("not a protocol buffer")
        if not number or position + length > end:
            raise ValueError("cut off, or not a protocol buffer")
        yield number, raw[position : position + length]
        position += length


def _varint(raw: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 64 and position < len(raw):
        byte = raw[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
    raise ValueError("cut off, or not a protocol buffer")
