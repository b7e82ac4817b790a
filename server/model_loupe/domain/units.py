"""Numbers as people read them. Bytes are binary (KiB, MiB, GiB), counts decimal (K, M, B, T)."""

from __future__ import annotations

_BYTE_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_COUNT_UNITS = ("", "K", "M", "B", "T", "Q")


def format_bytes(count: int) -> str:
    """``5012344832`` → ``4.67 GiB``; exact below one KiB."""
    if count < 1024:
        return f"{count} B"
    value = float(count)
    unit = 0
    # 1023.995 would be shown as "1024.00": move on to the next unit before that.
    while value >= 1023.995 and unit < len(_BYTE_UNITS) - 1:
        value /= 1024
        unit += 1
    return f"{value:.2f} {_BYTE_UNITS[unit]}"


def format_count(count: int) -> str:
    """``2506172416`` → ``2.51 B``; exact below one thousand."""
    if count < 1000:
        return str(count)
    value = float(count)
    unit = 0
    while value >= 999.995 and unit < len(_COUNT_UNITS) - 1:
        value /= 1000
        unit += 1
    return f"{value:.2f} {_COUNT_UNITS[unit]}"


def plural(count: int, noun: str) -> str:
    """``1 shard``, ``2 shards``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
