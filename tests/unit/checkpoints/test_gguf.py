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
from gguf import GGMLQuantizationType, GGUFEndian, GGUFReader, GGUFValueType, GGUFWriter
from hypothesis import example, given, settings

from model_loupe.checkpoints.gguf import (
    BY_DTYPE,
    FIRST_READ,
    GGML_TYPES,
    KEPT_ITEMS,
    MAX_CHUNK,
    Array,
    Gguf,
    GgufSet,
    config_of,
    file_type,
    parse_gguf,
    split_files,
)
from model_loupe.domain.kv_cache import dimensions, kv_cache


class Ranges:
    """A file's bytes by range, as a source gives them; remembers what was asked for."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.asked: list[tuple[int, int]] = []

    def __call__(self, offset: int, length: int) -> bytes:
        assert 0 <= offset
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
    monkeypatch.setattr("model_loupe.checkpoints.gguf.FIRST_READ", chunk)
    monkeypatch.setattr("model_loupe.checkpoints.gguf.MAX_CHUNK", chunk)
    found = parse_gguf(lambda offset, length: content[offset : offset + length], len(content), "x.gguf")
    assert found == whole
