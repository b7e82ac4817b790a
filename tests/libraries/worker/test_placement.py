"""Where modules go is what from_pretrained's own functions say for the same memory."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from accelerate import infer_auto_device_map
from accelerate.utils import get_balanced_memory

from tests.libraries.worker.reference import DTYPE, VERSION, config_from
from tests.libraries.worker.tiny import AVAILABLE, builder_of, request, saved
from tests.support.published import GEMMA_2B, LLAMA_405B
from tests.support.worker_process import GIB, WorkerFailed, WorkerProcess

# A memory of any size can be named: no device of this machine is meant.
MEMORIES = [{"0": 2 * GIB, "1": 2 * GIB, "cpu": 64 * GIB}, {"0": "1GiB", "cpu": "2GiB"}, {"cpu": 100 * GIB}]


def real_map(
    config: dict[str, Any], folder: Path, dtype: Any, memory: dict[Any, Any]
) -> tuple[dict[str, Any], int]:
    """By the functions that ``from_pretrained`` calls, over a model built plainly; and its bytes."""
    read = config_from(folder, config)
    with torch.device("meta"):
        model = transformers.AutoModelForCausalLM.from_config(read, **{DTYPE: dtype})
    model.tie_weights()
    if VERSION >= (5, 0):
        from transformers.integrations.accelerate import _get_device_map

        placed = dict(_get_device_map(model, "auto", memory, None))
        return placed, _bytes_of(model, placed)
    options = {"no_split_module_classes": model._get_no_split_modules("auto"), "dtype": dtype}
    balanced = get_balanced_memory(model, max_memory=memory, **options)
    placed = dict(infer_auto_device_map(model, max_memory=balanced, **options))
    return placed, _bytes_of(model, placed)


def _bytes_of(model: torch.nn.Module, placed: dict[str, Any]) -> int:
    """Of what is in a placed module: a buffer of a module that is split is in none."""
    tensors = (*model.named_parameters(), *model.named_buffers())
    return sum(
        tensor.nbytes
        for name, tensor in tensors
        if any(not module or f"{name}.".startswith(f"{module}.") for module in placed)
    )


@pytest.mark.parametrize("memory", MEMORIES, ids=str)
@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_named_memory(memory: dict[str, Any], dtype: str, worker: WorkerProcess, tmp_path: Path) -> None:
    answer = worker.ask(
        "placement", config=GEMMA_2B, builder="AutoModelForCausalLM", dtype=dtype, max_memory=memory
    )
    named = {int(device) if device.isdigit() else device: size for device, size in memory.items()}
    real, nbytes = real_map(GEMMA_2B, tmp_path, getattr(torch, dtype), named)
    assert {row["module"]: row["device"] for row in answer["placements"]} == {
        module: str(device) for module, device in real.items()
    }
    assert sum(row["bytes"] for row in answer["placements"]) == nbytes
    assert sum(answer["devices"].values()) == nbytes


@pytest.mark.parametrize("name", [name for name in AVAILABLE if name in ("llama", "t5", "gpt2", "mixtral")])
def test_on_this_machine(name: str, worker: WorkerProcess, tmp_path_factory: pytest.TempPathFactory) -> None:
    """device_map="auto" as from_pretrained itself applies it here."""
    folder = saved(name, "bfloat16", tmp_path_factory.mktemp("checkpoints"))
    model = builder_of(name).from_pretrained(folder, device_map="auto")
    answer = worker.ask("placement", **request(folder, builder_of(name).__name__))
    told = {row["module"]: row["device"] for row in answer["placements"]}
    # Version 5 keeps no map where there is one device.
    real = getattr(model, "hf_device_map", {"": "cpu"})
    assert told == {module: str(device) for module, device in real.items()}
    tensors = [*model.parameters(), *model.buffers()]
    assert sum(answer["devices"].values()) == sum(tensor.nbytes for tensor in tensors)


def test_strategies(worker: WorkerProcess) -> None:
    memory = {"0": 300 * GIB, "1": 300 * GIB, "2": 300 * GIB, "3": 300 * GIB, "cpu": 2000 * GIB}
    params = {"config": LLAMA_405B, "dtype": "bfloat16", "max_memory": memory}
    shares = {
        strategy: Counter(worker.ask("placement", device_map=strategy, **params)["devices"])
        for strategy in ("auto", "balanced", "balanced_low_0", "sequential")
    }
    assert shares["auto"] == shares["balanced"]
    assert shares["sequential"]["0"] > shares["balanced"]["0"] > shares["balanced_low_0"]["0"]
    assert len({sum(each.values()) for each in shares.values()}) == 1
    with pytest.raises(WorkerFailed, match="device_map is one of"):
        worker.ask("placement", device_map="everywhere", **params)
