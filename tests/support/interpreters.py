"""Python interpreters that have just the packages that a test wants, as far as folders say."""

from __future__ import annotations

import sys
from pathlib import Path


def interpreter_with(folder: Path, versions: dict[str, str]) -> str:
    """A real interpreter on whose path these distributions are, and no others (they cannot be imported)."""
    for name, version in versions.items():
        (folder / f"{name.replace('-', '_')}-{version}.dist-info").mkdir(parents=True)
    return script(folder, f"PYTHONPATH={folder} exec {sys.executable} -S")


def interpreter_before(folder: Path, python: str, first: Path) -> str:
    """``python`` with the packages of ``first`` before its own."""
    folder.mkdir(parents=True, exist_ok=True)
    return script(folder, f"PYTHONPATH={first} exec {python}")


def script(folder: Path, command: str) -> str:
    path = folder / "python"
    path.write_text(f'#!/bin/sh\n{command} "$@"\n')
    path.chmod(0o755)
    return str(path)
