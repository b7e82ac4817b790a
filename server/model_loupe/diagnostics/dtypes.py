"""``dtype-default``, ``dtype-overflow``: what a call makes of the dtype that the checkpoint stores."""

from __future__ import annotations

from collections.abc import Iterator

from model_loupe.diagnostics.finding import Checked, Document, Finding
from model_loupe.diagnostics.fixes import replaced, with_keyword
from model_loupe.documents import Span
from model_loupe.domain.units import format_bytes, plural
from model_loupe.inspector.cast_lines import measured_overflow

_HALF = ("bfloat16", "float16")
_DTYPE_SINCE = (4, 56)
_DTYPE = ("dtype", "torch_dtype")
_NARROW, _WIDE = "float16", "bfloat16"


def dtypes(checked: Checked) -> Iterator[Finding]:
    """Half precision that is loaded as float32 because nothing was said."""
    description, reference, options = checked.description, checked.reference, checked.options
    version = checked.transformers
    if description is None or version is None or version >= (5,) or reference.role != "model":
        return
    if options.dtype is not None or not options.dtype_known or options.quantized or description.adapter:
        return
    stored = description.stored_dtypes
    found, nbytes = description.loaded(options)
    if stored[:1] and stored[0] in _HALF and found.dtype == "float32" and nbytes and description.stored_bytes:
        name = "dtype" if version >= _DTYPE_SINCE else "torch_dtype"
        yield Finding(
            "dtype-default",
            reference.cell,
            reference.span,
            f"Stored as {stored[0]} ({format_bytes(description.stored_bytes)}), loaded as float32 "
            f"({format_bytes(nbytes)}): transformers {description.transformers} does so unless it is given "
            f"{name}=.",
            (with_keyword(f'Load as it is stored: {name}="auto"', reference, name, '"auto"'),),
        )


def overflows(document: Document) -> Iterator[Finding]:
    """float16 for weights that were measured to be too large for it."""
    counts: dict[str, int] = {}
    for call, cell, span, written in _narrowed(document):
        description = call.description
        if description is None or description.stored_dtypes == [_NARROW]:
            continue
        if description.path not in counts:
            measured = measured_overflow(description, _NARROW, call.around.interpreter)
            counts[description.path] = measured or 0
        count, wide = counts[description.path], written.replace(_NARROW, _WIDE)
        if count:
            what = f"{plural(count, 'weight')} of {call.reference.model} become infinite in {_NARROW}"
            fixes = (replaced(f"Write {wide}", cell, span, wide),) if written else ()
            yield Finding("dtype-overflow", cell, span, f"{what} (measured).", fixes)


def _narrowed(document: Document) -> Iterator[tuple[Checked, int | None, Span, str]]:
    """Where float16 is asked for: the loading call, the place, and the dtype as written there."""
    for call in document.calls:
        site = call.site
        argument = next((found for name in _DTYPE if site and (found := site.argument(name))), None)
        if argument is not None and call.options.dtype == _NARROW:
            yield call, call.reference.cell, argument.value, argument.text
    for use in document.uses:
        checked = document.loading(use.reference)
        if checked is not None and use.kind == "model" and use.cast == _NARROW:
            yield checked, use.cell, use.span, ""
