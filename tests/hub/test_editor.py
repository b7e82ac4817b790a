"""Models of the Hub in an editor: the real server over stdio, and a Hub that answers slowly or not at all."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from lsprotocol import types

from model_loupe.demo.tokenizer import write_tokenizer
from tests.hub import LocalHub, faults
from tests.hub.conftest import DEEPSEEK, GEMMA, SMALL, TOKEN, told
from tests.server.editor import Document, Editor, session, until, within, write_model
from tests.server.quick_fixes import actions, applied, fixes

LOAD = "from transformers import AutoModel\nmodel = AutoModel.from_pretrained({})\n"


@pytest.fixture
def variables(hub: LocalHub, tmp_path: Path) -> dict[str, str]:
    """What makes a server ask this Hub."""
    return {
        "HF_ENDPOINT": hub.endpoint,
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_ETAG_TIMEOUT": "1",
        "MODEL_LOUPE_CACHE_DIR": str(tmp_path / "loupe"),
    }


@pytest_asyncio.fixture
async def editor(variables: dict[str, str], tmp_path: Path) -> AsyncIterator[Editor]:
    async with session(tmp_path, environment=variables) as editor:
        yield editor


def open_call(editor: Editor, folder: Path, model: str, name: str = "a.py") -> Document:
    return editor.open(folder / name, LOAD.format(f'"{model}"'))


async def lens(document: Document) -> str:
    return " ".join(title for _, title in await document.titles())


async def model_rows(editor: Editor, model: str) -> list[dict[str, Any]]:
    [row] = [each for each in await editor.models() if each["model"] == model]
    return await editor.children(row["id"])


async def test_a_hover_asks_the_hub(editor: Editor, hub: LocalHub, tmp_path: Path) -> None:
    hub.latency = 0.05
    document = open_call(editor, tmp_path, GEMMA)
    card = await told(document, GEMMA)
    assert "2,506,172,416 parameters (2.51 B)" in card
    assert "| Licence | gemma |" in card
    assert f"the Hub, commit {hub.repositories[GEMMA].refs['main'][:10]}" in card
    assert hub.count("hub") == 4
    hub.forget()
    assert "2,506,172,416 parameters (2.51 B)" in await told(document, GEMMA)
    assert hub.count() == 0


async def test_a_tokenizer_is_told_without_its_vocabulary(
    editor: Editor, hub: LocalHub, tmp_path: Path
) -> None:
    folder = write_model(tmp_path / "tiny")
    write_tokenizer(str(folder))
    hub.add("loupe/tokenized", folder)
    code = 'tokenizer = AutoTokenizer.from_pretrained("loupe/tokenized")\n'
    document = editor.open(tmp_path / "t.py", code)

    async def is_there() -> bool:
        hover = await document.hover("tokenizer =")
        return hover is not None and "bos &lt;bos&gt;" in await document.card("tokenizer =")

    await until(is_there, "its special tokens are told")
    assert "GemmaTokenizer (a fast one: tokenizer.json)" in await document.card("tokenizer =")
    assert not [target for target in hub.targets() if target.endswith("/tokenizer.json")]


async def test_the_answer_grows(editor: Editor, hub: LocalHub, tmp_path: Path) -> None:
    hub.fail(faults.stalled(), where="^/repos/")
    document = open_call(editor, tmp_path, SMALL)

    async def is_outlined() -> bool:
        return "are still to come" in await document.card(SMALL)

    await until(is_outlined, "the config's part is told")
    card = await document.card(SMALL)
    assert card.startswith("**GemmaForCausalLM** · the headers of its weights are still to come from the Hub")
    assert "| Layers | 18" in card
    assert await lens(document) == (
        "GemmaForCausalLM · the headers of its weights are still to come from the Hub Architecture"
    )
    rows = [row["label"] for row in await model_rows(editor, SMALL)]
    assert "Config" in rows and "Architecture" not in rows
    # Meanwhile nobody else waits.
    assert "Gemma" in await open_call(editor, tmp_path, str(_local(tmp_path)), "b.py").card("local")


async def test_editors_are_told_of_what_came(editor: Editor, hub: LocalHub, tmp_path: Path) -> None:
    hub.latency = 0.3
    document = open_call(editor, tmp_path, SMALL)
    assert "reading the model" in await lens(document) or "not in the local cache" in await lens(document)

    async def is_there() -> bool:
        return "params" in await lens(document)

    await until(is_there, "the lens tells the size")
    assert editor.counts["lens refresh"] >= 1
    assert editor.counts["models changed"] >= 1
    rows = [row["label"] for row in await model_rows(editor, SMALL)]
    assert "Architecture" in rows


async def test_half_typed_names_are_not_asked_for(editor: Editor, hub: LocalHub, tmp_path: Path) -> None:
    document = open_call(editor, tmp_path, "google/g")
    for name in ("google/ge", "google/gem", "google/gemm", GEMMA):
        await asyncio.sleep(0.3)
        document.rewrite(LOAD.format(f'"{name}"'))
        await lens(document)
    assert hub.count() == 0
    await until(lambda: hub.count() > 0, "at rest it is asked for")
    await until(lambda: hub.count("hub") == 4, "all of it")
    assert {
        target.split("/resolve/")[0].split("?")[0] for target in hub.targets() if "/repos/" not in target
    } == {
        f"GET /api/models/{GEMMA}",
        f"GET /{GEMMA}",
    }


async def test_a_saved_document_is_looked_up_at_once(editor: Editor, hub: LocalHub, tmp_path: Path) -> None:
    document = open_call(editor, tmp_path, GEMMA)
    document.save()
    await until(lambda: hub.count() > 0, "it is asked for")


async def test_only_loading_calls_are_looked_up(editor: Editor, hub: LocalHub, tmp_path: Path) -> None:
    text = f'name = "{GEMMA}"\nother = "{SMALL}"\nprint(other)\n'
    document = editor.open(tmp_path / "a.py", text)
    assert await document.hover(GEMMA) is None
    document.save()
    # A call, in a document that was opened later, is looked up once that is at rest; so would the names be.
    open_call(editor, tmp_path, DEEPSEEK, "b.py")
    await until(lambda: hub.count() > 0, "the call is looked up")
    assert all(DEEPSEEK in target or "/repos/" in target for target in hub.targets())


@pytest.mark.parametrize(
    ("settings", "call", "reason"),
    [
        ({"network": "offline"}, '"{}"', 'modelLoupe.network is "offline"'),
        ({}, '"{}", local_files_only=True', "not in the local Hugging Face cache"),
    ],
    ids=["setting", "argument"],
)
async def test_offline_is_offline(
    settings: dict[str, str],
    call: str,
    reason: str,
    hub: LocalHub,
    variables: dict[str, str],
    tmp_path: Path,
) -> None:
    async with session(tmp_path, environment=variables, settings=settings) as editor:
        document = editor.open(tmp_path / "a.py", LOAD.format(call.format(GEMMA)))
        assert reason in await told(document, GEMMA)
        document.save()
        assert "not in the local cache" in await lens(document)
        await asyncio.sleep(1.3)
        assert hub.count() == 0


async def test_a_newer_commit_is_told(
    editor: Editor, hub: LocalHub, models: Path, variables: dict[str, str], tmp_path: Path
) -> None:
    download = f"from huggingface_hub import snapshot_download; snapshot_download({SMALL!r})"
    environment = {**os.environ, **variables, "HF_HOME": str(tmp_path / "huggingface")}
    await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", download], env=environment, check=True, capture_output=True
    )
    old = hub.repositories[SMALL].refs["main"]
    new = hub.repositories[SMALL].commit(models / "gemma")
    hub.forget()
    document = open_call(editor, tmp_path, SMALL)

    async def is_told() -> bool:
        card = await told(document, SMALL)
        assert "661,824 parameters" in card
        return f"Hugging Face cache, commit {old[:10]} · the Hub has a newer one, {new[:10]}" in card

    await until(is_told, "the card tells of the newer commit")
    assert hub.targets() == [f"GET /api/models/{SMALL}?blobs=true"]


async def test_the_setting_works_at_once(editor: Editor, hub: LocalHub, tmp_path: Path) -> None:
    editor.settings(network="offline")
    document = open_call(editor, tmp_path, GEMMA)
    assert "the Hub is not asked" in await told(document, GEMMA)
    assert hub.count() == 0
    editor.settings(network="on")
    assert "2,506,172,416 parameters" in await told(document, GEMMA)


async def test_without_trust_nothing_is_asked(
    hub: LocalHub, variables: dict[str, str], tmp_path: Path
) -> None:
    async with session(tmp_path, environment=variables, options={"trusted": False}) as editor:
        document = open_call(editor, tmp_path, GEMMA)
        document.save()
        assert "not in the local Hugging Face cache" in await told(document, GEMMA)
        await model_rows(editor, GEMMA)
        assert hub.count() == 0


async def test_diagnostics(editor: Editor, hub: LocalHub, tmp_path: Path) -> None:
    hub.repositories[SMALL].gated = "auto"
    text = LOAD.format(f'"{SMALL}"') + LOAD.format('"google/gemma-smal"')
    document = editor.open(tmp_path / "a.py", text)
    document.save()

    async def codes() -> list[object]:
        return sorted(str(problem.code) for problem in await document.diagnostics())

    async def are_there() -> bool:
        return await codes() == ["gated", "model-not-found"]

    await until(are_there, "both squiggles")
    [missing] = [each for each in await document.diagnostics() if each.code == "model-not-found"]
    [meant, _] = await fixes(document, missing)
    assert meant.title == f"Write {SMALL}"
    assert applied(document, meant) == text.replace('google/gemma-smal"', f'{SMALL}"')
    card = await told(document, SMALL)
    assert f"is gated: accept its conditions at {hub.endpoint}/{SMALL}, then `hf auth login`" in card
    assert "This much is public: GemmaForCausalLM, gemma, 3 safetensors files of 1.28 MiB" in card


GATED = """\
from transformers import AutoModel, AutoTokenizer, pipeline
AutoModel.from_pretrained("org/one")
AutoTokenizer.from_pretrained("org/two")
name = "org/three"
pipeline("text-generation", model=name)
AutoModel.from_pretrained("org/open")
AutoModel.from_pretrained("org/here")
AutoModel.from_pretrained("path/to/org/one")
"""


async def test_gated(editor: Editor, hub: LocalHub, models: Path, tmp_path: Path) -> None:
    """Marked are those without access; a folder of that name beside the code is what the call loads."""
    hub.tokens.add(TOKEN)
    for name in ("one", "two", "three", "here", "open"):
        hub.add(f"org/{name}", models / "small", gated=name != "open" and "auto")
    write_model(tmp_path / "org" / "here")
    document = editor.open(tmp_path / "a.py", GATED)
    document.save()
    gated = ['"org/one"', '"org/two"', "name)"]

    async def marked() -> list[types.Range]:
        return [each.range.start for each in await document.diagnostics() if each.code == "gated"]

    async def are_told(places: list[str]) -> bool:
        return await marked() == [document.range(place).start for place in places]

    await until(lambda: are_told(gated), "three squiggles")
    for name in ("one", "two", "three"):
        [problem] = [each for each in await document.diagnostics() if f"org/{name} is gated" in each.message]
        offered = [each.command for each in await actions(document, problem.range, [problem])]
        assert "modelLoupe.logIn" in [command.command for command in offered if command]
    assert "661,824 parameters" in await told(document, "org/open")
    assert await are_told(gated)
    # As the log-in of the quick fix does.
    for name in ("one", "two", "three"):
        hub.repositories[f"org/{name}"].readers.add(TOKEN)
    (tmp_path / "huggingface").mkdir(exist_ok=True)
    (tmp_path / "huggingface" / "token").write_text(TOKEN)
    await within(
        editor.client.workspace_execute_command_async(types.ExecuteCommandParams("modelLoupe.askAgain"))
    )
    await until(lambda: are_told([]), "no squiggle")
    assert "661,824 parameters" in await told(document, "org/one")


async def test_failures_that_pass_are_no_fault_of_the_code(
    editor: Editor, hub: LocalHub, tmp_path: Path
) -> None:
    hub.fail(faults.status(503), where="/api/")
    document = open_call(editor, tmp_path, SMALL)
    assert "a fault of its own (503)" in await told(document, SMALL)
    assert await document.diagnostics() == []


async def test_a_rate_limit_is_waited_for(editor: Editor, hub: LocalHub, tmp_path: Path) -> None:
    hub.fail(faults.rate_limited(5), where="/api/", times=1)
    document = open_call(editor, tmp_path, SMALL)
    assert "asks to wait 5 s" in await told(document, SMALL)
    assert "asks to wait" in await lens(document)

    async def is_there() -> bool:
        return "params" in await lens(document)

    await until(is_there, "the size, without anybody asking")
    assert hub.count("hub") == 1 + 6


def _local(folder: Path) -> Path:
    from tests.support import checkpoints

    made = folder / "local"
    if not made.exists():
        checkpoints.write_checkpoint(made, checkpoints.SMALL_CONFIG, checkpoints.small_gemma_tensors())
    return made
