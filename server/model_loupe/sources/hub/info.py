"""What the Hub tells of a repository at a commit: its files and their sizes, who may read it, its licence."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

from model_loupe.checkpoints.files import format_of
from model_loupe.checkpoints.safetensors_index import is_safe_name
from model_loupe.domain.units import format_bytes, plural

MAX_FILES = 20_000
MAX_BYTES = 32 * 1024 * 1024
_COMMIT = re.compile(r"[0-9a-f]{40}")
_MAX_LICENSE = 60
_NAME = re.compile(r"[\w.-]{1,80}")
# Of the config that the Hub repeats; the rest of it is the tokenizer's chat template.
_CONFIG = ("architectures", "model_type")


class RepositoryInfo(NamedTuple):
    """``repo_id`` is the name that the Hub has for it by now; ``files`` maps names to bytes.

    ``config`` holds what the Hub itself tells of config.json (``architectures``, ``model_type``).
    """

    repo_id: str
    commit: str
    files: dict[str, int | None]
    private: bool
    gated: bool
    license: str | None
    config: dict[str, Any]


def is_commit(revision: str | None) -> bool:
    """Whether a revision is a whole commit: what it means never changes."""
    return bool(revision and _COMMIT.fullmatch(revision))


def parse_info(raw: bytes, repo_id: str) -> RepositoryInfo | str:
    """The answer of ``/api/models/ID?blobs=true``; a few words if it is none."""
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):
        return "no JSON"
    if not isinstance(document, dict):
        return "no object"
    commit, siblings = document.get("sha"), document.get("siblings")
    if not isinstance(commit, str) or not is_commit(commit):
        return "no commit"
    if not isinstance(siblings, list):
        return "no list of files"
    name = document.get("id")
    return RepositoryInfo(
        repo_id=name if isinstance(name, str) and is_safe_name(name) and name.isascii() else repo_id,
        commit=commit,
        files=_files(siblings),
        private=document.get("private") is True,
        gated=document.get("gated") not in (None, False),
        license=_license(document.get("cardData")),
        config=_config(document.get("config")),
    )


def in_words(info: RepositoryInfo) -> str:
    """What the info alone tells of a model: its class, its weights' sizes, its licence; empty if nothing."""
    told = [
        *_classes(info.config),
        *_weights(info.files),
        *([f"licence {info.license}"] if info.license else []),
    ]
    return ", ".join(told)


def pack(info: RepositoryInfo) -> bytes:
    """``info`` for the disk."""
    return json.dumps(info._asdict(), separators=(",", ":")).encode()


def unpack(raw: bytes) -> RepositoryInfo | None:
    """What ``pack`` made; None for anything else."""
    try:
        fields = json.loads(raw)
        info = RepositoryInfo(**fields)
    except (ValueError, TypeError, RecursionError):
        return None
    return info if isinstance(info.files, dict) and is_commit(info.commit) else None


def _classes(config: dict[str, Any]) -> list[str]:
    names = config.get("architectures")
    found = [names[0] if isinstance(names, list) and names else None, config.get("model_type")]
    return [name for name in found if isinstance(name, str) and _NAME.fullmatch(name)]


def _weights(files: dict[str, int | None]) -> list[str]:
    """Of each format how many files and bytes; of files whose size is not told the number alone."""
    by_format: dict[str, list[int | None]] = {}
    for name, size in files.items():
        if (form := format_of(name)) is not None:
            by_format.setdefault(form, []).append(size)
    return [
        plural(len(sizes), f"{form} file")
        + (f" of {format_bytes(sum(map(int, filter(None, sizes))))}" if None not in sizes else "")
        for form, sizes in by_format.items()
    ]


def _files(siblings: list[Any]) -> dict[str, int | None]:
    found: dict[str, int | None] = {}
    for entry in siblings[:MAX_FILES]:
        name = entry.get("rfilename") if isinstance(entry, dict) else None
        if isinstance(name, str) and is_safe_name(name):
            size = entry.get("size")
            found[name] = size if type(size) is int and 0 <= size < 2**63 else None
    return found


def _license(card: object) -> str | None:
    value = card.get("license") if isinstance(card, dict) else None
    value = value[0] if isinstance(value, list) and value else value
    if not isinstance(value, str) or not value.isprintable():
        return None
    return value if 0 < len(value) <= _MAX_LICENSE else None


def _config(config: object) -> dict[str, Any]:
    return {name: config[name] for name in _CONFIG if name in config} if isinstance(config, dict) else {}
