"""The packages that ``make`` built, and a second build of them somewhere else."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VSIX = "dist/model-loupe.vsix"
WHEEL = "dist/wheel/.built"


def wheel_in(root: Path) -> Path:
    """The wheel that ``make`` built there."""
    (wheel,) = (root / "dist" / "wheel").glob("*.whl")
    return wheel


def tracked(folder: str = ".") -> list[str]:
    """The files of the working tree that are no products: those that git has or would take."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--deduplicate", folder]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return [name for name in names if (ROOT / name).is_file()]


def package() -> set[str]:
    """The Python package as both ship it: its modules, and the page that diagnostics link to."""
    modules = {name.removeprefix("server/") for name in tracked("server/model_loupe")}
    return modules | {"model_loupe/reference/diagnostics.md"}


def rebuild(target: str) -> Path:
    """Have ``make`` build ``target`` of a copy of the sources; the folder that they were copied to."""
    folder = ROOT / ".cache" / "again"
    shutil.rmtree(folder, ignore_errors=True)
    for name in tracked():
        copy = folder / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, copy)
    (folder / ".venv").symlink_to(ROOT / ".venv")
    # Not one link to the folder: bundlers name modules by where they really are.
    shutil.copytree(ROOT / "node_modules", folder / "node_modules", symlinks=True, copy_function=os.link)
    source_time = ["make", "--silent", "source-time"]
    epoch = subprocess.run(source_time, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    tools = ["-o", ".venv/.installed", "-o", "node_modules/.installed"]  # linked: not to be made anew
    environment = {**os.environ, "SOURCE_DATE_EPOCH": epoch, "MAKEFLAGS": ""}
    subprocess.run(["make", "--silent", *tools, target], cwd=folder, env=environment, check=True)
    return folder
