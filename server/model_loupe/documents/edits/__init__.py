"""Edits of Python text that change what is wanted and nothing else: arguments, calls, statements, imports.

Texts go in and edits come out; comments, layout and IPython's magics stay as they are. What does not parse is
not edited.
"""

from model_loupe.documents.edits.calls import CallText, call_at, change_of, without_call
from model_loupe.documents.edits.change import Edit, applied
from model_loupe.documents.edits.imports import Imported, imported
from model_loupe.documents.edits.statements import with_statement_before, without_statement

__all__ = [
    "CallText",
    "Edit",
    "Imported",
    "applied",
    "call_at",
    "change_of",
    "imported",
    "with_statement_before",
    "without_call",
    "without_statement",
]
