"""Quick fixes: edits of a call's text, and the imports that they need."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

from model_loupe.diagnostics.finding import Fix
from model_loupe.documents import Reference, Span
from model_loupe.documents.edits import (
    CallText,
    Edit,
    Imported,
    call_at,
    change_of,
    imported,
    without_call,
    without_statement,
)

Change = Callable[[CallText, Mapping[str, str]], CallText]
"""A call and what the imported names are called there → the call as it should be."""


def of_call(title: str, reference: Reference, change: Change, wanted: Sequence[str] = ()) -> Fix:
    """Changes a loading call; ``wanted`` are what has to be imported for it (``transformers.AutoModel``)."""
    part, span = reference.cell or 0, reference.call

    def edits(texts: Sequence[str]) -> list[Edit]:
        call = call_at(texts[part], span)
        if call is None:
            return []
        needed = imported(texts, wanted, part, span.line) if wanted else Imported({}, [])
        try:
            changed = change(call, needed.names)
        except (SyntaxError, ValueError):
            return []
        return [*needed.edits, change_of(texts[part], span, changed, part)]

    return Fix(title, edits)


def with_keyword(title: str, reference: Reference, name: str, value: str) -> Fix:
    """Gives a loading call one argument more, or another value for it."""
    return of_call(title, reference, lambda call, _: call.with_keyword(name, value))


def without_keyword(title: str, reference: Reference, name: str) -> Fix:
    """Takes an argument out of a loading call."""
    return of_call(title, reference, lambda call, _: call.without_keyword(name))


def replaced(title: str, cell: int | None, span: Span, text: str) -> Fix:
    """Writes ``text`` instead of what stands at ``span``."""
    return Fix(title, lambda _: [Edit(span, text, cell or 0)])


def naming(title: str, reference: Reference, name: str) -> Fix:
    """Names another model where the call is given one, be that a literal or a variable."""
    return replaced(title, reference.cell, reference.span, json.dumps(name, ensure_ascii=False))


def literal(title: str, reference: Reference, name: str) -> Fix:
    """Names another model, where the code has the name as a literal."""
    part, (line, column, end_line, end_column) = reference.cell or 0, reference.span

    def edits(texts: Sequence[str]) -> list[Edit]:
        written = texts[part].split("\n")[line][column:end_column]
        quote = written[:1]
        is_literal = line == end_line and quote in ("'", '"') and written.strip(quote) == reference.model
        return [Edit(reference.span, f"{quote}{name}{quote}", part)] if is_literal else []

    return Fix(title, edits)


def another_class(reference: Reference, name: str) -> Fix:
    """Loads by class ``name`` of transformers instead."""
    owner = reference.callee.rpartition(".")[0]
    module = owner.rpartition(".")[0]
    wanted = f"transformers.{name}"

    def change(call: CallText, names: Mapping[str, str]) -> CallText:
        new = f"{module}.{name}" if module else names[wanted]
        return CallText(new + call.text.removeprefix(owner)) if call.text.startswith(owner) else call

    return of_call(f"Load with {name}", reference, change, () if module else (wanted,))


def without_cast(cell: int | None, span: Span, method: str) -> Fix:
    """Takes a cast out of its chain; a statement that is nothing else goes whole."""
    part = cell or 0

    def edits(texts: Sequence[str]) -> list[Edit]:
        text = texts[part]
        shortened = without_call(text, span, part)
        if shortened is None:
            return []
        before = text.split("\n")[span.line][: span.column]
        owner = shortened.span
        is_name = (owner.line, owner.column) > (span.line, span.column) and not before.strip()
        kept = text.split("\n")[span.line][span.column : owner.column] if owner.line == span.line else ""
        whole = without_statement(text, span.line, span.column, part) if is_name else None
        # ``model.half()`` alone leaves ``model``, which does nothing.
        return [whole] if whole is not None and kept.replace(".", "").isidentifier() else [shortened]

    return Fix(f"Remove .{method}(…)", edits)
