"""Tensors whose names differ in nothing but numbers, as those of a model's layers and experts do.

A checkpoint of 100,000 tensors has some dozens of families: what follows from a tensor's kind and the words
of its name is worked out once for each of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from functools import cached_property
from itertools import islice

from model_loupe.domain.tensors import TensorKind

_INDEX = re.compile(r"(?<![^.])\d+(?![^.])")
_INNER_INDEX = re.compile(r"\.(?<=[^.\n]\.)\d+(?=\.)")
# Python takes no text of thousands of digits for a number; no model has that many layers.
_DIGITS = 18


class Family:
    """Tensors of one ``kind``; ``first`` is the least of their ``names``.

    A number at the start of a name tells families apart: it names what others are below.
    """

    def __init__(self, names: Sequence[str], kind: TensorKind) -> None:
        self.names = names
        self.kind = kind
        self.first = min(names)

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def module(self) -> str:
        """The name of the module that the tensors are in, with ``*`` for numbers."""
        return _INDEX.sub("*", module_of(self.first))

    @cached_property
    def columns(self) -> list[set[str]]:
        """What stands in each place of the modules' names."""
        depth = self.module.count(".") + 1
        parts = zip(*[name.split(".") for name in self.names], strict=True)
        return [set(column) for column in islice(parts, depth)]

    def parted(self, key: Callable[[str], Hashable]) -> list[Family]:
        """Families of those names alone that have the same ``key``."""
        groups = _grouped(self.names, map(key, self.names))
        return [self] if len(groups) == 1 else [Family(names, self.kind) for names in groups.values()]


def families(names_by_kind: Mapping[TensorKind, Sequence[str]]) -> list[Family]:
    """All tensors, in the order of the families' first names."""
    found = [
        Family(names, kind)
        for kind, all_names in names_by_kind.items()
        for names in _grouped(all_names, _folded(all_names)).values()
    ]
    return sorted(found, key=lambda family: family.first)


def _grouped(names: Iterable[str], keys: Iterable[Hashable]) -> dict[Hashable, list[str]]:
    groups: dict[Hashable, list[str]] = {}
    for name, key in zip(names, keys, strict=True):
        groups.setdefault(key, []).append(name)
    return groups


def _folded(names: Sequence[str]) -> list[str]:
    # In one text: a call for each name takes more than twice as long.
    folded = _INNER_INDEX.sub(".*", ".\n".join(names) + ".").split("\n")
    if len(folded) == len(names):
        return folded
    # Some name has a line break in it.
    return [_INNER_INDEX.sub(".*", f"{name}.") for name in names]


def module_of(name: str) -> str:
    """The module that a tensor is in; a tensor that is in none stands for itself."""
    return name.rpartition(".")[0] or name


def modules_in_ranges(families: Sequence[Family]) -> str:
    """The modules of families that are called alike: ``a.0.b``, ``a.1.b``, ``a.3.b`` → ``a.0-1,3.b``."""
    columns = zip(*(family.columns for family in families), strict=True)
    return ".".join(_ranges(set().union(*column)) for column in columns)


def _ranges(parts: set[str]) -> str:
    if len(parts) == 1:
        return next(iter(parts))
    if not all(part.isdecimal() and len(part) <= _DIGITS for part in parts):
        return ",".join(sorted(parts))
    runs: list[list[int]] = []
    for number in sorted(map(int, parts)):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)
