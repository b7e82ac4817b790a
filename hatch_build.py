"""Puts the JupyterLab extension into the wheel, building it first where that is needed and can be done.

A distribution from a release has it built. In a clone npm builds it when it is missing or older than its
sources. Without npm the package is made without it: the language server, the command line and VS Code do
not need it.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

EXTENSION = Path("client", "jupyterlab")
BUILT = EXTENSION / "labextension"
SOURCES = (
    *(EXTENSION / name for name in ("src", "style", "schema", "package.json")),
    Path("client", "core", "src"),
)
WORKSPACES = ("--workspace=client/core", f"--workspace={EXTENSION.as_posix()}")
INSTALLED = "share/jupyter/labextensions/@model-loupe/jupyterlab"


class LabExtensionBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """hatchling's ``custom`` hook, for the wheel and the source distribution."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        # An editable install is for work on the server, or comes before npm's packages are there.
        if version != "editable" and _is_outdated(root):
            self._build(root)
        if self.target_name == "wheel" and _is_built(root):
            build_data["shared_data"][str(root / BUILT)] = INSTALLED
            build_data["shared_data"][str(root / EXTENSION / "install.json")] = f"{INSTALLED}/install.json"

    def _build(self, root: Path) -> None:
        npm = shutil.which("npm")
        if npm is None:
            what = "an outdated" if _is_built(root) else "no"
            self.app.display_warning(f"npm was not found: the package has {what} JupyterLab extension.")
            return
        try:
            _build_with(npm, root)
        except subprocess.CalledProcessError as error:
            output = f"{error.stdout}\n{error.stderr}".strip()
            raise RuntimeError(f"{' '.join(error.cmd)} failed:\n{output}") from error


def _is_built(root: Path) -> bool:
    return (root / BUILT / "package.json").exists()


def _is_outdated(root: Path) -> bool:
    """Whether the extension is missing, or a source of it is newer than it."""
    if not _is_built(root):
        return True
    built = (root / BUILT / "package.json").stat().st_mtime
    files = (file for source in SOURCES for file in [root / source, *(root / source).rglob("*")])
    return any(file.stat().st_mtime > built for file in files if file.is_file())


def _build_with(npm: str, root: Path) -> None:
    if not (root / "node_modules" / "@jupyter" / "builder").exists():
        # The two workspaces' dependencies alone: those of the VS Code extension are many, and not needed.
        _run([npm, "ci", *WORKSPACES], root)
    _run([npm, "run", "build", WORKSPACES[1]], root)


def _run(command: list[str], folder: Path) -> None:
    subprocess.run(
        command, cwd=folder, check=True, capture_output=True, text=True, encoding="utf-8", errors="replace"
    )
