"""Prints the seconds of a cold description: the first one of this process, imports not included."""

import sys
import time

from model_loupe.inspector import Inspector, ModelRequest


def main(folder: str) -> None:
    inspector = Inspector()
    start = time.perf_counter()
    inspector.describe(ModelRequest(folder))
    print(time.perf_counter() - start)


main(sys.argv[1])
