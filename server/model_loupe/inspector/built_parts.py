"""Hover and completion on parts of a model once it is known what the code builds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from model_loupe.domain.architecture import Architecture, BuiltModule, BuiltParameter, ClassSource
from model_loupe.domain.units import format_bytes, format_shape, plural
from model_loupe.inspector import explained
from model_loupe.inspector.description import Description
from model_loupe.inspector.explained import Asked
from model_loupe.inspector.markdown import escape

MOST_ROWS = 12
# What PEFT puts around a model.
_PEFT_PREFIXES = (("base_model", "model"), ("base_model",))


class BuiltPart(NamedTuple):
    """What code names: a module at ``path``, or the parameter or buffer ``name`` of it."""

    path: str
    module: BuiltModule
    name: str | None


def find(built: Architecture, parts: Sequence[str | int]) -> BuiltPart | None:
    """The module, parameter or buffer that code means by ``parts``; None if there is none."""
    for prefix in ((), *_PEFT_PREFIXES):
        if tuple(parts[: len(prefix)]) != prefix:
            continue
        rest = parts[len(prefix) :]
        found = built.find(rest)
        if found:
            return BuiltPart(*found, None)
        owner = built.find(rest[:-1]) if rest else None
        if owner and rest[-1] in _tensor_names(owner[1]):
            return BuiltPart(*owner, str(rest[-1]))
    return None


def _tensor_names(module: BuiltModule) -> set[str]:
    return {each.name for each in module.parameters} | {each.name for each in module.buffers}


def part_lines(description: Description, built: Architecture, part: BuiltPart, asked: Asked) -> list[str]:
    """The Markdown lines of the hover on a part of what is ``built``; for what was ``asked``."""
    path, module, name = part
    if name is not None:
        full = f"{path}.{name}" if path else name
        texts = [parameter_text(each, built) for each in module.parameters if each.name == name]
        texts += [
            f"{format_shape(each.shape)} {each.dtype} · buffer"
            for each in module.buffers
            if each.name == name
        ]
        told = explained.lines(description, explained.parameter_part(path, module, name), asked)
        return [
            f"**{escape(full)}** · {escape(texts[0])}",
            "",
            f"of {escape(module.repr)}",
            *(text for line in told for text in ("", line)),
        ]
    lines = [f"**{escape(path)}** · {escape(module.repr)}", ""]
    if module.elements:
        size = f"{plural(module.elements // module.copies, 'parameter')}"
        lines += [f"{size} · {format_bytes(module.nbytes // module.copies)} as {escape(built.dtype)}", ""]
    told = explained.lines(description, explained.built_part(built, path, module), asked)
    lines += [text for line in told for text in (line, "")]
    rows = list(_rows(description, path, module, built))
    if rows:
        lines += ["| Inside | |", "|:--|:--|"]
        lines += [f"| {escape(label)} | {escape(text)} |" for label, text in rows[:MOST_ROWS]]
        if len(rows) > MOST_ROWS:
            lines.append(f"| … | {len(rows) - MOST_ROWS} more |")
    if module.source and module.source.file:
        where = f"`{escape(module.source.module)}`, line {module.source.line or 1}"
        lines += ["", f"class {escape(module.source.name)} in {where}"]
    return lines


def source_of(built: Architecture, parts: Sequence[str | int]) -> ClassSource | None:
    """Where the class of a module is defined, or that of the module that holds a parameter."""
    found = find(built, parts)
    return found.module.source if found else None


def names_inside(built: Architecture, parts: Sequence[str | int]) -> Iterator[tuple[str, str, str]]:
    """What may follow a dot: name, kind (``module``, ``parameter``) and one line about it."""
    found = find(built, parts)
    if found is None or found.name is not None:
        return
    for child in found.module.children:
        for name in map(str, child.indices) if child.indices else (child.name,):
            yield name, "module", child.repr
    for parameter in found.module.parameters:
        yield parameter.name, "parameter", parameter_text(parameter, built)
    for buffer in found.module.buffers:
        yield buffer.name, "parameter", f"{format_shape(buffer.shape)} {buffer.dtype} · buffer"


def _rows(
    description: Description, path: str, module: BuiltModule, built: Architecture
) -> Iterator[tuple[str, str]]:
    for parameter in module.parameters:
        yield parameter.name, parameter_text(parameter, built)
    for buffer in module.buffers:
        yield buffer.name, f"{format_shape(buffer.shape)} {buffer.dtype} · buffer"
    for child in module.children:
        label = f"{child.name}: {child.copies} ×" if child.copies > 1 else child.name
        found = explained.matrix_text(description, explained.subject_of(_below(path, child.name), child))
        size = format_bytes(child.nbytes) if child.nbytes else ""
        yield label, " · ".join(filter(None, (child.repr, found, size)))


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def parameter_text(parameter: BuiltParameter, built: Architecture) -> str:
    """Shape, dtype and size as stored, where it is tied to, and what loading makes of it."""
    stored = parameter.stored_dtype
    size = parameter.nbytes if parameter.stored_nbytes is None else parameter.stored_nbytes
    parts = [f"{format_shape(parameter.shape)} {stored or parameter.dtype}", format_bytes(size)]
    if parameter.tied_to:
        parts.append(f"tied to {parameter.tied_to}")
    elif built.join and stored is None:
        parts.append("not in the checkpoint: initialised anew")
    if stored and stored != parameter.dtype and built.nbytes is not None:
        parts.append(f"loads {parameter.dtype} {format_bytes(parameter.nbytes)}")
    return " · ".join(parts)
