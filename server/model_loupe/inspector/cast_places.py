"""Tells the worker where the values of a PyTorch file lie: it runs nothing of one, and so loads none."""

from __future__ import annotations

import os
from functools import partial
from typing import Any, BinaryIO

from model_loupe.checkpoints.files import format_of
from model_loupe.checkpoints.pytorch.places import Place, places_of
from model_loupe.domain.errors import LoupeError


def placed(asked: dict[str, Any]) -> dict[str, Any]:
    """What is asked of a file, with ``places`` if it is one of torch.save.

    Raises LoupeError if a tensor that is to be measured does not lie in one piece.
    """
    name = os.path.basename(asked["path"])
    if format_of(name) != "pickle":
        return asked
    places = _places(asked["path"], asked["mark"][0], name)
    groups = (group["names"] for group in asked["tensors"])
    tensors = [tensor.removeprefix(asked["prefix"]) for names in groups for tensor in names]
    scattered = next((tensor for tensor in tensors if tensor not in places), None)
    if scattered is not None:
        message = (
            f"{scattered[:80]} does not lie in {name} in one piece (it is strided or compressed, or the file "
            "is of torch's old format): load it with torch and save it again"
        )
        raise LoupeError("not-contiguous", message)
    return {**asked, "places": {tensor: places[tensor] for tensor in tensors}}


def _places(path: str, size: int, name: str) -> dict[str, Place]:
    try:
        with open(path, "rb") as file:
            return places_of(partial(_read, file), size, name)
    except OSError as error:
        raise LoupeError("unreadable-file", f"{name} cannot be read: {error.strerror}") from error


def _read(file: BinaryIO, offset: int, length: int) -> bytes:
    file.seek(offset)
    return file.read(length)
