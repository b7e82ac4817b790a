"""What fuzzing and hand-made attacks found, smallest form each: the format and the file, made by code."""

from __future__ import annotations

import json
import pickle
import zipfile
from collections.abc import Callable
from typing import Any

from tests.support import pickles


def _zip_bomb(opcodes: bytes, count: int) -> tuple[str, bytes]:
    body = b"\x80\x02" + opcodes * count
    return "zip-pickle", pickles.archive(body, compression=zipfile.ZIP_DEFLATED)


def _four_entries(opcodes: bytes, count: int) -> tuple[str, bytes]:
    """Names that torch does not tell apart: each has to be looked at."""
    body = b"\x80\x02" + opcodes * count
    more = {"x__data.PKL": body, "x__Data.pkl": body, "x__DATA.pkl": body}
    return "zip-pickle", pickles.archive(body, compression=zipfile.ZIP_DEFLATED, **more)


def _legacy_bomb(opcodes: bytes, count: int) -> tuple[str, bytes]:
    parts = (pickles.MAGIC, pickle.dumps(1001, 2), pickle.dumps({}, 2), b"\x80\x02" + opcodes * count + b"}.")
    return "legacy-pickle", b"".join(parts)


def _json(name: str, value: Any) -> tuple[str, bytes]:
    return name, json.dumps(value).encode()


CASES: dict[str, Callable[[], tuple[str, bytes]]] = {
    # 200 kB that took 3.3 s to refuse.
    "a zip bomb of lists": lambda: _zip_bomb(b"]", 200_000_000),
    "a zip bomb of lists put aside": lambda: _zip_bomb(b"]0", 60_000_000),
    "a zip bomb of memoized lists": lambda: _zip_bomb(b"]q\x00", 40_000_000),
    "a zip bomb of numbers": lambda: _zip_bomb(b"K\x01", 60_000_000),
    "a zip bomb of marks": lambda: _zip_bomb(b"(", 100_000_000),
    "a zip bomb of tuples": lambda: _zip_bomb(b"()t", 40_000_000),
    "a zip bomb of globals": lambda: _zip_bomb(b"ca\nb\n0", 20_000_000),
    "a zip bomb of calls": lambda: _zip_bomb(b"ca\nb\n)R", 10_000_000),
    "four zip bombs in one archive": lambda: _four_entries(b"]0", 10_000_000),
    "a legacy pickle that goes on and on": lambda: _legacy_bomb(b"]0", 10_000_000),
    # Python reads and writes these; nobody else does, and UTF-8 has no place for the last.
    "config of numbers that are none": lambda: ("config", b'{"a": NaN, "b": [1e999, -Infinity]}'),
    "model_index of numbers that are none": lambda: ("model-index", b'{"_class_name": NaN, "x": 1e999}'),
    "a component named by half a character": lambda: _json("model-index", {"\ud800": ["diffusers", "U"]}),
    "a module named by half a character": lambda: _json("modules", [{"type": "a.\ud800", "path": ""}]),
    "a component with an endless class": lambda: _json("model-index", {"unet": ["diffusers", "a" * 3000]}),
}
