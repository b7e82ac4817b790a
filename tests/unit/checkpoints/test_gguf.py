"""GGUF headers: what the gguf package writes is read alike, and whatever is wrong with a file is named."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import gguf
import hypothesis.strategies as st
import numpy as np
import pytest
from gguf import GGMLQuantizationType, GGUFEndian, GGUFReader, GGUFWriter
from hypothesis import example, given, settings

from model_loupe.checkpoints.gguf.config import config_of, file_type
from model_loupe.checkpoints.gguf.cursor import FIRST_READ, MAX_CHUNK
from model_loupe.checkpoints.gguf.header import Gguf, parse_gguf
from model_loupe.checkpoints.gguf.metadata import KEPT_ITEMS, Array
from model_loupe.checkpoints.gguf.splits import GgufSet, split_files
from model_loupe.checkpoints.gguf.types import BY_DTYPE, GGML_TYPES
from model_loupe.domain.dimensions import dimensions
from model_loupe.domain.kv_cache import kv_cache


class Ranges:
    """A file's bytes by range, as a source gives them; remembers what was asked for."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.asked: list[tuple[int, int]] = []

    def __call__(self, offset: int, length: int) -> bytes:
        assert offset >= 0
        assert 0 < length <= MAX_CHUNK
        assert offset + length <= len(self.content)
        self.asked.append((offset, length))
        return self.content[offset : offset + length]

    @property
    def total(self) -> int:
        return sum(length for _, length in self.asked)


def parse(content: bytes) -> Gguf:
    return parse_gguf(Ranges(content), len(content), "x.gguf")


def codes(found: Gguf) -> list[str]:
    return [warning.code for warning in found.warnings]


# --- files written by the gguf package --------------------------------------------------------------------

