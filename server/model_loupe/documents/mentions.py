"""What stands under a cursor: the argument of a loading call, or a name or literal that feeds one."""

from __future__ import annotations

import ast
from collections.abc import Container, Sequence

from model_loupe.documents.facts import Facts, dotted
from model_loupe.documents.memory import uses_of
from model_loupe.documents.names import kind_of
from model_loupe.documents.reference import Mention, Reference, Span
from model_loupe.documents.resolve import Bound, Names, place_of
from model_loupe.documents.values import Options, Values


class Mentions:
    """Answers for the places of one document."""

    def __init__(
        self,
        indexes: Sequence[int | None],
        names: Names,
        values: Values,
        references: Sequence[Reference],
        written: Container[str],
    ) -> None:
        self._indexes = indexes
        self._names = names
        self._values = values
        self._references = references
        self._written = written
        self._first_of: dict[str, Reference] | None = None

    def at(self, cell: int | None, line: int, column: int) -> Mention | None:
        """The mention that a cursor before ``line``, ``column`` touches."""
        for reference in self._references:
            if reference.cell == cell and reference.span.contains(line, column):
                return self._of_argument(reference)
        for number, index in enumerate(self._indexes):
            if index == cell:
                return self._of_binding(number, line, column) or self._of_use(number, line, column)
        return None

    def literals(self, cell: int | None) -> list[Mention]:
        """The literals of a cell that are the name of what some call of the document loads, in order."""
        found: dict[Span, Mention] = {
            reference.span: Mention(reference.span, reference.model, reference)
            for reference in self._references
            if reference.cell == cell and reference.model is not None and self._is_written_out(reference)
        }
        for number, index in enumerate(self._indexes):
            for node, _ in uses_of(self._names.texts[number]) if index == cell else ():
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    reference = self._loading(node.value)
                    if reference is not None and _is_there(self._names.texts[number], node):
                        span = self._names.texts[number].source.span(node)
                        found.setdefault(span, Mention(span, node.value, reference))
        return [found[span] for span in sorted(found)]

    def _is_written_out(self, reference: Reference) -> bool:
        """Whether the name itself stands in the reference's range, and nothing but quotes beside it."""
        span = reference.span
        if span.line != span.end_line:
            return False
        lines = self._names.texts[self._indexes.index(reference.cell)].source.lines()
        text = lines[span.line][span.column : span.end_column]
        return text.lstrip("rRfF").strip("'\"") == reference.model

    def _of_argument(self, reference: Reference) -> Mention | None:
        # A pipeline without a model has the whole call as its range, and no name to tell of.
        if reference.model is None:
            return None
        return Mention(reference.span, reference.model, reference, reference.others)

    def _of_binding(self, number: int, line: int, column: int) -> Mention | None:
        """An assignment's target or its value, if some call loads what is assigned."""
        facts = self._names.texts[number]
        for bindings in facts.bindings.values():
            for binding in bindings:
                for node in (binding.target, binding.value):
                    if node is None or not node.lineno - 1 <= line <= (node.end_lineno or 0) - 1:
                        continue
                    span = facts.source.span(node)
                    if span.contains(line, column):
                        mention = self._mention(span, self._values.bound(Bound(binding, number)))
                        if mention is not None:
                            return mention
        return None

    def _of_use(self, number: int, line: int, column: int) -> Mention | None:
        """A mere use of a name that holds what some call loads, or the same text as a literal.

        Such is an item of a list that a loop goes through, or the argument of a helper.
        """
        facts = self._names.texts[number]
        for node, scope in uses_of(facts):
            if isinstance(node, (ast.Subscript, ast.Call)):
                continue
            if node.lineno - 1 <= line <= (node.end_lineno or 0) - 1:
                span = facts.source.span(node)
                # Python before 3.12 misplaces names in f-strings of several lines.
                if span.contains(line, column) and _is_there(facts, node):
                    mention = self._mention(span, self._values.of(node, place_of(number, scope, node)))
                    if mention is not None:
                        return mention
        return None

    def _mention(self, span: Span, options: Options) -> Mention | None:
        """The first of several names that some call loads."""
        for option in options:
            reference = self._loading(option.text)
            if reference is not None:
                others = tuple(other.text for other in options if other is not option)
                return Mention(span, option.text, reference, others)
        return None

    def _loading(self, model: str) -> Reference | None:
        """The first call that loads a model; where that is one of several, as if it were the only one."""
        if self._first_of is None:
            self._first_of = {}
            for reference in self._references:
                for candidate in reference.candidates or (reference.model,):
                    if candidate is not None:
                        self._first_of.setdefault(candidate, reference)
        found = self._first_of.get(model)
        if found is None or not found.candidates:
            return found
        return found._replace(model=model, kind=kind_of(model, self._written), candidates=())


def _is_there(facts: Facts, node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return facts.source.fragment(node).rstrip()[-1:] in ("'", '"')
    name = dotted(node)
    return name is not None and "".join(facts.source.fragment(node).split()) == name
