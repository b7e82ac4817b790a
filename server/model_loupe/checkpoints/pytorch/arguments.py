"""The arguments of the calls that make tensors, checked one by one."""

from __future__ import annotations

from typing import Any, NamedTuple

from model_loupe.checkpoints.pickle_opcodes import Global, Object
from model_loupe.checkpoints.pytorch.dtypes import SIZES
from model_loupe.checkpoints.pytorch.results import Layout
from model_loupe.domain.tensors import TensorKind

_SIZE = Global("torch", "Size")
MAX_COUNT = 2**63
# Subclasses that wrap subclasses that wrap …
MAX_WRAPPING = 8


class Storage(NamedTuple):
    """A storage as a persistent id names it. ``shift`` is where a view of it begins (legacy files)."""

    key: str
    dtype: str
    elements: int
    shift: int

    @property
    def nbytes(self) -> int:
        return self.elements * SIZES[self.dtype]


class Tensor(NamedTuple):
    kind: TensorKind
    layout: Layout


class BadTensor(Exception):
    pass


def count_of(value: Any) -> int:
    if type(value) is not int or not 0 <= value < MAX_COUNT:
        what = value if type(value) is int else f"a {type(value).__name__}"
        raise BadTensor(f"has {what} for a size, stride or offset")
    return value


def sizes_of(value: Any) -> tuple[int, ...]:
    if type(value) is Object and value.function == _SIZE and type(value.arguments) is tuple:
        value = value.arguments[0] if value.arguments else ()
    # Torch's own limit is 64 dimensions.
    if type(value) not in (tuple, list) or len(value) > 64:
        raise BadTensor("has a shape or stride that is no list of sizes")
    return tuple(map(count_of, value))


def dtype_of(value: Any) -> str:
    if type(value) is Global and value.module == "torch" and value.name in SIZES:
        return value.name
    raise BadTensor(f"has an unknown dtype {value.path[:60] if type(value) is Global else ''}".rstrip())
