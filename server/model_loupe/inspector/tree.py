"""The sidebar's tree, one level at a time: what is below each kind of row (``rows``)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from model_loupe.domain.errors import LoupeError
from model_loupe.domain.loading import LoadOptions, bytes_at
from model_loupe.domain.memory import Wanted
from model_loupe.domain.modules import Module
from model_loupe.domain.modules import children as module_children
from model_loupe.domain.summaries import blocks
from model_loupe.domain.tensors import Tensor
from model_loupe.domain.units import format_bytes, format_count, format_shape, plural
from model_loupe.inspector import explained
from model_loupe.inspector.built_tree import (
    difference_rows,
    difference_sections,
    module_rows,
    placement_rows,
)
from model_loupe.inspector.description import Description
from model_loupe.inspector.explained import Asked
from model_loupe.inspector.facts import loaded_text, missing_text, parameters_text, stored_text, title
from model_loupe.inspector.markdown import escape
from model_loupe.inspector.memory import estimates
from model_loupe.inspector.rows import PAGE, Place, TreeNode, item, lazy_page, page, row
from model_loupe.sources.locate import ModelRequest


def root(
    request: ModelRequest,
    description: Description | None,
    failure: LoupeError | None = None,
    filtered: str = "",
) -> TreeNode:
    """The row of a model, with what is known of it so far, or why nothing is.

    Below it is all of the model, or what has ``filtered`` in its name.
    """
    model = request.model
    details = _FAILURES.get(failure.code, "cannot be read") if failure else ""
    tooltip = escape(failure.message if failure else model)
    if description:
        known = [parameters_text(description, long=False), stored_text(description)]
        details = " · ".join(part for part in known if part) or missing_text(description) or ""
        tooltip = f"{escape(title(description))} · {escape(description.path)}"
    place = Place(request, "found", filtered) if filtered else Place(request)
    found = row(place, model, details, "model", collapsible=True, tooltip=tooltip)
    # Still a model to the editors' menus: it can be revealed in the code that names it.
    return found._replace(icon="warning") if failure else found


_FAILURES = {
    "gated-repository": "gated",
    "model-not-found": "not found",
    "not-in-cache": "not in the local cache",
    "offline": "not in the local cache",
    "rate-limited": "the Hub asks to wait",
    "repository-not-found": "not on the Hub",
}


_NO_WISHES = Wanted()
_ANY_CALL = LoadOptions()


def children(
    place: Place,
    description: Description,
    options: LoadOptions = _ANY_CALL,
    wanted: Wanted = _NO_WISHES,
    by_size: bool = False,
) -> list[TreeNode]:
    """The rows below ``place``, at most ``PAGE`` and then a ``more`` row.

    Memory is for a call with ``options``, and for what is ``wanted``. ``by_size``: modules, tensors and files
    of most bytes first, not in the model's order.
    """
    if place.section == "memory":
        return list(_memory(place, description, options, wanted))
    if place.section == "architecture":
        return lazy_page(place, _architecture(place, description, wanted, by_size))
    section = _SECTIONS.get(place.section)
    if place.section == "files":
        section = partial(_files, by_size=by_size)
    if section is None:
        raise LoupeError("bad-node", "no such part of a model: ask modelLoupe/models again")
    return page(place, section(place, description))


# --- sections -----------------------------------------------------------------------------------------


def _model(place: Place, description: Description) -> Iterator[TreeNode]:
    def section(name: str, label: str, details: str, icon: str) -> TreeNode:
        return row(place._replace(section=name), label, details, icon, collapsible=True)

    if description.warnings:
        yield section("warnings", "Findings", plural(len(description.warnings), "finding"), "warning")
    table = description.weights.table
    yield from architecture(place, description)
    if len(table):
        dtypes = ", ".join(description.parameters.by_dtype)
        yield section("dtypes", "Parameters by dtype", dtypes, "dtypes")
        yield section("largest", "Largest tensors", "", "dtypes")
        yield section("blocks", "Parameters by block", "", "modules")
    if description.parts:
        yield section("parts", "Parts", plural(len(description.parts), "part"), "modules")
    if len(table) or description.kv_cache:
        yield section("memory", "Memory", stored_text(description) or "", "memory")
    if description.built:
        yield section("placement", "Placement", "device_map", "memory")
    if description.config:
        yield section("config", "Config", plural(len(description.config), "field"), "config")
    if description.tokenizer:
        yield section("tokenizer", "Tokenizer", description.tokenizer.class_name or "", "tokenizer")
    yield section("files", "Files", plural(len(description.files), "file"), "files")


def architecture(place: Place, description: Description) -> list[TreeNode]:
    """The row of what one call builds, and those of what differs between it and the checkpoint."""
    built = description.built
    if not len(description.weights.table) and not built:
        return []
    at = place._replace(section="architecture")
    rows = [row(at, "Architecture", title(description), "architecture", collapsible=True)]
    for name, label, count in difference_sections(built) if built else ():
        icon = "warning" if name == "mismatched" else "modules"
        rows.append(row(place._replace(section=name), label, count, icon, collapsible=True))
    return rows


def of_call(rows: list[TreeNode], call: LoadOptions) -> list[TreeNode]:
    """Architecture ``rows`` of one of several calls; the first says which: ``AutoModel(num_labels=3): …``."""
    told = [*([call.task] if call.task else []), *(f"{name}={value!r}" for name, value in call.overrides)]
    how = f"{call.builder or ''}({', '.join(told)})" if told else call.builder
    if not rows or not how:
        return rows
    return [rows[0]._replace(description=f"{how}: {rows[0].description}"), *rows[1:]]


def _architecture(
    place: Place, description: Description, wanted: Wanted, by_size: bool
) -> Iterator[Callable[[], TreeNode]]:
    if description.built:
        yield from module_rows(place, description, description.built, wanted, by_size)
        return
    table = description.weights.table
    modules, tensors = module_children(table, place.path, place.shown)
    if by_size:
        modules = sorted(modules, key=lambda module: -module.nbytes)
        tensors = sorted(tensors, key=lambda tensor: -tensor.kind.nbytes)
    for module in modules:
        yield partial(_module_row, place, module, description, wanted)
    tied = {name: group for group in description.parameters.tied for name in group}
    for tensor in tensors:
        yield partial(_tensor_row, place, tensor, tied.get(tensor.name))


def _module_row(place: Place, module: Module, description: Description, wanted: Wanted) -> TreeNode:
    label = f"{module.name}: {module.copies} ×" if module.copies > 1 else module.name
    size = f"{format_count(module.elements)} · {format_bytes(module.nbytes)}"
    tooltip = (
        f"**{escape(module.path)}** · {plural(module.tensors, 'tensor')} · {module.elements:,} elements · "
        f"{format_bytes(module.nbytes)}"
    )
    if module.copies > 1:
        tooltip += f" in all {module.copies}; each {format_bytes(module.nbytes // module.copies)}"
    told = explained.lines(description, explained.named_part(description, module.prefix), Asked(wanted))
    tooltip = "\n\n".join((tooltip, *told))
    below = place._replace(path=module.prefix, shown=module.path, offset=0)
    icon = "modules" if module.copies > 1 else "module"
    return row(below, label, size, icon, collapsible=True, tooltip=tooltip)


def _tensor_row(place: Place, tensor: Tensor, tied: list[str] | None) -> TreeNode:
    kind = tensor.kind
    # Under a folded run the first one's tensor stands for all of them.
    name = tensor.name.removeprefix(place.path + ".") if place.path else tensor.name
    shape = format_shape(kind.shape)
    others = [other for other in tied or [] if other != tensor.name]
    details = f"{shape} {kind.dtype} · {format_bytes(kind.nbytes)}" + (
        f" · tied to {others[0]}" if others else ""
    )
    full_name = f"{place.shown}.{name}" if place.shown else name
    tooltip = (
        f"**{escape(full_name)}** · {escape(shape)} {escape(kind.dtype)} · {kind.elements:,} elements · "
        f"{kind.nbytes:,} bytes · in {escape(tensor.file)}"
    )
    leaf = place._replace(section="tensor", path=tensor.name, shown=full_name, offset=0)
    return row(leaf, name, details, "parameter", tooltip=tooltip)


def _dtypes(place: Place, description: Description) -> Iterator[TreeNode]:
    for dtype, count in description.parameters.by_dtype.items():
        details = f"{plural(count.tensors, 'tensor')} · {format_bytes(count.bytes)}"
        tooltip = (
            f"**{escape(dtype)}** · {plural(count.tensors, 'tensor')} · {count.elements:,} elements · "
            f"{count.parameters:,} of them parameters · {count.bytes:,} bytes"
        )
        below = place._replace(section="dtype", path=dtype)
        yield row(below, dtype, details, "dtype", collapsible=True, tooltip=tooltip)


def _dtype(place: Place, description: Description) -> Iterator[TreeNode]:
    table = description.weights.table
    of_dtype = [name for name, kind in table.tensors.items() if kind.dtype == place.path]
    # Largest first: that is what a look at one dtype is for.
    of_dtype.sort(key=lambda name: (-table.tensors[name].nbytes, _by_number(name)))
    whole = place._replace(path="", shown="")
    for tensor in filter(None, map(table.get, of_dtype)):
        found = _tensor_row(whole, tensor, None)
        # The same tensor stands under Architecture too; editors want ids that occur once.
        yield found._replace(id=item(place, tensor.name).id())


def _by_number(name: str) -> list[tuple[int, str]]:
    """A key that sorts layer 2 before layer 10."""
    return [(int(part), "") if part.isascii() and part.isdigit() else (-1, part) for part in name.split(".")]


def _parts(place: Place, description: Description) -> Iterator[TreeNode]:
    for part in description.parts:
        size = "weights not all here" if part.parameters is None else ""
        if part.parameters:
            size = f"{format_count(part.parameters)} · {format_bytes(part.nbytes or 0)}"
        details = " · ".join(text for text in (part.class_name, size) if text)
        yield row(item(place, part.name), part.name, details, "module")


def _largest(place: Place, description: Description) -> Iterator[TreeNode]:
    whole, table = place._replace(path="", shown=""), description.weights.table
    names = (name for name, _ in table.largest(PAGE))
    for tensor in filter(None, map(table.get, names)):
        yield _tensor_row(whole, tensor, None)._replace(id=item(place, tensor.name).id())


def _blocks(place: Place, description: Description) -> Iterator[TreeNode]:
    table = description.weights.table
    for block in blocks(table):
        label = f"{block.path}: {block.copies} ×" if block.copies > 1 else block.path
        share = 100 * block.nbytes / max(table.nbytes, 1)
        details = f"{format_count(block.elements)} · {format_bytes(block.nbytes)} · {share:.1f} %"
        tooltip = (
            f"**{escape(block.path)}** · {plural(block.tensors, 'tensor')} · {block.elements:,} elements · "
            f"{block.nbytes:,} bytes"
        )
        icon = "modules" if block.copies > 1 else "module"
        yield row(item(place, block.path), label, details, icon, tooltip=tooltip)


def _memory(
    place: Place, description: Description, options: LoadOptions, wanted: Wanted
) -> Iterator[TreeNode]:
    def memory_row(label: str, details: str, tooltip: str | None = None) -> TreeNode:
        return row(item(place, label), label, details, "memory-item", tooltip=tooltip)

    if description.stored_bytes is not None:
        yield memory_row("Stored", format_bytes(description.stored_bytes))
    loaded, nbytes = description.loaded(options)
    if loaded.dtype and nbytes is not None:
        yield memory_row("Loads as", f"{loaded.dtype} · {loaded_text(description, nbytes)} · {loaded.rule}")
    total = description.total
    if total is not None and not description.quantization:
        for dtype in ("float32", "bfloat16", "float16"):
            yield memory_row(f"Weights in {dtype}", format_bytes(bytes_at(dtype, total)))
    cache = description.kv_cache
    if cache:
        yield memory_row("KV cache per token", f"{cache.bytes_per_token:,} bytes · {cache.dtype}")
    for estimate in estimates(description, options, wanted):
        parts = " + ".join(
            f"{name.replace('_', ' ')} {format_bytes(size)}" for name, size in estimate.parts.items()
        )
        lines = (estimate.formula, parts, f"Without activations. Source: {estimate.source}")
        tooltip = "\n\n".join(map(escape, lines))
        yield memory_row(estimate.label, format_bytes(estimate.nbytes), tooltip)


def _config(place: Place, description: Description) -> Iterator[TreeNode]:
    keys = _config_keys(place.path)
    value: Any = description.config
    for key in keys:
        try:
            value = value[key]
        except (KeyError, IndexError, TypeError):
            return
    items: Iterable[tuple[str | int, Any]] = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, entry in items:
        nested = isinstance(entry, (dict, list)) and bool(entry)
        path = json.dumps([*keys, key], separators=(",", ":"))
        details = plural(len(entry), "value") if nested else json.dumps(entry, ensure_ascii=False)
        yield row(place._replace(path=path, offset=0), str(key), details, "config-field", collapsible=nested)


def _config_keys(path: str) -> list[str | int]:
    """A row of the config is found by the keys that lead to it, as a JSON list (keys may hold dots)."""
    try:
        keys = json.loads(path) if path else []
    except (ValueError, RecursionError):
        return []
    return [key for key in keys if isinstance(key, (str, int))] if isinstance(keys, list) else []


def _files(place: Place, description: Description, by_size: bool) -> Iterator[TreeNode]:
    files = description.files
    for file in sorted(files, key=lambda file: -(file.nbytes or 0)) if by_size else files:
        reason = description.weights.not_taken.get(file.name)
        size = format_bytes(file.nbytes) if file.present and file.nbytes is not None else "missing"
        details = f"{size} · not used" if reason else size
        icon = "file" if file.present else "file-missing"
        tooltip = escape(f"{file.name}: {size}" + (f", not used: {reason}" if reason else ""))
        yield row(item(place, file.name), file.name, details, icon, tooltip=tooltip)


def _warnings(place: Place, description: Description) -> Iterator[TreeNode]:
    for number, warning in enumerate(description.warnings):
        yield row(
            item(place, str(number)),
            warning.code,
            warning.message,
            "warning",
            tooltip=escape(warning.message),
        )


def _difference(place: Place, description: Description) -> Iterator[TreeNode]:
    return difference_rows(place, description.built) if description.built else iter(())


def _placement(place: Place, description: Description) -> Iterator[TreeNode]:
    return placement_rows(place, description.placement) if description.placement else iter(())


def _found(place: Place, description: Description) -> Iterator[TreeNode]:
    """The tensors and config fields whose names hold the text of ``place.path``, in capitals or not."""
    wanted = place.path.casefold()
    table = description.weights.table
    names = sorted((name for name in table.tensors if wanted in name.casefold()), key=_by_number)
    whole = place._replace(path="", shown="")
    for tensor in filter(None, map(table.get, names)):
        yield _tensor_row(whole, tensor, None)._replace(id=item(place, tensor.name).id())
    for key, value in description.config.items():
        if wanted in key.casefold():
            details = json.dumps(value, ensure_ascii=False)
            yield row(item(place, f"config/{key}"), key, details, "config-field")


def _nothing(place: Place, description: Description) -> Iterator[TreeNode]:
    return iter(())


_SECTIONS: dict[str, Callable[[Place, Description], Iterator[TreeNode]]] = {
    "": _model,
    "blocks": _blocks,
    "config": _config,
    "dtype": _dtype,
    "dtypes": _dtypes,
    "found": _found,
    "item": _nothing,
    "largest": _largest,
    "mismatched": _difference,
    "missing": _difference,
    "parts": _parts,
    "placement": _placement,
    "tensor": _nothing,
    "unexpected": _difference,
    "warnings": _warnings,
}
