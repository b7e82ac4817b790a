"""All findings about a document."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from model_loupe.diagnostics.adapters import adapters
from model_loupe.diagnostics.arguments import arguments
from model_loupe.diagnostics.classes import classes
from model_loupe.diagnostics.dtypes import dtypes, overflows
from model_loupe.diagnostics.files import files
from model_loupe.diagnostics.finding import Checked, Document, Finding
from model_loupe.diagnostics.memory import memory
from model_loupe.diagnostics.packages import packages
from model_loupe.diagnostics.quantizers import recasts
from model_loupe.diagnostics.remote_code import pickles, remote_code
from model_loupe.diagnostics.tokenizers import tokenizers

_OF_CALLS: tuple[Callable[[Checked], Iterator[Finding]], ...] = (
    files,
    classes,
    arguments,
    dtypes,
    remote_code,
    pickles,
)
_OF_DOCUMENTS: tuple[Callable[[Document], Iterator[Finding]], ...] = (
    packages,
    memory,
    tokenizers,
    adapters,
    recasts,
    overflows,
)


def check(document: Document) -> Iterator[Finding]:
    """What is wrong with the loading calls of a document, and with what it does with what they load."""
    for call in document.calls:
        for of_call in _OF_CALLS:
            yield from of_call(call)
    for of_document in _OF_DOCUMENTS:
        yield from of_document(document)
