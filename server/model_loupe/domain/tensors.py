"""Tensors as headers describe them: names, dtypes, shapes, sizes; never their values."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from itertools import accumulate
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

# Running sums are kept for every so many tensors: large integers for each of them would cost megabytes.
_BLOCK = 32
_ELEMENTS, _NBYTES = attrgetter("elements"), attrgetter("nbytes")


class TensorKind(NamedTuple):
    """What tensors have in common: dtype and shape, with the element count and byte size that follow.

    A checkpoint of 100,000 tensors has some dozens of kinds, so a tensor is a name and a reference to its
    kind, and sums are taken over kinds.
    """

    dtype: str
    shape: tuple[int, ...]
    elements: int
    nbytes: int


class Tensor(NamedTuple):
    """One tensor of a checkpoint. ``file`` is the name of the file that stores it."""

    name: str
    kind: TensorKind
    file: str


class TensorTable:
    """One set of weights: every tensor once, in name order, with sums over any prefix.

    ``names`` is sorted. Slices of it are the subtrees of the module tree: all tensors under ``a.b`` are the
    names between ``a.b.`` and ``a.b/`` (``/`` follows ``.`` in ASCII).
    """

    __slots__ = ("_bytes", "_elements", "_kinds", "_names_by_kind", "by_file", "names", "tensors")

    def __init__(self, by_file: dict[str, dict[str, TensorKind]]) -> None:
        self.by_file = by_file
        self.tensors: dict[str, TensorKind] = {}
        for tensors in by_file.values():
            self.tensors.update(tensors)
        self._names_by_kind: dict[TensorKind, list[str]] | None = None
        self.names: list[str] = []
        self._kinds: list[TensorKind] = []
        self._elements: list[int] = []
        self._bytes: list[int] = []

    def __len__(self) -> int:
        return len(self.tensors)

    @property
    def names_by_kind(self) -> dict[TensorKind, list[str]]:
        """The names of the tensors of each kind."""
        if self._names_by_kind is None:
            # Kinds that are equal are mostly one object, and an id hashes ten times as fast as a tuple.
            by_id: defaultdict[int, list[str]] = defaultdict(list)
            for name, kind in self.tensors.items():
                by_id[id(kind)].append(name)
            grouped: dict[TensorKind, list[str]] = {}
            for names in by_id.values():
                grouped.setdefault(self.tensors[names[0]], []).extend(names)
            self._names_by_kind = grouped
        return self._names_by_kind

    @property
    def kinds(self) -> dict[TensorKind, int]:
        """How many tensors there are of each kind."""
        return {kind: len(names) for kind, names in self.names_by_kind.items()}

    def count_ending(self, endings: Callable[[TensorKind], tuple[str, ...]]) -> dict[TensorKind, int]:
        """How many tensors of each kind have a name with one of the ``endings`` that matter for the kind."""
        counts: dict[TensorKind, int] = {}
        for kind, names in self.names_by_kind.items():
            wanted = endings(kind)
            if wanted:
                counts[kind] = len([True for name in names if name.endswith(wanted)])
        return counts

    @property
    def nbytes(self) -> int:
        """Bytes of tensor data."""
        return sum(kind.nbytes * count for kind, count in self.kinds.items())

    def get(self, name: str) -> Tensor | None:
        kind = self.tensors.get(name)
        if kind is None:
            return None
        # Asked for the few tensors that are looked at; a map of all names would cost more to build.
        return Tensor(name, kind, next(file for file, tensors in self.by_file.items() if name in tensors))

    def under(self, prefix: str) -> tuple[int, int]:
        """The half-open range of ``names`` inside module ``prefix`` (``""`` is the whole model)."""
        self.prepare()
        if not prefix:
            return 0, len(self.names)
        return bisect_left(self.names, prefix + "."), bisect_left(self.names, prefix + "/")

    def sums(self, start: int, end: int) -> tuple[int, int]:
        """Elements and bytes of ``names[start:end]``."""
        self.prepare()
        elements, nbytes = self._sums_before(end)
        less_elements, less_bytes = self._sums_before(start)
        return elements - less_elements, nbytes - less_bytes

    def kinds_between(self, start: int, end: int) -> list[TensorKind]:
        """The kinds of ``names[start:end]``."""
        self.prepare()
        return self._kinds[start:end]

    def _sums_before(self, position: int) -> tuple[int, int]:
        block, begun = divmod(position, _BLOCK)
        rest = self._kinds[position - begun : position]
        return (
            self._elements[block] + sum(map(_ELEMENTS, rest)),
            self._bytes[block] + sum(map(_NBYTES, rest)),
        )

    def prepare(self) -> None:
        """Sorts the names and sums them up: what only a tree needs, done at its first question or before."""
        if self._elements:
            return
        self.names = sorted(self.tensors)
        self._kinds = list(map(self.tensors.__getitem__, self.names))
        blocks = [self._kinds[start : start + _BLOCK] for start in range(0, len(self._kinds), _BLOCK)]
        self._bytes = list(accumulate([sum(map(_NBYTES, block)) for block in blocks], initial=0))
        # Last, since it is the mark that the table is sorted (another thread may be looking).
        self._elements = list(accumulate([sum(map(_ELEMENTS, block)) for block in blocks], initial=0))
