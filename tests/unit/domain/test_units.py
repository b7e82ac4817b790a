"""Numbers as people write them."""

from __future__ import annotations

import pytest

from model_loupe.domain.units import parse_bytes


@pytest.mark.parametrize(
    ("text", "nbytes"),
    [
        ("24GiB", 24 * 2**30),
        ("24 GiB", 24 * 2**30),
        ("24gb", 24 * 10**9),
        ("1.5MiB", 3 * 2**19),
        ("2 TB", 2 * 10**12),
        (" 1KB ", 1000),
        ("24", None),
        ("GiB", None),
        ("-1GiB", None),
        ("1GiBs", None),
    ],
)
def test_sizes_as_accelerate_reads_them(text: str, nbytes: int | None) -> None:
    assert parse_bytes(text) == nbytes
