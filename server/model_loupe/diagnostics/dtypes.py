"""``dtype-default``, ``dtype-overflow``: what a call makes of the dtype that the checkpoint stores."""

from __future__ import annotations

from collections.abc import Iterator

from model_loupe.diagnostics.finding import Checked, Finding
from model_loupe.diagnostics.fixes import with_keyword
from model_loupe.domain.units import format_bytes

_HALF = ("bfloat16", "float16")
_DTYPE_SINCE = (4, 56)


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
