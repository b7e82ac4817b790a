"""Renaming names that differ in their numbers alone, without asking for each of them.

A mixture of experts has 90,000 tensors of some twenty kinds of names, and transformers tries dozens of
patterns on each. What one of a kind is renamed to tells it of the others, if the numbers in it can be told
apart; what comes out is believed only if the model has a parameter of that name.
"""

from __future__ import annotations

import re
from typing import Any, Callable

Rename = Callable[[str], "tuple[str, ...]"]
"""The model's names that a tensor of the checkpoint goes to: several where it is split, () where to none."""

_NUMBER = re.compile(r"(?<![A-Za-z0-9_])\d+(?![A-Za-z0-9_])")


def by_template(rename: Rename, expected: dict[str, Any]) -> Rename:
    """``rename`` with what it said of a name remembered for all names of its kind."""
    known: dict[str, tuple[str, ...]] = {}

    def renamed(name: str) -> tuple[str, ...]:
        numbers = _NUMBER.findall(name)
        if not numbers:
            return rename(name)
        kind = _NUMBER.sub("#", name)
        patterns = known.get(kind)
        if patterns is not None:
            found = tuple(pattern.format(*numbers) for pattern in patterns)
            if all(target in expected for target in found):
                return found
        targets = rename(name)
        if patterns is None and targets and len(set(numbers)) == len(numbers):
            known[kind] = tuple(_pattern(target, numbers) for target in targets)
        return targets

    return renamed


def _pattern(target: str, numbers: list[str]) -> str:
    """``layers.3.up`` of a name with the numbers 3 and 17 as ``layers.{0}.up``."""

    def placed(match: re.Match[str]) -> str:
        number = match.group()
        return f"{{{numbers.index(number)}}}" if number in numbers else number

    return _NUMBER.sub(placed, target.replace("{", "{{").replace("}", "}}"))
