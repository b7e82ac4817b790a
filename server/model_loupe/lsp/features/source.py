"""``modelLoupe/source``: the text of a class' file, for an editor that cannot open files of the libraries."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from model_loupe.lsp.protocol import InvalidParams, SourceParams
from model_loupe.lsp.uris import to_path

if TYPE_CHECKING:
    from model_loupe.lsp.session import Session

# The longest module of transformers has 0.3 MB.
_MAX_BYTES = 8 << 20


async def source(session: Session, params: SourceParams) -> dict[str, Any]:
    """``{"text"}`` of a Python file of the worker's libraries; any other file is refused."""
    text = await session.run(_read, params.uri, session.interpreter)
    if text is None:
        raise InvalidParams(f"not a Python file of the libraries of {session.interpreter}: {params.uri}")
    return {"text": text}


def _read(uri: str, interpreter: str) -> str | None:
    from model_loupe.inspector.environment import path_of

    path = to_path("file:" + uri.partition(":")[2])
    if path is None:
        return None
    real = os.path.realpath(path)
    # Python puts the folder that it was started in first: that is the user's, not a library's.
    folders = {os.path.realpath(folder) for folder in path_of(interpreter) if os.path.isabs(folder)}
    folders.discard(os.path.realpath(os.getcwd()))
    if not real.endswith(".py") or not any(real.startswith(os.path.join(folder, "")) for folder in folders):
        return None
    try:
        with open(real, encoding="utf-8", errors="replace") as file:
            return file.read(_MAX_BYTES)
    except OSError:
        return None
