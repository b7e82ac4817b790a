"""A Hugging Face cache as huggingface_hub lays it out, but with files in place of links."""

from __future__ import annotations

import hashlib
from pathlib import Path


def new_snapshot(hub: Path, repo_id: str, revision: str) -> Path:
    """The empty folder of a new commit that ``revision`` names; ``hub`` is the cache's folder."""
    repository = hub / f"models--{repo_id.replace('/', '--')}"
    commit = hashlib.sha1(revision.encode()).hexdigest()
    ref = repository / "refs" / revision
    ref.parent.mkdir(parents=True, exist_ok=True)
    ref.write_text(commit)
    snapshot = repository / "snapshots" / commit
    snapshot.mkdir(parents=True)
    return snapshot
