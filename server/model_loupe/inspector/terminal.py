"""A description as text for a terminal: facts in two columns, the tree with indents."""

from __future__ import annotations

from collections.abc import Iterator

from model_loupe.domain.architecture import Placement
from model_loupe.domain.loading import LoadOptions
from model_loupe.domain.memory import Wanted
from model_loupe.domain.modules import children
from model_loupe.domain.summaries import blocks
from model_loupe.domain.tensors import TensorTable
from model_loupe.domain.units import format_bytes, format_count, format_shape, plural
from model_loupe.inspector.description import Description
from model_loupe.inspector.facts import device_name, facts, missing_text, parameters_text, title
from model_loupe.inspector.memory import estimates

_BLOCKS = 12


def table(description: Description, wanted: Wanted) -> str:
    """The facts that the hover shows, in two columns, what they are sums of, then what is wrong."""
    parameters = parameters_text(description, long=True)
    reason = description.parameters.reason
    counted = parameters or missing_text(description) or reason or "no weights"
    rows = [("Model", description.request.model), ("Parameters", counted)]
    if parameters and reason and not description.built:
        rows.append(("", f"≈ {reason}"))
    options = description.built_for or LoadOptions()
    rows += facts(description, options, wanted)
    rows += _dtype_rows(description)
    rows += _memory_rows(description, options, wanted)
    rows += _block_rows(description.weights.table)
    width = max(len(label) for label, _ in rows)
    lines = [printable(title(description))]
    lines += [f"  {label:<{width}}  {printable(value)}" for label, value in rows]
    lines += [f"  ! {printable(warning.message)} [{warning.code}]" for warning in description.warnings]
    return "\n".join(lines)


def _dtype_rows(description: Description) -> Iterator[tuple[str, str]]:
    for number, (dtype, count) in enumerate(description.parameters.by_dtype.items()):
        sizes = f"{count.elements:,} elements · {count.parameters:,} parameters · {format_bytes(count.bytes)}"
        yield ("" if number else "By dtype"), f"{dtype}: {plural(count.tensors, 'tensor')} · {sizes}"


def _memory_rows(description: Description, options: LoadOptions, wanted: Wanted) -> Iterator[tuple[str, str]]:
    for number, each in enumerate(estimates(description, options, wanted)):
        size = format_bytes(each.nbytes)
        yield ("" if number else "Memory"), f"{each.label}: {size} = {each.formula} [{each.source}]"


def _block_rows(tensors: TensorTable) -> Iterator[tuple[str, str]]:
    found = blocks(tensors)
    if not any(block.copies > 1 for block in found):
        return
    for number, block in enumerate(found[:_BLOCKS]):
        share = 100 * block.nbytes / max(tensors.nbytes, 1)
        copies = f"{block.copies} × " if block.copies > 1 else ""
        size = f"{block.elements:,} elements · {format_bytes(block.nbytes)} · {share:.1f} %"
        yield ("" if number else "Blocks"), f"{copies}{block.path}: {size}"


def tree(description: Description) -> str:
    """What ``print(model)`` writes; from the files alone, a line a module or parameter, equal ones folded."""
    if description.built:
        return "\n".join(map(printable, description.built.text.split("\n")))
    lines = [printable(title(description)), *_lines(description.weights.table, "", "", "  ")]
    return "\n".join(lines)


def _lines(tensors: TensorTable, prefix: str, path: str, indent: str) -> Iterator[str]:
    found = children(tensors, prefix, path)
    for module in found.modules:
        name = f"{module.name}: {module.copies} ×" if module.copies > 1 else module.name
        size = f"{format_count(module.elements)} elements, {format_bytes(module.nbytes)}"
        yield f"{indent}{printable(name)}  [{size}]"
        yield from _lines(tensors, module.prefix, module.path, indent + "  ")
    for tensor in found.parameters:
        name = tensor.name.removeprefix(prefix + ".") if prefix else tensor.name
        kind = tensor.kind
        shape = format_shape(kind.shape)
        yield f"{indent}{printable(name)}  {shape} {printable(kind.dtype)}, {format_bytes(kind.nbytes)}"


def placement(found: Placement) -> str:
    """Which module goes where, one line each, then the sum of each device."""
    modules = found.folded()
    width = max(len(path) for path, _, _ in modules)
    lines = [f'device_map="{found.strategy}"']
    lines += [
        f"  {printable(path) or 'the whole model':<{width}}  {device_name(device):<6} {format_bytes(nbytes)}"
        for path, device, nbytes in modules
    ]
    for device, nbytes in found.nbytes.items():
        limit = found.limits.get(device)
        lines.append(
            f"  {device_name(device)}: {format_bytes(nbytes)}"
            + (f" of {format_bytes(limit)}" if limit else "")
        )
    return "\n".join(lines)


def printable(text: str) -> str:
    """``text`` without control characters: a checkpoint must not move the cursor or colour the terminal."""
    return "".join(char if char.isprintable() else "\ufffd" for char in text)