PLAIN = {
    "F32": np.float32,
    "F16": np.float16,
    "F64": np.float64,
    "I8": np.int8,
    "I16": np.int16,
    "I32": np.int32,
    "I64": np.int64,
}
# What the package can quantise to itself; blocks of the others are written as bytes.
QUANTIZABLE = ("BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "TQ1_0", "TQ2_0", "MXFP4")


def write(path: Path, **options: Any) -> GGUFWriter:
    return GGUFWriter(path, "llama", **options)


def finish(writer: GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def add_every_type(writer: GGUFWriter) -> None:
    rng = np.random.default_rng(0)
    for name, dtype in PLAIN.items():
        writer.add_tensor(f"plain.{name}", np.zeros((3, 5), dtype))
    weights = rng.standard_normal((4, 512)).astype(np.float32)
    for name in QUANTIZABLE:
        kind = GGMLQuantizationType[name]
        writer.add_tensor(f"quantised.{name}", gguf.quants.quantize(weights, kind), raw_dtype=kind)
    for kind, (block, nbytes) in gguf.GGML_QUANT_SIZES.items():
        if block > 1:
            packed = np.zeros((2, 3, 2 * nbytes), np.uint8)
            writer.add_tensor(f"blocks.{kind.name}", packed, raw_dtype=kind)
    writer.add_tensor("vector", np.zeros(7, np.float32))
    writer.add_tensor("four.dimensions", np.zeros((2, 3, 4, 5), np.float16))


def compare(path: Path, order: str = "little") -> Gguf:
    """Our reading against the package's own."""
    content = path.read_bytes()
    found = parse(content)
    reader = GGUFReader(path)
    assert [(tensor.name, tensor.n_elements, tensor.n_bytes) for tensor in reader.tensors] == [
        (name, kind.elements, kind.nbytes) for name, kind in found.tensors.items()
    ]
    for tensor in reader.tensors:
        kind = found.tensors[tensor.name]
        assert BY_DTYPE[kind.dtype].name == tensor.tensor_type.name
        assert kind.shape == tuple(reversed(tensor.shape.tolist()))
    assert found.data_offset == reader.data_offset
    assert found.alignment == reader.alignment
    assert found.byte_order == order
    assert found.complete
    own = {key: field for key, field in reader.fields.items() if not key.startswith("GGUF.")}
    assert list(found.metadata) == list(own)
    for key, field in own.items():
        value = found.metadata[key]
        contents = field.contents()
        if isinstance(value, Array):
            assert value.length == len(contents)
            assert list(value.first) == contents[:KEPT_ITEMS]
        else:
            assert value == contents
            assert type(value) is type(contents)
    return found


def test_every_type_is_read_as_the_package_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "x.gguf"
    writer = write(path)
    add_every_type(writer)
    finish(writer)
    found = compare(path)
    assert found.warnings == []
    assert found.version == 3
    assert found.tensors["quantised.Q4_0"].dtype == "Q4_0"
    assert found.tensors["quantised.Q4_0"].shape == (4, 512)
    # 32 weights in 18 bytes.
    assert found.tensors["quantised.Q4_0"].nbytes == 4 * 512 * 18 // 32
    # Names are PyTorch's where it has the type.
    assert found.tensors["plain.F16"].dtype == "float16"
    assert found.tensors["quantised.BF16"].dtype == "bfloat16"


def test_the_table_of_types_is_the_packages(tmp_path: Path) -> None:
    for kind, (block, nbytes) in gguf.GGML_QUANT_SIZES.items():
        ours = GGML_TYPES[kind.value]
        assert (ours.name, ours.block, ours.nbytes) == (kind.name, block, nbytes)
        assert ours.bits == 8 * nbytes / block
    assert {kind.value for kind in GGMLQuantizationType} <= GGML_TYPES.keys()
    assert len(BY_DTYPE) == len(GGML_TYPES)


def test_known_bits_per_weight() -> None:
    bits = {each.name: each.bits for each in GGML_TYPES.values()}
    assert bits["Q4_K"] == 4.5
    assert bits["Q6_K"] == 6.5625
    assert bits["Q8_0"] == 8.5
    assert bits["IQ2_XXS"] == 2.0625
    assert bits["MXFP4"] == 4.25
    assert bits["NVFP4"] == 4.5
    assert bits["BF16"] == 16


def test_metadata_of_every_type_is_read_as_the_package_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "x.gguf"
    writer = write(path)
    writer.add_uint8("a.uint8", 255)
    writer.add_int8("a.int8", -128)
    writer.add_uint16("a.uint16", 65_535)
    writer.add_int16("a.int16", -32_768)
    writer.add_uint32("a.uint32", 2**32 - 1)
    writer.add_int32("a.int32", -(2**31))
    writer.add_uint64("a.uint64", 2**64 - 1)
    writer.add_int64("a.int64", -(2**63))
    writer.add_float32("a.float32", 0.5)
    writer.add_float64("a.float64", math.pi)
    writer.add_bool("a.true", True)
    writer.add_bool("a.false", False)
    writer.add_string("a.string", "naïve 名前\n{% for %}")
    writer.add_array("a.integers", [1, -2, 3])
    writer.add_array("a.floats", [0.5, 1.5])
    writer.add_array("a.flags", [True, False])
    writer.add_array("a.strings", ["x", "", "名前"])
    writer.add_array("a.long", list(range(5000)))
    writer.add_array("a.many", [f"token {n}" for n in range(5000)])
    finish(writer)
    found = compare(path)
    assert found.warnings == []
    assert found.metadata["a.strings"] == Array("string", 3, ("x", "", "名前"))
    assert found.metadata["a.strings"].whole
    assert not found.metadata["a.long"].whole


@pytest.mark.parametrize("alignment", [8, 64, 4096])
def test_alignment_is_the_files_own(tmp_path: Path, alignment: int) -> None:
    path = tmp_path / "x.gguf"
    writer = write(path)
    writer.add_custom_alignment(alignment)
    add_every_type(writer)
    finish(writer)
    found = compare(path)
    assert found.warnings == []
    assert found.alignment == alignment


def test_big_endian_file_is_read_and_said_to_be_one(tmp_path: Path) -> None:
    path = tmp_path / "x.gguf"
    writer = write(path, endianess=GGUFEndian.BIG)
    writer.add_uint32("llama.block_count", 7)
    writer.add_array("llama.list", [1, 2, 3])
    writer.add_array("tokenizer.ggml.tokens", [f"t{n}" for n in range(3000)])
    writer.add_tensor("a", np.zeros((3, 5), np.float32))
    finish(writer)
    found = compare(path, "big")
    assert codes(found) == ["big-endian"]
    assert found.metadata["llama.block_count"] == 7


def test_version_2_is_read_as_version_3(tmp_path: Path) -> None:
    path = tmp_path / "x.gguf"
    writer = write(path)
    add_every_type(writer)
    finish(writer)
    content = path.read_bytes()
    path.write_bytes(content[:4] + struct.pack("<I", 2) + content[8:])
    found = compare(path)
    assert found.version == 2
    assert found.warnings == []


def test_parts_that_the_package_splits_are_one_set(tmp_path: Path) -> None:
    writer = GGUFWriter(tmp_path / "m-Q8_0.gguf", "llama", split_max_tensors=2)
    for number in range(5):
        writer.add_tensor(f"t{number}", np.zeros(number + 1, np.float32))
    finish(writer)
    names = sorted(path.name for path in tmp_path.iterdir())
    (found,) = split_files(names)
    assert found == GgufSet("Q8_0", "model", tuple(names), ())
    tensors: dict[str, int] = {}
    for name in found.files:
        part = compare(tmp_path / name)
        assert part.warnings == []
        assert part.metadata["split.count"] == 3
        tensors.update({tensor: kind.elements for tensor, kind in part.tensors.items()})
    assert tensors == {f"t{number}": number + 1 for number in range(5)}


def test_file_without_tensors_is_a_vocabulary(tmp_path: Path) -> None:
    path = tmp_path / "x.gguf"
    writer = write(path)
    writer.add_array("tokenizer.ggml.tokens", ["a", "b"])
    finish(writer)
    found = parse(path.read_bytes())
    assert found.warnings == []
    assert found.complete
    assert found.tensors == {}


# --- long headers -----------------------------------------------------------------------------------------


def vocabulary(path: Path, size: int) -> bytes:
    writer = write(path)
    writer.add_array("tokenizer.ggml.tokens", [f"▁token{number}" for number in range(size)])
    # An array of numpy scalars is slow in the package; these are one type all through.
    writer.add_array("tokenizer.ggml.scores", [float(-number) for number in range(size)])
    writer.add_array("tokenizer.ggml.token_type", [1] * size)
    writer.add_array("tokenizer.ggml.merges", [f"a{number} b" for number in range(size)])
    writer.add_string("tokenizer.chat_template", "x" * 10_000)
    writer.add_tensor("token_embd.weight", np.zeros((size, 1), np.float16))
    finish(writer)
    return path.read_bytes()


def test_long_vocabulary_is_passed_over(tmp_path: Path) -> None:
    size = 256_000
    content = vocabulary(tmp_path / "x.gguf", size)
    ranges = Ranges(content)
    found = parse_gguf(ranges, len(content), "x.gguf")
    assert found.warnings == []
    assert found.tensors["token_embd.weight"].shape == (size, 1)
    tokens, scores = found.metadata["tokenizer.ggml.tokens"], found.metadata["tokenizer.ggml.scores"]
    assert tokens.length == scores.length == size
    assert len(tokens.first) == len(scores.first) == KEPT_ITEMS
    assert tokens.first[:2] == ("▁token0", "▁token1")
    assert len(found.metadata["tokenizer.chat_template"]) == 10_000
    assert config_of(found.metadata)["vocab_size"] == size
    # Nothing twice; the two arrays of numbers are skipped but for a chunk; at most one chunk too much.
    assert ranges.asked == sorted(ranges.asked)
    assert all(a + length <= b for (a, length), (b, _) in zip(ranges.asked, ranges.asked[1:], strict=False))
    assert ranges.total < found.data_offset - 2 * 4 * size + 3 * MAX_CHUNK
    assert len(ranges.asked) < 25


def test_short_header_is_one_read(tmp_path: Path) -> None:
    content = vocabulary(tmp_path / "x.gguf", 100)
    ranges = Ranges(content + bytes(10 * FIRST_READ))
    parse_gguf(ranges, len(ranges.content), "x.gguf")
    assert ranges.asked == [(0, FIRST_READ)]


@pytest.mark.parametrize("chunk", [1, 3, 8, 100, 4096])
def test_chunks_may_end_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    path = tmp_path / "x.gguf"
    writer = write(path)
    writer.add_array("tokenizer.ggml.tokens", ["t" * (number % 40) for number in range(3000)])
    writer.add_array("numbers", list(range(3000)))
    add_every_type(writer)
    finish(writer)
    content = path.read_bytes()
    whole = parse(content)
    monkeypatch.setattr("model_loupe.checkpoints.gguf.cursor.FIRST_READ", chunk)
    monkeypatch.setattr("model_loupe.checkpoints.gguf.cursor.MAX_CHUNK", chunk)
    found = parse_gguf(lambda offset, length: content[offset : offset + length], len(content), "x.gguf")
    assert found == whole


# --- malformed files --------------------------------------------------------------------------------------


def text(value: str | bytes) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(raw)) + raw


def entry(key: str | bytes, number: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", number) + value


def array(number: int, count: int, items: bytes = b"") -> bytes:
    return struct.pack("<IQ", number, count) + items


def u32(value: int) -> bytes:
    return struct.pack("<I", value)


def u64(value: int) -> bytes:
    return struct.pack("<Q", value)


def tensor(
    name: str | bytes = "a",
    shape: Iterable[int] = (8,),
    number: int = 0,
    offset: int = 0,
    rank: int | None = None,
) -> bytes:
    """A tensor's entry; the shape is in ggml's order. Eight float32 at the start, if nothing else is said."""
    sizes = tuple(shape)
    rank = len(sizes) if rank is None else rank
    return text(name) + struct.pack(f"<I{len(sizes)}QIQ", rank, *sizes, number, offset)


def file(
    tensors: Iterable[bytes] = (),
    entries: Iterable[bytes] = (),
    data: int = 0,
    *,
    version: int = 3,
    counts: tuple[int, int] | None = None,
) -> bytes:
    tensors, entries = list(tensors), list(entries)
    n_tensors, n_entries = counts or (len(tensors), len(entries))
    head = b"GGUF" + struct.pack("<IQQ", version, n_tensors, n_entries) + b"".join(entries + tensors)
    return head + bytes(-len(head) % 32) + bytes(data)


GOOD = tensor("good", offset=32)
NAME = entry("general.name", 8, text("m"))
NESTED = array(9, 1, array(9, 1, array(9, 1, array(9, 1, array(0, 0)))))

# What is wrong → the file, the warnings that name it, and how many tensors can still be told.
MALFORMED: dict[str, tuple[bytes, list[str], int]] = {
    "empty file": (b"", ["empty-file"], 0),
    "one byte": (b"G", ["not-gguf"], 0),
    "magic alone": (b"GGUF", ["header-too-small"], 0),
    "magic and version alone": (b"GGUF\x03\0\0\0", ["header-too-small"], 0),
    "git-lfs pointer": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 4945242264\n",
        ["lfs-pointer"],
        0,
    ),
    "git-lfs pointer without a size": (b"version https://git-lfs.github.com/spec/v1\n", ["lfs-pointer"], 0),
    "zeros": (bytes(4096), ["not-gguf"], 0),
    "a GGML file": (b"tjgg\x03\0\0\0" + bytes(100), ["not-gguf"], 0),
    "a zip archive": (b"PK\x03\x04" + bytes(100), ["not-gguf"], 0),
    "a safetensors file": (u64(2) + b'{"a":1}', ["not-gguf"], 0),
    "an HTML page": (b"\n<!DOCTYPE html><title>Sign in</title>", ["not-gguf"], 0),
    "lower-case magic": (b"gguf" + file([tensor()], data=32)[4:], ["not-gguf"], 0),
    "version 0": (file([tensor()], data=32, version=0), ["unknown-version"], 0),
    "version 1": (file([tensor()], data=32, version=1), ["unknown-version"], 0),
    "version 4": (file([tensor()], data=32, version=4), ["unknown-version"], 0),
    "version 1 in big endian": (file([tensor()], version=1 << 24), ["big-endian", "unknown-version"], 0),
    "big-endian version before little-endian counts": (
        file([tensor()], data=32, version=3 << 24),
        ["big-endian", "bad-count"],
        0,
    ),
    "more tensors than any model": (file(counts=(2**40, 0)), ["bad-count"], 0),
    "more tensors than any model, and metadata": (
        file(entries=[NAME], counts=(2**64 - 1, 1)),
        ["bad-count"],
        0,
    ),
    "more metadata than any model": (file([tensor()], data=32, counts=(1, 2**63)), ["bad-count"], 0),
    "more tensors than the file holds": (file([tensor()], counts=(1000, 0)), ["incomplete-file"], 1),
    "more metadata than the file holds": (file(entries=[NAME], counts=(0, 50)), ["incomplete-file"], 0),
    "cut off in the metadata": (file([tensor()], [NAME])[:50], ["incomplete-file"], 0),
    "cut off in the tensor list": (file([tensor(), tensor("b")])[:70], ["incomplete-file"], 1),
    "key beyond the file": (file(entries=[u64(5000)]), ["incomplete-file"], 0),
    "key of 2**16 bytes": (file(entries=[u64(2**16)], counts=(0, 1), data=2**17), ["bad-length"], 0),
    "key of 2**64-1 bytes": (file(entries=[u64(2**64 - 1)]), ["bad-length"], 0),
    "text beyond the file": (file(entries=[entry("a", 8, u64(5000))]), ["incomplete-file"], 0),
    "text of 2**62 bytes": (file(entries=[entry("a", 8, u64(2**62))]), ["bad-length"], 0),
    "tensor name of 2**60 bytes": (file([u64(2**60)], counts=(1, 0)), ["bad-length"], 0),
    "array beyond the file": (file(entries=[entry("a", 9, array(6, 5000))]), ["incomplete-file"], 0),
    "array of 2**60 numbers": (file(entries=[entry("a", 9, array(6, 2**60))]), ["bad-count"], 0),
    "array of 2**29 texts": (file(entries=[entry("a", 9, array(8, 2**29))]), ["incomplete-file"], 0),
    "array of texts, one of 2**62 bytes": (
        file(entries=[entry("a", 9, array(8, KEPT_ITEMS + 9, text("x") * KEPT_ITEMS + u64(2**62)))], data=99),
        ["bad-length"],
        0,
    ),
    "array of texts, one of 2**64-1 bytes": (
        file(
            entries=[entry("a", 9, array(8, KEPT_ITEMS + 9, text("x") * KEPT_ITEMS + u64(2**64 - 1)))],
            data=99,
        ),
        ["bad-length"],
        0,
    ),
    "unknown value type": (file([tensor()], [entry("a", 13, u32(0))], 32), ["unknown-value-type"], 0),
    "array of an unknown type": (
        file([tensor()], [entry("a", 9, array(77, 1, u32(0)))], 32),
        ["unknown-value-type"],
        0,
    ),
    "arrays nested too deeply": (file([tensor()], [entry("a", 9, NESTED)], 32), ["metadata-too-deep"], 0),
    "array of many arrays beyond the file": (
        file([tensor()], [entry("a", 9, array(9, 10**8))]),
        ["incomplete-file"],
        0,
    ),
    "key that is not UTF-8": (file([tensor()], [entry(b"\xff\xfe", 0, b"\1")], 32), ["bad-utf8"], 1),
    "text that is not UTF-8": (file([tensor()], [entry("a", 8, text(b"\xc3("))], 32), ["bad-utf8"], 1),
    "tensor name that is not UTF-8": (file([tensor(b"a\xff")], data=32), ["bad-utf8"], 1),
    "empty key": (file([tensor()], [entry("", 0, b"\1")], 32), ["bad-metadata"], 1),
    "metadata key twice": (file([tensor()], [NAME, NAME], 32), ["duplicate-metadata"], 1),
    "tensor twice": (file([tensor(), tensor(offset=32)], data=64), ["duplicate-key"], 1),
    "tensor name of 65 bytes": (file([tensor("a" * 65)], data=32), ["long-name"], 1),
    "five dimensions": (file([tensor(shape=(2, 2, 2, 1, 1))], data=32), ["bad-shape"], 1),
    "a billion dimensions": (file([GOOD, tensor(rank=10**9)], data=64), ["bad-shape"], 1),
    "a dimension beyond 63 bits": (file([tensor(shape=(2**63,)), GOOD], data=64), ["bad-shape"], 1),
    "a product beyond 64 bits": (file([tensor(shape=(2**40, 2**40)), GOOD], data=64), ["shape-overflow"], 1),
    "bytes beyond 64 bits": (file([tensor(shape=(2**31, 2**31)), GOOD], data=64), ["shape-overflow"], 1),
    "unknown tensor type": (file([tensor(number=99), GOOD], data=64), ["unknown-dtype"], 2),
    "a type that ggml removed": (file([tensor(number=4), GOOD], data=64), ["unknown-dtype"], 2),
    "a type that llama.cpp no longer reads": (
        file([tensor(shape=(32,), number=31), GOOD], data=64),
        ["retired-dtype"],
        2,
    ),
    "rows that are no whole blocks": (file([tensor(shape=(40,), number=2)], data=64), ["bad-row-size"], 1),
    "an offset that is not aligned": (
        file([tensor(shape=(9,)), tensor("b", offset=36)], data=68),
        ["misaligned-tensor"],
        2,
    ),
    "a scalar of a type in blocks": (file([tensor(shape=(), number=2)], data=32), ["bad-row-size"], 1),
    "overlapping tensors": (file([tensor(shape=(16,)), GOOD], data=64), ["overlapping-tensors"], 2),
    "two tensors in one place": (file([tensor(), tensor("b")], data=32), ["overlapping-tensors"], 2),
    "a hole": (file([tensor(), tensor("b", offset=96)], data=128), ["hole-in-data"], 2),
    "a hole at the start": (file([tensor(offset=64)], data=96), ["hole-in-data"], 1),
    "data in another order": (file([tensor(offset=32), tensor("b")], data=64), ["unordered-tensors"], 2),
    "an offset beyond 63 bits": (
        file([tensor(offset=2**63 + 32), GOOD], data=64),
        ["hole-in-data", "bad-offsets"],
        2,
    ),
    "data cut off": (file([tensor(), GOOD], data=40), ["incomplete-file"], 2),
    "no data at all": (file([tensor()]), ["incomplete-file"], 1),
    "an offset beyond the file": (
        file([tensor(offset=2**40)], data=32),
        ["hole-in-data", "incomplete-file"],
        1,
    ),
    "bytes after the last tensor": (file([tensor()], data=65), ["trailing-bytes"], 1),
    "data without tensors": (file(data=100), ["trailing-bytes"], 0),
    "alignment 0": (file([tensor()], [entry("general.alignment", 4, u32(0))], 32), ["bad-alignment"], 1),
    "alignment 24": (file([tensor()], [entry("general.alignment", 4, u32(24))], 32), ["bad-alignment"], 1),
    "alignment of another type": (
        file([tensor()], [entry("general.alignment", 10, u64(32))], 32),
        ["bad-alignment"],
        1,
    ),
    "alignment that is text": (
        file([tensor()], [entry("general.alignment", 8, text("32"))], 32),
        ["bad-alignment"],
        1,
    ),
}


def test_there_are_enough_malformed_files() -> None:
    assert len(MALFORMED) >= 60


@pytest.mark.parametrize("case", MALFORMED, ids=str)
def test_malformed_file_gets_a_named_warning(case: str) -> None:
    content, expected, tensors = MALFORMED[case]
    found = parse(content)
    assert codes(found) == expected
    assert len(found.tensors) == tensors
    for warning in found.warnings:
        assert warning.message.startswith("x.gguf")
        assert "\n" not in warning.message
        assert len(warning.message) < 400


def test_what_is_before_the_damage_is_told() -> None:
    content = file(
        [tensor()], [NAME, entry("a.b", 4, u32(7)), entry("broken", 99, b""), entry("later", 4, u32(1))], 32
    )
    found = parse(content)
    assert codes(found) == ["unknown-value-type"]
    assert found.metadata == {"general.name": "m", "a.b": 7}
    assert not found.complete
    assert found.data_offset == 0


def test_metadata_is_told_where_the_tensor_count_is_absurd() -> None:
    found = parse(file(entries=[NAME], counts=(2**50, 1)))
    assert found.metadata == {"general.name": "m"}
    assert "1,125,899,906,842,624 tensors" in found.warnings[0].message


def test_bytes_of_an_unknown_type_are_taken_from_the_offsets() -> None:
    found = parse(file([tensor(number=99), GOOD, tensor("last", offset=64, number=200)], data=100))
    assert found.tensors["a"].nbytes == 32
    assert found.tensors["a"].dtype == "type 99"
    assert found.tensors["a"].elements == 8
    assert found.tensors["last"].nbytes == 36
    assert found.complete


def test_half_downloaded_file_says_how_much_is_there() -> None:
    found = parse(file([tensor(shape=(1024,))], data=1024))
    assert codes(found) == ["incomplete-file"]
    assert "1.00 KiB of 4.00 KiB" in found.warnings[0].message
    # Its header is whole, so what the model is, is known.
    assert found.complete


def test_padding_after_the_last_tensor_may_be_missing() -> None:
    for data in (40, 64):
        assert parse(file([tensor(shape=(10,))], data=data)).warnings == []


def test_text_without_end_is_cut() -> None:
    found = parse(file(entries=[entry("a", 8, text("é" * 1_000_000)), entry("b", 4, u32(1))]))
    assert found.warnings == []
    value = found.metadata["a"]
    assert value.endswith("é…")
    assert len(value) < 300_000
    assert found.metadata["b"] == 1


def test_kept_items_of_all_arrays_are_bounded() -> None:
    arrays = [entry(f"k{n}", 9, array(0, 2000, bytes(2000))) for n in range(1000)]
    found = parse(file(entries=arrays))
    assert found.warnings == []
    assert len(found.metadata) == 1000
    assert sum(len(value.first) for value in found.metadata.values()) < 100_000


def test_nested_arrays_keep_their_items() -> None:
    inner = array(4, 2, u32(1) + u32(2)) + array(8, 1, text("x"))
    found = parse(file(entries=[entry("a", 9, array(9, 2, inner)), NAME]))
    assert found.warnings == []
    assert found.metadata["a"] == Array("array", 2, (Array("uint32", 2, (1, 2)), Array("string", 1, ("x",))))
    assert found.metadata["general.name"] == "m"


def test_thousands_of_findings_are_summed_up() -> None:
    found = parse(file([tensor(f"t{n}", number=99) for n in range(5000)]))
    assert codes(found) == ["unknown-dtype"] * 20 + ["more-warnings"]
    assert "4,980 more" in found.warnings[-1].message


def test_what_is_wrong_with_the_whole_file_is_told_behind_many_findings() -> None:
    entries = [tensor(f"t{n}", number=31, shape=(32,), offset=32 * n) for n in range(50)]
    found = parse(file(entries, data=100))
    assert codes(found)[-2:] == ["incomplete-file", "more-warnings"]


@pytest.mark.parametrize(
    "content",
    [
        file(entries=[entry("a", 9, array(9, 200_000, array(0, 0) * 200_000))]),
        file(entries=[entry(f"{n}" + "x" * 60_000, 0, b"\0") for n in range(300)]),
        file([tensor(f"{n}" + "x" * 60_000) for n in range(300)]),
        file(entries=[entry("a", 9, array(8, 3_500_000, bytes(8 * 3_500_000)))]),
    ],
    ids=["200,000 nested arrays", "keys of 18 MB", "tensor names of 18 MB", "3,500,000 texts"],
)
def test_metadata_that_no_model_has_is_not_read(content: bytes) -> None:
    assert "header-too-large" in codes(parse(content))


def test_header_of_gigabytes_is_not_read() -> None:
    size = 2**31
    head = file(entries=[entry("a", 9, array(0, 2**29))], counts=(0, 1))
    asked: list[int] = []

    def read(offset: int, length: int) -> bytes:
        asked.append(length)
        return (head + bytes(max(0, offset + length - len(head))))[offset : offset + length]

    found = parse_gguf(read, size, "x.gguf")
    assert codes(found) == ["header-too-large"]
    assert sum(asked) <= FIRST_READ


def test_source_that_fails_is_a_warning() -> None:
    def fail(offset: int, length: int) -> bytes:
        raise PermissionError(13, "Permission denied")

    found = parse_gguf(fail, 1000, "x.gguf")
    assert codes(found) == ["unreadable-file"]
    assert "Permission denied" in found.warnings[0].message


def test_file_that_became_shorter_is_incomplete() -> None:
    content = file([tensor()], [NAME], 32)
    found = parse_gguf(lambda offset, length: content[offset:60][:length], len(content), "x.gguf")
    assert codes(found) == ["incomplete-file"]
    assert parse_gguf(lambda offset, length: b"", 1000, "x.gguf").tensors == {}


# --- mutated files ----------------------------------------------------------------------------------------

VALID = file(
    [
        tensor("token_embd.weight", (32, 4), 0, 0),
        tensor("blk.0.attn_q.weight", (64, 2), 8, 512),
        tensor("blk.0.attn_norm.weight", (9,), 1, 672),
    ],
    [
        entry("general.architecture", 8, text("llama")),
        entry("general.alignment", 4, u32(32)),
        entry("llama.block_count", 4, u32(1)),
        entry("llama.rope.freq_base", 6, struct.pack("<f", 1e4)),
        entry("tokenizer.ggml.tokens", 9, array(8, 3, text("a") + text("bc") + text(""))),
        entry("tokenizer.ggml.scores", 9, array(6, 3, bytes(12))),
        entry("nested", 9, array(9, 1, array(7, 2, b"\1\0"))),
    ],
    data=704,
)
SPECIAL = [u64(n) for n in (0, 1, 9, 2**31, 2**32, 2**40, 2**62, 2**63 - 1, 2**63, 2**64 - 1)]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A valid file with some bytes changed, removed, doubled or inserted, or cut off."""
    content = bytearray(VALID)
    header = len(VALID) - 704
    for _ in range(draw(st.integers(1, 4))):
        position = draw(st.integers(0, header))
        action = draw(st.sampled_from(["change", "number", "remove", "insert", "repeat", "cut"]))
        if action == "change" and position < len(content):
            content[position] = draw(st.integers(0, 255))
        elif action == "number":
            content[position : position + 8] = draw(st.sampled_from(SPECIAL))
        elif action == "remove":
            del content[position : position + draw(st.integers(1, 20))]
        elif action == "insert":
            content[position:position] = draw(st.binary(min_size=1, max_size=8))
        elif action == "repeat":
            content[position:position] = content[position : position + draw(st.integers(1, 60))]
        else:
            del content[position:]
    return bytes(content)


def test_the_file_to_be_mutated_is_valid() -> None:
    assert parse(VALID).warnings == []
    assert parse(VALID).complete


@settings(max_examples=400, deadline=None)
@given(mutated())
@example(VALID)
def test_mutated_files_are_named_or_read_as_the_package_reads_them(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    found = parse(content)
    config_of(found.metadata)
    file_type(found.metadata)
    for kind in found.tensors.values():
        assert 0 <= kind.elements < 2**63
        assert 0 <= kind.nbytes < 2**63
    if found.warnings:
        return
    # What the package refuses must have a warning, so it can be asked only for what has none (it may also
    # take for ever over a count that is damaged).
    path = tmp_path_factory.getbasetemp() / "mutated.gguf"
    path.write_bytes(content)
    reader = GGUFReader(path)
    assert found.complete
    assert found.data_offset == reader.data_offset
    assert {name: (kind.elements, kind.nbytes) for name, kind in found.tensors.items()} == {
        tensor.name: (tensor.n_elements, tensor.n_bytes) for tensor in reader.tensors
    }
    assert list(found.metadata) == [key for key in reader.fields if not key.startswith("GGUF.")]


# --- which files belong together --------------------------------------------------------------------------


def test_files_of_a_repository_are_alternatives_but_for_numbered_parts() -> None:
    found = split_files(
        [
            "README.md",
            "BF16/m-BF16-00002-of-00002.gguf",
            "BF16/m-BF16-00001-of-00002.gguf",
            "UD-Q4_K_XL/m-00001-of-00003.gguf",
            "UD-Q4_K_XL/m-00003-of-00003.gguf",
            "m-Q4_K_M.gguf",
            "m.Q5_0.gguf",
            "m-IQ2_XXS.GGUF",
            "mmproj-F16.gguf",
            "imatrix.gguf",
            "plain.gguf",
            "m-Q8_0.gguf.part",
        ]
    )
    assert {(each.label, each.role, len(each.files), each.missing) for each in found} == {
        ("BF16", "model", 2, ()),
        ("UD-Q4_K_XL", "model", 3, ("UD-Q4_K_XL/m-00002-of-00003.gguf",)),
        ("Q4_K_M", "model", 1, ()),
        ("Q5_0", "model", 1, ()),
        ("IQ2_XXS", "model", 1, ()),
        ("F16", "mmproj", 1, ()),
        ("imatrix", "imatrix", 1, ()),
        ("plain", "model", 1, ()),
    }
    (parts,) = (each for each in found if each.label == "BF16")
    assert parts.files == ("BF16/m-BF16-00001-of-00002.gguf", "BF16/m-BF16-00002-of-00002.gguf")


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("gemma-3-27b-it-Q4_K_M.gguf", "Q4_K_M"),
        ("llama-2-7b.Q3_K_L.gguf", "Q3_K_L"),
        ("a-IQ4_NL.gguf", "IQ4_NL"),
        ("a-Q4_0_4_4.gguf", "Q4_0_4_4"),
        ("a-TQ1_0.gguf", "TQ1_0"),
        ("gpt-oss-20b-mxfp4.gguf", "mxfp4"),
        ("a-BF16.gguf", "BF16"),
        ("a-fp16.gguf", "fp16"),
        ("Q8_0/model.gguf", "Q8_0"),
        ("F16-trained-Q6_K.gguf", "Q6_K"),
        ("no-claim.gguf", "no-claim"),
    ],
)
def test_label_is_the_encoding_that_the_name_claims(name: str, label: str) -> None:
    assert split_files([name])[0].label == label


def test_absurd_part_numbers_are_names_like_others() -> None:
    names = ["x-00000-of-00003.gguf", "x-00004-of-00003.gguf", "x-00001-of-99999.gguf"]
    assert [each.files for each in split_files(names)] == sorted((name,) for name in names)


# --- metadata as a config ---------------------------------------------------------------------------------


def numbers(*values: Any) -> Array:
    return Array("bool" if isinstance(values[0], bool) else "int32", len(values), values)


def described(architecture: str, **keys: Any) -> dict[str, Any]:
    """``block_count=2`` is the key "<architecture>.block_count"; two underscores are a dot."""
    part = {f"{architecture}.{key.replace('__', '.')}": value for key, value in keys.items()}
    return config_of({"general.architecture": architecture, **part})


def test_config_has_the_names_of_transformers(tmp_path: Path) -> None:
    """Written by the package's own methods, as converters do: Llama-3.1-8B."""
    writer = write(tmp_path / "x.gguf")
    writer.add_context_length(131_072)
    writer.add_embedding_length(4096)
    writer.add_block_count(32)
    writer.add_feed_forward_length(14_336)
    writer.add_head_count(32)
    writer.add_head_count_kv(8)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(500_000.0)
    writer.add_token_list([f"t{n}" for n in range(128_256)])
    writer.add_bos_token_id(128_000)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q4_K_M)
    finish(writer)
    metadata = parse((tmp_path / "x.gguf").read_bytes()).metadata
    config = config_of(metadata)
    assert config == {
        "model_type": "llama",
        "architectures": ["LlamaForCausalLM"],
        "max_position_embeddings": 131_072,
        "hidden_size": 4096,
        "num_hidden_layers": 32,
        "intermediate_size": 14_336,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "rms_norm_eps": 1e-5,
        "rope_theta": 500_000.0,
        "vocab_size": 128_256,
        "bos_token_id": 128_000,
    }
    assert file_type(metadata) == "Q4_K_M"
    sizes = dimensions(config)
    assert (sizes.layers, sizes.hidden, sizes.heads, sizes.kv_heads, sizes.head_dim) == (32, 4096, 32, 8, 128)
    cache = kv_cache(config, "LlamaForCausalLM", "float16")
    assert cache is not None
    assert cache.bytes_per_token == 131_072


