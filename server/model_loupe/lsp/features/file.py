"""``modelLoupe/file``: a checkpoint file by itself, for an editor that was asked to open one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from model_loupe.domain.errors import LoupeError
from model_loupe.lsp.protocol import InvalidParams, RequestFailed, SourceParams
from model_loupe.lsp.uris import to_path

if TYPE_CHECKING:
    from model_loupe.lsp.session import Session


async def file(session: Session, params: SourceParams) -> dict[str, Any]:
    """``{"node", "facts", "metadata"}``: the file's row, facts as label and value, its own metadata."""
    from model_loupe.inspector import ModelRequest
    from model_loupe.inspector.file_contents import file_facts, file_metadata

    path = to_path(params.uri)
    if path is None:
        raise InvalidParams(f"not a file of this machine: {params.uri}")
    request = ModelRequest(path)
    outcome = await session.describe(request)
    if isinstance(outcome, LoupeError):
        raise RequestFailed(outcome.message)
    return {
        "node": session.inspector.root(request)._asdict(),
        "facts": [[fact.label, fact.value] for fact in file_facts(outcome)],
        "metadata": await session.run(file_metadata, outcome),
    }
