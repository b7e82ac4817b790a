"""Parts of a model as code names them: ``model.model.layers[3].mlp``, ``model.config.hidden_size``.

The names of the tensors tell which modules there are (``NamedModules``); whoever can tell more of them (their
classes) has the same methods.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from model_loupe.domain.modules import Children, Module
from model_loupe.domain.modules import children as module_children
from model_loupe.domain.tensors import Tensor, TensorTable
from model_loupe.domain.units import format_bytes, format_shape, plural
from model_loupe.inspector import built_parts, explained
from model_loupe.inspector.description import Description
from model_loupe.inspector.explained import Asked
from model_loupe.inspector.markdown import escape

_MOST_ROWS = 12
_LONGEST_VALUE = 200
# What the attribute of a head's model for the model without head is called, where not after the model type.
_BASE_PREFIXES = ("model", "transformer", "base_model")
# What DataParallel, torch.compile and PEFT put around a model.
_WRAPPER_PREFIXES = (("module",), ("_orig_mod",), ("base_model", "model"), ("base_model",))


class Completion(NamedTuple):
    """What may follow a dot. ``kind`` is ``module``, ``parameter`` or ``field``; ``detail`` is one line."""

    name: str
    kind: str
    detail: str


class Modules(Protocol):
    """The modules of a model."""

    def find(self, parts: Sequence[str | int]) -> str | None:
        """The dotted path of the module or parameter that code means by ``parts``; None if there is none."""

    def children(self, path: str) -> Children:
        """The modules and parameters directly inside of ``path``."""

    def parameter(self, path: str) -> Tensor | None:
        """The parameter or buffer at ``path``."""


class NamedModules:
    """Modules as the names of a checkpoint's tensors spell them.

    Code and checkpoint may differ by the name of the model without head, as ``from_pretrained`` allows:
    ``AutoModel`` of a checkpoint with a head has no ``bert.`` before its modules, and the other way round.
    """

    def __init__(self, table: TensorTable, model_type: str | None = None) -> None:
        self._table = table
        self._prefixes = (
            *_BASE_PREFIXES,
            *((model_type, model_type.partition("_")[0]) if model_type else ()),
        )

    def find(self, parts: Sequence[str | int]) -> str | None:
        plain = tuple(parts)
        for prefix in _WRAPPER_PREFIXES:
            if plain[: len(prefix)] == prefix and not self._is_there(prefix[0]):
                plain = plain[len(prefix) :]
        found = self._walk("", plain)
        if found is None and plain and plain[0] in self._prefixes:
            found = self._walk("", plain[1:])
        if found is None:
            tops = [module.prefix for module in self.children("").modules if module.prefix in self._prefixes]
            found = next((path for top in tops if (path := self._walk(top, plain)) is not None), None)
        return found

    def children(self, path: str) -> Children:
        return module_children(self._table, path)

    def parameter(self, path: str) -> Tensor | None:
        return self._table.get(path)

    def _walk(self, path: str, parts: Sequence[str | int]) -> str | None:
        for part in parts:
            name = str(part)
            if part == "*" or (isinstance(part, int) and part < 0):
                numbers = [
                    number
                    for module in self.children(path).modules
                    for number in module.indices or _number(module.name)
                ]
                if not numbers or (isinstance(part, int) and -part > len(numbers)):
                    return None
                name = str(numbers[part if isinstance(part, int) else 0])
            path = f"{path}.{name}" if path else name
            if not self._is_there(path):
                return None
        return path

    def _is_there(self, path: str) -> bool:
        start, end = self._table.under(path)
        return start < end or path in self._table.tensors


def modules_of(description: Description) -> Modules:
    """The modules of a described model."""
    return NamedModules(description.weights.table, description.model_type)


def part_card(
    description: Description, parts: Sequence[str | int], asked: Asked = explained.NOTHING_MORE
) -> str | None:
    """The Markdown of the hover on a module or parameter; None if the model has none such."""
    built = built_parts.find(description.built, parts) if description.built and parts else None
    if description.built and built:
        lines = built_parts.part_lines(description, description.built, built, asked)
        return "\n".join([*lines, *_one_of_several(parts)])
    modules = modules_of(description)
    path = modules.find(parts)
    if not path:
        return _tied_card(description, modules, ".".join(map(str, parts)), asked)
    tensor = modules.parameter(path)
    if tensor is not None:
        told = explained.lines(description, explained.tensor_part(tensor), asked)
        return "\n\n".join([f"**{escape(path)}** · {_tensor(tensor)}", *told, *_ties(description, path)])
    start, end = description.weights.table.under(path)
    elements, nbytes = description.weights.table.sums(start, end)
    inside = modules.children(path)
    lines = [
        f"**{escape(path)}** · {plural(elements, 'element')} · {format_bytes(nbytes)} stored",
        "",
        *(
            text
            for line in explained.lines(description, explained.named_part(description, path), asked)
            for text in (line, "")
        ),
        f"| Inside | {plural(end - start, 'tensor')} |",
        "|:--|:--|",
    ]
    rows = [
        (
            f"{module.name}: {module.copies} ×" if module.copies > 1 else module.name,
            _module(description, module),
        )
        for module in inside.modules
    ]
    rows = [(tensor.name.rpartition(".")[2], _tensor(tensor)) for tensor in inside.parameters] + rows
    lines += [f"| {escape(name)} | {text} |" for name, text in rows[:_MOST_ROWS]]
    if len(rows) > _MOST_ROWS:
        lines.append(f"| … | {len(rows) - _MOST_ROWS} more |")
    for tensor in inside.parameters:
        lines += ["", *_ties(description, tensor.name)]
    return "\n".join([*lines, *_one_of_several(parts)])


def _one_of_several(parts: Sequence[str | int]) -> list[str]:
    return ["", "One of several alike: the code does not say which."] if "*" in parts else []


def _tied_card(description: Description, modules: Modules, name: str, asked: Asked) -> str | None:
    """A module whose only parameter is another's (``lm_head``): the files need not hold it."""
    for group in description.parameters.tied:
        alias = next((alias for alias in group if alias in (name, f"{name}.weight")), None)
        stored = next((tensor for other in group if (tensor := modules.parameter(other))), None)
        if alias and stored:
            told = explained.lines(description, explained.tensor_part(stored, alias), asked)
            return "\n\n".join([f"**{escape(name)}** · {_tensor(stored)}", *told, *_ties(description, alias)])
    return None


