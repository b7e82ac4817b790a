"""The rows of the tree that lead to a tensor, from the model's own down."""

from __future__ import annotations

from collections.abc import Iterator

from model_loupe.domain.loading import LoadOptions
from model_loupe.inspector.description import Description
from model_loupe.inspector.rows import Place, TreeNode
from model_loupe.inspector.tree import children

# A level of more rows than these pages is no model's.
_MOST_PAGES = 50


def path_to(place: Place, description: Description, tensor: str) -> list[str]:
    """The ids of the rows on the way to ``tensor``, in folded runs too, as far down as there is one.

    ``place`` is the model's, or that of its Architecture row.
    """
    found = [place._replace(section="", path="", shown="", options=LoadOptions()).id()]
    architecture = place._replace(section="architecture", path="", shown="")
    found.append(architecture.id())
    parts = tensor.split(".")
    while (row := _leading_to(architecture, description, parts)) is not None:
        found.append(row.id)
        architecture = Place.parse(row.id)
        if not row.collapsible:
            break
    return found


def _leading_to(place: Place, description: Description, parts: list[str]) -> TreeNode | None:
    for row in _rows(place, description):
        shown = Place.parse(row.id).shown.split(".")
        if len(shown) <= len(parts) and all(map(_stands_for, shown, parts)):
            return row
    return None


def _rows(place: Place, description: Description) -> Iterator[TreeNode]:
    for _ in range(_MOST_PAGES):
        rows = children(place, description)
        yield from (row for row in rows if row.icon != "more")
        if not rows or rows[-1].icon != "more":
            return
        place = Place.parse(rows[-1].id)


def _stands_for(shown: str, part: str) -> bool:
    """Whether ``0-17`` or ``0,2-4`` has ``part`` in it, or is the same."""
    if shown == part:
        return True
    if not part.isdecimal() or not all(ch.isdecimal() or ch in ",-" for ch in shown):
        return False
    ends = (run.partition("-") for run in shown.split(","))
    return any(first.isdecimal() and int(first) <= int(part) <= int(last or first) for first, _, last in ends)
