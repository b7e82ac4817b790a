"""Headers: whatever the real library accepts is read the same, whatever it refuses gets a named warning."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import example, given, settings
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from model_loupe.checkpoints.safetensors_header import FIRST_READ, Header, header_length, parse_header
from model_loupe.domain.warnings import Warning
from tests.support.checkpoints import header_bytes


def read(content: bytes, name: str = "x.safetensors") -> Header | Warning:
    """As a source reads a file: the first bytes, then the rest of the header."""
    length = header_length(content[:FIRST_READ], len(content), name)
    if isinstance(length, Warning):
        return length
    return parse_header(content[8 : 8 + length], len(content), name)


def codes(found: Header | Warning) -> list[str]:
    return [found.code] if isinstance(found, Warning) else [warning.code for warning in found.warnings]


def file(header: Any, data: int = 0) -> bytes:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(raw)) + raw + bytes(data)


def entry(dtype: Any = "F32", shape: Any = (2,), offsets: Any = (0, 8), **more: Any) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets, **more}


# What is wrong → the warnings that name it. A tuple's second part is the tensors that can still be told.
MALFORMED: dict[str, tuple[bytes, list[str], int]] = {
    "empty file": (b"", ["empty-file"], 0),
    "one byte": (b"\x01", ["header-too-small"], 0),
    "seven bytes": (b"\0" * 7, ["header-too-small"], 0),
    "length zero": (struct.pack("<Q", 0), ["header-not-json"], 0),
    "length beyond the file": (struct.pack("<Q", 500) + b"{}", ["incomplete-file"], 0),
    "length beyond 100 MB": (struct.pack("<Q", 100_000_001) + b"{}", ["header-too-large"], 0),
    "length of 2**63": (struct.pack("<Q", 2**63) + b"{}", ["header-too-large"], 0),
    "length of 2**64-1": (b"\xff" * 8 + b"{}", ["header-too-large"], 0),
    "git-lfs pointer": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 4945242264\n",
        ["lfs-pointer"],
        0,
    ),
    "git-lfs pointer without a size": (b"version https://git-lfs.github.com/spec/v1\n", ["lfs-pointer"], 0),
    "a zip archive": (b"PK\x03\x04\x14" + bytes(100), ["not-safetensors"], 0),
    "a GGUF file": (b"GGUF\x03\0\0\0" + bytes(100), ["not-safetensors"], 0),
    "a Python pickle": (b"\x80\x02}q\0." + bytes(50), ["not-safetensors"], 0),
    "an HTML page": (b"<!DOCTYPE html><title>Sign in</title>", ["not-safetensors"], 0),
    "invalid UTF-8": (file(b'{"\xff\xfe":1}'), ["header-not-utf8"], 0),
    "a UTF-16 header": (file('{"a":1}'.encode("utf-16")), ["header-not-utf8"], 0),
    "a byte order mark": (file(b"\xef\xbb\xbf{}"), ["header-not-json"], 0),
    "not JSON": (file(b"hello, world"), ["header-not-json"], 0),
    "JSON cut off": (file(b'{"a":{"dtype":"F32"'), ["header-not-json"], 0),
    "two JSON values": (file(b"{}{}"), ["header-not-json"], 0),
    "a list": (file([]), ["header-not-object"], 0),
    "a number": (file(b"17"), ["header-not-object"], 0),
    "null": (file(b"null"), ["header-not-object"], 0),
    "nested without end": (file(b'{"a":' + b"[" * 50_000), ["header-too-deep"], 0),
    "a number of 10,000 digits": (file(b'{"a":' + b"9" * 10_000 + b"}"), ["header-not-json"], 0),
    "NaN": (file(b'{"a":{"dtype":"F32","shape":[NaN],"data_offsets":[0,8]}}', 8), ["header-not-json"], 0),
    "a tensor twice": (
        file(
            b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}',
            8,
        ),
        ["duplicate-key"],
        1,
    ),
    "a field twice": (
        file(b'{"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}', 8),
        ["duplicate-key"],
        1,
    ),
    "an entry that is a number": (file({"a": 1, "b": entry()}, 8), ["bad-entry"], 1),
    "an entry without dtype": (
        file({"a": {"shape": [2], "data_offsets": [0, 8]}, "b": entry()}, 8),
        ["bad-entry"],
        1,
    ),
    "an entry without offsets": (
        file({"a": {"dtype": "F32", "shape": [2]}, "b": entry()}, 8),
        ["bad-entry"],
        1,
    ),
    "a dtype that is a number": (file({"a": entry(dtype=32)}, 8), ["bad-entry"], 0),
    "an unknown dtype": (file({"a": entry(dtype="F7")}, 8), ["unknown-dtype"], 1),
    "metadata that is a list": (file({"__metadata__": [], "a": entry()}, 8), ["bad-metadata"], 1),
    "metadata with a number": (file({"__metadata__": {"n": 1}, "a": entry()}, 8), ["bad-metadata"], 1),
    "a negative size": (file({"a": entry(shape=[-2]), "b": entry()}, 8), ["bad-shape"], 1),
    "a size that is a float": (file({"a": entry(shape=[2.0]), "b": entry()}, 8), ["bad-shape"], 1),
    "a size that is a boolean": (file({"a": entry(shape=[True]), "b": entry()}, 8), ["bad-shape"], 1),
    "a size that is text": (file({"a": entry(shape=["2"]), "b": entry()}, 8), ["bad-shape"], 1),
    "a shape that is a number": (file({"a": entry(shape=2), "b": entry()}, 8), ["bad-shape"], 1),
    "a size beyond 64 bits": (file({"a": entry(shape=[2**64]), "b": entry()}, 8), ["bad-shape"], 1),
    "a product beyond 64 bits": (
        file({"a": entry(shape=[2**40, 2**40]), "b": entry()}, 8),
        ["shape-overflow"],
        1,
    ),
    "offsets that end before they begin": (
        file({"a": entry(offsets=[8, 0]), "b": entry()}, 8),
        ["bad-offsets"],
        1,
    ),
    "negative offsets": (file({"a": entry(offsets=[-8, 0]), "b": entry()}, 8), ["bad-offsets"], 1),
    "one offset": (file({"a": entry(offsets=[8]), "b": entry()}, 8), ["bad-offsets"], 1),
    "offsets beyond 64 bits": (file({"a": entry(offsets=[0, 2**70]), "b": entry()}, 8), ["bad-offsets"], 1),
    "offsets that are text": (file({"a": entry(offsets="08"), "b": entry()}, 8), ["bad-offsets"], 1),
    "too few bytes for the shape": (file({"a": entry(shape=[3])}, 8), ["size-mismatch"], 1),
    "too many bytes for the shape": (file({"a": entry(shape=[1])}, 8), ["size-mismatch"], 1),
    "overlapping tensors": (
        file({"a": entry(), "b": entry(offsets=[4, 12])}, 12),
        ["overlapping-tensors"],
        2,
    ),
    "two tensors in one place": (file({"a": entry(), "b": entry()}, 8), ["overlapping-tensors"], 2),
    "a hole": (file({"a": entry(), "b": entry(offsets=[16, 24])}, 24), ["hole-in-data"], 2),
    "a hole at the start": (file({"a": entry(offsets=[8, 16])}, 16), ["hole-in-data"], 1),
    "data cut off": (file({"a": entry(shape=[1000], offsets=[0, 4000])}, 100), ["incomplete-file"], 1),
    "no data at all": (file({"a": entry()}), ["incomplete-file"], 1),
    "bytes after the last tensor": (file({"a": entry()}, 9), ["trailing-bytes"], 1),
    "data without tensors": (file({}, 9), ["trailing-bytes"], 0),
    "a leading zero in an offset": (
        file(b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,08]}}', 8),
        ["header-not-json"],
        0,
    ),
    "a leading zero in a shape": (
        file(b'{"a":{"dtype":"F32","shape":[02],"data_offsets":[0,8]}}', 8),
        ["header-not-json"],
        0,
    ),
    "a comma too many": (
        file(b'{"a":{"dtype":"F32","shape":[2,],"data_offsets":[0,8]}}', 8),
        ["header-not-json"],
        0,
    ),
    "entries without a comma": (
        file(
            b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}"b":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}',
            2,
        ),
        ["header-not-json"],
        0,
    ),
    "a control character in a name": (
        file(b'{"a\x01":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}', 8),
        ["header-not-json"],
        0,
    ),
}


def test_there_are_enough_malformed_files() -> None:
    assert len(MALFORMED) >= 50


@pytest.mark.parametrize("case", MALFORMED, ids=str)
def test_malformed_file_gets_a_named_warning(case: str) -> None:
    content, expected, tensors = MALFORMED[case]
    found = read(content)
    assert codes(found) == expected
    assert (0 if isinstance(found, Warning) else len(found.tensors)) == tensors
    for message in [found.message] if isinstance(found, Warning) else [w.message for w in found.warnings]:
        assert message.startswith("x.safetensors")
        assert "\n" not in message
        assert len(message) < 400


def test_the_real_library_refuses_what_we_warn_of(tmp_path: Path) -> None:
    """Every malformed file but those that the library takes although its own rules forbid them."""
    tolerated = {"a tensor twice"}
    path = tmp_path / "x.safetensors"
    for case, (content, _, _) in MALFORMED.items():
        path.write_bytes(content)
        if case in tolerated:
            continue
        with pytest.raises((SafetensorError, OSError, ValueError)), safe_open(path, "np") as opened:
            opened.keys()
            pytest.fail(f"safetensors accepts: {case}")


@pytest.mark.parametrize("signature", [b"\x80\x02", b"\x80\x02\x01", b"PK\x03\x04"])
def test_a_length_that_looks_like_another_format_is_a_length(signature: bytes) -> None:
    """The length of 640 is 80 02 in bytes, as any pickle begins."""
    length = int.from_bytes(signature, "little")
    head = struct.pack("<Q", length) + b'{"a":{"dtype"'
    assert header_length(head, 8 + length, "x.safetensors") == length


def test_what_the_library_writes_is_read_alike(tmp_path: Path) -> None:
    arrays = {
        "scalar": np.array(1, np.float32),
        "empty": np.zeros((0, 5), np.float64),
        "half": np.zeros((3, 4), np.float16),
        "bytes": np.zeros((7,), np.uint8),
        "flags": np.zeros((2, 2), np.bool_),
        "naïve.名前": np.zeros((1, 2, 3, 4), np.int64),
        'quo"te\\': np.zeros((2,), np.int32),
    }
    path = tmp_path / "x.safetensors"
    save_file(arrays, path, {"format": "np", "note": 'a "quoted" text'})
    found = read(path.read_bytes())
    assert isinstance(found, Header)
    assert found.warnings == []
    assert found.metadata == {"format": "np", "note": 'a "quoted" text'}
    assert {name: kind.shape for name, kind in found.tensors.items()} == {
        n: a.shape for n, a in arrays.items()
    }
    assert {name: kind.nbytes for name, kind in found.tensors.items()} == {
        n: a.nbytes for n, a in arrays.items()
    }
    assert found.tensors["half"].dtype == "float16"
    assert found.data_start == path.stat().st_size - sum(array.nbytes for array in arrays.values())


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")], ids=["compact", "spaced"])
@pytest.mark.parametrize("metadata", [None, {"format": "pt"}, {"a": "{}", "b": '"]},"'}], ids=repr)
def test_any_spelling_of_the_same_header_is_the_same(
    separators: tuple[str, str], metadata: dict[str, str] | None
) -> None:
    tensors = [("model.a", "BF16", [2, 3]), ("b", "F32", []), ("c.é", "I64", [512]), ("e", "U8", [0, 4])]
    head, data = header_bytes(tensors, metadata)
    document = json.loads(head[8:])
    respelled = json.dumps(document, separators=separators, indent=None).encode()
    found = read(file(respelled, data))
    assert isinstance(found, Header)
    assert codes(found) == []
    assert [(name, kind.shape) for name, kind in found.tensors.items()] == [
        (n, tuple(s)) for n, _, s in tensors
    ]
    assert found.metadata == (metadata or {})


def test_shared_storage_order_in_the_header_does_not_matter() -> None:
    found = read(file({"b": entry(offsets=[8, 16]), "a": entry(offsets=[0, 8])}, 16))
    assert codes(found) == []


def test_four_bit_tensors_take_half_a_byte() -> None:
    found = read(file({"a": entry(dtype="F4", shape=[3, 4], offsets=[0, 6])}, 6))
    assert codes(found) == []


def test_a_million_findings_are_summed_up() -> None:
    found = read(file({f"t{n}": 1 for n in range(5000)}))
    assert isinstance(found, Header)
    assert len(found.warnings) == 21
    assert found.warnings[-1].code == "more-warnings"
    assert "4,980" in found.warnings[-1].message


VALID = header_bytes(
    [("model.embed.weight", "BF16", [16, 8]), ("model.layers.0.w", "F32", [4, 4]), ("n", "I64", [3])],
    {"format": "pt"},
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A valid file with some bytes changed, removed, doubled or inserted, or cut off."""
    content = bytearray(VALID[0] + bytes(VALID[1]))
    for _ in range(draw(st.integers(1, 6))):
        position = draw(st.integers(0, max(len(content) - 1, 0)))
        action = draw(st.sampled_from(["change", "remove", "insert", "repeat", "cut"]))
        if action == "change" and content:
            content[position] = draw(st.sampled_from(list(b'{}[]":,0123456789-.eE\\\0\xff aUF')))
        elif action == "remove":
            del content[position : position + draw(st.integers(1, 20))]
        elif action == "insert":
            content[position:position] = draw(st.binary(min_size=1, max_size=8))
        elif action == "repeat":
            content[position:position] = content[position : position + draw(st.integers(1, 60))]
        else:
            del content[position:]
    return bytes(content)


@settings(max_examples=400, deadline=None)
@given(mutated())
@example(VALID[0])
def test_mutated_files_are_named_or_read_as_the_library_reads_them(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    found = read(content)
    path = tmp_path_factory.getbasetemp() / "mutated.safetensors"
    path.write_bytes(content)
    try:
        with safe_open(path, "np") as opened:
            shapes = {name: tuple(opened.get_slice(name).get_shape()) for name in opened.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError):
        assert codes(found), "the library refuses it and we do not say why"
        return
    assert isinstance(found, Header)
    # The library forgives keys that stand twice; nothing else that we warn of.
    assert set(codes(found)) <= {"duplicate-key"}
    assert {name: kind.shape for name, kind in found.tensors.items()} == shapes
