"""``textDocument/codeLens``: what stands above the calls that load models."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from lsprotocol import types

from .editor import Editor, capabilities, session, until, write_large_model, write_model

pytestmark = pytest.mark.asyncio(loop_scope="module")

LOAD = 'model = AutoModelForCausalLM.from_pretrained("{}")\n'


async def test_three_lenses_above_a_loading_call(editor: Editor, tmp_path: Path) -> None:
    write_model(tmp_path / "tiny")
    document = editor.open(tmp_path / "a.py", "import transformers\n\n" + LOAD.format("./tiny"))
    summary, architecture, casts = await document.lenses()
    assert summary.range.start.line == summary.range.end.line == 2
    assert (
        summary.range
        == architecture.range
        == casts.range
        == document.range('AutoModelForCausalLM.from_pretrained("./tiny")')
    )
    assert summary.command and architecture.command
    assert summary.command.title.startswith("GemmaForCausalLM · 520 params · stored float16 1.02 KiB")
    assert architecture.command.title == "Architecture"
    assert summary.command.command == architecture.command.command == "modelLoupe.showArchitecture"
    assert casts.command
    assert (casts.command.title, casts.command.command) == ("Preview casts", "modelLoupe.previewCasts")


async def test_a_lens_opens_what_its_own_call_builds(editor: Editor, tmp_path: Path) -> None:
    write_model(tmp_path / "tiny")
    calls = ('AutoModel.from_pretrained("./tiny")', 'AutoModelForCausalLM.from_pretrained("./tiny")')
    document = editor.open(tmp_path / "two.py", "\n".join(["from transformers import *", *calls]))
    # The lenses come first, as in an editor whose tree is not in sight.
    other = next(
        lens for lens in reversed(await document.lenses()) if lens.command and "params" in lens.command.title
    )
    assert other.command and other.command.arguments
    model, architecture = other.command.arguments
    await editor.models()
    _, row = [row for row in await editor.children(model) if row["label"] == "Architecture"]
    assert row["id"] == architecture


async def test_a_lens_carries_the_id_of_the_model_s_row(editor: Editor, tmp_path: Path) -> None:
    write_model(tmp_path / "tiny")
    document = editor.open(tmp_path / "a.py", LOAD.format("./tiny"))
    lens = (await document.lenses())[0]
    assert lens.command and lens.command.arguments
    node = lens.command.arguments[0]
    assert any(model["id"] == node for model in await editor.models())
    assert "Architecture" in [row["label"] for row in await editor.children(node)]


async def test_a_lens_over_several_lines_stands_at_the_first(editor: Editor, tmp_path: Path) -> None:
    write_model(tmp_path / "tiny")
    document = editor.open(tmp_path / "a.py", 'm = AutoModel.from_pretrained(\n    "./tiny",\n)\n')
    lens = (await document.lenses())[0]
    assert lens.range == document.range("AutoModel.from_pretrained(")


async def test_each_call_has_lenses_of_its_own(editor: Editor, tmp_path: Path) -> None:
    write_model(tmp_path / "one", layers=1)
    write_model(tmp_path / "two", layers=2)
    document = editor.open(
        tmp_path / "a.py", LOAD.format("./one") + LOAD.format("./two") + LOAD.format("./one")
    )
    titles = await document.titles()
    assert [line for line, _ in titles] == [0] * 3 + [1] * 3 + [2] * 3
    assert titles[0][1] == titles[6][1] != titles[3][1]


async def test_cells_have_the_lenses_of_their_own_calls(editor: Editor, tmp_path: Path) -> None:
    write_model(tmp_path / "tiny")
    notebook = editor.open_notebook(
        tmp_path / "a.ipynb", 'name = "./tiny"', "m = AutoModel.from_pretrained(name)", "print(name)"
    )
    assert [len(await cell.lenses()) for cell in notebook.cells] == [0, 3, 0]


@pytest.mark.parametrize(
    "text",
    [
        'tokenizer = AutoTokenizer.from_pretrained("./tiny")',
        'model = AutoModel.from_pretrained("path/to/your/model")',
        "model = AutoModel.from_pretrained(sys.argv[1])",
        "print('./tiny')",
        "def broken(:",
    ],
)
async def test_nothing_stands_above_what_loads_no_known_model(
    editor: Editor, tmp_path: Path, text: str
) -> None:
    write_model(tmp_path / "tiny")
    assert await editor.open(tmp_path / "a.py", text).lenses() == []


async def test_a_model_that_is_not_there_is_named(editor: Editor, tmp_path: Path) -> None:
    document = editor.open(tmp_path / "a.py", LOAD.format("./gone"))
    (lens,) = await document.lenses()
    assert lens.command == types.Command("model not found: ./gone", command="")


async def test_a_hub_model_that_is_not_on_this_disk_is_no_fault(editor: Editor, tmp_path: Path) -> None:
    document = editor.open(tmp_path / "a.py", LOAD.format("someone/unheard-of"))

    async def is_said() -> bool:
        return await document.titles() == [(0, "not in the local cache")]

    await until(is_said, "the lens")
    assert await document.diagnostics() == []


async def test_a_lens_follows_edits(editor: Editor, tmp_path: Path) -> None:
    write_model(tmp_path / "one", layers=1)
    write_model(tmp_path / "two", layers=2)
    document = editor.open(tmp_path / "a.py", LOAD.format("./one"))
    before = await document.titles()
    document.replace("./one", "./two")
    after = await document.titles()
    assert before != after
    assert "520 params" in after[0][1]
    document.replace("model = ", "\n\nmodel = ")
    assert [line for line, _ in await document.titles()] == [2, 2, 2]


async def test_nothing_stands_in_a_document_that_is_not_open(editor: Editor, tmp_path: Path) -> None:
    document = editor.open(tmp_path / "a.py", LOAD.format("./gone"))
    document.close()
    assert await document.lenses() == []


async def test_a_lens_that_takes_long_comes_with_a_refresh(tmp_path: Path) -> None:
    write_large_model(tmp_path / "large")
    async with session(tmp_path) as editor:
        document = editor.open(tmp_path / "a.py", LOAD.format("./large"))
        assert await document.titles() == [(0, "reading the model …")]
        await until(lambda: editor.counts["lens refresh"] > 0, "a refresh")
        titles = await document.titles()
        assert titles[0][1].startswith("GemmaForCausalLM")
        # A known model makes no more refreshes, or editor and server would ask each other for ever.
        await document.titles()
        await asyncio.sleep(0.3)
        assert editor.counts["lens refresh"] == 1


async def test_a_client_that_cannot_be_told_to_ask_again_gets_all_at_once(tmp_path: Path) -> None:
    write_model(tmp_path / "tiny")
    async with session(tmp_path, able=capabilities(refresh=False)) as editor:
        document = editor.open(tmp_path / "a.py", LOAD.format("./tiny"))
        assert len(await document.titles()) == 3
        assert editor.counts["lens refresh"] == 0


async def test_lenses_can_be_turned_off(tmp_path: Path) -> None:
    write_model(tmp_path / "tiny")
    async with session(tmp_path, settings={"codeLens": {"enabled": False}}) as editor:
        document = editor.open(tmp_path / "a.py", LOAD.format("./tiny"))
        assert await document.lenses() == []
        editor.settings(codeLens={"enabled": True})
        await until(lambda: editor.counts["lens refresh"] > 0, "a refresh")
        assert len(await document.lenses()) == 3
