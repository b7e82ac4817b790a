"""The dtype that ``from_pretrained`` gives parameters, by the rules of the installed version.

Read from ``from_pretrained`` and ``_get_dtype`` in transformers' ``modeling_utils.py``: version 4 takes
``torch.get_default_dtype()`` unless the call says otherwise, version 5 "auto" for no dtype and for None.
"auto" is the config's dtype, else that of the checkpoint's first floating tensor.
"""

from __future__ import annotations

import re
from re import Pattern
from typing import Any, NamedTuple

import torch
import transformers

from .errors import WorkerError
from .stack import version_of


class Load(NamedTuple):
    """``rule`` says where ``dtype`` comes from; ``everywhere``: parts with their own configs get it too."""

    dtype: torch.dtype
    rule: str
    everywhere: bool


def load_dtype(config: Any, given: str | None, first_floating: str | None) -> Load:
    """What a call that gives ``given`` ("auto", "float16", "None", None: no such argument) loads."""
    if given not in (None, "None", "auto"):
        return Load(_named(str(given)), "given in the call", True)
    version = f"transformers {transformers.__version__}"
    if version_of("transformers") < (5, 0) and given != "auto":
        return Load(torch.get_default_dtype(), f"{version} defaults to float32", True)
    why = "auto" if given == "auto" else f'{version} defaults to "auto"'
    declared = getattr(config, _field(), None)
    # Version 4 leaves the parts of a composite model their own configs' dtypes.
    everywhere = version_of("transformers") >= (5, 0)
    if declared is not None:
        found = declared if isinstance(declared, torch.dtype) else _named(str(declared))
        return Load(found, f"{why}: the config's dtype", everywhere)
    if first_floating:
        return Load(_named(first_floating), f"{why}: the first floating tensor's dtype", everywhere)
    return Load(torch.get_default_dtype(), f"{why}: neither config nor weights tell a dtype", everywhere)


def quantized_dtype(quantizer: Any, load: Load) -> Load:
    """What the quantiser makes of the dtype: some take float16 or bfloat16 where the call gives none."""
    update = getattr(quantizer, "update_dtype", None) or getattr(quantizer, "update_torch_dtype", None)
    given = None if version_of("transformers") < (5, 0) and "defaults to" in load.rule else load.dtype
    try:
        found = update(given) if update else load.dtype
    except Exception:
        return load
    if not isinstance(found, torch.dtype) or found == load.dtype:
        return load
    return load._replace(dtype=found, rule="the quantiser's default")


def set_on_config(config: Any, load: Load) -> None:
    """The config says the dtype to the parts that are built from it."""
    name = _field()
    if not load.everywhere or not hasattr(config, "sub_configs"):
        return
    setattr(config, name, load.dtype)
    for key in config.sub_configs:
        part = getattr(config, key, None)
        if part is not None and not isinstance(part, dict):
            setattr(part, name, load.dtype)


def _field() -> str:
    """What configs call their dtype; from 4.56 on both spellings of a file become ``dtype``."""
    return "dtype" if version_of("transformers") >= (4, 56) else "torch_dtype"


def kept_in_float32(model: Any, dtype: torch.dtype) -> Any:
    """Which parameters stay float32 at ``dtype``: a function of the name.

    ``_keep_in_fp32_modules`` guards float16 alone, ``_keep_in_fp32_modules_strict`` bfloat16 too.
    """
    names: list[str] = []
    if dtype == torch.float16:
        names += list(getattr(model, "_keep_in_fp32_modules", None) or [])
    if dtype in (torch.float16, torch.bfloat16):
        names += list(getattr(model, "_keep_in_fp32_modules_strict", None) or [])
    if not names:
        return lambda name: False
    pattern = _pattern(names)
    return lambda name: bool(pattern.search(name))


def _pattern(names: list[str]) -> Pattern[str]:
    try:
        from transformers.core_model_loading import build_glob_alternation
    except ImportError:
        # As version 4 does: whole parts of a dotted name.
        return re.compile("|".join(rf"((^|\.){name}($|\.))" for name in names))
    found: Pattern[str] = build_glob_alternation(names)[0]
    return found


def _named(name: str) -> torch.dtype:
    found = getattr(torch, name.replace("torch.", ""), None)
    if not isinstance(found, torch.dtype):
        raise WorkerError("bad-dtype", f"{name!r} is no dtype of torch {torch.__version__}")
    if not found.is_floating_point:
        raise WorkerError("bad-dtype", f"a model is loaded in a floating dtype, {name} is none")
    return found


def name_of(dtype: torch.dtype) -> str:
    """``bfloat16`` for ``torch.bfloat16``."""
    return str(dtype).replace("torch.", "")
