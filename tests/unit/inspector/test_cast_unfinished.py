"""What a cast that was killed has left is removed by the next to the same place; nothing else is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from model_loupe.inspector.cast_unfinished import publish, unfinished

WRITER = """
import sys
from model_loupe.inspector.cast_unfinished import unfinished
with unfinished(sys.argv[1]) as folder:
    print(folder, flush=True)
    sys.stdin.read()
"""

pytestmark = pytest.mark.skipif(os.name == "nt", reason="no such locks: documented in the module")


def test_a_folder_whose_writer_was_killed_goes_and_no_other(tmp_path: Path) -> None:
    output = str(tmp_path / "cast")
    foreign = tmp_path / ".cast.0123abcd.unfinished"
    other = tmp_path / ".other.0123abcd.unfinished"
    for folder in (foreign, other):
        folder.mkdir()
    (other / ".model-loupe-unfinished").touch()
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, output], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout
    left = Path(writer.stdout.readline().strip())
    with unfinished(output):
        assert left.is_dir(), "its writer lives"
    writer.kill()
    writer.communicate()
    assert left.is_dir()
    with unfinished(output) as folder:
        assert not left.exists()
        assert Path(folder).is_dir()
    assert set(tmp_path.iterdir()) == {foreign, other}


def test_what_is_published_has_no_marker(tmp_path: Path) -> None:
    output = tmp_path / "new" / "cast"
    with unfinished(str(output)) as folder:
        (Path(folder) / "model.safetensors").touch()
        publish(folder, str(output))
    assert [path.name for path in output.iterdir()] == ["model.safetensors"]
    assert [path.name for path in output.parent.iterdir()] == ["cast"]
