"""Prints the seconds that the plans of all casts take as JSON, the first time after a description."""

import sys
import time

from model_loupe.domain.casts.targets import TARGETS
from model_loupe.inspector import Inspector, ModelRequest, cast_json, casting


def main(folder: str) -> None:
    description = Inspector().describe(ModelRequest(folder))
    start = time.perf_counter()
    found = casting.preview(description, list(TARGETS.values()), sys.executable)
    targets = cast_json.to_json(found)["targets"]
    print(time.perf_counter() - start)
    assert len(targets) == len(TARGETS)


main(sys.argv[1])
