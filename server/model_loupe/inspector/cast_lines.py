"""What a cast means in a few lines: bytes, what stays, what is lost where that was measured."""

from __future__ import annotations

from model_loupe.domain.casts.numerics import Sums, total
from model_loupe.domain.casts.plan import CastPlan, kept_modules
from model_loupe.domain.casts.targets import target_named
from model_loupe.domain.errors import LoupeError
from model_loupe.domain.units import format_bytes
from model_loupe.inspector import casting
from model_loupe.inspector.description import Description

_MOST_KEPT = 2


def cast_lines(description: Description, dtype: str, interpreter: str) -> list[str]:
    """Lines of text on a cast of the whole model to ``dtype``; none where there is nothing to cast.

    Figures are those of an exact preview of these very files, if there was one: nothing is measured.
    """
    try:
        found = casting.preview(description, [target_named(dtype)], interpreter, exact=True)
    except LoupeError:
        return []
    plan = found.plans[0]
    stored = " + ".join(description.stored_dtypes)
    bytes_line = (
        f"{plan.target.name} {format_bytes(plan.nbytes)} · stored {stored} {format_bytes(plan.before)}"
    )
    return [bytes_line, *kept_lines(plan, _MOST_KEPT), _loss(found, interpreter)]


def kept_lines(plan: CastPlan, most: int) -> list[str]:
    """The largest modules that are not cast, and why."""
    kept = [each for each in kept_modules(plan) if not each.reason.startswith("tied")]
    return [
        f"Stays {each.dtype}: {each.path}, {format_bytes(each.nbytes)} ({each.reason})"
        for each in kept[:most]
    ]


def measured_overflow(description: Description, dtype: str, interpreter: str) -> int | None:
    """How many weights become infinite, by an exact preview of these very files; None without one."""
    try:
        found = casting.preview(description, [target_named(dtype)], interpreter, exact=True)
    except LoupeError:
        return None
    sums = _measured(found, interpreter)
    return sums.to_inf if sums is not None else None


def _measured(found: casting.Preview, interpreter: str) -> Sums | None:
    if not casting.recall(found, interpreter):
        return None
    return total(found.sums[found.plans[0].target.name].values())


def _loss(found: casting.Preview, interpreter: str) -> str:
    plan = found.plans[0]
    if all(each.family.kind.dtype == plan.target.name for each in plan.cast):
        return "All weights are stored so: nothing changes"
    sums = _measured(found, interpreter)
    if sums is None:
        return "What it does to the values is not measured yet: Preview casts measures it"
    if not sums.changed:
        return "Measured: no value changes"
    lost = [
        (sums.to_inf, "become infinite"),
        (sums.saturated, "become the largest value"),
        (sums.to_zero, "become zero"),
    ]
    parts = [f"{count:,} {what}" for count, what in lost if count] or ["no value overflows or vanishes"]
    if sums.snr_db is not None:
        parts.append(f"SNR {sums.snr_db:.1f} dB")
    return f"Measured on all {sums.elements:,} values: {', '.join(parts)}"
