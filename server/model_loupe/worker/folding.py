"""A model as a tree of its modules, with equal numbered siblings folded, and as ``print(model)`` writes it.

Equal modules are one *shape*: its parts are shapes too, so a model of 126 equal layers is looked at once, and
whatever is computed of a shape (its text, its sums) is computed once.
"""

from __future__ import annotations

import sys
from typing import Any, Callable, NamedTuple

from torch import nn
from torch.nn.modules.module import _addindent

from .dtypes import name_of
from .sources import Sources

_MAX_DEPTH = 200


class Parameter(NamedTuple):
    """``dtype`` is as loaded; ``tied_to`` the parameter met before that is this one, by its whole name.

    ``stored`` is what the checkpoint has for it: dtype and bytes; None: nothing, or no checkpoint was given.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    elements: int
    nbytes: int
    trainable: bool
    tied_to: str | None
    stored: tuple[str, int] | None


class Buffer(NamedTuple):
    """``persistent`` buffers are in the state dict; ``stored`` is what the checkpoint has for them."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    persistent: bool
    stored: tuple[str, int] | None


class Shape(NamedTuple):
    """What equal modules have in common; ``number`` tells shapes apart, ``children`` are theirs by name.

    ``opaque`` is the whole text where the class writes its own. Sums are of
    parameters that are not tied to earlier ones.
    """

    number: int
    kind: Any
    name: str
    extra: str
    opaque: str | None
    parameters: tuple[Parameter, ...]
    buffers: tuple[Buffer, ...]
    children: tuple[tuple[str, int | None], ...]
    elements: int
    nbytes: int
    stored_bytes: int


