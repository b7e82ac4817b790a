"""The script that the server starts: ``python …/worker MARK MEMORY_LIMIT``."""

from __future__ import annotations

import importlib.util
import os
import sys

_NAME = "model_loupe_worker"


def _run() -> None:
    folder = os.path.dirname(os.path.abspath(__file__))
    # Python puts a script's folder first on the path, where our modules would hide others of their names.
    sys.path[:] = [path for path in sys.path if os.path.abspath(path or ".") != folder]
    spec = importlib.util.spec_from_file_location(
        _NAME, os.path.join(folder, "__init__.py"), submodule_search_locations=[folder]
    )
    assert spec is not None and spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules[_NAME] = package
    spec.loader.exec_module(package)
    service = importlib.import_module(_NAME + ".service")
    service.serve(sys.argv[1].encode(), int(sys.argv[2]))


if __name__ == "__main__":
    _run()
