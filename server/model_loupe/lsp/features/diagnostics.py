"""Models that cannot be found and checkpoints with something wrong, as warnings.

``textDocument/diagnostic`` where the client asks, ``textDocument/publishDiagnostics`` where it does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types

from model_loupe.domain.errors import LoupeError
from model_loupe.lsp.features import config_files
from model_loupe.lsp.protocol import ServerCancelled

if TYPE_CHECKING:
    from model_loupe.lsp.session import Outcome, Session
    from model_loupe.lsp.snapshot import Call, Snapshot

SOURCE = "model-loupe"

_KINDS = ("hub", "local")
# Who loads weights meets what is wrong with them; a tokenizer's folder need not even have any.
_LOADS_WEIGHTS = ("model", "pipeline")
# Not faults of the code: a model that is on the Hub alone, and a failure of ours.
_QUIET = ("not-in-cache", "internal-error")
_OF_NETWORK = ("hub-", "not-the-hub", "offline", "rate-limited")
# Whoever names such a model meets it, with a tokenizer too.
_CONCERN_ALL = (
    "access-denied",
    "bad-token",
    "gated-repository",
    "model-not-found",
    "repository-disabled",
    "repository-not-found",
    "revision-not-found",
)
_PATIENCE_SECONDS = 2.0
_TYPING_SECONDS = 0.2


async def diagnostic(
    session: Session, params: types.DocumentDiagnosticParams
) -> types.RelatedFullDocumentDiagnosticReport:
    """What is wrong in a file or cell; nothing in a document that is not open."""
    uri = params.text_document.uri
    snapshot = session.documents.snapshot(uri)
    if snapshot is None:
        return types.RelatedFullDocumentDiagnosticReport(items=await config_files.diagnose(session, uri))
    found = await _diagnose(session, snapshot, only=uri)
    if not session.is_current(snapshot):
        raise ServerCancelled
    return types.RelatedFullDocumentDiagnosticReport(items=found.get(uri, []))


def push_later(session: Session, uri: str) -> None:
    """Publish what is wrong in an open document, once its user has stopped typing."""
    if not session.client.pulls_diagnostics:
        session.later(f"diagnostics {uri}", _TYPING_SECONDS, lambda: session.start(_push(session, uri)))


def refresh(session: Session) -> None:
    """Models may have changed: have the client ask again, or publish again."""
    session.client.refresh_diagnostics()
    for uri in session.documents.uris():
        push_later(session, uri)


async def _push(session: Session, uri: str) -> None:
    snapshot = session.documents.snapshot(uri)
    if snapshot is None and (document := session.documents.text(uri)):
        items = await config_files.diagnose(session, uri)
        if items or uri in session.published:
            session.client.publish(uri, document.version, items)
            session.published[uri] = {uri}
        return
    found = await _diagnose(session, snapshot) if snapshot else {}
    if session.documents.snapshot(uri) is not snapshot:
        return  # another push is on its way
    parts = {part.uri: part.version for part in snapshot.parts} if snapshot else {}
    for part, version in parts.items():
        session.client.publish(part, version, found.get(part, []))
    # Cells that were deleted, or all when the document was closed: only the server can clear them.
    for gone in session.published.get(uri, set()) - parts.keys():
        session.client.publish(gone, None, [])
    if parts:
        session.published[uri] = set(parts)
    else:
        session.published.pop(uri, None)


async def _diagnose(
    session: Session, snapshot: Snapshot, only: str | None = None
) -> dict[str, list[types.Diagnostic]]:
    """What is wrong, by document or cell; in part ``only`` if given."""
    calls = [
        (call, call.ask)
        for call in await session.run(snapshot.calls)
        if call.ask and _is_checked(call) and only in (None, call.part.uri)
    ]
    outcomes = await session.describe_all((ask.request for _, ask in calls), _PATIENCE_SECONDS)
    found: dict[str, list[types.Diagnostic]] = {}
    for call, ask in calls:
        here = found.setdefault(call.part.uri, [])
        for code, message in _problems(call, outcomes.get(ask.request)):
            span = session.encoding.to_range(call.part.lines, call.reference.span)
            problem = types.Diagnostic(span, message, types.DiagnosticSeverity.Warning, code, source=SOURCE)
            # One argument may name the model, the tokenizer and the config at once.
            if problem not in here:
                here.append(problem)
    return found


def _is_checked(call: Call) -> bool:
    # A checkpoint that torch.load reads is often written by the run itself.
    reads_pickle = call.reference.role == "file" and not str(call.reference.model).endswith(".safetensors")
    return call.reference.kind in _KINDS and not reads_pickle


def _problems(call: Call, outcome: Outcome | None) -> list[tuple[str, str]]:
    loads_weights = call.reference.role in _LOADS_WEIGHTS
    if outcome is None:
        return []
    if isinstance(outcome, LoupeError):
        is_quiet = outcome.passing or outcome.code in _QUIET
        is_reported = not is_quiet and (loads_weights or outcome.code in _CONCERN_ALL)
        return [(outcome.code, outcome.message)] if is_reported else []
    warnings = [warning for warning in outcome.warnings if not warning.code.startswith(_OF_NETWORK)]
    return [(warning.code, warning.message) for warning in warnings] if loads_weights else []
