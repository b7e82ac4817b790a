"""``modelLoupe/models`` and ``modelLoupe/didChange``: the sidebar's first level, and when to ask again."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from lsprotocol import types

from .editor import Editor, capabilities, session, until, write_model

pytestmark = pytest.mark.asyncio(loop_scope="module")

LOAD = 'model = AutoModel.from_pretrained("{}")\n'


async def names(editor: Editor) -> list[str]:
    return [model["model"] for model in await editor.models()]


async def test_nothing_is_listed_where_nothing_is_loaded(tmp_path: Path) -> None:
    async with session(tmp_path) as editor:
        assert await editor.models() == []
        editor.open(tmp_path / "a.py", "x = 1")
        assert await editor.models() == []


async def test_an_entry_is_a_tree_row_and_its_places_in_code(tmp_path: Path) -> None:
    write_model(tmp_path / "tiny")
    async with session(tmp_path) as editor:
        document = editor.open(tmp_path / "a.py", "# 🤗\n" + LOAD.format("./tiny"))
        (model,) = await editor.models()
        assert model["label"] == model["model"] == "./tiny"
        assert model["kind"] == "local"
        assert (model["icon"], model["collapsible"], model["contextValue"]) == ("model", True, "model")
        (reference,) = model["references"]
        assert reference["uri"] == document.uri
        place = document.range('"./tiny"')
        assert reference["range"] == {
            "start": {"line": 1, "character": place.start.character},
            "end": {"line": 1, "character": place.end.character},
        }


async def test_a_row_tells_sizes_once_its_model_is_described(tmp_path: Path) -> None:
    write_model(tmp_path / "tiny")
    async with session(tmp_path) as editor:
        editor.open(tmp_path / "a.py", LOAD.format("./tiny"))
        await editor.models()
        changes = editor.counts["models changed"]
        await until(lambda: editor.counts["models changed"] > changes, "didChange")
        (model,) = await editor.models()
        assert model["description"] == "520 params · float16 1.02 KiB"


async def test_rows_of_one_name_say_what_tells_them_apart(tmp_path: Path) -> None:
    for folder in ("one/src", "two/src"):
        write_model(tmp_path / folder / "tiny")
    async with session(tmp_path) as editor:
        for folder in ("one/src", "two/src"):
            editor.open(tmp_path / folder / "a.py", LOAD.format("./tiny"))
        editor.open(
            tmp_path / "b.py", LOAD.format("org/x") + 'AutoModel.from_pretrained("org/x", revision="v2")\n'
        )
        rows = [(model["label"], model["description"].split(" · ")[0]) for model in await editor.models()]
        assert rows[:2] == [("./tiny", "one/src"), ("./tiny", "two/src")]
        assert rows[2][0] == rows[3][0] == "org/x"
        assert rows[2][1] != "v2" == rows[3][1]


async def test_a_row_says_that_its_model_is_not_there(tmp_path: Path) -> None:
    async with session(tmp_path) as editor:
        editor.open(tmp_path / "a.py", LOAD.format("./tiny"))

        async def told(text: str) -> bool:
            return text in (await editor.models())[0]["description"]

        await until(lambda: told("not found"), "a row that says so")
        changes = editor.counts["models changed"]
        write_model(tmp_path / "tiny")
        editor.changed_files((tmp_path / "tiny" / "config.json", types.FileChangeType.Created))
        await until(lambda: editor.counts["models changed"] > changes, "didChange")
        await until(lambda: told("520 params"), "a row that says what the model is")


async def test_one_entry_a_distinct_request(tmp_path: Path) -> None:
    write_model(tmp_path / "tiny")
    async with session(tmp_path) as editor:
        editor.open(
            tmp_path / "a.py",
            't = AutoTokenizer.from_pretrained("./tiny")\n'
            'm = AutoModel.from_pretrained("./tiny")\n'
            'o = AutoModel.from_pretrained("./tiny", variant="fp16")\n',
        )
        # A Hub id is the same model wherever it is named; a relative path is not.
        for folder in ("one", "two"):
            editor.open(tmp_path / folder / "a.py", LOAD.format("someone/unheard-of") + LOAD.format("./here"))
        models = await editor.models()
        counts = [(model["model"], len(model["references"])) for model in models]
        assert counts == [
            ("./tiny", 2),
            ("./tiny", 1),
            ("someone/unheard-of", 2),
            ("./here", 1),
            ("./here", 1),
        ]
        assert len({model["id"] for model in models}) == 5


async def test_placeholders_are_not_listed(tmp_path: Path) -> None:
    async with session(tmp_path) as editor:
        editor.open(tmp_path / "a.py", LOAD.format("path/to/your/model"))
        editor.open(tmp_path / "b.py", "AutoModel.from_pretrained(sys.argv[1])")
        assert await editor.models() == []


async def test_files_of_the_workspace_are_listed_after_open_documents(tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    skipped = ["node_modules", ".venv", ".git", "__pycache__", "environment"]
    for folder in (*skipped, "code"):
        (workspace / folder).mkdir(parents=True)
        (workspace / folder / "a.py").write_text(LOAD.format(f"in-{folder}/model"))
    (workspace / "environment" / "pyvenv.cfg").touch()
    (workspace / "code" / "broken.py").write_text("from_pretrained(")
    (workspace / "code" / "broken.ipynb").write_text("from_pretrained(")
    (workspace / "notes.txt").write_text(LOAD.format("in-text/model"))
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": ["# A notebook"]},
        {
            "cell_type": "code",
            "metadata": {},
            "outputs": [],
            "source": ["x = 1\n", LOAD.format("in-cell/model")],
        },
    ]
    notebook = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (workspace / "code" / "b.ipynb").write_text(json.dumps(notebook))

    async with session(tmp_path, folders=(workspace,)) as editor:
        await until(lambda: editor.counts["models changed"] > 0, "the scan is told of")
        assert await names(editor) == ["in-code/model", "in-cell/model"]
        (reference,) = (await editor.models())[1]["references"]
        assert reference["uri"] == (workspace / "code" / "b.ipynb").as_uri()
        assert reference["cell"] == 1
        assert reference["range"]["start"]["line"] == 1

        # What is open counts as it is in the editor, not as it is on disk.
        document = editor.open(workspace / "code" / "a.py", LOAD.format("in-editor/model"))
        assert await names(editor) == ["in-editor/model", "in-cell/model"]
        document.close()
        assert await names(editor) == ["in-code/model", "in-cell/model"]


async def test_a_notebook_open_in_jupyterlab_is_not_listed_twice(tmp_path: Path) -> None:
    cell = {"cell_type": "code", "metadata": {}, "outputs": [], "source": [LOAD.format("./on-disk")]}
    (tmp_path / "a.ipynb").write_text(json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4}))
    async with session(tmp_path, folders=(tmp_path,)) as editor:
        await until(lambda: editor.counts["models changed"] > 0, "the scan is told of")
        assert await names(editor) == ["./on-disk"]
        editor.open(tmp_path / ".virtual_documents" / "a.ipynb", LOAD.format("./in-editor"))
        assert await names(editor) == ["./in-editor"]


async def test_changes_of_code_on_disk_are_told_of(tmp_path: Path) -> None:
    code = tmp_path / "a.py"
    async with session(tmp_path, folders=(tmp_path,)) as editor:
        assert await editor.models() == []
        code.write_text(LOAD.format("someone/new"))
        editor.changed_files((code, types.FileChangeType.Created))
        await until(lambda: editor.counts["models changed"] > 0, "didChange")
        assert await names(editor) == ["someone/new"]
        code.unlink()
        editor.changed_files((code, types.FileChangeType.Deleted))
        await until(lambda: editor.counts["models changed"] > 1, "didChange")
        assert await names(editor) == []


async def test_without_a_file_watcher_each_question_looks_again(tmp_path: Path) -> None:
    async with session(tmp_path, folders=(tmp_path,), able=capabilities(watch=False)) as editor:
        assert await editor.models() == []
        (tmp_path / "a.py").write_text(LOAD.format("someone/new"))

        async def is_listed() -> bool:
            return await names(editor) == ["someone/new"]

        await until(is_listed, "the new file is listed")
        await until(lambda: editor.counts["models changed"] > 0, "didChange")


async def test_edits_that_name_other_models_are_told_of(tmp_path: Path) -> None:
    async with session(tmp_path) as editor:
        document = editor.open(tmp_path / "a.py", LOAD.format("someone/one"))
        await until(lambda: editor.counts["models changed"] == 1, "didChange after opening")
        document.replace("someone/one", "someone/two")
        await until(lambda: editor.counts["models changed"] == 2, "didChange after an edit")
        document.replace("model = ", "m = ")
        await asyncio.sleep(0.6)
        assert editor.counts["models changed"] == 2
        document.close()
        await until(lambda: editor.counts["models changed"] == 3, "didChange after closing")


async def test_folders_added_to_the_workspace_are_looked_through(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.py").write_text(LOAD.format(f"in-{name}/model"))
    folders = [types.WorkspaceFolder((tmp_path / name).as_uri(), name) for name in ("one", "two")]
    async with session(tmp_path, folders=(tmp_path / "one",)) as editor:
        await until(lambda: editor.counts["models changed"] > 0, "the first scan")
        event = types.WorkspaceFoldersChangeEvent(added=folders[1:], removed=folders[:1])
        editor.client.workspace_did_change_workspace_folders(types.DidChangeWorkspaceFoldersParams(event))

        async def is_other() -> bool:
            return await names(editor) == ["in-two/model"]

        await until(is_other, "the other folder's models")
