"""Prints the seconds of a notebook's first analysis, or of one after a keystroke (``keystroke``)."""

import gc
import statistics
import sys
import time
from pathlib import Path

from model_loupe.documents import Cell, analyse_notebook

sys.path.insert(0, str(Path(__file__).parents[3]))
from tests.benchmarks.notebooks import cells

sources = cells()


def seconds(texts: list[str]) -> float:
    notebook = [Cell(number, "code", text) for number, text in enumerate(texts)]
    start = time.perf_counter()
    analysis = analyse_notebook(notebook)
    taken = time.perf_counter() - start
    assert len(analysis.references) == 300
    return taken


taken = seconds(sources)
if sys.argv[1:] == ["keystroke"]:
    gc.freeze()  # as the server does once it has started
    typed = [[*sources[:500], sources[500] + "x" * count, *sources[501:]] for count in range(1, 41)]
    taken = statistics.median(seconds(texts) for texts in typed)
print(taken)
