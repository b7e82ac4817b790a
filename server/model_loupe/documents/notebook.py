"""The cells of an ``.ipynb`` file (nbformat 3 and 4)."""

from __future__ import annotations

import json
from typing import Any

from model_loupe.documents.reference import Cell
from model_loupe.domain.errors import LoupeError


def read_notebook(text: str) -> list[Cell]:
    """The code and markdown cells, by their place among all cells, raw ones too, from 0.

    Raises LoupeError("bad-notebook") for anything that is no notebook.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise LoupeError("bad-notebook", f"not a notebook: {error}") from error
    cells = _raw_cells(document)
    if cells is None:
        raise LoupeError("bad-notebook", "not a notebook: it has no list of cells")
    language = _language(document)
    result: list[Cell] = []
    for index, raw in enumerate(cells):
        kind = raw.get("cell_type") if isinstance(raw, dict) else None
        if kind in ("code", "markdown"):
            result.append(Cell(index, kind, _source(raw), language))
    return result


def _raw_cells(document: Any) -> list[Any] | None:
    if not isinstance(document, dict):
        return None
    cells = document.get("cells")
    if cells is None and isinstance(document.get("worksheets"), list):
        # nbformat 3 keeps its cells in worksheets.
        sheets = [sheet for sheet in document["worksheets"] if isinstance(sheet, dict)]
        lists = [sheet.get("cells") for sheet in sheets]
        cells = [cell for found in lists if isinstance(found, list) for cell in found]
    return cells if isinstance(cells, list) else None


def _source(raw: dict[str, Any]) -> str:
    source = raw.get("source", raw.get("input", ""))
    if isinstance(source, list):
        return "".join(part for part in source if isinstance(part, str))
    return source if isinstance(source, str) else ""


def _language(document: dict[str, Any]) -> str:
    metadata = document.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    for section, key in (("kernelspec", "language"), ("language_info", "name")):
        part = metadata.get(section)
        name = part.get(key) if isinstance(part, dict) else None
        # Some tools write the key and leave it empty.
        if isinstance(name, str) and name:
            name = name.lower()
            return "python" if name.startswith(("python", "ipython")) else name
    return "python"
