"""Numbers as people read them. Bytes are binary (KiB, MiB, GiB), counts decimal (K, M, B, T)."""

from __future__ import annotations

_SIZE = r"(\d+(?:\.\d+)?)\s?([KMGT])(i?)B"
_BYTE_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_COUNT_UNITS = ("", "K", "M", "B", "T", "Q")


def format_bytes(count: int) -> str:
    """``5012344832`` → ``4.67 GiB``; exact below one KiB."""
    return f"{count} B" if count < 1024 else _scaled(count, 1024, _BYTE_UNITS)


def parse_bytes(text: str) -> int | None:
    """``24GiB`` or ``24 GB`` in bytes, as accelerate reads it; None for what is no size."""
    # Every call of the command line imports this module, and few parse a size.
    import re

    found = re.fullmatch(_SIZE, text.strip(), re.IGNORECASE)
    if found is None:
        return None
    base = 1024 if found[3] else 1000
    return int(float(found[1]) * base ** ("KMGT".index(found[2].upper()) + 1))


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