def test_every_file_type_has_the_packages_name() -> None:
    for each in gguf.LlamaFileType:
        if each is not gguf.LlamaFileType.GUESSED:
            name = each.name.removeprefix("ALL_").removeprefix("MOSTLY_")
            assert file_type({"general.file_type": each.value}) == name
    assert file_type({"general.file_type": 9999}) is None
    assert file_type({"general.file_type": "15"}) is None


def test_gemmas_window_is_that_of_five_layers_in_six() -> None:
    """gemma-3-270m: its file names the window, not the layers that have it."""
    config = described(
        "gemma3",
        block_count=18,
        embedding_length=640,
        attention__head_count=4,
        attention__head_count_kv=1,
        attention__key_length=256,
        attention__value_length=256,
        attention__sliding_window=512,
    )
    assert config["head_dim"] == 256
    assert config["layer_types"] == (["sliding_attention"] * 5 + ["full_attention"]) * 3
    cache = kv_cache(config, config["architectures"][0], "bfloat16")
    assert cache is not None
    assert cache.bytes_per_token == 18_432
    assert cache.bytes_per_token_beyond == 3_072


def test_window_by_layer_is_the_files_own() -> None:
    config = described(
        "gemma3n",
        block_count=3,
        attention__sliding_window=512,
        attention__sliding_window_pattern=numbers(True, True, False),
    )
    assert config["layer_types"] == ["sliding_attention", "sliding_attention", "full_attention"]


