"""Models that are not there, and what is wrong with the files of those that are."""

from __future__ import annotations

from collections.abc import Iterator

from model_loupe.diagnostics.finding import Checked, Finding
from model_loupe.diagnostics.fixes import literal
from model_loupe.diagnostics.rules import code_of
from model_loupe.domain.errors import LoupeError

_KINDS = ("hub", "local")
# Who loads weights meets what is wrong with them; a tokenizer's folder need not even have any.
_LOADS_WEIGHTS = ("model", "pipeline")
# Not faults of the code: a model that is on the Hub alone, and a failure of ours.
_QUIET = ("not-in-cache", "internal-error")
_OF_NETWORK = ("hub-", "not-the-hub", "offline", "rate-limited")
# Whoever names such a model meets it, with a tokenizer too.
_CONCERN_ALL = ("gated", "model-not-found")


def files(checked: Checked) -> Iterator[Finding]:
    """What keeps the model from being read, or what is wrong with its weights."""
    reference, outcome = checked.reference, checked.outcome
    if outcome is None or not _is_checked(checked):
        return
    loads_weights = reference.role in _LOADS_WEIGHTS
    if isinstance(outcome, LoupeError):
        code = code_of(outcome.code)
        is_quiet = outcome.passing or outcome.code in _QUIET
        if not is_quiet and (loads_weights or code in _CONCERN_ALL):
            fixes = tuple(literal(f"Write {name}", reference, name) for name in outcome.nearest)
            yield Finding(code, reference.cell, reference.span, outcome.message, fixes)
    elif loads_weights:
        for warning in outcome.warnings:
            if not warning.code.startswith(_OF_NETWORK):
                yield Finding(warning.code, reference.cell, reference.span, warning.message)


def _is_checked(checked: Checked) -> bool:
    # A checkpoint that torch.load reads is often written by the run itself.
    reference = checked.reference
    reads_pickle = reference.role == "file" and not str(reference.model).endswith(".safetensors")
    return reference.kind in _KINDS and not reads_pickle
