"""Tells the worker where the values of PyTorch and GGUF files lie: it reads bytes, and unpickles nothing."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO

from model_loupe.checkpoints.files import format_of
from model_loupe.domain.errors import LoupeError

if TYPE_CHECKING:
    from model_loupe.checkpoints.places import Place

    Find = Callable[[Callable[[int, int], bytes], int, str], dict[str, Place]]


def placed(asked: dict[str, Any]) -> dict[str, Any]:
    """What is asked of a file, with ``places`` if it is one of torch.save or a GGUF file.

    Raises LoupeError if a tensor that is to be measured does not lie in one piece.
    """
    name = os.path.basename(asked["path"])
    find = _finder(format_of(name))
    if find is None:
        return asked
    places = _places(find, asked["path"], asked["mark"][0], name)
    groups = (group["names"] for group in asked["tensors"])
    tensors = [tensor.removeprefix(asked["prefix"]) for names in groups for tensor in names]
    scattered = next((tensor for tensor in tensors if tensor not in places), None)
    if scattered is not None:
        message = (
            f"{scattered[:80]} does not lie in {name} in one piece (it is strided, compressed or big-endian, "
            "or the file is of torch's old format): load it and save it again"
        )
        raise LoupeError("not-contiguous", message)
    return {**asked, "places": {tensor: places[tensor] for tensor in tensors}}


def _finder(format_name: str | None) -> Find | None:
    """Imported when there is such a file: a plan, which every hover on a dtype makes, needs no reader."""
    if format_name == "pickle":
        from model_loupe.checkpoints.pytorch import places as pytorch

        return pytorch.places_of
    if format_name == "gguf":
        from model_loupe.checkpoints.gguf import places as gguf

        return gguf.places_of
    return None


def _places(find: Find, path: str, size: int, name: str) -> dict[str, Place]:
    try:
        with open(path, "rb") as file:
            return find(partial(_read, file), size, name)
    except OSError as error:
        raise LoupeError("unreadable-file", f"{name} cannot be read: {error.strerror}") from error


def _read(file: BinaryIO, offset: int, length: int) -> bytes:
    file.seek(offset)
    return file.read(length)
