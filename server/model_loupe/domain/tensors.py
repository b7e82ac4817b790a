"""Tensors as headers describe them: names, dtypes, shapes, sizes; never their values."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from itertools import accumulate
from operator import attrgetter

from model_loupe.domain.lean_typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from model_loupe.domain.families import Family
    from model_loupe.domain.modules import Children

    class KeptTensors(Protocol):
        """Tensors that were read before and are kept in a form that tells their names only when asked."""

        counts: dict[TensorKind, int]

        def names(self, kind: TensorKind) -> list[str]:
            """The names of the tensors of one kind, in file order."""

        def by_file(self) -> dict[str, dict[str, TensorKind]]:
            """All tensors of each file."""


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

    ``level`` is the place for what the module tree made last of it, and what that is of.

    A table of ``KeptTensors`` answers from their counts as long as nobody asks for names.
    """

    __slots__ = (
        *("_by_file", "_bytes", "_elements", "_families", "_kept", "_kinds"),
        *("_names_by_kind", "_tensors", "level", "names"),
    )

    def __init__(self, tensors: dict[str, dict[str, TensorKind]] | KeptTensors) -> None:
        self._kept = None if isinstance(tensors, dict) else tensors
        self._by_file = tensors if isinstance(tensors, dict) else None
        self._tensors: dict[str, TensorKind] | None = None
        self._names_by_kind: dict[TensorKind, list[str]] | None = None
        self._families: list[Family] | None = None
        self.level: tuple[tuple[str, str], Children] | None = None
        self.names: list[str] = []
        self._kinds: list[TensorKind] = []
        self._elements: list[int] = []
        self._bytes: list[int] = []

    def __len__(self) -> int:
        return sum(self._kept.counts.values()) if self._kept else len(self.tensors)

    @property
    def is_kept(self) -> bool:
        """Whether names were read before and have to be unpacked."""
        return self._kept is not None

    @property
    def by_file(self) -> dict[str, dict[str, TensorKind]]:
        """The tensors of each file, in its order."""
        if self._by_file is None:
            assert self._kept is not None
            self._by_file = self._kept.by_file()
        return self._by_file

    @property
    def tensors(self) -> dict[str, TensorKind]:
        """All tensors, in the order of the files."""
        if self._tensors is None:
            tensors: dict[str, TensorKind] = {}
            for of_file in self.by_file.values():
                tensors.update(of_file)
            self._tensors = tensors
        return self._tensors

    @property
    def names_by_kind(self) -> dict[TensorKind, list[str]]:
        """The names of the tensors of each kind, in the order of the files."""
        if self._names_by_kind is None:
            self._names_by_kind = self._grouped()
        return self._names_by_kind

    @property
    def families(self) -> list[Family]:
        """The tensors as families, in the order of their first names."""
        if self._families is None:
            # Regular expressions are nothing that the command line needs for a description.
            from model_loupe.domain.families import families

            self._families = families(self.names_by_kind)
        return self._families

    def _grouped(self) -> dict[TensorKind, list[str]]:
        if self._kept:
            return {kind: self._kept.names(kind) for kind in self._kept.counts}
        # Kinds that are equal are mostly one object, and an id hashes ten times as fast as a tuple.
        by_id: defaultdict[int, list[str]] = defaultdict(list)
        for name, kind in self.tensors.items():
            by_id[id(kind)].append(name)
        grouped = {self.tensors[names[0]]: names for names in by_id.values()}
        if len(grouped) == len(by_id):
            return grouped
        by_kind: defaultdict[TensorKind, list[str]] = defaultdict(list)
        for name, kind in self.tensors.items():
            by_kind[kind].append(name)
        return dict(by_kind)

    def _unpacked(self) -> dict[str, TensorKind]:
        """As ``tensors``, in no order: a third of the work."""
        kinds: dict[str, TensorKind] = {}
        for kind, names in self.names_by_kind.items():
            kinds.update(dict.fromkeys(names, kind))
        return kinds

    def names_of(self, kind: TensorKind) -> list[str]:
        """The names of the tensors of one kind, in the order of the files."""
        if self._kept and self._names_by_kind is None:
            return self._kept.names(kind)
        return self.names_by_kind[kind]

    def largest(self, count: int) -> list[tuple[str, TensorKind]]:
        """The ``count`` tensors of most bytes, largest first, equal ones by name."""
        found: list[tuple[str, TensorKind]] = []
        for kind in sorted(self.kinds, key=lambda kind: -kind.nbytes):
            names = sorted(self.names_of(kind))[: count - len(found)]
            found.extend((name, kind) for name in names)
            if len(found) >= count:
                break
        return found

    @property
    def kinds(self) -> dict[TensorKind, int]:
        """How many tensors there are of each kind."""
        if self._kept:
            return self._kept.counts
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
        kinds = self.tensors if self._kept is None else self._unpacked()
        self.names = sorted(kinds)
        self._kinds = list(map(kinds.__getitem__, self.names))
        blocks = [self._kinds[start : start + _BLOCK] for start in range(0, len(self._kinds), _BLOCK)]
        self._bytes = list(accumulate([sum(map(_NBYTES, block)) for block in blocks], initial=0))
        # Last, since it is the mark that the table is sorted (another thread may be looking).
        self._elements = list(accumulate([sum(map(_ELEMENTS, block)) for block in blocks], initial=0))
