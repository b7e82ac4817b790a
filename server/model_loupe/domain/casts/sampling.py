"""Which parts of a model's tensors are read where each byte has to come from far away.

Stratified sampling of clusters (Cochran, Sampling Techniques, chapters 5 and 9): each tensor is a stratum,
and of each a few units of neighbouring elements are taken, each somewhere within one of equal stretches.
Where there are more tensors than requests that may be made, those of one name but for its numbers, and of
one shape, are one stratum.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import NamedTuple

from model_loupe.domain.errors import LoupeError
from model_loupe.domain.tensors import TensorKind
from model_loupe.domain.units import format_bytes

BUDGET = 32 * 2**20
"""Bytes that may be read for a preview unless somebody says otherwise."""

REQUESTS = 1200
"""The Hub allows some thousands in five minutes."""

_BLOCK = 256
# Elements of a unit are whole blocks of every format.
_UNIT_BYTES = 16 * 1024
_MOST_UNITS, _LEAST_UNITS = 48, 4


class Wanted(NamedTuple):
    """A tensor, and the targets that it is cast to."""

    name: str
    kind: TensorKind
    targets: tuple[str, ...]


class Stratum(NamedTuple):
    """Tensors of one kind of which ``taken`` units of ``unit`` elements are read.

    ``name`` is the tensor's, or with ``*`` for the numbers in which the names of several differ.
    """

    name: str
    tensors: tuple[str, ...]
    kind: TensorKind
    targets: tuple[str, ...]
    unit: int
    taken: int

    @property
    def elements(self) -> int:
        """Of all its tensors."""
        return len(self.tensors) * self.kind.elements

    @property
    def of(self) -> int:
        """How many units there are; what is left at the end of a tensor is in none."""
        return len(self.tensors) * (self.kind.elements // self.unit)

    @property
    def unit_bytes(self) -> int:
        return self.unit * _item_bytes(self.kind)

    @property
    def nbytes(self) -> int:
        return self.taken * self.unit_bytes

    def places(self, chance: random.Random) -> list[tuple[str, int]]:
        """Tensor and first byte in it of each unit that is taken."""
        in_each = self.kind.elements // self.unit
        found = []
        for number in range(self.taken):
            # Not at equal distances: a period of the rows could fall in with them.
            at = min(int((number + chance.random()) * self.of / self.taken), self.of - 1)
            found.append((self.tensors[at // in_each], at % in_each * self.unit_bytes))
        return found


def strata(tensors: Iterable[Wanted], budget: int = BUDGET, requests: int = REQUESTS) -> list[Stratum]:
    """What is read of ``tensors``: at most ``budget`` bytes in as many ``requests``; raises LoupeError."""
    tensors = [each for each in tensors if each.kind.elements]
    groups = [[each] for each in tensors]
    if len(groups) * _LEAST_UNITS > requests:
        groups = _alike(tensors)
    if not groups:
        return []
    units = min(_MOST_UNITS, requests // len(groups))
    widest = max(_item_bytes(group[0].kind) for group in groups)
    units = min(units, budget // (len(groups) * _BLOCK * widest))
    if units < _LEAST_UNITS:
        least = format_bytes(_LEAST_UNITS * len(groups) * _BLOCK * widest)
        message = f"a sample of so many tensors takes {least} at least: the budget is {format_bytes(budget)}"
        raise LoupeError("budget-too-small", message)
    nbytes = min(_UNIT_BYTES, budget // (len(groups) * units))
    return [_stratum(group, units, nbytes) for group in groups]


def _alike(tensors: list[Wanted]) -> list[list[Wanted]]:
    groups: dict[tuple[str, TensorKind, tuple[str, ...]], list[Wanted]] = {}
    for each in tensors:
        groups.setdefault((_pattern(each.name), each.kind, each.targets), []).append(each)
    return list(groups.values())


def _pattern(name: str) -> str:
    first, *others = name.split(".")
    return ".".join([first, *("*" if part.isdecimal() else part for part in others)])


def _stratum(group: list[Wanted], units: int, nbytes: int) -> Stratum:
    first = group[0]
    unit = nbytes // _item_bytes(first.kind) // _BLOCK * _BLOCK
    single = len(group) == 1
    if first.kind.elements <= (unit * units if single else unit):
        unit = first.kind.elements
    name = first.name if single else _pattern(first.name)
    found = Stratum(name, tuple(each.name for each in group), first.kind, first.targets, unit, 0)
    return found._replace(taken=min(units, found.of))


def _item_bytes(kind: TensorKind) -> int:
    return kind.nbytes // kind.elements
