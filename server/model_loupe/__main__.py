"""``python -m model_loupe`` is the ``model-loupe`` command."""

from model_loupe.cli import run

if __name__ == "__main__":
    run()
