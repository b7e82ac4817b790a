"""From what a call names to the files that it means.

The order is ``from_pretrained``'s: a folder (or file) of that name, relative to where the code stands, else
the Hugging Face cache, else the Hub.
"""

from __future__ import annotations

import os

from model_loupe.checkpoints.files import format_of
from model_loupe.checkpoints.safetensors_index import is_safe_name
from model_loupe.domain.errors import LoupeError
from model_loupe.domain.lean_typing import TYPE_CHECKING, NamedTuple
from model_loupe.sources.folder import FolderFiles, SingleFile
from model_loupe.sources.hf_cache import SnapshotFiles, find_snapshot, is_repo_id

if TYPE_CHECKING:
    from model_loupe.sources.hub.files import HubFiles
    from model_loupe.sources.hub.hub import Hub


class ModelRequest(NamedTuple):
    """What a call names: everything that decides which files are meant.

    ``model`` is a folder, a checkpoint file or a Hub id; ``base`` the absolute folder that relative paths
    start from. Without one, what can be a Hub id is one, and any other path starts from the process's folder.
    Of ``token`` only False matters: then the Hub is asked without one. (A token itself never stands here.)
    """

    model: str
    revision: str | None = None
    subfolder: str | None = None
    variant: str | None = None
    cache_dir: str | None = None
    base: str | None = None
    use_safetensors: bool | None = None
    gguf_file: str | None = None
    local_files_only: bool | None = None
    token: bool | None = None


class Location(NamedTuple):
    """Where a model was found. ``source`` is ``folder``, ``cache`` or ``hub``; ``path`` absolute, or a URL.

    ``license`` is what the Hub tells of it.
    """

    files: FolderFiles | HubFiles
    source: str
    path: str
    commit: str | None
    file: str | None
    license: str | None = None


def is_on_hub(request: ModelRequest) -> bool:
    """Whether what is not on this machine may be asked of the Hub: the name is an id, the call allows it."""
    return _may_be_on_hub(request.model) and request.local_files_only is not True


def _may_be_on_hub(model: str) -> bool:
    return is_repo_id(model) and not (format_of(model) and "/" not in model)


def locate_on_hub(request: ModelRequest, hub: Hub) -> Location:
    """A model's files on the Hub, from its info and without reading any of them; raises LoupeError."""
    from model_loupe.sources.hub.files import HubFiles

    subfolder = _subfolder(request.subfolder)
    repository = hub.repository(request.model, request.revision, anonymous=request.token is False)
    files = HubFiles(repository, subfolder)
    if subfolder and not files.entries():
        raise LoupeError("model-not-found", f"{request.model} has no subfolder {subfolder}")
    info = repository.info
    return Location(files, "hub", files.root, info.commit, None, info.license)


def locate(request: ModelRequest) -> Location:
    """Finds a model's files on this machine; raises LoupeError with what to do if they are not here."""
    model = request.model
    if not model or "\0" in model or len(model) > 4096:
        raise LoupeError("bad-model-name", "a model's name is a folder, a checkpoint file or a Hub id")
    subfolder = _subfolder(request.subfolder)
    path = os.path.normpath(os.path.join(request.base or os.getcwd(), os.path.expanduser(model)))
    may_be_on_hub = _may_be_on_hub(model)
    if request.base is None and may_be_on_hub:
        return _snapshot(request, subfolder)
    if os.path.isdir(path):
        return _folder(path, subfolder, model)
    if os.path.exists(path):
        return _single_file(path, model)
    if not may_be_on_hub:
        raise LoupeError("model-not-found", f"{model}: no such folder or file{_where(request, path)}")
    return _snapshot(request, subfolder)


def _snapshot(request: ModelRequest, subfolder: str) -> Location:
    snapshot = find_snapshot(request.model, request.revision, _cache_dir(request))
    if snapshot is None:
        raise LoupeError("not-in-cache", _not_in_cache(request))
    files = SnapshotFiles(snapshot, subfolder)
    _require_folder(files.root, request.model, subfolder)
    return Location(files, "cache", files.root, snapshot.commit, None)


def _subfolder(text: str | None) -> str:
    if not text or text in (".", "./"):
        return ""
    name = text.strip("/")
    if not is_safe_name(name) or text.startswith("/"):
        raise LoupeError("bad-subfolder", f"subfolder {text!r} is not inside the model's folder")
    return name


def _folder(path: str, subfolder: str, model: str) -> Location:
    root = os.path.join(path, subfolder) if subfolder else path
    _require_folder(root, model, subfolder)
    # A snapshot folder given by its path is a folder, but its links into ../../blobs are at home.
    boundary = os.path.dirname(os.path.dirname(path)) if _is_snapshot(path) else path
    return Location(FolderFiles(root, boundary), "folder", root, None, None)


def _is_snapshot(path: str) -> bool:
    return os.path.basename(os.path.dirname(path)) == "snapshots"


def _require_folder(root: str, model: str, subfolder: str) -> None:
    if subfolder and not os.path.isdir(root):
        raise LoupeError("model-not-found", f"{model} has no subfolder {subfolder}")


def _single_file(path: str, model: str) -> Location:
    if not os.path.isfile(path):
        raise LoupeError("not-a-file", f"{model} is neither a folder nor a regular file")
    return Location(SingleFile(path), "folder", path, None, os.path.basename(path))


def _where(request: ModelRequest, path: str) -> str:
    return "" if os.path.isabs(os.path.expanduser(request.model)) else f" (looked for {path})"


def _cache_dir(request: ModelRequest) -> str | None:
    if request.cache_dir is None:
        return None
    return os.path.join(request.base or os.getcwd(), os.path.expanduser(request.cache_dir))


def _not_in_cache(request: ModelRequest) -> str:
    at = f" at revision {request.revision}" if request.revision else ""
    cache = f"in {request.cache_dir}" if request.cache_dir else "in the local Hugging Face cache"
    fetch = f"`hf download {request.model}` fetches it"
    return f"{request.model}{at} is not {cache}, and no folder has that name: {fetch}"
