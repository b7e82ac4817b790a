"""Where ``device_map="auto"`` would put each module: the libraries' own answer for a memory."""

from __future__ import annotations

from collections import Counter
from typing import Any, Callable

import torch

from .building import Built, build
from .dtypes import kept_in_float32
from .errors import WorkerError, failed
from .stack import version_of

_STRATEGIES = ("auto", "balanced", "balanced_low_0", "sequential")


def placement(params: dict[str, Any]) -> dict[str, Any]:
    """``{"placements": [{"module", "device", "bytes"}], "devices": {device: bytes}, "max_memory": {…}}``.

    ``max_memory`` maps devices (``0``, ``cpu``) to sizes (bytes or ``"24GiB"``); None: what torch reports.
    ``device_map`` is one of accelerate's strategies.
    """
    library = _library()
    strategy = params.get("device_map") or "auto"
    if strategy not in _STRATEGIES:
        raise WorkerError(
            "bad-device-map", f"device_map is one of {', '.join(_STRATEGIES)}, not {strategy!r}"
        )
    built = build(params)
    model = built.model
    float32 = kept_in_float32(model, built.load.dtype)
    options = _options(built, float32)
    try:
        memory = library.get_max_memory(_memory(params.get("max_memory")))
        if strategy != "sequential":
            low_zero = strategy == "balanced_low_0"
            memory = library.get_balanced_memory(model, max_memory=memory, low_zero=low_zero, **options)
        if version_of("transformers") >= (5, 0):
            options["no_placement_params"] = getattr(model, "_no_placement_params", None)
        devices = library.infer_auto_device_map(model, max_memory=dict(memory), **options)
    except Exception as error:
        raise failed(error, "the device map") from error
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


def _library() -> Any:
    """The module whose functions ``from_pretrained`` asks: accelerate's, in version 5 transformers' own."""
    try:
        from accelerate.utils import modeling
    except ImportError as error:
        message = (
            "accelerate is not installed: from_pretrained needs it for device_map (`pip install accelerate`)"
        )
        raise WorkerError("accelerate-missing", message) from error
    if version_of("transformers") < (5, 0):
        return modeling
    from transformers.integrations import accelerate

    return accelerate


def _options(built: Built, float32: Callable[[str], bool]) -> dict[str, Any]:
    """What ``from_pretrained`` says of the model to both functions."""
    model = built.model
    if version_of("transformers") >= (5, 0):
        return {"no_split_module_classes": model._no_split_modules}
    return {
        "no_split_module_classes": model._get_no_split_modules("auto"),
        "dtype": built.load.dtype,
        "special_dtypes": {name: torch.float32 for name, _ in model.named_parameters() if float32(name)},
    }


def _memory(given: Any) -> dict[Any, Any] | None:
    if not given:
        return None
    return {int(device) if str(device).isdigit() else device: size for device, size in given.items()}


def _sizes(model: Any, devices: dict[str, Any], float32: Callable[[str], bool]) -> dict[str, int]:
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
