"""torch and transformers as this interpreter has them: which versions, and loading them once."""

from __future__ import annotations

import gc
import importlib
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import metadata
from typing import Any

from .errors import WorkerError

_LIBRARIES = ("torch", "transformers", "accelerate", "tokenizers")
_OLDEST_TRANSFORMERS = (4, 38)
_OLDEST_TORCH = (2, 4)

_IMPORTED = (
    "torch",
    "transformers",
    "transformers.modeling_utils",
    "transformers.models.auto.modeling_auto",
)
# Above the level of any message.
_SILENT = 100

_loaded = False


def installed() -> dict[str, Any]:
    """The interpreter and the versions of the libraries it has; nothing is imported."""
    return {
        "python": ".".join(map(str, sys.version_info[:3])),
        "executable": sys.executable,
        "pid": os.getpid(),
        "versions": {name: _version(name) for name in _LIBRARIES},
    }


def load(model_type: str | None) -> dict[str, Any]:
    """Imports torch and transformers, and the modelling code of ``model_type``; says what is missing."""
    global _loaded
    if not _loaded:
        _import_all()
        _loaded = True
    if model_type:
        _import_modelling(model_type)
    return {}


def load_torch() -> None:
    """Imports torch alone; says what is missing."""
    if not _loaded:
        where = f"in {sys.executable}"
        _require("torch", _OLDEST_TORCH, where)
        _import("torch", where)
        _import("numpy", where)


@contextmanager
def one_thread() -> Iterator[None]:
    """torch without gradients and in one thread, as long as a cast is under way.

    Its pieces are small: what a second thread saves of one is less than waiting for it costs on a busy
    machine.
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.no_grad():
            yield
    finally:
        torch.set_num_threads(threads)


@cache
def version_of(name: str) -> tuple[int, ...]:
    """``(5, 23)`` of an installed library; () if there is none."""
    return _numbers(_version(name) or "")


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _numbers(version: str) -> tuple[int, ...]:
    parts = []
    for part in version.split(".")[:2]:
        digits = "".join(character for character in part if character.isdigit())
        if not digits:
            break
        parts.append(int(digits))
    return tuple(parts)


def _import_all() -> None:
    where = f"in {sys.executable}"
    _require("torch", _OLDEST_TORCH, where)
    _require("transformers", _OLDEST_TRANSFORMERS, where)
    warnings.simplefilter("ignore")
    # The imports make hundreds of thousands of objects that all stay: collecting meanwhile finds nothing.
    gc.disable()
    try:
        for name in _IMPORTED:
            _import(name, where)
        import transformers

        transformers.logging.set_verbosity(_SILENT)
    finally:
        gc.freeze()
        gc.enable()
        # A model is tens of thousands of objects, made at once: by default every few hundred are looked at.
        gc.set_threshold(100_000, 20, 20)


def _import(name: str, where: str) -> None:
    try:
        importlib.import_module(name)
    except (Exception, SystemExit) as error:
        library = name.partition(".")[0]
        lines = str(error).strip().splitlines() or [""]
        why = f"{type(error).__name__}: {lines[0][:300]}"
        raise WorkerError(f"{library}-broken", f"{library} {where} cannot be imported: {why}") from error


def _require(name: str, oldest: tuple[int, int], where: str) -> None:
    version = _version(name)
    needed = ".".join(map(str, oldest))
    if version is None:
        message = (
            f"{name} is not installed {where}: `pip install {name}` there shows what the code will build"
        )
        raise WorkerError(f"{name}-missing", message)
    if _numbers(version) < oldest:
        raise WorkerError(
            f"{name}-too-old", f"{name} {version} {where} is too old: {needed} or newer is needed"
        )


def _import_modelling(model_type: str) -> None:
    """Best effort: the first request for such a model then finds it imported."""
    from transformers import AutoModel
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    try:
        AutoModel._model_mapping[CONFIG_MAPPING[model_type]]
    except Exception:
        return