def test_period_in_the_file_goes_before_the_architectures() -> None:
    config = described(
        "gemma3", block_count=4, attention__sliding_window=512, attention__sliding_window_pattern=2
    )
    assert config["layer_types"] == ["sliding_attention", "full_attention"] * 2


def test_latent_attention() -> None:
    """DeepSeek-V3 as converted since 2025: one KV head of 576 that is the latent and the rotary part."""
    config = described(
        "deepseek2",
        block_count=61,
        embedding_length=7168,
        attention__head_count=128,
        attention__head_count_kv=1,
        attention__key_length=576,
        attention__value_length=512,
        attention__kv_lora_rank=512,
        attention__q_lora_rank=1536,
        rope__dimension_count=64,
        expert_count=256,
        expert_used_count=8,
        expert_gating_func=2,
    )
    assert config["architectures"] == ["DeepseekV3ForCausalLM"]
    cache = kv_cache(config, "DeepseekV3ForCausalLM", "bfloat16")
    assert cache is not None
    assert cache.latent
    assert cache.bytes_per_token == 61 * 576 * 2


def test_layers_without_attention() -> None:
    """Jamba's shape: one layer of attention among Mamba layers."""
    config = described(
        "jamba",
        block_count=8,
        embedding_length=4096,
        attention__head_count=32,
        attention__head_count_kv=numbers(0, 0, 0, 0, 8, 0, 0, 0),
        ssm__state_size=16,
    )
    assert config["num_key_value_heads"] == 8
    assert config["layer_types"] == ["mamba"] * 4 + ["full_attention"] + ["mamba"] * 3
    cache = kv_cache(config, "JambaForCausalLM", "float16")
    assert cache is not None
    assert cache.bytes_per_token == 2 * 8 * 128 * 2
    assert cache.constant_state


