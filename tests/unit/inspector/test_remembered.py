"""What a process read is found on the disk by the next, for as long as the files are what they were."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from model_loupe.inspector import Inspector, ModelRequest, remembered
from model_loupe.inspector.schema import to_json
from tests.support import checkpoints

TENSORS = [
    (f"model.layers.{layer}.experts.{e}.weight", "BF16", [8, 4]) for layer in range(8) for e in range(200)
]
LONG_AGO = 1_600_000_000
ANSWER = len(TENSORS) * 32


@pytest.fixture
def same_from_disk() -> None:
    """These tests look at the disk themselves."""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model that is long to read and has been there for a while."""
    folder = checkpoints.write_checkpoint(tmp_path / "model", checkpoints.SMALL_CONFIG, TENSORS, shards=3)
    settle(folder)
    return folder


def settle(folder: Path) -> None:
    for path in folder.iterdir():
        os.utime(path, (LONG_AGO, LONG_AGO))


def inspect(folder: Path, **environment: str) -> dict[str, Any]:
    """In a process of its own."""
    ran = subprocess.run(
        [sys.executable, "-m", "model_loupe", "inspect", "--json", "--tree", str(folder)],
        env={**os.environ, **environment},
        capture_output=True,
        check=True,
        timeout=60,
    )
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def spoil(folder: Path) -> None:
    """Makes headers unreadable in a way that no fingerprint tells: who answers now has not read them."""
    for path in folder.glob("*.safetensors"):
        before = path.stat()
        with path.open("r+b") as file:
            file.seek(8)
            file.write(b"[" * 64)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def entries(cache: Path) -> list[Path]:
    return sorted(cache.iterdir()) if cache.exists() else []


def test_the_next_process_reads_no_header(model: Path, cache: Path) -> None:
    first = inspect(model)
    assert first["parameters"]["total"] == ANSWER
    (entry,) = entries(cache)
    assert entry.stat().st_size < 30_000
    spoil(model)
    assert inspect(model) == first
    assert to_json(describe_from_disk(model), tree=True) == first
    assert inspect(model, MODEL_LOUPE_NO_CACHE="1")["parameters"]["total"] is None


def describe_from_disk(folder: Path) -> Any:
    return Inspector(disk=True).describe(ModelRequest(str(folder)))


def grow(folder: Path) -> None:
    path = sorted(folder.glob("*.safetensors"))[0]
    tensors = [*TENSORS[: len(TENSORS) // 3 - 1], ("extra.weight", "BF16", [8, 4])]
    checkpoints.write_safetensors(path, tensors)


def rewrite_in_place(folder: Path) -> None:
    """The same size and another time."""
    spoil(folder)
    os.utime(sorted(folder.glob("*.safetensors"))[0], (LONG_AGO + 1, LONG_AGO + 1))


def replace_by_another_inode(folder: Path) -> None:
    """The same size and time, as ``cp --preserve`` leaves it."""
    spoil(folder)
    path = sorted(folder.glob("*.safetensors"))[0]
    before = path.stat()
    os.link(path, folder.parent / "kept")  # its inode is not free for the new file
    shutil.copy2(path, folder.parent / "new")
    os.replace(folder.parent / "new", path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def change_the_config(folder: Path) -> None:
    (folder / "config.json").write_text(json.dumps(checkpoints.SMALL_CONFIG | {"tie_word_embeddings": True}))
    spoil(folder)


def remove_a_shard(folder: Path) -> None:
    sorted(folder.glob("*.safetensors"))[0].unlink()


@pytest.mark.parametrize(
    "change", [grow, rewrite_in_place, replace_by_another_inode, change_the_config, remove_a_shard]
)
def test_a_change_is_seen(model: Path, cache: Path, change: Callable[[Path], None]) -> None:
    first = inspect(model)
    change(model)
    again = inspect(model)
    assert again != first
    assert again == inspect(model, MODEL_LOUPE_NO_CACHE="1")


def test_another_selection_is_another_entry(model: Path, cache: Path) -> None:
    inspect(model)
    found = Inspector(disk=True).describe(ModelRequest(str(model), use_safetensors=False))
    assert not len(found.weights.table)
    single = sorted(model.glob("*.safetensors"))[0]
    assert inspect(single)["parameters"]["total"] != ANSWER


def test_a_small_model_is_read_as_it_is(small: Path, cache: Path) -> None:
    settle(small)
    inspect(small)
    assert entries(cache) == []


def test_what_is_not_whole_or_too_new_is_not_kept(model: Path, cache: Path) -> None:
    inspect(checkpoints.write_checkpoint(model.parent / "new", checkpoints.SMALL_CONFIG, TENSORS, shards=2))
    assert entries(cache) == []
    remove_a_shard(model)
    settle(model)
    inspect(model)
    assert entries(cache) == []


def test_an_entry_of_another_version_or_that_is_damaged_is_written_anew(
    model: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = inspect(model)
    (entry,) = entries(cache)
    whole = entry.read_bytes()
    entry.write_bytes(whole[:-1] + b"?")
    assert inspect(model) == first
    assert entry.read_bytes() == whole
    monkeypatch.setattr(remembered, "__version__", "another")
    assert to_json(describe_from_disk(model), tree=True) == first
    assert len(entries(cache)) == 2


@pytest.mark.parametrize("value", [b"", b"\0\0\0\0", b"\2\0\0\0{}", b"\xff\xff\xff\xff[]", b"\2\0\0\0[]"])
def test_an_entry_of_another_form_is_none(
    model: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, value: bytes
) -> None:
    monkeypatch.setattr(remembered.Entry, "save", lambda *_: None)
    from model_loupe.sources.store import Store

    monkeypatch.setattr(Store, "get", lambda *_: value)
    assert describe_from_disk(model).parameters.total == ANSWER


def test_names_of_any_kind(tmp_path: Path, cache: Path) -> None:
    """A name with a line break cannot be kept; others with anything else can."""
    for number, name in enumerate(["a\nb", "日本.weight", "", "\x00\t"]):
        tensors = [(name, "BF16", [4]), *TENSORS]
        folder = checkpoints.write_checkpoint(tmp_path / str(number), checkpoints.SMALL_CONFIG, tensors)
        settle(folder)
        first = inspect(folder)
        spoil(folder)
        assert (inspect(folder) == first) == ("\n" not in name)


def test_without_a_place_to_write_the_answer_is_the_same(model: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    answers = [inspect(model, MODEL_LOUPE_CACHE_DIR=str(tmp_path / "file" / "below")) for _ in range(2)]
    assert answers[0] == answers[1] and answers[0]["parameters"]["total"] == ANSWER


def test_many_processes_on_one_empty_cache(model: Path, cache: Path) -> None:
    command = [sys.executable, "-m", "model_loupe", "inspect", "--json", str(model)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(6)]
    answers = {process.communicate(timeout=60)[0] for process in running}
    assert len(answers) == 1 and json.loads(answers.pop())["parameters"]["total"] == ANSWER
    assert len(entries(cache)) == 1
