"""``python -m model_loupe`` is the ``model-loupe`` command."""

import sys

from model_loupe.cli import main

if __name__ == "__main__":
    sys.exit(main())
