"""What following a value goes by: steps to expressions, and the groups that they come in."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import NamedTuple

from model_loupe.documents.facts import Path
from model_loupe.documents.resolve import Place


class Step(NamedTuple):
    """The value is that of ``node`` at ``place``, or a part of it, as likely as ``certainty`` says."""

    node: ast.expr
    place: Place
    certainty: float
    path: Path = ()


Group = Sequence[Step]
"""Steps of which each may be the one; where none leads to anything, the next group counts."""
