"""Where ``device_map="auto"`` would put each module: accelerate's own answer for the memory that is named."""

from __future__ import annotations

from collections import Counter
from typing import Any

from .building import build
from .dtypes import kept_in_float32
from .errors import WorkerError, failed

_STRATEGIES = ("auto", "balanced", "balanced_low_0", "sequential")


def placement(params: dict[str, Any]) -> dict[str, Any]:
    """``{"placements": [{"module", "device", "bytes"}], "devices": {device: bytes}, "max_memory": {…}}``.

    ``max_memory`` maps devices (``0``, ``cpu``) to sizes (bytes or ``"24GiB"``); None: what torch reports.
    ``device_map`` is one of accelerate's strategies.
    """
    try:
        from accelerate import infer_auto_device_map
        from accelerate.utils import get_balanced_memory, get_max_memory
    except ImportError as error:
        message = (
            "accelerate is not installed: from_pretrained needs it for device_map (`pip install accelerate`)"
        )
        raise WorkerError("accelerate-missing", message) from error
    strategy = params.get("device_map") or "auto"
    if strategy not in _STRATEGIES:
        raise WorkerError(
            "bad-device-map", f"device_map is one of {', '.join(_STRATEGIES)}, not {strategy!r}"
        )
    built = build(params)
    model = built.model
    float32 = kept_in_float32(model, built.load.dtype)
    import torch

    special = {name: torch.float32 for name, _ in model.named_parameters() if float32(name)}
    options: dict[str, Any] = {
        "no_split_module_classes": _unsplit(model),
        "dtype": built.load.dtype,
        "special_dtypes": special,
    }
    try:
        memory = get_max_memory(_memory(params.get("max_memory")))
        if strategy != "sequential":
            memory = get_balanced_memory(
                model, max_memory=memory, low_zero=strategy == "balanced_low_0", **options
            )
        devices = infer_auto_device_map(model, max_memory=dict(memory), **options)
    except Exception as error:
        raise failed(error, "accelerate's device map") from error
    sizes = _sizes(model, devices, float32)
    totals: Counter[str] = Counter()
    for module, device in devices.items():
        totals[str(device)] += sizes[module]
    return {
        "placements": [
            {"module": module, "device": str(device), "bytes": sizes[module]}
            for module, device in devices.items()
        ],
        "devices": dict(totals),
        "max_memory": {str(device): size for device, size in memory.items()},
    }


def _unsplit(model: Any) -> list[str]:
    """The classes of layers that stay on one device."""
    getter = getattr(model, "_get_no_split_modules", None)
    if getter is not None:
        return list(getter("auto"))
    return list(getattr(model, "_no_split_modules", None) or [])


def _memory(given: Any) -> dict[Any, Any] | None:
    if not given:
        return None
    return {int(device) if str(device).isdigit() else device: size for device, size in given.items()}


def _sizes(model: Any, devices: dict[str, Any], float32: Any) -> dict[str, int]:
    """Bytes of the parameters and buffers under each placed module; tied ones with the first."""
    sizes = dict.fromkeys(devices, 0)
    for tensors in (model.named_parameters(), model.named_buffers()):
        for name, value in tensors:
            owner = name
            while owner not in sizes and owner:
                owner = owner.rpartition(".")[0]
            if owner in sizes:
                width = 4 if float32(name) and value.is_floating_point() else value.element_size()
                sizes[owner] += value.numel() * width
    return sizes
