"""What the Hub holds: repositories, their commits and files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

# The Hub keeps files of these kinds, and all large ones, outside git: they are served by another host.
_LFS = (".safetensors", ".bin", ".gguf", ".pt", ".h5", ".msgpack", ".onnx")
_LFS_BYTES = 10_000_000
_HASHED_BYTES = 64 * 1024


class HubFile(NamedTuple):
    """A file at a commit. ``sha256`` is set for one that lies outside git (LFS or Xet)."""

    path: Path
    nbytes: int
    oid: str
    sha256: str | None

    def sibling(self, name: str, *, blobs: bool) -> dict[str, Any]:
        """As ``siblings`` of the repository's info lists it."""
        if not blobs:
            return {"rfilename": name}
        entry: dict[str, Any] = {"rfilename": name, "size": self.nbytes, "blobId": self.oid}
        if self.sha256:
            entry["lfs"] = {"sha256": self.sha256, "size": self.nbytes, "pointerSize": 135}
        return entry

    def tree_entry(self, name: str) -> dict[str, Any]:
        """As the tree of the repository lists it."""
        entry: dict[str, Any] = {"type": "file", "oid": self.oid, "size": self.nbytes, "path": name}
        if self.sha256:
            entry["lfs"] = {"oid": self.sha256, "size": self.nbytes, "pointerSize": 135}
        return entry


class Repository:
    """A model's repository: ``commits`` are file listings by sha, ``refs`` name some of them.

    ``gated`` is False, ``"auto"`` or ``"manual"``; of a private or gated repository the files go only to a
    token among ``readers``.
    """

    def __init__(self, repo_id: str, *, gated: bool | str = False, private: bool = False) -> None:
        self.id = repo_id
        self.gated = gated
        self.private = private
        self.disabled = False
        self.readers: set[str] = set()
        self.card: dict[str, Any] = {}
        self.commits: dict[str, dict[str, HubFile]] = {}
        self.refs: dict[str, str] = {}

    def commit(self, folder: Path, ref: str = "main") -> str:
        """Makes the files of ``folder`` a new commit, to which ``ref`` then points; returns its sha."""
        files = {
            path.relative_to(folder).as_posix(): _file(path)
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }
        text = json.dumps([self.id, len(self.commits), {name: file.oid for name, file in files.items()}])
        sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
        self.commits[sha] = files
        self.refs[ref] = sha
        return sha

    def resolve(self, revision: str) -> str | None:
        """The sha that a branch, tag or (abbreviated, of 7 digits or more) sha means."""
        if revision in self.refs:
            return self.refs[revision]
        if len(revision) < 7:
            return None
        return next((sha for sha in self.commits if sha.startswith(revision)), None)

    def info(self, sha: str, *, blobs: bool) -> dict[str, Any]:
        """``/api/models/ID``: what the Hub tells of the repository at a commit."""
        files = self.commits[sha]
        return {
            "_id": hashlib.md5(self.id.encode(), usedforsecurity=False).hexdigest()[:24],
            "id": self.id,
            "modelId": self.id,
            "author": self.id.partition("/")[0],
            "sha": sha,
            "lastModified": "2025-06-01T12:00:00.000Z",
            "createdAt": "2025-05-01T12:00:00.000Z",
            "private": self.private,
            "gated": self.gated,
            "disabled": self.disabled,
            "downloads": 12345,
            "likes": 67,
            "library_name": "transformers",
            "pipeline_tag": "text-generation",
            "tags": ["transformers", "safetensors", "text-generation", "endpoints_compatible"],
            "config": _config(files),
            "cardData": self.card,
            "siblings": [file.sibling(name, blobs=blobs) for name, file in files.items()],
            "spaces": [],
        }


def _config(files: Mapping[str, HubFile]) -> dict[str, Any]:
    """The few fields of config.json that the Hub repeats in its answer."""
    try:
        config = json.loads(files["config.json"].path.read_bytes())
        return {name: config[name] for name in ("architectures", "model_type") if name in config}
    except (KeyError, ValueError, TypeError):
        return {}


def _file(path: Path) -> HubFile:
    status = path.stat()
    return _hashed(path, status.st_size, status.st_mtime_ns)


# Each test has a Hub of its own with the same files.
@lru_cache(maxsize=1000)
def _hashed(path: Path, nbytes: int, changed: int) -> HubFile:
    digest = hashlib.sha1(str((path.name, nbytes)).encode(), usedforsecurity=False)
    whole = hashlib.sha256(digest.digest())
    with path.open("rb") as file:
        # Of a sparse file of gigabytes the beginning has to do.
        head = file.read(_HASHED_BYTES)
    digest.update(head)
    whole.update(head)
    is_lfs = path.name.endswith(_LFS) or nbytes > _LFS_BYTES
    return HubFile(path, nbytes, digest.hexdigest(), whole.hexdigest() if is_lfs else None)
