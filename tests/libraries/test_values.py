"""How large values are: of a GGUF file those that the gguf package itself unpacks."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from model_loupe.domain.errors import LoupeError
from model_loupe.inspector import Inspector, ModelRequest
from model_loupe.inspector.values import numerics, planned, sample
from model_loupe.inspector.worker_process import Worker

# Those that the package can make; others it can only unpack.
TYPES = ("Q8_0", "Q4_0", "Q5_1", "BF16", "F16", "F32")


@pytest.fixture(autouse=True)
def no_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_LOUPE_NO_CACHE", "1")


def values_of(path: Path, worker: Worker) -> dict[str, Any]:
    found = planned(Inspector().describe(ModelRequest(str(path))), sys.executable)
    sample(found, worker)
    return numerics(found)


def write(path: Path, tensors: dict[str, tuple[np.ndarray[Any, Any], str]]) -> Path:
    """A GGUF file with each tensor in a type of ggml."""
    writer = gguf.GGUFWriter(str(path), "llama")
    for name, (values, kind) in tensors.items():
        of_ggml = gguf.GGMLQuantizationType[kind]
        packed = gguf.quants.quantize(values, of_ggml)
        writer.add_tensor(name, packed, raw_dtype=of_ggml)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def exponents(values: np.ndarray[Any, Any]) -> dict[int, int]:
    """How many values have which binary exponent, zero left out."""
    found = np.frexp(values[values != 0])[1] - 1
    return {
        int(exponent): int(count)
        for exponent, count in zip(*np.unique(found, return_counts=True), strict=True)
    }


def random(rows: int, columns: int, seed: int = 0) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).standard_normal((rows, columns), np.float32)


@pytest.mark.parametrize("kind", TYPES)
def test_small_tensors_are_read_whole(tmp_path: Path, worker: Worker, kind: str) -> None:
    given = random(48, 256)
    path = write(
        tmp_path / "model.gguf",
        {"blk.0.attn_q.weight": (given, kind), "output_norm.weight": (given[0], "F32")},
    )
    of_ggml = gguf.GGMLQuantizationType[kind]
    unpacked = gguf.quants.dequantize(gguf.quants.quantize(given, of_ggml), of_ggml)
    found = values_of(path, worker)
    assert found["elements"] == found["sampled"] == 49 * 256
    everything = np.concatenate([unpacked.ravel(), given[0]])
    assert dict(map(tuple, found["exponents"]["before"])) == exponents(everything)
    block, nbytes = gguf.GGML_QUANT_SIZES[of_ggml]
    assert found["read_bytes"] == 48 * 256 // block * nbytes + 256 * 4


def test_large_tensors_are_sampled(tmp_path: Path, worker: Worker) -> None:
    given = random(1024, 1024)
    found = values_of(write(tmp_path / "model.gguf", {"blk.0.ffn_up.weight": (given, "Q8_0")}), worker)
    assert found["elements"] == 2**20
    assert found["sampled"] < 2**15
    assert found["read_bytes"] == found["sampled"] // 32 * 34
    counts = dict(map(tuple, found["exponents"]["before"]))
    assert max(counts, key=counts.__getitem__) in (-2, -1, 0)
    of_ggml = gguf.GGMLQuantizationType.Q8_0
    unpacked = gguf.quants.dequantize(gguf.quants.quantize(given, of_ggml), of_ggml)
    assert sum(counts.values()) == pytest.approx(np.count_nonzero(unpacked), rel=0.01)


def test_other_files_are_measured_as_casts_are(tmp_path: Path, worker: Worker) -> None:
    save_file(
        {"a.weight": torch.full((4, 8), 3.0), "b.weight": torch.zeros(4)}, tmp_path / "model.safetensors"
    )
    found = values_of(tmp_path / "model.safetensors", worker)
    assert found["exponents"]["before"] == [[1, 32]]


def test_what_cannot_be_read_is_said(tmp_path: Path, worker: Worker) -> None:
    whole = write(tmp_path / "whole.gguf", {"blk.0.ffn_up.weight": (random(64, 256), "Q8_0")})
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(whole.read_bytes()[:-100])
    with pytest.raises(LoupeError, match=r"ends before blk\.0\.ffn_up\.weight does"):
        values_of(cut, worker)
    save_file({"a.steps": torch.arange(3)}, tmp_path / "model.safetensors")
    with pytest.raises(LoupeError, match="has no floating values"):
        values_of(tmp_path / "model.safetensors", worker)