def test_convolutions_linear_attention_and_nemotrons_pattern() -> None:
    kv_heads = numbers(0, 8)
    assert described("lfm2", block_count=2, attention__head_count_kv=kv_heads, shortconv__l_cache=3)[
        "layer_types"
    ] == ["conv", "full_attention"]
    assert described("qwen3next", block_count=4, full_attention_interval=4, ssm__state_size=128)[
        "layer_types"
    ] == ["linear_attention"] * 3 + ["full_attention"]
    nemotron = described(
        "nemotron_h",
        block_count=3,
        attention__head_count_kv=numbers(0, 0, 8),
        feed_forward_length=numbers(0, 21_504, 0),
        ssm__state_size=128,
    )
    assert nemotron["hybrid_override_pattern"] == "M-*"


@pytest.mark.parametrize(
    "keys",
    [
        {"attention__head_count_kv": numbers(4, 8)},
        {"attention__head_count_kv": 8, "attention__key_length": 192, "attention__value_length": 128},
        {"attention__head_count_kv": 8, "attention__sliding_window": 128},
        {"attention__head_count_kv": numbers(0, 8)},
    ],
    ids=["kv heads by layer", "keys and values differ", "window of unknown layers", "no attention at all"],
)
def test_what_a_config_cannot_say_gives_no_cache_rather_than_a_wrong_one(keys: dict[str, Any]) -> None:
    config = described("llama", block_count=2, embedding_length=1024, attention__head_count=8, **keys)
    assert kv_cache(config, "LlamaForCausalLM", "float16") is None


def test_layers_that_predict_further_tokens_are_not_among_the_layers() -> None:
    assert described("glm4moe", block_count=47, nextn_predict_layers=1)["num_hidden_layers"] == 46


def test_mixtral_is_known_by_its_experts() -> None:
    config = described("llama", expert_count=8, expert_used_count=2)
    assert (config["model_type"], config["num_experts"], config["num_experts_per_tok"]) == ("mixtral", 8, 2)


def test_unknown_architecture_has_its_own_name_and_no_class() -> None:
    config = described("brand-new", block_count=3)
    assert config == {"model_type": "brand-new", "num_hidden_layers": 3}
    assert config_of({}) == {}
    assert config_of({"general.architecture": 7}) == {}


def test_numbers_that_are_none_are_left_out() -> None:
    config = described(
        "llama", rope__freq_base=math.nan, context_length="long", embedding_length=Array("int32", 9, ())
    )
    assert config.keys() == {"model_type", "architectures"}
