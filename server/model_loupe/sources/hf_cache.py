"""Models in the Hugging Face cache, found by huggingface_hub itself.

``HF_HOME``, ``HF_HUB_CACHE`` and ``refs/`` are its business; a snapshot comes back as a plain folder.
"""

from __future__ import annotations

import os

from model_loupe.domain.errors import LoupeError
from model_loupe.domain.lean_typing import NamedTuple
from model_loupe.domain.units import format_bytes, plural
from model_loupe.domain.warnings import Warning
from model_loupe.sources.folder import FolderFiles

# huggingface_hub's own rule (`validate_repo_id` in its utils/_validators.py).
_REPO_ID = r"^(?=.{1,96}$)[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)?$"

_LONGEST_REF = 100


class Snapshot(NamedTuple):
    """A model's folder in the cache. ``commit`` is the folder's name: the commit's sha."""

    path: str
    commit: str
    repository: str


def is_repo_id(text: str) -> bool:
    """Whether ``text`` can be the id of a repository on the Hub."""
    if text.count("/") > 1 or "--" in text or ".." in text or text.endswith(".git"):
        return False
    import re  # a path with folders in it does not come here, and need not wait for re

    return re.match(_REPO_ID, text) is not None


def find_snapshot(repo_id: str, revision: str | None = None, cache_dir: str | None = None) -> Snapshot | None:
    """The snapshot that ``from_pretrained`` would use without asking the Hub; None if there is none."""
    if not os.path.isdir(_repository_folder(repo_id, cache_dir)):
        return None
    # Imported here: it costs a fifth of a second, and a local folder never needs it.
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        path = snapshot_download(repo_id, revision=revision, cache_dir=cache_dir, local_files_only=True)
    except LocalEntryNotFoundError as error:
        # A snapshot that is known to lack files is still the one to describe; what lacks is then named.
        partial = getattr(error, "snapshot_path", None)
        if not isinstance(partial, str):
            return None
        path = partial
    except HFValidationError:
        return None
    except OSError as error:
        raise LoupeError("unreadable-cache", f"the Hugging Face cache cannot be read: {error}") from error
    path = os.path.normpath(path)
    return Snapshot(path, os.path.basename(path), os.path.dirname(os.path.dirname(path)))


def cached_revisions(snapshot: str) -> list[tuple[str, str]]:
    """The branches, tags and pull requests (``refs/pr/5``) of a snapshot's repository, each with its commit.

    Those alone of which the cache has a snapshot, too.
    """
    snapshots = os.path.dirname(os.path.abspath(snapshot))
    refs = os.path.join(os.path.dirname(snapshots), "refs")
    found = []
    for folder, _, names in os.walk(refs):
        for path in (os.path.join(folder, name) for name in names):
            try:
                with open(path, encoding="ascii") as file:
                    commit = file.read(_LONGEST_REF).strip()
            except (OSError, ValueError):
                continue
            if os.path.isdir(os.path.join(snapshots, commit)):
                found.append((os.path.relpath(path, refs).replace(os.sep, "/"), commit))
    return sorted(found)


def _repository_folder(repo_id: str, cache_dir: str | None) -> str:
    """Where the cache keeps a repository (``repo_folder_name`` in huggingface_hub's file_download.py)."""
    from huggingface_hub import constants

    cache = os.path.expanduser(cache_dir) if cache_dir else constants.HF_HUB_CACHE
    return os.path.join(cache, f"models--{repo_id.replace('/', '--')}")


class SnapshotFiles(FolderFiles):
    """The files of a snapshot: links into the repository's ``blobs``."""

    def __init__(self, snapshot: Snapshot, subfolder: str = "") -> None:
        root = os.path.join(snapshot.path, subfolder) if subfolder else snapshot.path
        super().__init__(root, boundary=snapshot.repository)
        self._blobs = os.path.join(snapshot.repository, "blobs")

    def download_warnings(self) -> list[Warning]:
        """Partial blobs; they are named by hashes, so which files they will be is unknown."""
        try:
            partial = [name for name in os.listdir(self._blobs) if name.endswith(".incomplete")]
            size = sum(os.path.getsize(os.path.join(self._blobs, name)) for name in partial)
        except OSError:
            return []
        if not partial:
            return []
        message = f"{plural(len(partial), 'unfinished download')} in the cache ({format_bytes(size)} so far)"
        return [Warning("incomplete-download", message)]
