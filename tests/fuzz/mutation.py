"""How a file is damaged: bytes for binary formats, values and structure for JSON."""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Callable
from copy import deepcopy
from typing import Any

# What readers trip over: signs, widths, and the neighbours of powers of two.
_NUMBERS = (0, 1, 7, 8, 127, 128, 255, 256, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**53, 2**63 - 1)
_NUMBERS += (2**63, 2**64 - 1)
_TOKENS = (
    *(
        b"{",
        b"}",
        b"[",
        b"]",
        b'"',
        b",",
        b":",
        b"null",
        b"true",
        b"NaN",
        b"Infinity",
        b"-1",
        b"1e999",
        b"0.5",
    ),
    *(b"../", b"/etc/passwd", b"\\", b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\n", b"%s%n"),
    *(b"9" * 40, b"[" * 300, b'{"a":' * 100, b"<script>", b"](command:x)", b"`|$", b"PK\x03\x04", b"GGUF"),
    *(
        b"(",
        b"t",
        b"R",
        b"Q",
        b"q\x00",
        b"h\x00",
        b"2",
        b"0",
        b"1",
        b".",
        b"\x80\x05",
        b"cos\nsystem\n",
        b"}",
        b"u",
    ),
)
_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, 2**64, 10**30, 0.5, 1e308, float("nan"), float("inf")),
    *("", "x", "../x", "/etc/passwd", "\x00", "\ud800", "<b>", "](command:x)", "a" * 3000, "float8_e4m3fn"),
    *([], {}, [[]], [None, {}], {"a": {"b": []}}, [0, -1], [2**40, 2**40], ["model.safetensors"], [1] * 2000),
)


def mutate_bytes(seed: bytes, others: list[bytes], chance: random.Random) -> bytes:
    """A few changes of ``seed``; parts of ``others`` may be put into it."""
    content = bytearray(seed)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        chance.choice(_BYTE_CHANGES)(content, others, chance)
    return bytes(content)


def _flip(content: bytearray, others: list[bytes], chance: random.Random) -> None:
    if content:
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)


def _set(content: bytearray, others: list[bytes], chance: random.Random) -> None:
    if content:
        content[chance.randrange(len(content))] = chance.randrange(256)


def _number(content: bytearray, others: list[bytes], chance: random.Random) -> None:
    form, value = chance.choice("BHIQ"), chance.choice(_NUMBERS)
    raw = struct.pack(chance.choice("<>") + form, value % 2 ** (8 * struct.calcsize("<" + form)))
    at = chance.randrange(len(content) + 1)
    content[at : at + len(raw)] = raw


def _cut(content: bytearray, others: list[bytes], chance: random.Random) -> None:
    del content[chance.randrange(len(content) + 1) :]


def _delete(content: bytearray, others: list[bytes], chance: random.Random) -> None:
    start, end = _span(content, chance)
    del content[start:end]


def _repeat(content: bytearray, others: list[bytes], chance: random.Random) -> None:
    start, end = _span(content, chance)
    content[end:end] = bytes(content[start:end]) * chance.choice((1, 2, 30))


def _insert(content: bytearray, others: list[bytes], chance: random.Random) -> None:
    at = chance.randrange(len(content) + 1)
    content[at:at] = chance.choice(_TOKENS) * chance.choice((1, 1, 1, 40))


def _digits(content: bytearray, others: list[bytes], chance: random.Random) -> None:
    places = [at for at, byte in enumerate(content) if 48 <= byte < 58]
    if places:
        at = chance.choice(places)
        content[at : at + 1] = str(chance.choice(_NUMBERS)).encode()


def _splice(content: bytearray, others: list[bytes], chance: random.Random) -> None:
    other = bytearray(chance.choice(others))
    start, end = _span(other, chance)
    at = chance.randrange(len(content) + 1)
    content[at : at + chance.choice((0, end - start))] = other[start:end]


def _span(content: bytearray, chance: random.Random) -> tuple[int, int]:
    start = chance.randrange(len(content) + 1)
    return start, min(len(content), start + chance.choice((1, 2, 4, 8, 16, 64, 512)))


_BYTE_CHANGES: tuple[Callable[[bytearray, list[bytes], random.Random], None], ...]
_BYTE_CHANGES = (_flip, _set, _number, _cut, _delete, _repeat, _insert, _digits, _splice)


def mutate_json(seed: bytes, others: list[bytes], chance: random.Random) -> bytes:
    """As JSON where it goes, two times of three; else as bytes."""
    if chance.random() < 1 / 3:
        return mutate_bytes(seed, others, chance)
    document = json.loads(seed)
    for _ in range(chance.choice((1, 1, 2, 4))):
        document = _changed(document, json.loads(chance.choice(others)), chance)
    return json.dumps(document).encode()


def _changed(document: Any, other: Any, chance: random.Random) -> Any:
    """``document`` with one value, key or entry of it changed, anywhere."""
    inner: list[tuple[Any, Any]] = []
    if isinstance(document, (dict, list)):
        inner = list(document.items() if isinstance(document, dict) else enumerate(document))
    if not inner or chance.random() < 0.1:
        return deepcopy(chance.choice((*_VALUES, other)))
    key, value = chance.choice(inner)
    what = chance.random()
    if what < 0.7:
        nested = isinstance(value, (dict, list))
        document[key] = _changed(value, other, chance) if nested else deepcopy(chance.choice(_VALUES))
    elif what < 0.8:
        del document[key]
    elif what < 0.9 and isinstance(document, dict):
        document[chance.choice(("", "a.b", "../x", "a" * 300, "\ud800", f"{key}.0", key.upper()))] = value
    elif isinstance(document, dict) and isinstance(other, dict) and other:
        name = chance.choice(list(other))
        document[name] = other[name]
    else:
        document = [document, *([document] * chance.choice((0, 5)))]
    return document
