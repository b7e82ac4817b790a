"""Casts of files of torch.save are measured where their values lie; nothing of the pickle is run."""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from model_loupe.domain.casts.targets import target_named
from model_loupe.inspector import Inspector, ModelRequest
from model_loupe.inspector.casting import Preview, measure, preview
from model_loupe.inspector.worker_process import Worker
from tests.libraries.casts import hostile

TARGETS = ("float16", "float8_e4m3fn", "int8", "nf4", "Q8_0")


@pytest.fixture(autouse=True)
def no_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_LOUPE_NO_CACHE", "1")


def folder_of(root: Path, name: str) -> Path:
    folder = root / name
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "gemma"}))
    return folder


def measured(folder: Path, worker: Worker, *, exact: bool = True) -> Preview:
    description = Inspector().describe(ModelRequest(str(folder)))
    targets = [target_named(name) for name in TARGETS]
    found = preview(description, targets, sys.executable, exact=exact)
    measure(found, worker)
    return found


def tensors() -> dict[str, torch.Tensor]:
    chance = torch.Generator().manual_seed(0)
    whole = torch.randn(64, 96, generator=chance)
    return {
        "model.a.weight": hostile(torch.float32),
        "model.half.weight": torch.randn(16, 64, generator=chance).half(),
        "model.brain.weight": hostile(torch.bfloat16),
        "model.rows.weight": whole[16:48],
        "model.norm.weight": torch.ones(64),
        "model.steps": torch.arange(3),
    }


@pytest.mark.parametrize("wrap", [False, True], ids=["bare", "below a key"])
@pytest.mark.parametrize("exact", [True, False], ids=["exact", "sampled"])
def test_figures_are_those_of_safetensors(tmp_path: Path, worker: Worker, exact: bool, wrap: bool) -> None:
    values = tensors()
    save_file(
        {name: each.contiguous() for name, each in values.items()},
        folder_of(tmp_path, "safe") / "model.safetensors",
    )
    torch.save(
        {"state_dict": values, "epoch": 3} if wrap else values,
        folder_of(tmp_path, "pickled") / "pytorch_model.bin",
    )
    expected, found = (measured(tmp_path / name, worker, exact=exact) for name in ("safe", "pickled"))
    assert expected.complete and found.complete
    assert found.unmeasured.keys() == expected.unmeasured.keys()
    assert found.sums == expected.sums
    assert len(found.sums["float16"]) == 5


def test_what_runs_code_when_it_is_loaded_is_measured_all_the_same(tmp_path: Path, worker: Worker) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return open, (str(tmp_path / "sprung"), "w")

    path = folder_of(tmp_path, "trap") / "pytorch_model.bin"
    torch.save({"model.a.weight": torch.ones(4, 4), "trap": Trap()}, path)
    assert measured(path.parent, worker).sums["float16"]["model.a.weight"].elements == 16
    assert not (tmp_path / "sprung").exists()


def test_what_does_not_lie_in_one_piece_is_said(tmp_path: Path, worker: Worker) -> None:
    turned = {"model.a.weight": torch.randn(8, 4).t()}
    torch.save(turned, folder_of(tmp_path, "turned") / "pytorch_model.bin")
    old = folder_of(tmp_path, "old") / "pytorch_model.bin"
    torch.save({"model.a.weight": torch.randn(8, 4)}, old, _use_new_zipfile_serialization=False)
    packed = folder_of(tmp_path, "packed") / "pytorch_model.bin"
    with (
        zipfile.ZipFile(tmp_path / "turned" / "pytorch_model.bin") as before,
        zipfile.ZipFile(packed, "w") as after,
    ):
        for name in before.namelist():
            after.writestr(name, before.read(name), zipfile.ZIP_DEFLATED)
    for name in ("turned", "old", "packed"):
        found = measured(tmp_path / name, worker)
        assert {why.code for why in found.unmeasured.values()} == {"not-contiguous"}
        assert (
            "model.a.weight does not lie in pytorch_model.bin in one piece" in found.unmeasured["nf4"].message
        )


def test_a_file_that_changes_meanwhile_is_noticed(tmp_path: Path, worker: Worker) -> None:
    path = folder_of(tmp_path, "changing") / "pytorch_model.bin"
    torch.save({"model.a.weight": torch.randn(64, 64)}, path)
    description = Inspector().describe(ModelRequest(str(path.parent)))
    found = preview(description, [target_named("float16")], sys.executable, exact=True)
    torch.save({"model.b.weight": torch.randn(64, 64)}, path)
    measure(found, worker)
    assert "float16" in found.unmeasured
