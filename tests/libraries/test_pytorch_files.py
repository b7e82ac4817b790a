"""Files that the real torch writes, read by us without torch and compared with what torch.load gives."""

from __future__ import annotations

import argparse
import random
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from model_loupe.checkpoints.pytorch.reader import read_pytorch
from model_loupe.checkpoints.pytorch.results import PyTorchFile


def read(path: Path) -> PyTorchFile:
    content = path.read_bytes()
    return read_pytorch(lambda offset, length: content[offset : offset + length], len(content), path.name)


def saved(value: Any, path: Path, **options: Any) -> PyTorchFile:
    torch.save(value, path, **options)
    return read(path)


def names_of(value: Any, prefix: str = "") -> dict[str, torch.Tensor]:
    """Every tensor in dicts, lists and modules, by the name that it has there."""
    if isinstance(value, torch.Tensor):
        return {prefix: value}
    if isinstance(value, nn.Module):
        value = value.state_dict()
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if (isinstance(value, (list, tuple)))
        else ()
    )
    found: dict[str, torch.Tensor] = {}
    for key, item in items:
        found.update(names_of(item, f"{prefix}.{key}" if prefix else str(key)))
    return found


def compare(found: PyTorchFile, loaded: dict[str, torch.Tensor]) -> None:
    """Names, dtypes, shapes, strides, offsets, and which tensors share a storage."""
    assert found.tensors.keys() == loaded.keys()
    for name, tensor in loaded.items():
        kind, layout = found.tensors[name], found.layouts[name]
        assert (kind.dtype, kind.shape) == (str(tensor.dtype).removeprefix("torch."), tuple(tensor.shape)), (
            name
        )
        assert kind.elements == tensor.numel()
        assert kind.nbytes == tensor.numel() * tensor.element_size()
        assert (layout.stride, layout.offset) == (tensor.stride(), tensor.storage_offset()), name
    storages: dict[int, list[str]] = {}
    for name, tensor in loaded.items():
        storages.setdefault(tensor.untyped_storage()._cdata, []).append(name)
    assert sorted(map(sorted, found.shared)) == sorted(sorted(g) for g in storages.values() if len(g) > 1)
    sizes = {t.untyped_storage()._cdata: t.untyped_storage().nbytes() for t in loaded.values()}
    assert found.stored_nbytes == sum(sizes.values())


CONTAINERS = {"zip": {}, "legacy": {"_use_new_zipfile_serialization": False}}
# Those that have a storage class of their own, which is all that the legacy format knows.
CLASSIC = (
    *(torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int8, torch.uint8, torch.int16),
    *(torch.int32, torch.int64, torch.bool, torch.complex64, torch.complex128),
)
NEWER = (
    *(torch.complex32, torch.uint16, torch.uint32, torch.uint64, torch.float8_e8m0fnu),
    *(torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e4m3fnuz, torch.float8_e5m2fnuz),
)


def of_dtypes(dtypes: tuple[torch.dtype, ...]) -> dict[str, torch.Tensor]:
    return {str(dtype): torch.empty(3, 2, dtype=dtype) for dtype in dtypes}


def views() -> dict[str, torch.Tensor]:
    base = torch.arange(24, dtype=torch.float32).reshape(4, 6)
    return {
        "whole": base,
        "transposed": base.t(),
        "column": base[:, 2],
        "every.second": base[::2, ::3],
        "expanded": torch.zeros(1, 3).expand(5, 3),
        "same": base,
        "scalar": torch.tensor(1.5),
        "none": torch.empty(0, 3),
        "channels.last": torch.zeros(2, 3, 4, 5).to(memory_format=torch.channels_last),
    }


def tied_module() -> nn.Module:
    module = nn.Module()
    module.embed = nn.Embedding(10, 4)
    module.head = nn.Linear(4, 10, bias=False)
    module.head.weight = module.embed.weight
    module.norm = nn.BatchNorm1d(4)
    module.register_buffer("mask", torch.ones(3, 3))
    module.register_buffer("scratch", torch.ones(7), persistent=False)
    return module


STATES: dict[str, Callable[[], Any]] = {
    "views": views,
    "every dtype": lambda: of_dtypes(CLASSIC),
    "a module's state dict": lambda: tied_module().state_dict(),
    "an ordered dict": lambda: OrderedDict(a=torch.zeros(2), b=torch.zeros(3)),
    "parameters": lambda: {"a": nn.Parameter(torch.zeros(2, 3)), "b": nn.Parameter(torch.zeros(2), False)},
    "a list": lambda: [torch.zeros(2), torch.zeros(3)],
    "a parameter with an attribute": lambda: {"a": with_attribute()},
    "many tensors": lambda: {f"layers.{n}.weight": torch.zeros(3, n % 7 + 1) for n in range(2000)},
}


