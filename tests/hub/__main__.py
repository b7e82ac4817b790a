"""``python -m tests.hub FOLDER [SECONDS]``: a Hub with the folders of a folder, until it is interrupted.

So many seconds pass before each 1,000 bytes of the large files.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.hub import LocalHub, faults


def main(root: Path, pause: float = 0) -> None:
    with LocalHub() as hub:
        for config in sorted(root.glob("*/*/config.json")):
            folder = config.parent
            hub.add(folder.relative_to(root).as_posix(), folder)
            print(folder.relative_to(root))
        if pause:
            hub.fail(faults.slow(pause), where="^/repos/")
        print(f"export HF_ENDPOINT={hub.endpoint}", flush=True)
        try:
            hub.closing.wait()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(float, sys.argv[2:]))
