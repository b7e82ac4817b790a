"""The walk-through notebook of the demo."""

from __future__ import annotations

import json
import os
import platform

NAME = "sample.ipynb"

_INTRODUCTION = """\
# Look at a model through the loupe

`small-gemma`, in this folder, has the layers of `google/gemma-2b-it` at a thirty-second of their width, and
random weights. Nothing needs to run to see what it is:

- Rest the mouse on `"./small-gemma"` below, or on `model_name` in any later cell.
- Open **Model Loupe** in the left side bar and unfold *Architecture*."""

_DTYPE = """\
## What this very call would load

The checkpoint stores bfloat16. Which dtype the call below yields depends on its arguments: rest the mouse on
`model_name` in this cell, and compare with the cell above."""

_RUN = """\
## Run it

The cells run as they are where `torch` and `transformers` are installed (`pip install torch transformers`).
The hover and the side bar need neither."""

_CELLS: tuple[tuple[str, str], ...] = (
    ("markdown", _INTRODUCTION),
    ("code", 'model_name = "./small-gemma"'),
    (
        "code",
        "from transformers import AutoModelForCausalLM\n\n"
        "model = AutoModelForCausalLM.from_pretrained(model_name)",
    ),
    ("markdown", _DTYPE),
    (
        "code",
        "import torch\n\nmodel = AutoModelForCausalLM.from_pretrained(model_name, dtype=torch.float32)",
    ),
    ("markdown", _RUN),
    (
        "code",
        "from transformers import AutoTokenizer\n\n"
        "tokenizer = AutoTokenizer.from_pretrained(model_name)\n"
        'tokenizer.tokenize("What is the model?")',
    ),
    ("code", "print(model)"),
)


def sample_notebook(folder: str) -> str:
    """Writes the walk-through into ``folder`` and gives back its path."""
    path = os.path.join(folder, NAME)
    os.makedirs(folder, exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(_notebook(), file, indent=1, ensure_ascii=False)
        file.write("\n")
    return path


def _notebook() -> dict[str, object]:
    return {
        "cells": [_cell(number, kind, text) for number, (kind, text) in enumerate(_CELLS)],
        "metadata": {
            "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
            # What the kernel will say of itself: otherwise JupyterLab marks the notebook as changed at once.
            "language_info": {
                "codemirror_mode": {"name": "ipython", "version": 3},
                "file_extension": ".py",
                "mimetype": "text/x-python",
                "name": "python",
                "nbconvert_exporter": "python",
                "pygments_lexer": "ipython3",
                "version": platform.python_version(),
            },
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def _cell(number: int, kind: str, text: str) -> dict[str, object]:
    cell: dict[str, object] = {
        "cell_type": kind,
        "id": f"loupe-{number}",
        "metadata": {},
        "source": text.splitlines(keepends=True),
    }
    if kind == "code":
        cell.update(execution_count=None, outputs=[])
    return cell
