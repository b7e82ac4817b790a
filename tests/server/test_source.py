"""``modelLoupe/source``: Python files that the worker's interpreter imports, and no others."""

from __future__ import annotations

import inspect
import json
import os
from pathlib import Path

import pytest
from pygls.exceptions import JsonRpcException

from tests.server.editor import session


async def test_a_library_s_file_is_told(tmp_path: Path) -> None:
    async with session(tmp_path, folders=(tmp_path,)) as editor:
        answer = await editor.request("modelLoupe/source", {"uri": f"model-loupe:{json.__file__}"})
    assert answer == {"text": inspect.getsource(json)}


async def test_any_other_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "outside.py").write_text("secret = 1\n")
    library = os.path.dirname(json.__file__)
    refused = [
        str(tmp_path / "outside.py"),
        f"{library}/../../../../../..{tmp_path}/outside.py",
        "/etc/passwd",
        f"{library}/no_such_module.py",
        library,
        "",
    ]
    async with session(tmp_path, folders=(tmp_path,)) as editor:
        for path in refused:
            with pytest.raises(JsonRpcException, match="not a Python file of the libraries"):
                await editor.request("modelLoupe/source", {"uri": f"model-loupe:{path}"})
