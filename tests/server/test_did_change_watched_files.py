"""``workspace/didChangeWatchedFiles``: what is shown follows the files."""

from __future__ import annotations

from pathlib import Path

import pytest
from lsprotocol import types

from .editor import Editor, parameters_of, session, until, write_model

pytestmark = pytest.mark.asyncio(loop_scope="module")

LOAD = 'model = AutoModel.from_pretrained("./tiny")\n'


async def test_checkpoints_and_code_are_watched(editor: Editor) -> None:
    await until(lambda: len(editor.registered) == 2, "registrations")
    (files,) = [one for one in editor.registered if one.method == types.WORKSPACE_DID_CHANGE_WATCHED_FILES]
    patterns = {watcher["globPattern"] for watcher in _plain(files.register_options)["watchers"]}
    assert patterns == {
        "**/*.safetensors",
        "**/*.safetensors.index.json",
        "**/config.json",
        "**/*.py",
        "**/*.ipynb",
    }


def _plain(options: object) -> dict:
    return options if isinstance(options, dict) else options._asdict()


async def test_a_rewritten_checkpoint_replaces_the_old_description(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "tiny", layers=2)
    async with session(tmp_path) as editor:
        document = editor.open(tmp_path / "a.py", LOAD)
        assert parameters_of(2) in await document.card("./tiny")
        write_model(folder, layers=7)
        before = editor.counts.copy()
        editor.changed_files((folder / "model.safetensors", types.FileChangeType.Changed))
        await until(lambda: editor.counts["lens refresh"] > before["lens refresh"], "a lens refresh")
        assert editor.counts["models changed"] > before["models changed"]
        await until(lambda: editor.client.diagnostic_refresh_count > 0, "a refresh of diagnostics")
        assert parameters_of(7) in await document.card("./tiny")


async def test_a_model_that_appears_takes_its_warning_away(tmp_path: Path) -> None:
    async with session(tmp_path) as editor:
        document = editor.open(tmp_path / "a.py", LOAD)
        assert len(await document.diagnostics()) == 1
        refreshes = editor.client.diagnostic_refresh_count
        write_model(tmp_path / "tiny")
        editor.changed_files((tmp_path / "tiny" / "config.json", types.FileChangeType.Created))
        await until(lambda: editor.client.diagnostic_refresh_count > refreshes, "a refresh")
        assert await document.diagnostics() == []
        assert len(await document.titles()) == 3


async def test_a_burst_of_changes_is_told_once(tmp_path: Path) -> None:
    write_model(tmp_path / "tiny")
    async with session(tmp_path) as editor:
        for shard in range(200):
            path = tmp_path / "tiny" / f"model-{shard:05}-of-00200.safetensors"
            editor.changed_files((path, types.FileChangeType.Changed))
        await until(lambda: editor.counts["models changed"] > 0, "didChange")
        await editor.models()
        assert editor.counts["models changed"] == 1


async def test_uris_of_no_files_are_survived(editor: Editor) -> None:
    events = [
        types.FileEvent(uri, types.FileChangeType.Changed) for uri in ("untitled:x", "file:///c%3A/x", "%")
    ]
    editor.client.workspace_did_change_watched_files(types.DidChangeWatchedFilesParams(events))
    assert await editor.models() == []