def config_card(description: Description, parts: Sequence[str | int]) -> str | None:
    """The hover on a field of the config, as config.json gives it; None where it gives none."""
    value: Any = description.config
    for part in parts:
        if not isinstance(value, dict) or str(part) not in value:
            return None
        value = value[str(part)]
    if not parts:
        names = ", ".join(escape(name) for name in list(description.config)[:_MOST_ROWS])
        return f"**config.json** of {escape(description.request.model)} · {names}"
    return f"**config.{escape('.'.join(map(str, parts)))}** = {escape(_value(value))}"


def completions(description: Description, parts: Sequence[str | int], *, numbers: bool) -> list[Completion]:
    """What a module holds, by name. ``numbers``: also ``0``, ``1`` …, which no attribute is called."""
    if description.built:
        return [
            Completion(name, kind, detail)
            for name, kind, detail in built_parts.names_inside(description.built, parts)
            if numbers or name.isidentifier()
        ] + _config_itself(description, parts)
    modules = modules_of(description)
    path = modules.find(parts)
    if path is None:
        return []
    inside = modules.children(path)
    found = [
        Completion(str(number), "module", f"{plural(module.elements // module.copies, 'element')}")
        for module in inside.modules
        for number in module.indices or _number(module.name)
        if numbers
    ]
    found += [
        Completion(
            module.name, "module", f"{plural(module.elements, 'element')} · {format_bytes(module.nbytes)}"
        )
        for module in inside.modules
        if module.name.isidentifier()
    ]
    found += [
        Completion(name, "parameter", _tensor(tensor))
        for tensor in inside.parameters
        if (name := tensor.name.rpartition(".")[2]).isidentifier()
    ]
    return found + _config_itself(description, parts)


def _config_itself(description: Description, parts: Sequence[str | int]) -> list[Completion]:
    detail = description.model_type or "the model's config"
    return [] if parts else [Completion("config", "field", detail)]


def config_completions(description: Description, parts: Sequence[str | int]) -> list[Completion]:
    """The fields of the config, or of a config in it."""
    value: Any = description.config
    for part in parts:
        value = value.get(str(part)) if isinstance(value, dict) else None
    fields = value if isinstance(value, dict) else {}
    return [Completion(name, "field", _value(fields[name])) for name in fields if name.isidentifier()]


def _number(name: str) -> tuple[int, ...]:
    return (int(name),) if name.isascii() and name.isdigit() else ()


def _tensor(tensor: Tensor) -> str:
    kind = tensor.kind
    return f"{format_shape(kind.shape)} {kind.dtype} · {format_bytes(kind.nbytes)}"


def _module(description: Description, module: Module) -> str:
    subject = explained.named_part(description, module.prefix).subject
    found = explained.matrix_text(description, subject)
    size = f"{plural(module.elements, 'element')} · {format_bytes(module.nbytes)}"
    return f"{escape(found)} · {size}" if found else size


def _ties(description: Description, name: str) -> list[str]:
    group = next((group for group in description.parameters.tied if name in group), ())
    others = ", ".join(escape(other) for other in group if other != name)
    return [f"{escape(name)} is tied to {others}"] if others else []


def _value(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"
