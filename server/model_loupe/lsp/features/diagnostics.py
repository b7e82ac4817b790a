"""What is wrong with loading calls, as squiggles.

``textDocument/diagnostic`` where the client asks, ``textDocument/publishDiagnostics`` where it does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types

from model_loupe.diagnostics.rules import OFF
from model_loupe.lsp.checks import findings
from model_loupe.lsp.features import config_files
from model_loupe.lsp.protocol import ServerCancelled

if TYPE_CHECKING:
    from model_loupe.diagnostics.finding import Finding
    from model_loupe.lsp.session import Session
    from model_loupe.lsp.snapshot import Part, Snapshot

SOURCE = "model-loupe"

_SEVERITIES = {
    "error": types.DiagnosticSeverity.Error,
    "warning": types.DiagnosticSeverity.Warning,
    "information": types.DiagnosticSeverity.Information,
    "hint": types.DiagnosticSeverity.Hint,
}
_TYPING_SECONDS = 0.2


async def diagnostic(
    session: Session, params: types.DocumentDiagnosticParams
) -> types.RelatedFullDocumentDiagnosticReport:
    """What is wrong in a file or cell; nothing in a document that is not open."""
    uri = params.text_document.uri
    snapshot = session.documents.snapshot(uri)
    if snapshot is None:
        return types.RelatedFullDocumentDiagnosticReport(items=await _diagnose_config(session, uri))
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
        items = await _diagnose_config(session, uri)
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
    found: dict[str, list[types.Diagnostic]] = {}
    for part, finding in await findings(session, snapshot):
        if only not in (None, part.uri):
            continue
        here = found.setdefault(part.uri, [])
        problem = to_diagnostic(session, part, finding)
        # One argument may name the model, the tokenizer and the config at once.
        if problem is not None and problem not in here:
            here.append(problem)
    return found


async def _diagnose_config(session: Session, uri: str) -> list[types.Diagnostic]:
    """What is wrong in a JSON file of a checkpoint; nothing in another document that is no code."""
    found = [to_diagnostic(session, *each) for each in await config_files.findings(session, uri)]
    return [problem for problem in found if problem is not None]


def to_diagnostic(session: Session, part: Part, finding: Finding) -> types.Diagnostic | None:
    """A finding as LSP has it; None if the settings or a comment turn it off."""
    from model_loupe.diagnostics.levels import is_ignored
    from model_loupe.diagnostics.reference import place_of

    level = session.settings.diagnostics.of(finding.code)
    span = finding.span
    if level == OFF or is_ignored(finding.code, part.lines[span.line : span.end_line + 1]):
        return None
    place = place_of(finding.code) if session.client.links_codes else None
    return types.Diagnostic(
        session.encoding.to_range(part.lines, span),
        finding.message,
        _SEVERITIES[level],
        finding.code,
        code_description=types.CodeDescription(place) if place else None,
        source=SOURCE,
        tags=[types.DiagnosticTag.Deprecated] if finding.deprecated else None,
    )
