"""``will-not-fit``: the loaded weights against the memory that the settings name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from model_loupe.diagnostics.finding import Checked, Document, Finding, Fix
from model_loupe.diagnostics.fixes import with_keyword
from model_loupe.documents.edits import Edit
from model_loupe.domain.casts.targets import TARGETS, Target
from model_loupe.domain.errors import LoupeError
from model_loupe.domain.units import format_bytes, parse_bytes
from model_loupe.inspector import Description

_QUANTIZED = ("int8", "nf4")


class _TooLarge(NamedTuple):
    """A call whose weights, ``nbytes`` as ``dtype``, are more than ``available`` on the devices ``where``."""

    call: Checked
    description: Description
    dtype: str | None
    nbytes: int
    available: int
    where: Sequence[str]


def memory(document: Document) -> Iterator[Finding]:
    """Weights that are larger than what there is, as it is set."""
    for call in document.calls:
        limits = {name: size for name, text in call.around.devices.items() if (size := parse_bytes(text))}
        found = _too_large(call, limits)
        if found is not None:
            has = "has" if len(found.where) == 1 else "have"
            message = (
                f"The weights take {format_bytes(found.nbytes)} as {found.dtype}, and "
                f"{' and '.join(found.where)} {has} {format_bytes(found.available)} "
                "(modelLoupe.memory.devices)."
            )
            fixes = tuple(_fixes(document, found, sum(limits.values())))
            yield Finding("will-not-fit", call.reference.cell, call.reference.span, message, fixes)


def _too_large(call: Checked, limits: Mapping[str, int]) -> _TooLarge | None:
    description, options = call.description, call.options
    if description is None or not limits or call.reference.role not in ("model", "pipeline"):
        return None
    loaded, nbytes = description.loaded(options)
    if nbytes is None or not description.is_exact:
        return None
    # Without a device map all of it is loaded into the memory of the machine first.
    where = ["cpu"] if options.device_map is None else list(limits)
    if not limits.keys() >= set(where):
        return None
    available = sum(limits[name] for name in where)
    if nbytes <= available:
        return None
    return _TooLarge(call, description, loaded.dtype, nbytes, available, where)


def _fixes(document: Document, found: _TooLarge, together: int) -> Iterator[Fix]:
    """A narrower format, or all devices ``together``; what is not known to fit is not offered."""
    call, description = found.call, found.description
    version = call.around.version
    if call.transformers is None:
        return
    reference = call.reference
    has_accelerate = version("accelerate") is not None
    placed = {"device", "device_map", "**"} & reference.kwargs.keys()
    if has_accelerate and not placed and found.nbytes <= together:
        yield with_keyword('Spread it over the devices: device_map="auto"', reference, "device_map", '"auto"')
    half = "float16" if description.stored_dtypes[:1] == ["float16"] else "bfloat16"
    for name in (half, *_QUANTIZED):
        target = TARGETS[name]
        if name == half or (has_accelerate and version(target.library) is not None):
            yield _narrower(document, found, target)


def _narrower(document: Document, found: _TooLarge, target: Target) -> Fix:
    """Loads as ``target``, as applying a cast does; planned when it is asked for, not as code is typed."""
    call, description = found.call, found.description

    def edits(texts: Sequence[str]) -> list[Edit]:
        from model_loupe.documents.edits.recast import recast
        from model_loupe.domain.casts.applying import way_to_load
        from model_loupe.inspector.cast_preview import check_applicable
        from model_loupe.inspector.casting import preview

        try:
            check_applicable(description, target)
            [plan] = preview(description, [target], call.around.interpreter).plans
            if plan.nbytes > found.available:
                return []
            way = way_to_load(target, call.around.installed("transformers"), found.dtype)
            return recast(texts, call.reference, document.casts(), way)
        except LoupeError:
            return []

    return Fix(f"Load as {target.name}, which fits", edits)
