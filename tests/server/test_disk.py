"""What one server read is found on the disk by the next, and by the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .editor import Editor, server_environment, session, write_large_model

pytestmark = pytest.mark.asyncio(loop_scope="module")

LONG_AGO = 1_600_000_000


def settle(folder: Path) -> None:
    for path in folder.iterdir():
        os.utime(path, (LONG_AGO, LONG_AGO))


async def answers(home: Path, **environment: str) -> tuple[str, Any]:
    """The card and two levels of the tree, from a server of its own."""
    async with session(home, environment=environment) as editor:
        document = editor.open(home / "a.py", 'model = AutoModel.from_pretrained("./large")\n')
        card = await document.card("./large")
        (model,) = [each for each in await editor.models() if each["references"][0]["uri"] == document.uri]
        return card, await levels(editor, model["id"], 3)


async def levels(editor: Editor, node: str, depth: int) -> Any:
    rows = await editor.children(node)
    below = [
        await levels(editor, row["id"], depth - 1) for row in rows[:4] if row["collapsible"] and depth > 1
    ]
    return rows, below


def inspect(model: Path) -> Any:
    """By the command line, on the server's cache."""
    command = [sys.executable, "-m", "model_loupe", "inspect", "--json", str(model)]
    environment = server_environment(model.parent)
    ran = subprocess.run(command, env=environment, capture_output=True, check=True, timeout=60)
    return json.loads(ran.stdout)


async def test_another_process_answers_the_same_without_reading_headers(tmp_path: Path) -> None:
    model = write_large_model(tmp_path / "large", tensors=3000)
    settle(model)
    first = await answers(tmp_path)
    assert "192,000 parameters" in first[0]
    # The header becomes unreadable, and nothing that a listing shows has changed.
    with (model / "model.safetensors").open("r+b") as file:
        file.seek(8)
        file.write(b"[" * 64)
    settle(model)
    assert await answers(tmp_path) == first
    assert inspect(model)["parameters"]["total"] == 192_000
    assert "192,000" not in (await answers(tmp_path, MODEL_LOUPE_NO_CACHE="1"))[0]
