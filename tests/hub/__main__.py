"""``python -m tests.hub FOLDER``: a Hub with the folders of a folder, until it is interrupted."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.hub import LocalHub


def main(root: Path) -> None:
    with LocalHub() as hub:
        for config in sorted(root.glob("*/*/config.json")):
            folder = config.parent
            hub.add(folder.relative_to(root).as_posix(), folder)
            print(folder.relative_to(root))
        print(f"export HF_ENDPOINT={hub.endpoint}", flush=True)
        try:
            hub.closing.wait()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main(Path(sys.argv[1]))
