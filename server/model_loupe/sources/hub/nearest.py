"""Names that may have been meant by one that the Hub does not know."""

from __future__ import annotations

import os
from functools import lru_cache

_SHOWN = 2
_ALIKE = 0.75


@lru_cache(maxsize=64)
def nearest(repo_id: str, known: tuple[str, ...]) -> tuple[str, ...]:
    """The known names that are most like ``repo_id``: with another owner or none, or a slip of the pen."""
    # Imported here: for those alone who mistyped.
    from difflib import get_close_matches

    names = {name for name in known if name != repo_id}
    wanted = repo_id.rpartition("/")[2].lower()
    same = sorted(name for name in names if name.rpartition("/")[2].lower() == wanted)
    lowered = {name.lower(): name for name in sorted(names)}
    alike = [lowered[name] for name in get_close_matches(repo_id.lower(), lowered, _SHOWN, _ALIKE)]
    return tuple(dict.fromkeys([*same, *alike]))[:_SHOWN]


def cached_names(cache: str) -> list[str]:
    """The models of a Hugging Face cache, by the names of its folders (``models--owner--name``)."""
    try:
        folders = os.listdir(cache)
    except OSError:
        return []
    return [
        folder.removeprefix("models--").replace("--", "/")
        for folder in folders
        if folder.startswith("models--")
    ]