def with_attribute() -> nn.Parameter:
    parameter = nn.Parameter(torch.zeros(4))
    parameter.note = "kept"  # type: ignore[attr-defined]
    return parameter


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("case", STATES)
def test_state_dicts(case: str, container: str, tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    found = saved(STATES[case](), path, **CONTAINERS[container])
    assert (found.container, found.warnings) == (container, [])
    compare(found, names_of(torch.load(path, weights_only=True)))


def test_dtypes_without_a_storage_class(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    found = saved(of_dtypes(NEWER), path)
    assert found.warnings == []
    compare(found, names_of(torch.load(path, weights_only=True)))


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_pickle_protocol(protocol: int, tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    found = saved(views(), path, pickle_protocol=protocol)
    compare(found, names_of(torch.load(path, weights_only=False)))


def training_state() -> dict[str, Any]:
    module = tied_module()
    optimizer = torch.optim.AdamW(module.parameters())
    module.head(module.norm(module.embed(torch.arange(5)))).sum().backward()
    optimizer.step()
    return {
        "epoch": 3,
        "global_step": 100,
        "pytorch-lightning_version": "2.5.0",
        "state_dict": module.state_dict(),
        "optimizer_states": [optimizer.state_dict()],
        "lr_schedulers": [{"last_epoch": 3, "base_lrs": [0.1]}],
        "loops": {"fit_loop": {"state_dict": {}}},
        "hyper_parameters": {"lr": 0.1, "layers": [1, 2]},
    }


@pytest.mark.parametrize("container", CONTAINERS)
def test_a_lightning_checkpoint(container: str, tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    found = saved(training_state(), path, **CONTAINERS[container])
    loaded = torch.load(path, weights_only=True)
    assert (found.kind, found.prefix, found.warnings) == ("checkpoint", "state_dict", [])
    assert found.tensors.keys() == loaded["state_dict"].keys()
    assert found.facts["epoch"] == 3
    optimizer = next(part for part in found.parts if part.kind == "optimizer-state")
    moments = names_of(loaded["optimizer_states"])
    assert (optimizer.tensors, optimizer.elements) == (len(moments), sum(t.numel() for t in moments.values()))


@pytest.mark.parametrize("container", CONTAINERS)
def test_a_whole_module(container: str, tmp_path: Path) -> None:
    path = tmp_path / "module.pt"
    # What a class of this very test would need: only torch's own are in it.
    module = nn.Sequential(OrderedDict(a=nn.Linear(3, 4), b=nn.BatchNorm1d(4), c=nn.Linear(4, 3)))
    found = saved(module, path, **CONTAINERS[container])
    loaded = torch.load(path, weights_only=False)
    assert (found.kind, found.class_path) == ("module", "torch.nn.modules.container.Sequential")
    assert [warning.code for warning in found.warnings] == ["disallowed-globals"]
    assert found.tensors.keys() == loaded.state_dict().keys()
    assert found.buffers == {name for name, _ in loaded.named_buffers()}


def test_a_module_s_tied_and_transient_tensors(tmp_path: Path) -> None:
    found = saved(tied_module(), tmp_path / "module.pt")
    assert found.tensors.keys() == tied_module().state_dict().keys()
    assert found.tied == [["embed.weight", "head.weight"]]
    assert "scratch" not in found.tensors


def scheduler_state() -> dict[str, Any]:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))])
    return torch.optim.lr_scheduler.StepLR(optimizer, 1).state_dict()


OTHERS: dict[str, tuple[Callable[[], Any], str]] = {
    "optimizer": (lambda: torch.optim.AdamW([nn.Parameter(torch.zeros(3))]).state_dict(), "optimizer-state"),
    "scheduler": (
        lambda: torch.optim.lr_scheduler.StepLR(
            torch.optim.SGD([nn.Parameter(torch.zeros(1))]), 1
        ).state_dict(),
        "scheduler",
    ),
    "random state of the Trainer": (
        lambda: {
            "python": random.getstate(),
            "numpy": np.random.get_state(),
            "cpu": torch.random.get_rng_state(),
        },
        "rng-state",
    ),
    "arguments": (lambda: argparse.Namespace(lr=1e-3, output_dir="x"), "training-args"),
}


