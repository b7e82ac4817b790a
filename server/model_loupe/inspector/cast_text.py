"""A cast preview as text for a terminal: a row for each target, then what stays and what runs it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from model_loupe.domain.casts.numerics import Sums, total
from model_loupe.domain.casts.plan import CastPlan, kept_modules
from model_loupe.domain.units import format_bytes, plural
from model_loupe.inspector.cast_writing import Written
from model_loupe.inspector.casting import Preview
from model_loupe.inspector.facts import title
from model_loupe.inspector.terminal import printable

_KEPT = 6
_HEADS = ("to", "bytes", "of stored", "bits", "SNR dB", "max error", "→ inf", "clamped", "→ 0", "changed")
_UNKNOWN = "–"


def cast_table(found: Preview) -> str:
    stored = found.description.weights.table.nbytes
    dtypes = " + ".join(found.description.stored_dtypes)
    lines = [f"{printable(title(found.description))} · stored {printable(dtypes)} {format_bytes(stored)}"]
    rows = [_HEADS, *(_row(found, plan) for plan in found.plans)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADS))]
    for row in rows:
        cells = (
            cell.ljust(width) if not at else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  " + "  ".join(cells).rstrip())
    lines += _grouped("runs on", ((plan, _runs_on(plan)) for plan in found.plans))
    lines += _grouped("stays", ((plan, _kept(plan)) for plan in found.plans))
    lines += _notes(found)
    return "\n".join(lines)


def written_lines(written: Written) -> str:
    """What was written, and what is to be known of it."""
    weights = f"{plural(written.tensors - written.kept, 'tensor')} in {written.dtype}"
    if written.kept:
        weights += f" and {written.kept:,} as stored"
    weights += f", {format_bytes(written.nbytes)}"
    files = plural(len(written.files), "file")
    lines = [f"{printable(written.path)}: {weights}, {files}; read back and the same"]
    for counts, what in (
        (written.to_inf, "inf or NaN"),
        (written.saturated, f"the largest of {written.dtype}"),
    ):
        if counts:
            tensors = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
            worst = ", ".join(f"{printable(name)} ({count:,})" for name, count in tensors[:_KEPT])
            lines.append(f"! {plural(sum(counts.values()), 'finite value')} became {what}: {worst}")
    if written.left_out:
        more = f" and {len(written.left_out) - _KEPT:,} more" if len(written.left_out) > _KEPT else ""
        lines.append(f"left out: {printable(', '.join(written.left_out[:_KEPT]))}{more}")
    if written.note:
        lines.append(f"! {written.note}")
    return "\n".join(lines)


def _row(found: Preview, plan: CastPlan) -> tuple[str, ...]:
    stored = found.description.weights.table.nbytes
    share = f"{100 * plan.nbytes / stored:.1f} %" if stored else _UNKNOWN
    head = (plan.target.name, format_bytes(plan.nbytes), share, f"{plan.bits_per_parameter:.4g}")
    parts = found.sums[plan.target.name]
    if not parts:
        return (*head, *[_UNKNOWN] * (len(_HEADS) - len(head)))
    sums = total(parts.values())
    is_known = found.exact or sums.sampled == sums.elements or plan.is_lossless
    changed = 100 * sums.changed / sums.elements if sums.elements else 0.0
    return (
        *head,
        _snr(sums, is_known),
        f"{'' if is_known else '≥ '}{sums.max_abs_error:.3g}",
        *(f"{count:,}" if is_known else _UNKNOWN for count in (sums.to_inf, sums.saturated)),
        _estimated(sums.to_zero, f"{sums.to_zero:,}", is_known),
        _estimated(sums.changed, f"{changed:.3g} %", is_known),
    )


def _estimated(value: int, shown: str, is_known: bool) -> str:
    """What a sample saw none of may be elsewhere."""
    if is_known:
        return shown
    return f"≈ {shown}" if value else _UNKNOWN


def _snr(sums: Sums, is_known: bool) -> str:
    snr, interval = sums.snr_db, sums.snr_interval
    if snr is None:
        return "exact" if is_known and not sums.changed else _UNKNOWN
    if is_known or interval is None:
        return f"{snr:.2f}"
    return f"{snr:.2f} ± {(interval[1] - interval[0]) / 2:.2f}"


def _grouped(what: str, lines: Iterable[tuple[CastPlan, str]]) -> Iterator[str]:
    """Each line once, with all the targets that it is for."""
    groups: dict[str, list[str]] = {}
    for plan, line in lines:
        if line:
            groups.setdefault(line, []).append(plan.target.name)
    for line, names in groups.items():
        yield f"{what} · {', '.join(names)}: {line}"


def _runs_on(plan: CastPlan) -> str:
    return f"{plan.target.library}; {plan.target.hardware}"


def _kept(plan: CastPlan) -> str:
    """Bytes by reason, largest first."""
    sums: dict[tuple[str, str], int] = {}
    for row in kept_modules(plan):
        key = row.dtype, row.reason
        sums[key] = sums.get(key, 0) + row.nbytes
    rows = sorted(sums.items(), key=lambda item: -item[1])
    return "; ".join(
        f"{printable(reason)} ({dtype}, {format_bytes(nbytes)})" for (dtype, reason), nbytes in rows[:_KEPT]
    )


def _notes(found: Preview) -> Iterator[str]:
    for warning in found.description.warnings:
        yield f"! {printable(warning.message)} [{warning.code}]"
    measured = [plan.target.name for plan in found.plans if found.sums[plan.target.name]]
    if measured and not found.exact:
        yield "≈ from a sample of every tensor; --exact reads all, and counts what overflows"
    for message in dict.fromkeys(why.message for why in found.unmeasured.values()):
        yield f"! {printable(message)}"
