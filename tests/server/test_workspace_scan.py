"""The scan of the workspace: what it reads, what it leaves alone, what it reads again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from model_loupe.lsp import workspace_scan
from model_loupe.lsp.workspace_scan import WorkspaceScan

LOAD = 'model = AutoModel.from_pretrained("{}")\n'


def found(scan: WorkspaceScan) -> list[str | None]:
    return [call.reference.model for call in scan.calls()]


def write(path: Path, model: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(LOAD.format(model))
    return path


def test_a_scan_tells_whether_anything_is_new(tmp_path: Path) -> None:
    file = write(tmp_path / "a.py", "a/one")
    scan = WorkspaceScan()
    assert scan.scan([str(tmp_path)])
    assert not scan.scan([str(tmp_path)])
    write(file, "a/longer")
    assert scan.scan([str(tmp_path)])
    assert found(scan) == ["a/longer"]
    (tmp_path / "b.py").write_text("x = 1")
    assert not scan.scan([str(tmp_path)])
    file.unlink()
    assert scan.scan([str(tmp_path)])
    assert found(scan) == []


def test_limits_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "abc":
        write(tmp_path / f"{name}.py", f"a/{name}")
    write(tmp_path / "deep" / "er" / "d.py", "a/deep")
    (tmp_path / "huge.py").write_text(LOAD.format("a/huge") + "#" * (1 << 20))
    scan = WorkspaceScan()
    scan.scan([str(tmp_path)])
    assert found(scan) == ["a/a", "a/b", "a/c", "a/deep"]
    for name, limit, left in (("MAX_FILES", 2, 2), ("MAX_DEPTH", 1, 3), ("MAX_FOLDERS", 1, 3)):
        with monkeypatch.context() as patched:
            patched.setattr(workspace_scan, name, limit)
            scan.scan([str(tmp_path)])
            assert len(found(scan)) == left


def test_links_pipes_and_unreadable_folders_are_passed_over(tmp_path: Path) -> None:
    write(tmp_path / "real" / "a.py", "a/real")
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "gone.py").symlink_to(tmp_path / "nowhere.py")
    os.mkfifo(tmp_path / "pipe.py")
    scan = WorkspaceScan()
    scan.scan([str(tmp_path), str(tmp_path / "nowhere"), str(tmp_path)])
    assert found(scan) == ["a/real"]


def test_text_that_is_not_utf_8_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes("\ufeff".encode() + b"# caf\xe9\n" + LOAD.format("a/b").encode())
    scan = WorkspaceScan()
    scan.scan([str(tmp_path)])
    assert found(scan) == ["a/b"]


def test_a_stopped_scan_keeps_what_was_known(tmp_path: Path) -> None:
    write(tmp_path / "a.py", "a/one")
    scan = WorkspaceScan()
    scan.scan([str(tmp_path)])
    write(tmp_path / "b.py", "a/two")
    scan.stop()
    assert not scan.scan([str(tmp_path)])
    assert found(scan) == ["a/one"]
