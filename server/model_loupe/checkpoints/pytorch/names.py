"""Walks through dicts, lists and modules and gives every tensor the name that ``state_dict()`` gives it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from model_loupe.checkpoints.pickle_opcodes import Global, Mapping, Object
from model_loupe.checkpoints.pytorch.arguments import BadTensor, Tensor
from model_loupe.checkpoints.pytorch.objects import MAX_NAME_CHARACTERS, attributes_of, shortened
from model_loupe.checkpoints.pytorch.tensors import Exhausted, Tensors
from model_loupe.domain.warnings import Warning

if TYPE_CHECKING:
    from collections.abc import Iterable

_MAX_KEPT_WARNINGS = 1_000
# What is nested deeper is no checkpoint; modules are seldom nested deeper than 20.
_MAX_DEPTH = 64
_MAX_NAMES_CHARACTERS = 50_000_000
HOLDERS = (Object, Mapping, list, tuple)


class Names:
    """Walks through dicts, lists and modules and gives every tensor its name."""

    def __init__(self, tensors: Tensors, file: str, warnings: list[Warning]) -> None:
        self.found: dict[str, Tensor] = {}
        self.buffers: set[str] = set()
        self.modules = False
        self._tensors = tensors
        self._file = file
        self._warnings = warnings
        self._open: set[int] = set()
        self._characters = 0

    def walk(self, value: Any, name: str = "", depth: int = 0) -> None:
        kind = type(value)
        if kind is not Object and kind is not Mapping and kind is not list and kind is not tuple:
            return
        self._tensors.spend(1)
        if len(name) > MAX_NAME_CHARACTERS:
            self._warn("name-too-long", f"a name has more than {MAX_NAME_CHARACTERS:,} characters: left out")
            return
        if kind is Object and self._take(value, name):
            return
        if depth > _MAX_DEPTH:
            self._warn("nested-too-deeply", f"nested deeper than {_MAX_DEPTH} levels: not looked at further")
            return
        if id(value) in self._open:
            self._warn("cyclic-object", f"{shortened(name)} holds itself")
            return
        self._open.add(id(value))
        state = self._tensors.module_state(value)
        if state is not None:
            self._walk_module(state, name, depth)
        else:
            for key, item in self._children(value):
                self.walk(item, f"{name}.{key}" if name else key, depth + 1)
        self._open.discard(id(value))

    def _children(self, value: Any) -> Iterable[tuple[str, Any]]:
        if type(value) in (list, tuple):
            self._tensors.spend(len(value) // 8)
            return ((str(index), item) for index, item in enumerate(value) if type(item) in HOLDERS)
        entries = self._tensors.entries(value)
        if not entries and type(value) is Object:
            # An object of an unknown class: its attributes, as an EMA or a config keeps tensors.
            entries = self._tensors.entries(attributes_of(value.state))
        return entries.items()

    def _walk_module(self, state: dict[str, Any], name: str, depth: int) -> None:
        self.modules = True
        transient = _members(state.get("_non_persistent_buffers_set"))
        for group in ("_parameters", "_buffers", "_modules"):
            for key, item in self._tensors.entries(state.get(group)).items():
                path = f"{name}.{key}" if name else key
                if group == "_modules":
                    self.walk(item, path, depth + 1)
                elif type(item) is Object and not (group == "_buffers" and key in transient):
                    if not self._take(item, path):
                        self._warn("bad-tensor", f"{shortened(path)} is no tensor that is known here")
                    elif group == "_buffers":
                        self.buffers.add(path)

    def _take(self, value: Object, name: str) -> bool:
        """Notes the tensor if it is one."""
        try:
            found = self._tensors.tensor(value)
        except BadTensor as error:
            self._warn("bad-tensor", f"tensor {shortened(name)} {error}")
            return True
        if found is None:
            function = value.function
            if type(function) is Global and function.name.startswith("_rebuild"):
                self._warn(
                    "unknown-tensor",
                    f"{shortened(name)} is made by {shortened(function.path)}: not known here",
                )
                return True
            return False
        self._characters += len(name)
        if self._characters > _MAX_NAMES_CHARACTERS:
            raise Exhausted
        self.found[name or "tensor"] = found
        return True

    def _warn(self, code: str, message: str) -> None:
        if len(self._warnings) < _MAX_KEPT_WARNINGS:
            self._warnings.append(Warning(code, f"{self._file}: {message}"))


def _members(value: Any) -> set[str]:
    """The texts in a set."""
    if type(value) is not Object or type(value.arguments) is not tuple:
        return set()
    listed = value.arguments[0] if value.arguments and type(value.arguments[0]) is list else []
    return {item for item in (*listed, *value.elements) if type(item) is str}
