"""Writes the reference pages from the tables that the code goes by (``make docs``)."""

from __future__ import annotations

import sys
from pathlib import Path

from model_loupe.diagnostics.reference import page as diagnostics

HERE = Path(__file__).resolve().parent / "reference"


def pages() -> dict[str, str]:
    """Every page by its file's name."""
    return {"diagnostics.md": diagnostics()}


def main() -> int:
    HERE.mkdir(exist_ok=True)
    for name, text in pages().items():
        (HERE / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
