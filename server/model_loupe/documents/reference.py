"""The values that an analysis consists of."""

from __future__ import annotations

from typing import NamedTuple


class Span(NamedTuple):
    """A range in one cell or file; the end is exclusive. Lines and columns from 0, columns in code points."""

    line: int
    column: int
    end_line: int
    end_column: int

    def contains(self, line: int, column: int) -> bool:
        """Whether a cursor before the character at ``line``, ``column`` touches the range."""
        return (self.line, self.column) <= (line, column) <= (self.end_line, self.end_column)


class Cell(NamedTuple):
    """A cell of a notebook. ``kind`` is ``code`` or ``markdown``; ``index`` is the caller's own."""

    index: int  # type: ignore[assignment]
    kind: str
    text: str
    language: str = "python"


class Reference(NamedTuple):
    """A call that names a model.

    ``span`` is the argument that names it, ``call`` the whole call, ``argument`` how it is passed (``pos0``,
    ``model`` …, ``task-only`` for a pipeline without one; a shell's option or a setting's key as written).
    ``model`` is None where it cannot be known statically; ``kind`` is ``hub``, ``local``, ``placeholder``,
    ``written_here`` or ``unknown``; ``kwargs`` are the other keyword arguments as written; ``role`` is what
    is loaded. Where the text allows several names, ``candidates`` are all of them, the likeliest, which is
    ``model``, first. ``task`` is a pipeline's, where it is a literal.
    """

    cell: int | None
    span: Span
    call: Span
    callee: str
    argument: str
    model: str | None
    kind: str
    confidence: float
    kwargs: dict[str, str]
    role: str
    candidates: tuple[str, ...] = ()
    task: str | None = None

    def is_same_call(self, other: Reference) -> bool:
        """Whether both are one call, whatever its model is taken for."""
        return (self.cell, self.call) == (other.cell, other.call)

    @property
    def others(self) -> tuple[str, ...]:
        """The candidates besides ``model``, the likelier ones first."""
        return self.candidates[1:]


class Mention(NamedTuple):
    """What stands under a cursor: a literal or a name that holds a model's name.

    ``others`` are the names that it may hold as well, the likelier ones first.
    """

    span: Span
    model: str
    reference: Reference | None
    others: tuple[str, ...] = ()
