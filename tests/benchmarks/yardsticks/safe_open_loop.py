"""Reads shapes and dtypes of all tensors of a folder as one does with the safetensors package."""

import sys
from math import prod
from pathlib import Path

from safetensors import safe_open


def main(folder: Path) -> None:
    elements: dict[str, int] = {}
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, "numpy") as file:
            for name in file.keys():  # noqa: SIM118 (no mapping: it has no other way)
                tensor = file.get_slice(name)
                dtype = tensor.get_dtype()
                elements[dtype] = elements.get(dtype, 0) + prod(tensor.get_shape())
    print(elements)


main(Path(sys.argv[1]))
