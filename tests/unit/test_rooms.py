"""The layout is the architecture: imports point one way, and the light side stays light."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "server" / "model_loupe"

# What each room may import of the package; domain is the innermost.
MAY_IMPORT = {
    "domain": set(),
    "checkpoints": {"domain"},
    "sources": {"domain", "checkpoints"},
    "documents": {"domain"},
    "worker": set(),
    "inspector": {"domain", "checkpoints", "sources", "worker"},
    "diagnostics": {"domain", "documents", "inspector"},
    "lsp": {"domain", "documents", "inspector", "diagnostics"},
    "demo": {"domain"},
}
HEAVY = {"torch", "transformers", "accelerate", "numpy", "tokenizers"}
ONLY_IN_LSP = {"pygls", "lsprotocol", "asyncio"}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def room_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else ""


def test_every_folder_is_a_known_room() -> None:
    assert {room_of(path) for path in modules()} - {""} == set(MAY_IMPORT)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_inwards(path: Path) -> None:
    room = room_of(path)
    if not room:
        return
    used = {name.split(".")[1] for name in imported(path) if name.startswith("model_loupe.")}
    rooms = {name for name in used if name in MAY_IMPORT}
    assert rooms <= MAY_IMPORT[room] | {room}


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_libraries_stay_in_their_rooms(path: Path) -> None:
    used = {name.split(".")[0] for name in imported(path)}
    assert not used & HEAVY or room_of(path) == "worker"
    assert not used & ONLY_IN_LSP or room_of(path) == "lsp"


@pytest.mark.parametrize("room", sorted(MAY_IMPORT))
def test_every_room_says_what_belongs_in_it(room: str) -> None:
    docstring = ast.get_docstring(ast.parse((PACKAGE / room / "__init__.py").read_text()))
    assert docstring and len(docstring) > 60


@pytest.mark.parametrize("command", [["inspect", "nowhere-at-all/"], ["scan", "nowhere-at-all/"]])
def test_commands_import_nothing_slow(command: list[str]) -> None:
    """Asked of the process itself: what it imported on its way to the answer."""
    ran = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "model_loupe", *command],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    loaded = {
        line.rsplit("|", 1)[1].strip() for line in ran.stderr.splitlines() if line.startswith("import time:")
    }
    assert "model_loupe.cli" in loaded
    slow = HEAVY | ONLY_IN_LSP | {"huggingface_hub", "inspect", "dataclasses", "importlib.metadata"}
    # What the interpreter's own start-up hooks (.pth files) import is not ours.
    bare = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", ""],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    before = {line.rsplit("|", 1)[1].strip() for line in bare.stderr.splitlines() if "|" in line}
    assert not (loaded - before) & slow