class Folded:
    """The shapes of one model.

    ``float32(name)`` says which parameters stay float32, ``stored`` maps whole names to dtype and bytes in
    the checkpoint. ``logical`` is given for a quantised model: the elements that each module's own
    parameters stand for, by its path. ``made_trainable``: loading makes what is stored trainable.
    """

    def __init__(
        self,
        model: nn.Module,
        float32: Callable[[str], bool],
        stored: dict[str, tuple[str, int]],
        logical: dict[str, int] | None,
        made_trainable: bool,
    ) -> None:
        self._float32 = float32
        self._stored = stored
        self._made_trainable = made_trainable
        self._logical = logical
        self._owners: dict[int, str] = {}
        self._by_content: dict[Any, int] = {}
        self._texts: dict[int, str] = {}
        self.shapes: list[Shape] = []
        self.tied: dict[str, list[str]] = {}
        self.trainable = 0
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(max(limit, 10_000))
        try:
            self.root = self._shape(model, "", 0)
        finally:
            sys.setrecursionlimit(limit)

    def text(self) -> str:
        """What ``print(model)`` writes."""
        return self._text(self.root)

    def tree(self, sources: Sources) -> dict[str, Any]:
        """The folded tree as JSON-ready nodes."""
        return self._node(self.root, "", (), sources)

    # One walk over the modules makes the shapes

    def _shape(self, module: nn.Module, path: str, depth: int) -> int:
        below = path + "." if path else ""
        parameters = tuple(
            self._parameter(name, value, below + name)
            for name, value in module._parameters.items()
            if value is not None
        )
        transient = module._non_persistent_buffers_set
        buffers = tuple(
            self._buffer(name, value, below + name, name not in transient)
            for name, value in module._buffers.items()
            if value is not None
        )
        children = tuple(
            (
                name,
                None if child is None or depth > _MAX_DEPTH else self._shape(child, below + name, depth + 1),
            )
            for name, child in module._modules.items()
        )
        name = module._get_name()
        own_text = type(module).__repr__ not in (nn.Module.__repr__, nn.ModuleList.__repr__)
        opaque = _said(module.__repr__) if own_text else None
        extra = _said(module.extra_repr)
        elements = self._elements(path, parameters)
        content = (type(module), name, extra, opaque, parameters, buffers, children, elements)
        number = self._by_content.get(content)
        if number is None:
            number = self._by_content[content] = len(self.shapes)
            self.shapes.append(self._summed(number, content))
        return number

    def _parameter(self, name: str, value: Any, path: str) -> Parameter:
        owner = self._owners.setdefault(id(value), path)
        tied_to = owner if owner != path else None
        elements = value.numel()
        floating = value.is_floating_point()
        stored = self._stored.get(path)
        trainable = value.requires_grad or (floating and self._made_trainable and stored is not None)
        if tied_to is not None:
            self.tied.setdefault(owner, [owner]).append(path)
        elif trainable:
            self.trainable += elements
        dtype = "float32" if floating and self._float32(path) else name_of(value.dtype)
        nbytes = elements * (4 if dtype == "float32" else value.element_size())
        return Parameter(
            name,
            tuple(value.shape),
            dtype,
            elements,
            nbytes,
            trainable,
            tied_to,
            stored,
        )

    def _buffer(self, name: str, value: Any, path: str, persistent: bool) -> Buffer:
        kept = persistent and value.is_floating_point() and self._float32(path)
        dtype = "float32" if kept else name_of(value.dtype)
        return Buffer(name, tuple(value.shape), dtype, persistent, self._stored.get(path))

    def _elements(self, path: str, parameters: tuple[Parameter, ...]) -> int:
        if self._logical is not None:
            return self._logical.get(path, 0)
        return sum(each.elements for each in parameters if each.tied_to is None)

    def _summed(self, number: int, content: Any) -> Shape:
        kind, name, extra, opaque, parameters, buffers, children, elements = content
        own = [parameter for parameter in parameters if parameter.tied_to is None]
        below = [self.shapes[child] for _, child in children if child is not None]
        return Shape(
            number,
            kind,
            name,
            extra,
            opaque,
            parameters,
            buffers,
            children,
            elements + sum(each.elements for each in below),
            sum(each.nbytes for each in own) + sum(each.nbytes for each in below),
            sum(each.stored[1] for each in (*parameters, *buffers) if each.stored)
            + sum(each.stored_bytes for each in below),
        )

    # The text: torch's Module.__repr__ and ModuleList.__repr__ over shapes

    def _text(self, number: int) -> str:
        found = self._texts.get(number)
        if found is None:
            found = self._texts[number] = self._written(self.shapes[number])
        return found

    def _written(self, shape: Shape) -> str:
        if shape.opaque is not None:
            return shape.opaque
        if shape.kind.__repr__ is nn.ModuleList.__repr__:
            return self._written_list(shape)
        extra = shape.extra.split("\n") if shape.extra else []
        lines = [f"({name}): {_addindent(self._child_text(child), 2)}" for name, child in shape.children]
        if len(extra) == 1 and not lines:
            return f"{shape.name}({extra[0]})"
        if not extra and not lines:
            return f"{shape.name}()"
        return f"{shape.name}(\n  " + "\n  ".join(extra + lines) + "\n)"

    def _written_list(self, shape: Shape) -> str:
        if not shape.children:
            return f"{shape.name}()"
        texts = [self._child_text(child) for _, child in shape.children]
        lines = []
        for first, last in _runs(texts):
            line = f"({first}): {texts[first]}"
            if first != last:
                line = f"({first}-{last}): {last - first + 1} x {texts[first]}"
            lines.append(_addindent(line, 2))
        return f"{shape.name}(\n  " + "\n  ".join(lines) + "\n)"

    def _child_text(self, child: int | None) -> str:
        return "None" if child is None else self._text(child)

    # The tree

    def _node(self, number: int, name: str, indices: tuple[int, ...], sources: Sources) -> dict[str, Any]:
        shape = self.shapes[number]
        copies = len(indices) or 1
        node: dict[str, Any] = {
            "name": name,
            "class": shape.name,
            "source": sources.of(shape.kind),
            "repr": self._line(shape),
            "elements": shape.elements * copies,
            "bytes": shape.nbytes * copies,
            "stored_bytes": shape.stored_bytes * copies,
        }
        if indices:
            node["indices"] = indices
        if shape.parameters:
            node["parameters"] = [
                {
                    "name": each.name,
                    "shape": each.shape,
                    "dtype": each.dtype,
                    "bytes": each.nbytes,
                    "trainable": each.trainable,
                    "tied_to": each.tied_to,
                    "stored": _stored(each.stored),
                }
                for each in shape.parameters
            ]
        if shape.buffers:
            node["buffers"] = [{**each._asdict(), "stored": _stored(each.stored)} for each in shape.buffers]
        children = [
            self._node(child, _range_name(names), _indices(names), sources)
            for names, child in self._folded(shape)
        ]
        if children:
            node["children"] = children
        return node

    def _line(self, shape: Shape) -> str:
        if shape.children or "\n" in shape.extra:
            return shape.name
        return self._text(shape.number)

    def _folded(self, shape: Shape) -> list[tuple[list[str], int]]:
        """Children, with neighbours of the same shape and consecutive numbers in one run."""
        runs: list[tuple[list[str], int]] = []
        for name, child in shape.children:
            if child is None:
                continue
            last = runs[-1] if runs else None
            if last and last[1] == child and _follows(last[0][-1], name):
                last[0].append(name)
            else:
                runs.append(([name], child))
        return runs


def _said(write: Callable[[], str]) -> str:
    """A module's own words; nothing where they tell values, which the meta device does not have."""
    try:
        return write()
    except Exception:
        return ""


def _stored(found: tuple[str, int] | None) -> dict[str, Any] | None:
    return {"dtype": found[0], "bytes": found[1]} if found else None


def _follows(one: str, other: str) -> bool:
    return one.isdigit() and other.isdigit() and int(other) == int(one) + 1


def _range_name(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]}-{names[-1]}"


def _indices(names: list[str]) -> tuple[int, ...]:
    return tuple(map(int, names)) if len(names) > 1 else ()


def _runs(texts: list[str]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for position, text in enumerate(texts):
        if runs and texts[runs[-1][0]] == text:
            runs[-1] = (runs[-1][0], position)
        else:
            runs.append((position, position))
    return runs
