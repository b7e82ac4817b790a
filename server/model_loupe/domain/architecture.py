"""A model as a call builds it: its modules, their classes, and the dtypes of loaded parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple


class ClassSource(NamedTuple):
    """Where a module's class is defined; ``line`` from 1. None where there is no source text."""

    name: str
    module: str
    file: str | None
    line: int | None


class BuiltParameter(NamedTuple):
    """A parameter. ``dtype`` and ``nbytes`` are as loaded, ``stored_*`` as the checkpoint has it.

    ``tied_to`` is the whole name of an earlier parameter that is the same one.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    nbytes: int
    trainable: bool
    tied_to: str | None
    stored_dtype: str | None
    stored_nbytes: int | None


class BuiltBuffer(NamedTuple):
    """A buffer; ``persistent`` ones are in the state dict."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    persistent: bool


class BuiltModule(NamedTuple):
    """A module, or a run of equal numbered ones: then ``name`` is ``0-17`` and ``indices`` lists them.

    ``repr`` is its line in ``print(model)``. ``elements``, ``nbytes`` (loaded) and ``stored_nbytes`` are sums
    over all copies of parameters that are not tied to earlier ones.
    """

    name: str
    class_name: str
    source: ClassSource | None
    repr: str
    indices: tuple[int, ...]
    elements: int
    nbytes: int
    stored_nbytes: int
    parameters: tuple[BuiltParameter, ...]
    buffers: tuple[BuiltBuffer, ...]
    children: tuple[BuiltModule, ...]

    @property
    def copies(self) -> int:
        return len(self.indices) or 1

    def child(self, part: str) -> BuiltModule | None:
        """The child called ``part``: also ``3`` of ``0-17``."""
        number = int(part) if part.isascii() and part.isdigit() and len(part) < 10 else -1
        for child in self.children:
            if child.name == part or (number >= 0 and number in child.indices):
                return child
        return None


class Mismatch(NamedTuple):
    """A parameter that the checkpoint has in another shape: ``from_pretrained`` fails on it."""

    name: str
    stored: tuple[int, ...]
    wanted: tuple[int, ...]


class Join(NamedTuple):
    """Checkpoint against model. Lists are cut; the counts are whole.

    ``missing`` parameters are initialised anew, ``unexpected`` tensors are dropped, ``renamed`` ones have
    other names in the model than in the file.
    """

    missing: tuple[str, ...]
    missing_count: int
    unexpected: tuple[str, ...]
    unexpected_count: int
    mismatched: tuple[Mismatch, ...]
    mismatched_count: int
    renamed: int


class Placement(NamedTuple):
    """Where ``device_map`` puts the modules of a model: device (``0``, ``cpu``, ``disk``) by path.

    ``nbytes`` are of each device's modules, ``limits`` what accelerate may use of it.
    """

    strategy: str
    modules: tuple[tuple[str, str, int], ...]
    nbytes: dict[str, int]
    limits: dict[str, int]

    def folded(self) -> list[tuple[str, str, int]]:
        """``modules``, with consecutive layers on one device in one: ``model.layers.3-11``."""
        runs: list[list[tuple[str, str, int]]] = []
        for module in self.modules:
            if runs and _continues(runs[-1][-1], module):
                runs[-1].append(module)
            else:
                runs.append([module])
        return [(_range(run), run[0][1], sum(nbytes for _, _, nbytes in run)) for run in runs]


class Architecture(NamedTuple):
    """What one call builds. ``nbytes`` is None where a quantiser decides; ``text`` is what ``print`` writes.

    ``join`` is None while the checkpoint was not looked at; ``notes`` say where the real thing may differ.
    ``config`` is that of the model with all defaults of its class.
    """

    class_name: str
    transformers: str
    root: BuiltModule
    text: str
    parameters: int
    trainable: int
    nbytes: int | None
    dtype: str
    rule: str
    tied: tuple[tuple[str, ...], ...]
    join: Join | None
    notes: tuple[str, ...]
    config: Mapping[str, Any] = MappingProxyType({})

    def find(self, parts: Sequence[str | int]) -> tuple[str, BuiltModule] | None:
        """The real path of the module that code names by ``parts`` (``*``: any one), and the module."""
        module, path = self.root, ""
        for part in parts:
            name = _name(module, part)
            found = module.child(name) if name is not None else None
            if found is None:
                return None
            module, path = found, f"{path}.{name}" if path else str(name)
        return path, module

    def walk(self) -> Iterator[tuple[str, BuiltModule]]:
        """Every node with its path, ranges as they are, parents first."""
        waiting = [("", self.root)]
        while waiting:
            path, module = waiting.pop()
            yield path, module
            waiting += [
                (f"{path}.{child.name}" if path else child.name, child) for child in reversed(module.children)
            ]


def _continues(last: tuple[str, str, int], following: tuple[str, str, int]) -> bool:
    (before, _, number), (after, _, successor) = last[0].rpartition("."), following[0].rpartition(".")
    return (
        last[1] == following[1]
        and before == after
        and number.isdecimal()
        and successor.isdecimal()
        and int(successor) == int(number) + 1
    )


def _range(run: list[tuple[str, str, int]]) -> str:
    return run[0][0] if len(run) == 1 else f"{run[0][0]}-{run[-1][0].rpartition('.')[2]}"


def _name(module: BuiltModule, part: str | int) -> str | None:
    """An index from the end, or any one, as the number that it is."""
    if part != "*" and not (isinstance(part, int) and part < 0):
        return str(part)
    numbers = [
        number
        for child in module.children
        for number in child.indices or ((int(child.name),) if child.name.isdecimal() else ())
    ]
    position = part if isinstance(part, int) else 0
    return str(numbers[position]) if -len(numbers) <= position < len(numbers) else None
