"""Puts the language server and the libraries that it needs into ``dist/server``, for the VS Code extension.

What comes out is the same on every machine: pinned versions, Python sources and licences, nothing compiled.
It is started as ``python dist/server serve``, by any Python that is new enough.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
TARGET = ROOT / "dist" / "server"

# What pip leaves behind for itself, compiled halves of libraries that have a pure one, and parts of
# huggingface_hub that the server never imports.
SUPERFLUOUS = (
    "bin",
    "_yaml",
    "**/*.so",
    "**/*.pyd",
    "**/*.pyi",
    "**/py.typed",
    "**/tests",
    "*.dist-info/[!Ml]*",
    "huggingface_hub/cli",
    "huggingface_hub/inference",
    "huggingface_hub/serialization",
    "huggingface_hub/templates",
    "tqdm/completion.sh",
    "tqdm/tqdm.1",
)
START = '''"""``python dist/server`` is the ``model-loupe`` command."""

from model_loupe.cli import run

run()
'''


def main() -> None:
    """Make the folder anew."""
    shutil.rmtree(TARGET, ignore_errors=True)
    install = [sys.executable, "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    alone = ["--no-deps", "--no-compile", "--only-binary", ":all:", "--target", str(TARGET)]
    subprocess.run([*install, *alone, "-r", str(HERE / "requirements.txt")], check=True)
    for pattern in SUPERFLUOUS:
        for path in list(TARGET.glob(pattern)):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
    package = ROOT / "server" / "model_loupe"
    shutil.copytree(package, TARGET / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    # What a diagnostic's code links to; in the wheel it lies in the same place.
    (TARGET / package.name / "reference").mkdir()
    shutil.copy(ROOT / "docs" / "reference" / "diagnostics.md", TARGET / package.name / "reference")
    (TARGET / "__main__.py").write_text(START, encoding="utf-8")


if __name__ == "__main__":
    main()
