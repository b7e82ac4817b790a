"""Numbers as people read them. Bytes are binary (KiB, MiB, GiB), counts decimal (K, M, B, T)."""

from __future__ import annotations

_BYTE_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_COUNT_UNITS = ("", "K", "M", "B", "T", "Q")


def format_bytes(count: int) -> str:
    """``5012344832`` → ``4.67 GiB``; exact below one KiB."""
    return f"{count} B" if count < 1024 else _scaled(count, 1024, _BYTE_UNITS)


def format_count(count: int) -> str:
    """``2506172416`` → ``2.51 B``; exact below one thousand."""
    return str(count) if count < 1000 else _scaled(count, 1000, _COUNT_UNITS)


def _scaled(count: int, base: int, units: tuple[str, ...]) -> str:
    value = float(count)
    unit = 0
    # What would be shown as "1000.00" of one unit is "1.00" of the next.
    while value >= base - 0.005 and unit < len(units) - 1:
        value /= base
        unit += 1
    return f"{value:.2f} {units[unit]}"


def format_shape(shape: tuple[int, ...]) -> str:
    """As PyTorch writes it: ``(2048, 256)``, ``(2048,)``, ``()``."""
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"


def plural(count: int, noun: str) -> str:
    """``1 shard``, ``2 shards``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
