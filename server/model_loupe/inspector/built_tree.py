"""The tree's rows below Architecture once it is known what the code builds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from model_loupe.domain.architecture import (
    Architecture,
    BuiltBuffer,
    BuiltModule,
    BuiltParameter,
    Placement,
)
from model_loupe.domain.memory import Wanted
from model_loupe.domain.units import format_bytes, format_count, format_shape, plural
from model_loupe.inspector import explained
from model_loupe.inspector.built_parts import parameter_text
from model_loupe.inspector.description import Description
from model_loupe.inspector.explained import Asked
from model_loupe.inspector.facts import device_name
from model_loupe.inspector.markdown import escape
from model_loupe.inspector.rows import Place, TreeNode, row


def module_rows(
    place: Place, description: Description, built: Architecture, wanted: Wanted, by_size: bool = False
) -> Iterator[Callable[[], TreeNode]]:
    """What makes the rows of all that is directly inside of the module at ``place.path``.

    ``by_size``: those of most bytes first, not in the model's order.
    """
    found = built.find(place.path.split(".") if place.path else ())
    if found is None:
        return
    _, module = found
    children, parameters = module.children, module.parameters
    if by_size:
        children = tuple(sorted(children, key=lambda child: -_nbytes(child, built)))
        parameters = tuple(sorted(parameters, key=lambda parameter: -parameter.nbytes))
    for child in children:
        yield partial(_module_row, place, child, description, built, wanted)
    for parameter in parameters:
        yield partial(_parameter_row, place, parameter, built)
    for buffer in module.buffers:
        yield partial(_buffer_row, place, buffer)


def _buffer_row(place: Place, buffer: BuiltBuffer) -> TreeNode:
    kept = "in the state dict" if buffer.persistent else "computed, not stored"
    details = f"{format_shape(buffer.shape)} {buffer.dtype} · buffer"
    tooltip = f"**{escape(_full(place, buffer.name))}** · buffer, {kept}"
    return _leaf(place, buffer.name, details, "buffer", tooltip)


def difference_sections(built: Architecture) -> Iterator[tuple[str, str, str]]:
    """What differs between checkpoint and model: section, label and count in words."""
    join = built.join
    if join is None:
        return
    if join.mismatched_count:
        yield "mismatched", "Of another shape", plural(join.mismatched_count, "parameter")
    if join.missing_count:
        yield "missing", "Initialised anew", plural(join.missing_count, "parameter")
    if join.unexpected_count:
        yield "unexpected", "Not loaded", plural(join.unexpected_count, "tensor")


def difference_rows(place: Place, built: Architecture) -> Iterator[TreeNode]:
    """The parameters or tensors of one of the ``difference_sections``."""
    join = built.join
    if join is None:
        return
    if place.section == "mismatched":
        for each in join.mismatched:
            details = f"{format_shape(each.stored)} stored, {format_shape(each.wanted)} in the model"
            yield _leaf(place, each.name, details, "warning", None)
        return
    names = join.missing if place.section == "missing" else join.unexpected
    for name in names:
        yield _leaf(place, name, "", "parameter", None)


def placement_rows(place: Place, placement: Placement) -> Iterator[TreeNode]:
    """Each device with what it holds, below it nothing; then the modules in order."""
    for device, nbytes in placement.nbytes.items():
        limit = placement.limits.get(device)
        details = format_bytes(nbytes) + (f" of {format_bytes(limit)}" if limit else "")
        yield _leaf(place, device_name(device), details, "memory-item", None)
    for path, device, nbytes in placement.folded():
        details = f"{device_name(device)} · {format_bytes(nbytes)}"
        yield _leaf(place, path or "the whole model", details, "module", None)


def _module_row(
    place: Place, module: BuiltModule, description: Description, built: Architecture, wanted: Wanted
) -> TreeNode:
    name = module.name if module.copies == 1 else str(module.indices[0])
    label = f"{module.name}: {module.copies} ×" if module.copies > 1 else module.name
    shown = f"{place.shown}.{module.name}" if place.shown else module.name
    path = f"{place.path}.{name}" if place.path else name
    is_leaf = not module.children and not module.parameters and not module.buffers
    size = (
        [f"{format_count(module.elements)} · {format_bytes(_nbytes(module, built))}"]
        if module.elements
        else []
    )
    lines = [f"**{escape(shown)}** · {escape(module.repr)}"]
    if module.elements:
        loaded = f"{format_bytes(module.nbytes)} as {escape(built.dtype)} once loaded"
        lines.append(
            f"{module.elements:,} parameters · {loaded}"
            + (f" · {format_bytes(module.stored_nbytes)} stored" if built.join else "")
            + (f" in all {module.copies}" if module.copies > 1 else "")
        )
    lines += explained.lines(description, explained.built_part(built, path, module), Asked(wanted))
    if module.source and module.source.file:
        lines.append(f"`{escape(module.source.module)}`, line {module.source.line or 1}")
    below = place._replace(path=path, shown=shown, offset=0)
    return row(
        below,
        label,
        " · ".join([module.repr, *size]),
        "modules" if module.copies > 1 else "module",
        collapsible=not is_leaf,
        tooltip="\n\n".join(lines),
    )


def _nbytes(module: BuiltModule, built: Architecture) -> int:
    return module.stored_nbytes if built.join else module.nbytes


def _parameter_row(place: Place, parameter: BuiltParameter, built: Architecture) -> TreeNode:
    stored = (
        f"stored {escape(parameter.stored_dtype)}, {parameter.stored_nbytes:,} bytes · "
        if parameter.stored_dtype
        else ""
    )
    tooltip = (
        f"**{escape(_full(place, parameter.name))}** · {escape(format_shape(parameter.shape))} · "
        f"{stored}loaded {escape(parameter.dtype)}, {parameter.nbytes:,} bytes"
    )
    return _leaf(place, parameter.name, parameter_text(parameter, built), "parameter", tooltip)


def _full(place: Place, name: str) -> str:
    return f"{place.shown}.{name}" if place.shown else name


def _leaf(place: Place, name: str, details: str, icon: str, tooltip: str | None) -> TreeNode:
    path = f"{place.path}.{name}" if place.path else name
    is_tensor = place.section == "architecture"
    leaf = place._replace(
        section="tensor" if is_tensor else "item",
        path=path if is_tensor else f"{place.section}/{name}",
        shown=_full(place, name),
        offset=0,
    )
    return row(leaf, name, details, icon, tooltip=tooltip)
