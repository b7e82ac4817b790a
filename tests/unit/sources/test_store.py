"""The store on disk: what is put is found by any process, and nothing that happens to it is an error."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import platformdirs
import pytest

from model_loupe.sources.store import Store, user_cache_folder, user_store

VALUE = bytes(range(256)) * 20


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "store"))


def entries(store: Store) -> list[Path]:
    return sorted(Path(store.folder).iterdir())


def test_what_is_put_is_found_by_another_process(store: Store) -> None:
    store.put("a key", VALUE)
    assert Store(store.folder).get("a key") == VALUE
    assert store.get("another key") is None
    store.put("a key", b"")
    assert store.get("a key") == b""
    assert len(entries(store)) == 1


@pytest.mark.parametrize("key", ["", "line\nbreak", "日本", "not utf-8: \udcff", "x" * 5000])
def test_any_text_is_a_key(store: Store, key: str) -> None:
    store.put(key, VALUE)
    assert store.get(key) == VALUE


def test_a_damaged_entry_is_none_and_is_written_anew(store: Store) -> None:
    store.put("key", b"value")
    (path,) = entries(store)
    whole = path.read_bytes()
    for position in range(len(whole)):
        damaged = bytearray(whole)
        damaged[position] ^= 1
        path.write_bytes(damaged)
        assert store.get("key") is None
        path.write_bytes(whole[:position])
        assert store.get("key") is None
    path.write_bytes(whole + b"more")
    assert store.get("key") is None
    store.put("key", b"value")
    assert path.read_bytes() == whole


def test_the_entry_of_another_key_is_none(store: Store) -> None:
    """As when the names of two keys' files are one."""
    store.put("one", VALUE)
    (path,) = entries(store)
    store.put("other", VALUE)
    (other,) = set(entries(store)) - {path}
    other.write_bytes(path.read_bytes())
    assert store.get("other") is None
    assert store.get("one") == VALUE


def test_the_oldest_go_first_and_those_in_use_stay(tmp_path: Path) -> None:
    store = Store(str(tmp_path), limit=100_000)
    for number in range(9):
        store.put(f"key {number}", bytes(10_000))
        long_ago = time.time() - 1000 + number
        for path in entries(store):
            if path.stat().st_mtime > long_ago + 500:
                os.utime(path, (long_ago, long_ago))
    assert store.get("key 0") is not None  # now it is the newest
    # A process of its own, which has not seen the others being put.
    Store(store.folder, limit=60_000).put("new", bytes(10_000))
    kept = [number for number in range(9) if store.get(f"key {number}") is not None]
    assert kept == [0, 7, 8]
    assert store.get("new") is not None
    assert sum(path.stat().st_size for path in entries(store)) <= 60_000


def test_one_process_keeps_to_the_limit(tmp_path: Path) -> None:
    store = Store(str(tmp_path), limit=100_000)
    for number in range(100):
        store.put(f"key {number}", bytes(10_000))
        assert sum(path.stat().st_size for path in entries(store)) <= 100_000
    assert store.get("key 99") is not None
    store.put("too large", bytes(100_001))
    assert store.get("too large") is None


def test_what_a_killed_process_left_is_removed_later(store: Store) -> None:
    store.put("key", VALUE)
    left = [Path(store.folder) / f"{name}.unfinished" for name in ("old", "new")]
    for path in left:
        path.write_bytes(b"half")
    os.utime(left[0], (1, 1))
    Store(store.folder).put("other", VALUE)
    assert [path.exists() for path in left] == [False, True]


def test_clear_leaves_nothing(store: Store) -> None:
    store.clear()
    store.put("key", VALUE)
    store.clear()
    assert entries(store) == [] and store.get("key") is None


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for folder in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/nowhere")):
        store = Store(str(folder))
        store.put("key", VALUE)
        assert store.get("key") is None
        store.clear()


def test_a_folder_in_an_entrys_place_is_no_error(store: Store) -> None:
    store.put("key", VALUE)
    (path,) = entries(store)
    path.unlink()
    path.mkdir()
    store.put("key", VALUE)
    assert store.get("key") is None
    assert entries(store) == [path]


def test_a_full_disk_is_no_error(store: Store) -> None:
    """A process whose files may have 1,000 bytes at most: every write beyond fails as on a full disk."""
    script = (
        "import resource, sys; from model_loupe.sources.store import Store; "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)); store = Store(sys.argv[1]); "
        "store.put('large', bytes(5000)); store.put('small', b'fits'); "
        "sys.exit(0 if store.get('large') is None and store.get('small') == b'fits' else 1)"
    )
    subprocess.run([sys.executable, "-c", script, store.folder], check=True, timeout=60)
    assert len(entries(store)) == 1


def test_many_processes_at_once_never_see_half_an_entry(store: Store) -> None:
    script = (
        "import sys; from model_loupe.sources.store import Store\n"
        "store = Store(sys.argv[1], limit=2_000_000)\n"
        "for number in range(300):\n"
        "    key = str(number % 7)\n"
        "    store.put(key, key.encode() * (200_000 + number))\n"
        "    found = store.get(key)\n"
        "    assert found is None or set(found) == set(key.encode()), 'mixed'\n"
        "    if number % 100 == 50: store.clear()\n"
    )
    running = [subprocess.Popen([sys.executable, "-c", script, store.folder]) for _ in range(4)]
    assert [process.wait(timeout=120) for process in running] == [0, 0, 0, 0]
    assert all(path.suffix == ".entry" for path in entries(store))


def test_where_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("MODEL_LOUPE_CACHE_DIR", raising=False)
    monkeypatch.delenv("MODEL_LOUPE_NO_CACHE", raising=False)
    for chosen in (None, "", str(tmp_path), "not/absolute"):
        if chosen is None:
            monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
        else:
            monkeypatch.setenv("XDG_CACHE_HOME", chosen)
        if chosen != "not/absolute":
            assert user_cache_folder() == platformdirs.user_cache_dir("model-loupe", appauthor=False)
    found = user_store()
    assert found is not None and found.folder == user_cache_folder()
    monkeypatch.setenv("MODEL_LOUPE_CACHE_DIR", str(tmp_path / "elsewhere"))
    found = user_store()
    assert found is not None and found.folder == str(tmp_path / "elsewhere")
    monkeypatch.setenv("MODEL_LOUPE_NO_CACHE", "1")
    assert user_store() is None
