"""Prints the seconds of ``ast.parse`` for the text of the same notebook."""

import ast
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))
from tests.benchmarks.notebooks import cells

text = "\n".join(cells())
start = time.perf_counter()
ast.parse(text)
print(time.perf_counter() - start)
