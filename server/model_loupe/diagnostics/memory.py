"""``will-not-fit``: the loaded weights against the memory that the settings name."""

from __future__ import annotations

import re
from collections.abc import Iterator

from model_loupe.diagnostics.finding import Checked, Finding
from model_loupe.domain.units import format_bytes

# As accelerate reads sizes (``convert_file_size_to_int``): GiB are binary, GB decimal.
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s?([KMGT])(i?)B", re.IGNORECASE)
_POWERS = {"K": 1, "M": 2, "G": 3, "T": 4}


def memory(checked: Checked) -> Iterator[Finding]:
    """Weights that are larger than what there is, as it is set."""
    description, reference, options = checked.description, checked.reference, checked.options
    limits = {name: size for name, text in checked.around.devices.items() if (size := bytes_of(text))}
    if description is None or not limits or reference.role not in ("model", "pipeline"):
        return
    loaded, nbytes = description.loaded(options)
    if nbytes is None or not description.is_exact:
        return
    if options.device_map is None:
        # Without a device map all of it is loaded into the memory of the machine first.
        available, where = limits.get("cpu"), "cpu"
    else:
        available, where = sum(limits.values()), " and ".join(limits)
    if available is not None and nbytes > available:
        yield Finding(
            "will-not-fit",
            reference.cell,
            reference.span,
            f"The weights take {format_bytes(nbytes)} as {loaded.dtype}, and {where} "
            f"{'has' if where in limits else 'have'} {format_bytes(available)} (modelLoupe.memory.devices).",
        )


def bytes_of(size: str) -> int | None:
    """``"24GiB"`` in bytes; None if it is no size."""
    found = _SIZE.fullmatch(size)
    if found is None:
        return None
    number, unit, binary = found.groups()
    return int(float(number) * (1024 if binary else 1000) ** _POWERS[unit.upper()])
