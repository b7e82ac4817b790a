"""The source files of installed packages, by module name."""

from __future__ import annotations

import os
import re
from functools import lru_cache

from model_loupe.inspector.installed.outline import Outline

Folders = tuple[str, ...]
"""What an interpreter imports from, in order (``environment.path_of``)."""

_LARGEST_SOURCE = 4_000_000
_IMPORT = re.compile(r"^[ \t]*from[ \t]+(\.*[\w.]*)[ \t]+import[ \t]+(\([^)]*\)|[^\n(]*)", re.MULTILINE)
_MOST_REEXPORTS = 8


@lru_cache(maxsize=64)
def package_folder(folders: Folders, package: str) -> str | None:
    """The first folder that has the package: what is not in it is not taken from a later one."""
    for entry in folders:
        folder = os.path.join(entry or ".", package)
        if os.path.isfile(os.path.join(folder, "__init__.py")):
            return folder
    return None


def module_path(folders: Folders, module: str) -> str | None:
    """The file of ``transformers.utils.quantization_config``; None where it is not installed."""
    package, *rest = module.split(".")
    folder = package_folder(folders, package)
    if folder is None:
        return None
    base = os.path.join(folder, *rest)
    candidates = (os.path.join(base, "__init__.py"), *([f"{base}.py"] if rest else []))
    return next((path for path in candidates if os.path.isfile(path)), None)


def outline_of(folders: Folders, module: str) -> Outline | None:
    """A module's outline; None where it is not installed or cannot be read."""
    path = module_path(folders, module)
    if path is None:
        return None
    try:
        stat = os.stat(path)
    except OSError:
        return None
    return _outline(path, stat.st_mtime_ns) if stat.st_size <= _LARGEST_SOURCE else None


@lru_cache(maxsize=96)
def _outline(path: str, _modified: int) -> Outline | None:
    try:
        with open(path, encoding="utf-8") as file:
            return Outline(file.read())
    except (OSError, ValueError):
        return None


def defining_module(folders: Folders, module: str, name: str) -> tuple[str, str] | None:
    """Where what ``module`` calls ``name`` is defined: that module, and its name there.

    Follows ``from .x import name`` (in ``if TYPE_CHECKING:`` too, which lazily importing packages have).
    """
    for _ in range(_MOST_REEXPORTS):
        outline = outline_of(folders, module)
        if outline is None:
            return None
        if outline.defines(name):
            return module, name
        found = _imported(outline, name)
        if found is None:
            return None
        origin, name = found
        module = _absolute(folders, module, origin)
    return None


def _imported(outline: Outline, name: str) -> tuple[str, str] | None:
    for match in _IMPORT.finditer(outline.text):
        if name not in match.group(2):
            continue
        for item in re.sub(r"#[^\n]*", "", match.group(2)).strip("()").split(","):
            words = item.split()
            if words and words[-1] == name:
                return match.group(1), words[0]
    return None


def _absolute(folders: Folders, module: str, origin: str) -> str:
    """The module that ``from origin import …`` means inside of ``module``."""
    level = len(origin) - len(origin.lstrip("."))
    if not level:
        return origin
    parts = module.split(".")
    path = module_path(folders, module) or ""
    if os.path.basename(path) == "__init__.py":
        level -= 1
    owner = parts[: len(parts) - level] if level else parts
    return ".".join([*owner, *filter(None, origin.lstrip(".").split("."))])
