"""Prints the seconds that the first level of the module tree takes, the first time after a description."""

import sys
import time

from model_loupe.inspector import Inspector, ModelRequest


def main(folder: str) -> None:
    inspector = Inspector()
    request = ModelRequest(folder)
    inspector.describe(request)
    sections = inspector.children(inspector.root(request).id)
    architecture = next(row for row in sections if row.icon == "architecture")
    start = time.perf_counter()
    rows = inspector.children(architecture.id)
    taken = time.perf_counter() - start
    assert rows, "the first level is empty"
    print(taken)


main(sys.argv[1])
