"""What is told of a PyTorch file."""

from __future__ import annotations

from typing import NamedTuple

from model_loupe.domain.tensors import TensorKind
from model_loupe.domain.warnings import Warning

MAX_WARNINGS = 20
"""A file that has more wrong with it gets so many findings, and how many more there are."""


class Layout(NamedTuple):
    """How a tensor lies in its storage.

    ``storage`` is the storage's key, None for a tensor that has none of its own (sparse, meta, a subclass
    that wraps others). ``offset`` and ``stride`` count elements. ``form`` is ``strided``, a sparse layout,
    ``quantized``, ``meta``, ``nested`` or the path of a tensor subclass. ``parameter``: saved as a Parameter.
    """

    storage: str | None
    offset: int
    stride: tuple[int, ...]
    form: str
    parameter: bool = False


class Part(NamedTuple):
    """Tensors that a checkpoint holds besides its weights: an optimizer's state, an EMA copy …"""

    path: str
    kind: str
    tensors: int
    elements: int
    nbytes: int


class PyTorchFile(NamedTuple):
    """What can be told of a PyTorch file.

    ``kind`` is ``state-dict`` (names → tensors), ``checkpoint`` (a state dict or module under a key, with
    other things), ``module`` (a whole pickled module), ``tensors`` (tensors alone or in a list),
    ``training-args``, ``optimizer-state``, ``rng-state``, ``scheduler``, ``object`` (something else),
    ``torchscript``, ``exported-program``, ``package`` (these three are not read further) or
    ``not-a-pickle``. ``container`` is ``zip``, ``legacy``, ``tar``, ``pickle`` or ``""``.

    ``tensors`` are the weights by the names of ``state_dict()``; ``prefix`` is where the file keeps them.
    ``shared`` are groups of names on one storage, ``tied`` groups of names for the same elements.
    ``stored_nbytes`` counts each storage once. ``buffers`` are the names known to be buffers, None where a
    file does not tell. ``facts`` are plain values beside the tensors (``epoch`` …).
    """

    kind: str
    container: str
    tensors: dict[str, TensorKind]
    layouts: dict[str, Layout]
    prefix: str
    class_path: str | None
    shared: list[list[str]]
    tied: list[list[str]]
    stored_nbytes: int
    buffers: frozenset[str] | None
    parts: list[Part]
    facts: dict[str, str | int | float | bool]
    globals: list[str]
    warnings: list[Warning]


def nothing_told(kind: str, container: str, warnings: list[Warning]) -> PyTorchFile:
    return PyTorchFile(kind, container, {}, {}, "", None, [], [], 0, None, [], {}, [], warnings)
