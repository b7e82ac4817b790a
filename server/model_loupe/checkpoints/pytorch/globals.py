"""What loading a file would import and run beyond what tensors need."""

from __future__ import annotations

from typing import Any

from model_loupe.checkpoints.pytorch.dtypes import SIZES
from model_loupe.checkpoints.pytorch.objects import shortened
from model_loupe.checkpoints.pytorch.rebuild import REBUILD
from model_loupe.domain.warnings import Warning


def _allowed() -> frozenset[str]:
    """What ``torch.load(weights_only=True)`` allows: torch/_weights_only_unpickler.py of torch 2.13."""
    types = ("BFloat16", "Bool", "Byte", "Char", "Double", "Float", "Half", "Int", "Long", "Short")
    storages = (*types, "ComplexDouble", "ComplexFloat")
    sparse = tuple(name for name in types if name != "Bool")
    schemes = ("channel_affine", "channel_affine_float_qparams", "channel_symmetric", "tensor_affine")
    return frozenset(
        (
            *(f"collections.{name}" for name in ("OrderedDict", "Counter")),
            *(f"builtins.{name}" for name in ("bytearray", "set", "complex")),
            *("_codecs.encode", "torch.serialization._get_layout", "torch._tensor._rebuild_from_type_v2"),
            *(f"torch.{name}" for name in ("Size", "Tensor", "device", "nn.parameter.Parameter")),
            *(f"torch.storage.{name}" for name in ("TypedStorage", "UntypedStorage")),
            *(f"torch.{name}" for name in SIZES),
            *(f"torch.per_{name}" for name in (*schemes, "tensor_symmetric")),
            *(f"torch.{place}{name}Tensor" for place in ("", "cuda.") for name in types),
            *(f"torch.{place}sparse.{name}Tensor" for place in ("", "cuda.") for name in sparse),
            *(f"torch.{place}{name}Storage" for place in ("", "cuda.") for name in storages),
            *(f"torch.Q{name}Storage" for name in ("Int8", "Int32", "UInt8", "UInt2x4", "UInt4x2")),
            *(f"torch._utils.{function.name}" for function in REBUILD if function.module == "torch._utils"),
            "torch._utils._rebuild_device_tensor_from_numpy",
        )
    ) - {"torch._utils._rebuild_sparse_csr_tensor"}


# First in the warning, since what they do is no part of making a model.
_DANGEROUS = (
    *("os.", "posix.", "nt.", "sys.", "subprocess.", "pty.", "shutil.", "socket.", "runpy.", "importlib."),
    *("ctypes.", "pickle.", "marshal.", "code.", "webbrowser.", "urllib.", "requests.", "http.", "operator."),
    *("builtins.eval", "builtins.exec", "builtins.compile", "builtins.open", "builtins.getattr"),
    *("builtins.setattr", "builtins.__import__", "builtins.breakpoint", "copyreg.extension"),
)


def disallowed_globals(imported: list[str], calls: dict[str, Any], name: str) -> Warning | None:
    """What loading without ``weights_only`` would import and call beyond what tensors need."""
    allowed = _allowed()
    refused = [path for path in imported if path not in allowed]
    if not refused:
        return None
    refused.sort(key=lambda path: not path.startswith(_DANGEROUS))
    shown = ", ".join(_would(path, calls) for path in refused[:5])
    more = f" and {len(refused) - 5:,} more" if len(refused) > 5 else ""
    verb = "would run" if any(path in calls for path in refused) else "would import"
    message = f"{name}: loading it {verb} {shown}{more}; torch.load(weights_only=True) refuses this file"
    return Warning("disallowed-globals", message)


def _would(path: str, calls: dict[str, Any]) -> str:
    """``os.system('rm …')``: the call, as far as its first argument is text."""
    if path not in calls:
        return shortened(path)
    arguments = calls[path]
    first = arguments[0] if type(arguments) is tuple and arguments else None
    shown = (
        repr(first if len(first) <= 60 else first[:59] + "…")
        if type(first) is str
        else "…"
        if arguments
        else ""
    )
    return f"{shortened(path)}({shown})"
