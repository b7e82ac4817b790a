"""What a model's name can be: a Hub id, a local path, a placeholder, something else."""

from __future__ import annotations

import re
from collections.abc import Container
from functools import lru_cache

# huggingface_hub's own rule (`validate_repo_id` in its utils/_validators.py).
_REPO_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(?:/[A-Za-z0-9_][A-Za-z0-9._-]*)?")
_MAX_ID = 96
_LOCAL = re.compile(r"(?:/|\./|\.\./|~|[A-Za-z]:[\\/])|\.{1,2}$")
# What documentation writes where the reader's own name belongs.
_PLACEHOLDER = re.compile(
    r"(?i)(?:^|[/\\])(?:path/to|path[-_]to[-_]|your[-_ ]|insert[-_ ]|<|\{|\[|xxx)"
    r"|^(?:my[-_](?:user|org|name)|username/|user/|(?:your|model)[-_ ]?(?:id|name|path|username|model)\b)"
    r"|<[^>]*>|\.\.\."
)
_REPOSITORY = re.compile(
    r"(?:https?://|git@)(?:www\.)?(?:huggingface\.co|hf\.co)[/:]([\w.-]+/[\w.-]+?)"
    r"(?:\.git|/|/(?:blob|resolve|tree|raw)/.*)?(?:\?.*)?$"
)
_OTHER_PAGES = ("datasets", "spaces", "docs", "papers", "collections", "api", "blog", "learn", "posts")
_CHECKPOINT_FILE = re.compile(r"(?i)\.(?:safetensors|bin|pt|pth|ckpt|gguf|h5|onnx|msgpack|json)$")


def kind_of(model: str, written: Container[str]) -> str:
    """``hub``, ``local``, ``placeholder``, ``written_here`` or ``unknown``.

    ``written`` are the places that the same document writes to (``output_dir``, ``save_pretrained``), each as
    ``written_place`` gives it; what lies below one is written here too.
    """
    if written:
        place = written_place(model)
        while place:
            if place in written:
                return "written_here"
            place = place.rpartition("/")[0]
    return _kind(model)


@lru_cache(maxsize=2048)
def _kind(model: str) -> str:
    if not model.strip() or "\n" in model:
        return "unknown"
    if _PLACEHOLDER.search(model):
        return "placeholder"
    if "://" in model:
        return "hub" if repository_of(model) else "unknown"
    if _LOCAL.match(model) or _CHECKPOINT_FILE.search(model):
        return "local"
    if is_repo_id(model):
        return "hub"
    return "local" if "/" in model or "\\" in model else "unknown"


def repository_of(url: str) -> str | None:
    """The model repository of an address on the Hub: of its page, of a file in it, of its git remote."""
    found = _REPOSITORY.match(url)
    return found.group(1) if found and found.group(1).partition("/")[0] not in _OTHER_PAGES else None


def is_repo_id(text: str) -> bool:
    """Whether the Hub could have a repository of this name."""
    return (
        len(text) <= _MAX_ID
        and _REPO_ID.fullmatch(text) is not None
        and "--" not in text
        and ".." not in text
        and not text.endswith((".git", "-", "."))
    )


def written_place(path: str) -> str:
    """A path as it is compared: ``./out/`` and ``out`` are the same folder."""
    return path.strip().removeprefix("./").rstrip("/")
