"""What is measured and what it is compared with, installed as users have them."""

from __future__ import annotations

import compileall
import os
import shutil
import subprocess
import sys
from pathlib import Path

_SERVER = Path(__file__).parents[2] / "server"


def install_model_loupe(folder: Path) -> Path:
    """A copy of the package with its byte code, as pip would leave it; returns the import path."""
    shutil.copytree(
        _SERVER / "model_loupe", folder / "model_loupe", ignore=shutil.ignore_patterns("__pycache__")
    )
    if not compileall.compile_dir(folder, quiet=1):
        raise RuntimeError("the package does not compile")
    return folder


def install_hf_mem() -> Path:
    """hf-mem with its dependencies in a folder of its own, fetched once; returns the import path."""
    folder = _cache() / "bench" / f"hf-mem-py{sys.version_info.major}{sys.version_info.minor}"
    if not (folder / "hf_mem").is_dir():
        # hf-mem needs no more than what pip gets with it; the user's environment stays as it is.
        command = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*command, "--target", str(folder), "hf-mem"], check=True)
    return folder


def _cache() -> Path:
    chosen = os.environ.get("MODEL_LOUPE_CACHE")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "model-loupe-dev"
