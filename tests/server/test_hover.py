"""``textDocument/hover``: what an editor shows over a model's name."""

from __future__ import annotations

from pathlib import Path

import pytest
from lsprotocol import types

from .editor import Document, Editor, capabilities, parameters_of, session, write_model

pytestmark = pytest.mark.asyncio(loop_scope="module")

LOAD = "from transformers import AutoModelForCausalLM\nmodel = AutoModelForCausalLM.from_pretrained({})\n"


async def test_a_literal_shows_the_card(editor: Editor, tmp_path: Path) -> None:
    write_model(tmp_path / "tiny")
    document = editor.open(tmp_path / "a.py", LOAD.format('"./tiny"'))
    hover = await document.hover("./tiny")
    assert hover is not None
    assert isinstance(hover.contents, types.MarkupContent)
    assert hover.contents.kind is types.MarkupKind.Markdown
    assert hover.contents.value.startswith("**GemmaForCausalLM**")
    assert parameters_of(2) in hover.contents.value
    assert "float16" in hover.contents.value
    assert hover.range == document.range('"./tiny"')


async def test_a_variable_shows_the_card_where_it_is_set_and_where_it_is_used(
    editor: Editor, tmp_path: Path
) -> None:
    write_model(tmp_path / "tiny")
    document = editor.open(tmp_path / "a.py", 'name = "./tiny"\n' + LOAD.format("name"))
    assert "GemmaForCausalLM" in await document.card("./tiny")
    assert "GemmaForCausalLM" in await document.card("name)")


async def test_a_name_set_in_an_earlier_cell_is_known(editor: Editor, tmp_path: Path) -> None:
    write_model(tmp_path / "tiny")
    notebook = editor.open_notebook(tmp_path / "a.ipynb", "name = './tiny'", "x = 1", LOAD.format("name"))
    assert "GemmaForCausalLM" in await notebook[2].card("name)")
    assert await notebook[1].hover("x") is None


async def test_the_card_tells_of_the_dtype_that_this_very_call_loads(editor: Editor, tmp_path: Path) -> None:
    write_model(tmp_path / "tiny")
    cards = []
    for dtype in ("torch.float32", '"bfloat16"'):
        document = editor.open(tmp_path / f"{len(cards)}.py", LOAD.format(f'"./tiny", torch_dtype={dtype}'))
        cards.append(await document.card("./tiny"))
    assert "float32" in cards[0] and "bfloat16" not in cards[0]
    assert "bfloat16" in cards[1]


async def test_an_argument_that_is_no_literal_is_not_passed_over_in_silence(
    editor: Editor, tmp_path: Path
) -> None:
    write_model(tmp_path / "tiny")
    document = editor.open(tmp_path / "a.py", LOAD.format('"./tiny", revision=REVISION'))
    assert "default of `revision=`" in await document.card("./tiny")


async def test_subfolder_and_variant_decide_which_files_are_meant(editor: Editor, tmp_path: Path) -> None:
    write_model(tmp_path / "both")
    write_model(tmp_path / "both" / "inner", layers=5)
    document = editor.open(tmp_path / "a.py", LOAD.format('"./both", subfolder="inner"'))
    assert parameters_of(5) in await document.card("./both")


@pytest.mark.parametrize("at", ["from transformers", "from_pretrained", "= AutoModel"])
async def test_there_is_nothing_outside_a_name(editor: Editor, tmp_path: Path, at: str) -> None:
    write_model(tmp_path / "tiny")
    document = editor.open(tmp_path / "a.py", LOAD.format('"./tiny"'))
    assert await document.hover(at) is None


async def test_positions_outside_the_text_are_no_error(editor: Editor, tmp_path: Path) -> None:
    document = editor.open(tmp_path / "a.py", LOAD.format('"./tiny"'))
    assert await document.hover_at(500, 0) is None
    assert await document.hover_at(0, 5000) is None
    document.rewrite("")
    assert await document.hover_at(0, 0) is None


async def test_there_is_nothing_in_a_document_that_is_not_open(editor: Editor, tmp_path: Path) -> None:
    document = editor.open(tmp_path / "a.py", LOAD.format('"./tiny"'))
    document.close()
    assert await document.hover("./tiny") is None


async def test_a_model_that_is_not_there_is_said_to_be_so(editor: Editor, tmp_path: Path) -> None:
    document = editor.open(tmp_path / "a.py", LOAD.format('"./gone"'))
    assert "./gone: no such folder or file" in await document.card("./gone")


