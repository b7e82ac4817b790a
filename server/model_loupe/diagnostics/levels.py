"""Which diagnostics are shown and how: by the settings and by comments in the code."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from model_loupe.diagnostics.checkpoint_codes import CHECKPOINT_CODES
from model_loupe.diagnostics.rules import CHECKPOINT, LEVELS, OFF, RULES, rule_of

_IGNORE = re.compile(r"#\s*loupe:\s*ignore\b(?:\[([^\]]*)\])?")


class Levels(NamedTuple):
    """Severities as set: ``given`` by code, what is not in it has its rule's; all off unless ``enabled``."""

    enabled: bool = True
    given: tuple[tuple[str, str], ...] = ()

    def of(self, code: str) -> str:
        """One of ``LEVELS``, or ``off``. What is set for all findings about files holds for each of them."""
        if not self.enabled:
            return OFF
        given = dict(self.given)
        rule = rule_of(code)
        return given.get(code) or given.get(rule.code) or rule.level


def parse_levels(
    values: Mapping[str, object], setting: str, problems: list[str]
) -> tuple[tuple[str, str], ...]:
    """``{code: level}`` as set; one line to ``problems`` for each that is not understood."""
    given = []
    for code, level in values.items():
        if code not in RULES and code not in CHECKPOINT_CODES:
            problems.append(f"{setting}: there is no diagnostic {code!r}")
        elif level not in (OFF, *LEVELS):
            words = ", ".join(f'"{word}"' for word in (OFF, *LEVELS))
            problems.append(f"{setting}: {code} is one of {words}, not {level!r}")
        else:
            given.append((code, str(level)))
    return tuple(given)


def is_ignored(code: str, lines: Sequence[str]) -> bool:
    """Whether a comment on one of ``lines`` says ``# loupe: ignore`` or ``# loupe: ignore[code, …]``."""
    for line in lines:
        found = _IGNORE.search(line) if "loupe" in line else None
        if found is None:
            continue
        named = found.group(1)
        if named is None:
            return True
        codes = {name.strip() for name in named.split(",")}
        if code in codes or (CHECKPOINT in codes and rule_of(code).code == CHECKPOINT):
            return True
    return False
