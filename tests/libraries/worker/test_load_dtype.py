"""Each parameter's dtype is what from_pretrained of the installed version gives it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.libraries.worker.reference import DTYPE, differences
from tests.libraries.worker.tiny import AVAILABLE, MODELS, builder_of, request, saved
from tests.support.worker_process import Unfolded, WorkerProcess

# What a call may say, and how the worker is told.
SAYS: dict[str | None, Any] = {
    None: {},
    "None": {DTYPE: None},
    "auto": {DTYPE: "auto"},
    "float16": {DTYPE: torch.float16},
    "bfloat16": {DTYPE: torch.bfloat16},
    "float32": {DTYPE: torch.float32},
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("checkpoints")


@pytest.mark.parametrize("name", AVAILABLE)
def test_as_loaded(name: str, root: Path, worker: WorkerProcess) -> None:
    folder = saved(name, "bfloat16", root)
    wrong = []
    for said, arguments in SAYS.items():
        worker.send("architecture", **request(folder, MODELS[name][0], dtype=said))
        model = builder_of(name).from_pretrained(folder, **arguments)
        answer = worker.receive()
        wrong += [f"{said}: {each}" for each in differences(answer, model)]
        dtypes = {each["dtype"] for each in Unfolded(answer["tree"]).parameters.values()}
        assert answer["dtype"] in dtypes
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("spelling", ["torch_dtype", "dtype"])
@pytest.mark.parametrize("declared", ["float16", None])
def test_auto_without_a_declared_dtype(
    spelling: str, declared: str | None, root: Path, worker: WorkerProcess, tmp_path: Path
) -> None:
    """ "auto" goes by the config, under both of its names, then by the first floating tensor."""
    folder = saved("llama", "bfloat16", root)
    config = json.loads((folder / "config.json").read_text())
    config.pop("torch_dtype", None)
    config.pop("dtype", None)
    if declared:
        config[spelling] = declared
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "model.safetensors").symlink_to(folder / "model.safetensors")
    for said in (None, "auto"):
        model = builder_of("llama").from_pretrained(tmp_path, **SAYS[said])
        answer = worker.ask("architecture", **request(tmp_path, "AutoModelForCausalLM", dtype=said))
        assert not list(differences(answer, model)), said


def test_strings_are_dtypes(root: Path, worker: WorkerProcess) -> None:
    folder = saved("llama", "bfloat16", root)
    for said in ("torch.float16", "float16"):
        assert worker.ask("architecture", **request(folder, "AutoModel", dtype=said))["dtype"] == "float16"