@pytest.mark.parametrize("case", OTHERS)
def test_what_is_no_weights_is_said_to_be_none(case: str, tmp_path: Path) -> None:
    make, kind = OTHERS[case]
    assert saved(make(), tmp_path / "x.pt").kind == kind


def test_training_arguments_of_transformers(tmp_path: Path) -> None:
    from transformers import TrainingArguments

    found = saved(TrainingArguments(output_dir=str(tmp_path)), tmp_path / "training_args.bin")
    assert found.kind == "training-args"
    assert found.class_path == "transformers.training_args.TrainingArguments"


def test_torchscript(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    torch.jit.save(torch.jit.script(nn.Linear(2, 3)), path)
    assert read(path).kind == "torchscript"


def test_an_exported_program(tmp_path: Path) -> None:
    path = tmp_path / "x.pt2"
    torch.export.save(torch.export.export(nn.Linear(2, 3), (torch.zeros(1, 2),)), path)
    assert read(path).kind == "exported-program"


def test_a_graph_module(tmp_path: Path) -> None:
    module = torch.fx.symbolic_trace(nn.Sequential(nn.Linear(2, 3)))
    found = saved(module, tmp_path / "x.pt")
    assert found.tensors.keys() == module.state_dict().keys()


def test_quantized_tensors(tmp_path: Path) -> None:
    row = torch.quantize_per_tensor(torch.ones(4, 6), 0.1, 3, torch.quint8)
    channel = torch.quantize_per_channel(torch.ones(4, 6), torch.ones(4), torch.zeros(4), 0, torch.qint8)
    found = saved({"a": row, "b": channel}, tmp_path / "x.pt")
    assert {name: kind.dtype for name, kind in found.tensors.items()} == {"a": "quint8", "b": "qint8"}
    assert {layout.form for layout in found.layouts.values()} == {"quantized"}
    assert found.tensors["a"].shape == (4, 6)


def test_sparse_tensors(tmp_path: Path) -> None:
    dense = torch.eye(5)
    found = saved({"coo": dense.to_sparse(), "csr": dense.to_sparse_csr()}, tmp_path / "x.pt")
    assert {name: (kind.shape, kind.elements) for name, kind in found.tensors.items()} == {
        "coo": ((5, 5), 25),
        "csr": ((5, 5), 25),
    }
    assert {name: layout.form for name, layout in found.layouts.items()} == {
        "coo": "sparse_coo",
        "csr": "sparse_csr",
    }
    # Five values of 4 bytes; two, and five and six, indices of 8.
    assert found.tensors["coo"].nbytes == 5 * 4 + 2 * 5 * 8
    assert found.tensors["csr"].nbytes == 5 * 4 + (6 + 5) * 8


def test_meta_and_nested_tensors(tmp_path: Path) -> None:
    nested = torch.nested.nested_tensor([torch.zeros(2, 3), torch.zeros(4, 3)])
    found = saved({"meta": torch.empty(3, 4, device="meta"), "nested": nested}, tmp_path / "x.pt")
    assert (found.tensors["meta"].shape, found.tensors["meta"].nbytes) == ((3, 4), 0)
    assert (found.layouts["nested"].form, found.tensors["nested"].elements) == ("nested", 18)


def test_a_subclass_that_wraps(tmp_path: Path) -> None:
    from torchao.quantization import Int8WeightOnlyConfig, quantize_

    module = nn.Sequential(nn.Linear(64, 32, bias=False))
    quantize_(module, Int8WeightOnlyConfig())
    found = saved(module.state_dict(), tmp_path / "x.pt")
    kind = found.tensors["0.weight"]
    assert (kind.shape, kind.elements) == ((32, 64), 32 * 64)
    assert kind.nbytes >= 32 * 64


def test_a_distributed_tensor(tmp_path: Path) -> None:
    import torch.distributed as distributed
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.tensor import Shard, distribute_tensor

    store = distributed.FileStore(str(tmp_path / "store"), 1)
    distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    try:
        mesh = init_device_mesh("cpu", (1,))
        found = saved({"w": distribute_tensor(torch.zeros(8, 4), mesh, [Shard(0)])}, tmp_path / "x.pt")
    finally:
        distributed.destroy_process_group()
    assert (found.tensors["w"].shape, found.tensors["w"].dtype) == ((8, 4), "float32")