async def test_a_hub_model_that_is_not_on_this_disk_is_said_to_be_so(editor: Editor, tmp_path: Path) -> None:
    document = editor.open(tmp_path / "a.py", LOAD.format('"someone/unheard-of"'))
    assert "hf download someone/unheard-of" in await document.card("someone")


@pytest.mark.parametrize("call", ['AutoModel.from_pretrained("path/to/model")', 'load_file("data.csv")'])
async def test_there_is_nothing_to_say_of_what_may_be_no_model(
    editor: Editor, tmp_path: Path, call: str
) -> None:
    assert await editor.open(tmp_path / "a.py", f"x = {call}\n").hover('"') is None


async def test_a_malformed_checkpoint_shows_what_is_wrong_with_it(editor: Editor, tmp_path: Path) -> None:
    write_model(tmp_path / "broken")
    (tmp_path / "broken" / "model.safetensors").write_bytes(b"\xff" * 100)
    document = editor.open(tmp_path / "a.py", LOAD.format('"./broken"'))
    assert "⚠ model.safetensors" in await document.card("./broken")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
async def test_columns_are_counted_in_the_encoding_that_was_agreed(tmp_path: Path, encoding: str) -> None:
    write_model(tmp_path / "größe🐍")
    line = 'ключ = "🤗🤗"; f = AutoModel.from_pretrained("./größe🐍"); é = 1\n'
    async with session(tmp_path, able=capabilities(encoding=encoding)) as editor:
        assert editor.encoding == encoding
        document = editor.open(tmp_path / "a.py", "\n" + line)
        name = document.range('"./größe🐍"')
        for character in (name.start.character, name.end.character - 1):
            hover = await document.hover_at(1, character)
            assert hover is not None
            assert hover.range == name
        assert await document.hover_at(1, name.start.character - 2) is None
        assert await document.hover_at(1, name.end.character + 2) is None


async def test_a_client_without_markdown_gets_plain_text(tmp_path: Path) -> None:
    write_model(tmp_path / "tiny")
    async with session(tmp_path, able=capabilities(markdown=False)) as editor:
        hover = await editor.open(tmp_path / "a.py", LOAD.format('"./tiny"')).hover("./tiny")
    assert hover is not None
    assert isinstance(hover.contents, types.MarkupContent)
    assert hover.contents.kind is types.MarkupKind.PlainText


async def test_relative_names_start_from_the_document_then_from_the_workspace(tmp_path: Path) -> None:
    write_model(tmp_path / "models" / "shared", layers=1)
    write_model(tmp_path / "code" / "models" / "near", layers=2)
    write_model(tmp_path / "models" / "near", layers=3)
    async with session(tmp_path, folders=(tmp_path,)) as editor:
        near = editor.open(tmp_path / "code" / "a.py", LOAD.format('"models/near"'))
        assert parameters_of(2) in await near.card("models")
        shared = editor.open(tmp_path / "code" / "b.py", LOAD.format('"models/shared"'))
        assert parameters_of(1) in await shared.card("models")
        untitled = editor.open("untitled:Untitled-1", LOAD.format('"models/near"'))
        assert parameters_of(3) in await untitled.card("models")


async def test_a_notebook_that_jupyterlab_sends_as_one_document(editor: Editor, tmp_path: Path) -> None:
    write_model(tmp_path / "sub" / "tiny")
    document = editor.open(tmp_path / ".virtual_documents" / "sub" / "a.ipynb", LOAD.format('"./tiny"'))
    assert "GemmaForCausalLM" in await document.card("./tiny")


async def test_a_notebook_itself_has_no_text(editor: Editor, tmp_path: Path) -> None:
    notebook = editor.open_notebook(tmp_path / "a.ipynb", LOAD.format("'./tiny'"))
    itself = Document(editor, notebook.uri, notebook[0].text)
    assert await itself.hover("./tiny") is None
    assert await itself.lenses() == []
    assert await itself.diagnostics() == []


@pytest.mark.parametrize(
    "uri",
    [
        "untitled:Untitled-1",
        "vscode-vfs://github/owner/repository/a.py",
        "file:///c%3A/Users/me/a.py",
        "file://server/share/a.py",
        "vscode-notebook-cell:/nowhere/a.ipynb#W0sZmlsZQ%3D%3D",
        "file://[broken",
        "%",
        "",
    ],
)
async def test_documents_that_are_no_files_are_no_error(editor: Editor, uri: str) -> None:
    document = editor.open(uri, LOAD.format('"./gone"'))
    assert "./gone" in await document.card("./gone")
    assert len(await document.lenses()) == 1
    assert [problem.code for problem in await document.diagnostics()] == ["model-not-found"]
    assert any(model["model"] == "./gone" for model in await editor.models())
    document.close()
