"""What one side of a matrix is a product of: ``heads*head_dim + 2*kv_heads*head_dim``, ``a | b`` for either.

``{} elements`` is a side of any length.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import product
from math import prod
from typing import NamedTuple

from model_loupe.domain.explain.sizes import Size, Sizes

Product = tuple[str, ...]


class Axis(NamedTuple):
    """One side of a matrix: its length, what that is in words, and the names of the sizes in it."""

    length: int
    text: str
    names: tuple[str, ...]


@cache
def parsed(expression: str) -> tuple[tuple[Product, ...], ...]:
    """Alternatives of sums of products of names."""
    return tuple(
        tuple(tuple(name.strip() for name in term.split("*")) for term in alternative.split("+"))
        for alternative in expression.split("|")
    )


def axis_of(expression: str, length: int, sizes: Sizes) -> Axis | None:
    """The first alternative that is ``length`` with this model's sizes; None if none is."""
    if "{}" in expression:
        return Axis(length, expression.format(f"{length:,}"), ())
    for alternative in parsed(expression):
        names = tuple(dict.fromkeys(name for term in alternative for name in term))
        for chosen in _choices(names, sizes):
            if sum(prod(chosen[name].value for name in term) for term in alternative) == length:
                return Axis(length, " + ".join(_said(term, chosen) for term in alternative), names)
    return None


def _choices(names: tuple[str, ...], sizes: Sizes) -> Iterator[dict[str, Size]]:
    for values in product(*(sizes.named(name) for name in names)):
        yield dict(zip(names, values, strict=True))


def _said(term: Product, chosen: dict[str, Size]) -> str:
    return " × ".join(chosen[name].text for name in term)
