"""What is known of a document's loading calls, put together for the diagnostics."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from model_loupe.domain.errors import LoupeError
from model_loupe.lsp.edits import text_of

if TYPE_CHECKING:
    from model_loupe.diagnostics.finding import Checked, Document, Finding, Surroundings
    from model_loupe.documents import Reference, Sites
    from model_loupe.inspector import ModelRequest
    from model_loupe.lsp.requests import Ask
    from model_loupe.lsp.session import Outcome, Session
    from model_loupe.lsp.snapshot import Call, Part, Snapshot

# After it what is known by then is checked; more comes with a refresh.
_PATIENCE_SECONDS = 2.0
# What is named by others need not be there, or is not there yet.
_KINDS = ("hub", "local")


class _Asked(NamedTuple):
    """A document's calls, what else it names, and what has to be asked for each of these."""

    calls: list[Call]
    sites: Sites
    others: list[tuple[Reference, Ask]]


async def findings(session: Session, snapshot: Snapshot) -> list[tuple[Part, Finding]]:
    """All that is found, with the document or cell that it is in."""
    if not session.settings.diagnostics.enabled:
        return []
    asked = await session.run(_asked, snapshot)
    asks = [*(call.ask for call in asked.calls), *(ask for _, ask in asked.others)]
    requests = (ask.request for ask in asks if ask is not None)
    outcomes = await session.describe_all(requests, _PATIENCE_SECONDS)
    document = _document(session, snapshot, asked, outcomes)
    found = await session.run(_checked, document)
    return [(snapshot.parts[finding.cell or 0], finding) for finding in found]


def _asked(snapshot: Snapshot) -> _Asked:
    from model_loupe.diagnostics.finding import key_of
    from model_loupe.lsp.requests import ask

    calls, sites = snapshot.calls(), snapshot.sites()
    known = {key_of(call.reference) for call in calls}
    named = [use.reference for use in sites.uses]
    named += [each for pair in sites.pairs for each in (pair.model, pair.tokenizer)]
    named += [each for pair in sites.adapted for each in pair]
    others = [
        (reference, asked)
        for reference in named
        if key_of(reference) not in known and (asked := ask(reference, snapshot.folders)) is not None
    ]
    return _Asked(calls, sites, others)


def _document(
    session: Session, snapshot: Snapshot, asked: _Asked, outcomes: dict[ModelRequest, Outcome]
) -> Document:
    from model_loupe.diagnostics.finding import Checked, Document, key_of
    from model_loupe.lsp.requests import call_options

    sites = {key_of(site.reference): site for site in asked.sites.loading}
    around = _surroundings(session)

    def known(reference: Reference, ask: Ask) -> Outcome | None:
        found = outcomes.get(ask.request) if reference.kind in _KINDS else None
        if found is None or isinstance(found, LoupeError):
            return found
        return session.view(found, ask.options)

    def checked(call: Call) -> Checked:
        reference, ask = call.reference, call.ask
        site = sites.get(key_of(reference))
        if ask is None:
            # What its arguments are needs no model.
            return Checked(reference, site, call_options(reference), None, around)
        return Checked(reference, site, ask.options, known(reference, ask), around)

    calls = [checked(call) for call in asked.calls]
    return Document(
        [text_of(part) for part in snapshot.parts],
        calls,
        asked.sites,
        [(reference, known(reference, ask)) for reference, ask in asked.others],
        lambda description: session.inspector.tokenizer(description).facts,
        snapshot.casts,
    )


def _surroundings(session: Session) -> Surroundings:
    from model_loupe.diagnostics.finding import Surroundings
    from model_loupe.inspector.environment import installed_version

    # No other program is started in a workspace that is not trusted, not even to ask for its path.
    interpreter = session.interpreter if session.trusted else sys.executable
    installed = partial(installed_version, interpreter=interpreter)
    return Surroundings(installed, dict(session.settings.devices), interpreter)


def _checked(document: Document) -> list[Finding]:
    from model_loupe.diagnostics.check import check

    return list(check(document))
