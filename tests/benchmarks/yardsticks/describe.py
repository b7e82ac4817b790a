"""Prints the seconds of a description: the first one of this process, imports not included."""

import sys
import time

from model_loupe.inspector import Inspector, ModelRequest


def main(folder: str) -> None:
    inspector = Inspector(disk=True)
    start = time.perf_counter()
    description = inspector.describe(ModelRequest(folder))
    print(time.perf_counter() - start)
    assert description.parameters.total


main(sys.argv[1])
