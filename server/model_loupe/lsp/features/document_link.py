"""``textDocument/documentLink``: from a model's name to its page on the Hub, from a path to what it names."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import quote

from lsprotocol import types

from model_loupe.lsp.protocol import ContentModified
from model_loupe.lsp.uris import to_uri

if TYPE_CHECKING:
    from model_loupe.documents import Mention
    from model_loupe.inspector import ModelRequest
    from model_loupe.lsp.session import Session
    from model_loupe.lsp.snapshot import Snapshot

_HUB = "https://huggingface.co"


async def document_link(
    session: Session, params: types.DocumentLinkParams
) -> list[types.DocumentLink] | None:
    """The links of a file or cell: its literals that some call of the document loads.

    Names of variables are left to whoever knows where they are defined.
    """
    uri = params.text_document.uri
    snapshot = session.documents.snapshot(uri)
    index = snapshot.index(uri) if snapshot else None
    if snapshot is None or index is None:
        return None
    found = await session.run(_links, snapshot, index)
    if not session.is_current(snapshot):
        raise ContentModified
    lines = snapshot.parts[index].lines
    return [
        types.DocumentLink(session.encoding.to_range(lines, mention.span), target, tooltip)
        for mention, target, tooltip in found
    ]


def _links(snapshot: Snapshot, index: int) -> list[tuple[Mention, str, str]]:
    from model_loupe.lsp import requests

    found = []
    for mention in snapshot.literals(index):
        if mention.reference is None or mention.reference.kind not in ("hub", "local", "written_here"):
            continue
        asked = requests.ask(mention.reference, snapshot.folders)
        link = _target(asked.request, is_hub_id=mention.reference.kind == "hub") if asked else None
        if link:
            found.append((mention, *link))
    return found


def _target(request: ModelRequest, *, is_hub_id: bool) -> tuple[str, str] | None:
    """URI and tooltip: what is on this machine first, as ``from_pretrained`` has it."""
    path = os.path.join(request.base or "", os.path.expanduser(request.model))
    if os.path.isabs(path) and os.path.exists(path):
        return to_uri(os.path.normpath(path)), f"Open {request.model}"
    if not is_hub_id:
        return None
    page = f"{os.environ.get('HF_ENDPOINT', _HUB).rstrip('/')}/{quote(request.model)}"
    if request.revision:
        page += f"/tree/{quote(request.revision, safe='')}"
    return page, f"Open {request.model} on the Hub"
