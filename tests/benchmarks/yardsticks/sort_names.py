"""Prints the seconds that sorting all tensor names of a folder takes, as its index lists them."""

import json
import sys
import time
from pathlib import Path


def main(folder: Path) -> None:
    index = json.loads((folder / "model.safetensors.index.json").read_text())
    names = list(index["weight_map"])
    start = time.perf_counter()
    sorted(names)
    print(time.perf_counter() - start)


main(Path(sys.argv[1]))
