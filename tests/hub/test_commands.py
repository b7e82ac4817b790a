"""What an editor can have done about a model of the Hub: pin it, open it, download it, forget it, log in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from lsprotocol import types

from tests.hub import LocalHub, faults
from tests.hub.conftest import GEMMA, SMALL, TOKEN, told
from tests.server import quick_fixes
from tests.server.editor import Document, Editor, capabilities, session, until, within

LOAD = "from transformers import AutoModel\nmodel = AutoModel.from_pretrained({})\n"


@pytest_asyncio.fixture
async def editor(hub: LocalHub, tmp_path: Path) -> AsyncIterator[Editor]:
    environment = {
        "HF_ENDPOINT": hub.endpoint,
        "HF_HUB_OFFLINE": "0",
        "MODEL_LOUPE_CACHE_DIR": str(tmp_path / "loupe"),
    }
    async with session(tmp_path, environment=environment) as editor:
        yield editor


async def actions(document: Document, at: str) -> dict[str, types.CodeAction]:
    """The actions at a text, by title."""
    found = await quick_fixes.actions(document, document.range(at), await document.diagnostics())
    return {action.title: action for action in found}


async def execute(editor: Editor, action: types.CodeAction) -> None:
    assert action.command is not None
    params = types.ExecuteCommandParams(action.command.command, action.command.arguments)
    await within(editor.client.workspace_execute_command_async(params), 60)


async def download(editor: Editor, action: types.CodeAction) -> list[object]:
    """Has a model downloaded; what was reported of it."""
    await execute(editor, action)
    reports = editor.client.progress_reports

    def is_over() -> bool:
        return any(isinstance(each, types.WorkDoneProgressEnd) for said in reports.values() for each in said)

    await until(is_over, "the download ends")
    return [each for said in reports.values() for each in said]


@pytest.mark.parametrize(
    ("call", "pinned"),
    [
        ('"{}"', '"{}", revision="{}"'),
        ('"{}", dtype="auto",\n', '"{}", dtype="auto", revision="{}",\n'),
        ('"{}", config', '"{}", config, revision="{}"'),
        ('"{}", *more, **others', '"{}", *more, revision="{}", **others'),
        ('pretrained_model_name_or_path="{}"', 'pretrained_model_name_or_path="{}", revision="{}"'),
    ],
    ids=["alone", "beside others", "by keyword", "positional", "unpacked"],
)
async def test_pin_the_revision(
    call: str, pinned: str, editor: Editor, hub: LocalHub, tmp_path: Path
) -> None:
    document = editor.open(tmp_path / "a.py", LOAD.format(call.format(SMALL)))
    await told(document, SMALL)
    commit = hub.repositories[SMALL].refs["main"]
    action = (await actions(document, SMALL))[f"Pin {SMALL} to commit {commit[:10]}"]
    assert action.edit is not None and action.edit.changes is not None
    [edit] = action.edit.changes[document.uri]
    lines = document.text.splitlines(keepends=True)
    line = lines[edit.range.start.line]
    at = edit.range.start.character
    lines[edit.range.start.line] = line[:at] + edit.new_text + line[at:]
    assert "".join(lines) == LOAD.format(pinned.format(SMALL, commit))


async def test_where_a_revision_is_none_is_put(editor: Editor, tmp_path: Path) -> None:
    document = editor.open(tmp_path / "a.py", LOAD.format(f'"{SMALL}", revision="main"'))
    await told(document, SMALL)
    assert not [title for title in await actions(document, SMALL) if title.startswith("Pin")]


async def test_download(editor: Editor, hub: LocalHub, models: Path, tmp_path: Path) -> None:
    folder = models / "small"
    document = editor.open(tmp_path / "a.py", LOAD.format(f'"{SMALL}"'))
    await told(document, SMALL)
    reports = await download(editor, (await actions(document, SMALL))[f"Download {SMALL} (1.26 MiB)"])
    [snapshot] = (tmp_path / "huggingface" / "hub").glob("models--*/snapshots/*")
    assert {path.name: path.read_bytes() for path in snapshot.iterdir()} == {
        path.name: path.read_bytes() for path in folder.iterdir()
    }
    assert isinstance(reports[0], types.WorkDoneProgressBegin)
    assert isinstance(reports[-1], types.WorkDoneProgressEnd)
    # From now on it is described from the disk.
    hub.forget()
    assert "Hugging Face cache, commit" in await told(document, SMALL)
    assert hub.count() == 0


async def test_only_what_the_call_loads_is_downloaded(
    editor: Editor, hub: LocalHub, models: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "both"
    folder.mkdir()
    for path in (models / "small").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    for name in ("pytorch_model.bin", "tf_model.h5", "README.md", "tokenizer.json"):
        (folder / name).write_bytes(b"{}")
    hub.add("someone/both", folder)
    document = editor.open(tmp_path / "a.py", LOAD.format('"someone/both"'))
    await told(document, "someone/both")
    [title] = [title for title in await actions(document, "someone/both") if title.startswith("Download")]
    await download(editor, (await actions(document, "someone/both"))[title])
    [snapshot] = (tmp_path / "huggingface" / "hub").glob("models--someone--both/snapshots/*")
    missing = {"pytorch_model.bin", "tf_model.h5", "README.md"}
    assert {path.name for path in snapshot.iterdir()} == {path.name for path in folder.iterdir()} - missing


async def test_a_download_can_be_cancelled(editor: Editor, hub: LocalHub, tmp_path: Path) -> None:
    document = editor.open(tmp_path / "a.py", LOAD.format(f'"{GEMMA}"'))
    await told(document, GEMMA)
    hub.fail(faults.slow(0.05), where="^/repos/")
    [title] = [title for title in await actions(document, GEMMA) if title.startswith("Download")]
    await execute(editor, (await actions(document, GEMMA))[title])
    await until(lambda: bool(editor.client.progress_reports), "it begins")
    [token] = editor.client.progress_reports
    await until(lambda: len(editor.client.progress_reports[token]) > 1, "it reports")
    editor.client.window_work_done_progress_cancel(types.WorkDoneProgressCancelParams(token))
    reports = editor.client.progress_reports[token]
    await until(lambda: isinstance(reports[-1], types.WorkDoneProgressEnd), "it ends")


async def test_a_download_that_fails_says_why(editor: Editor, hub: LocalHub, tmp_path: Path) -> None:
    document = editor.open(tmp_path / "a.py", LOAD.format(f'"{SMALL}"'))
    await told(document, SMALL)
    [title] = [title for title in await actions(document, SMALL) if title.startswith("Download")]
    action = (await actions(document, SMALL))[title]
    hub.repositories[SMALL].gated = "auto"
    await download(editor, action)
    await until(lambda: bool(editor.client.messages), "it says why")
    shown = [message.message for message in editor.client.messages]
    assert any("could not be downloaded: it is gated" in message for message in shown)
    editor.client.messages.clear()


async def test_open_on_the_hub(editor: Editor, hub: LocalHub, tmp_path: Path) -> None:
    document = editor.open(tmp_path / "a.py", LOAD.format(f'"{SMALL}"'))
    await execute(editor, (await actions(document, SMALL))[f"Open {SMALL} on the Hub"])
    [shown] = editor.client.shown_documents
    assert (shown.uri, shown.external) == (f"{hub.endpoint}/{SMALL}", True)


async def test_clear_the_cache(editor: Editor, hub: LocalHub, tmp_path: Path) -> None:
    document = editor.open(tmp_path / "a.py", LOAD.format(f'"{SMALL}"'))
    assert "661,824 parameters" in await told(document, SMALL)
    assert list((tmp_path / "loupe").iterdir())
    hub.forget()
    params = types.ExecuteCommandParams("modelLoupe.clearCache")

    # What was answered a moment ago may still be on its way to the disk.
    async def is_cleared() -> bool:
        await within(editor.client.workspace_execute_command_async(params))
        return not list((tmp_path / "loupe").iterdir())

    await until(is_cleared, "the cache is empty")
    assert "661,824 parameters" in await told(document, SMALL)
    assert hub.count("hub") == 6


async def test_log_in_is_offered_where_it_helps(editor: Editor, hub: LocalHub, tmp_path: Path) -> None:
    hub.repositories[SMALL].gated = "auto"
    document = editor.open(tmp_path / "a.py", LOAD.format(f'"{SMALL}"'))
    await told(document, SMALL)
    found = await actions(document, SMALL)
    action = found["Log in to the Hugging Face Hub"]
    assert action.command is not None and action.command.command == "modelLoupe.logIn"
    other = editor.open(tmp_path / "b.py", LOAD.format(f'"{GEMMA}"'))
    await told(other, GEMMA)
    assert "Log in to the Hugging Face Hub" not in await actions(other, GEMMA)


async def test_after_a_log_in_it_is_asked_again(editor: Editor, hub: LocalHub, tmp_path: Path) -> None:
    hub.tokens.add(TOKEN)
    hub.repositories[SMALL].private = True
    hub.repositories[SMALL].readers.add(TOKEN)
    document = editor.open(tmp_path / "a.py", LOAD.format(f'"{SMALL}"'))
    assert "if it is private, `hf auth login` first" in await told(document, SMALL)
    home = tmp_path / "huggingface"
    home.mkdir(exist_ok=True)
    (home / "token").write_text(TOKEN)
    params = types.ExecuteCommandParams("modelLoupe.askAgain")
    await within(editor.client.workspace_execute_command_async(params))
    assert "661,824 parameters" in await told(document, SMALL)


async def test_a_client_that_opens_no_pages_is_given_the_address(hub: LocalHub, tmp_path: Path) -> None:
    able = capabilities()
    assert able.window is not None
    able.window.show_document = None
    variables = {"HF_ENDPOINT": hub.endpoint, "HF_HUB_OFFLINE": "0"}
    async with session(tmp_path, environment=variables, able=able) as editor:
        document = editor.open(tmp_path / "a.py", LOAD.format(f'"{SMALL}"'))
        action = (await actions(document, SMALL))[f"Open {SMALL} on the Hub"]
        assert action.command is not None and action.command.arguments is not None
        # As a menu gives it: the whole row.
        params = types.ExecuteCommandParams("modelLoupe.openOnHub", [{"id": action.command.arguments[0]}])
        page = await within(editor.client.workspace_execute_command_async(params))
        assert page == f"{hub.endpoint}/{SMALL}"
