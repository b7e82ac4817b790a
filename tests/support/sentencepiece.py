"""SentencePiece models, as the protocol buffers that its trainer writes."""

from __future__ import annotations

import struct
from collections.abc import Iterable


def sentencepiece_model(pieces: Iterable[str], kind: int | None) -> bytes:
    """A ``tokenizer.model``; ``kind`` is the trainer's model type (1 Unigram, 2 BPE; None: not written)."""
    raw = b""
    for score, piece in enumerate(pieces):
        text = piece.encode()
        raw += _field(1, _field(1, text) + b"\x15" + struct.pack("<f", -score) + b"\x18\x01")
    return raw + _field(2, b"\x18" + bytes([kind]) if kind else b"\x20\x20")


def _field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    raw = b""
    while value > 0x7F:
        raw += bytes([value & 0x7F | 0x80])
        value >>= 7
    return raw + bytes([value])
