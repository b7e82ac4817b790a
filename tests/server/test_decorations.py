"""Document links, inlay hints and find-references: what an editor shows beside and for a model's name."""

from __future__ import annotations

from pathlib import Path

import pytest
from lsprotocol import types

from .editor import Document, Editor, parameters_of, session, until, within, write_model

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def links(document: Document) -> list[tuple[types.Range, str]]:
    params = types.DocumentLinkParams(types.TextDocumentIdentifier(document.uri))
    found = await within(document.editor.client.text_document_document_link_async(params))
    return [(link.range, link.target) for link in found or []]


async def hints(document: Document, first: int = 0, last: int = 99) -> list[tuple[int, int, str]]:
    window = types.Range(types.Position(first, 0), types.Position(last, 0))
    params = types.InlayHintParams(types.TextDocumentIdentifier(document.uri), window)
    found = await within(document.editor.client.text_document_inlay_hint_async(params))
    return [(hint.position.line, hint.position.character, str(hint.label)) for hint in found or []]


async def found_at(document: Document, at: str) -> list[tuple[str, int, int]]:
    place = document.range(at).start
    params = types.ReferenceParams(
        types.ReferenceContext(include_declaration=True),
        types.TextDocumentIdentifier(document.uri),
        types.Position(place.line, place.character + 1),
    )
    found = await within(document.editor.client.text_document_references_async(params))
    return sorted(
        (place.uri.rpartition("/")[2], place.range.start.line, place.range.start.character)
        for place in found or []
    )


async def test_a_hub_id_links_to_its_page(editor: Editor, tmp_path: Path) -> None:
    text = (
        "s = '😀'; m = AutoModel.from_pretrained('google/gemma-2b', revision='refs/pr/1')\n"
        "x = 'google/gemma'\n"
    )
    document = editor.open(tmp_path / "a.py", text)
    page = "https://huggingface.co/google/gemma-2b/tree/refs%2Fpr%2F1"
    assert await links(document) == [(document.range("'google/gemma-2b'"), page)]


async def test_the_literal_that_a_variable_holds_is_the_link(editor: Editor, tmp_path: Path) -> None:
    document = editor.open(tmp_path / "a.py", "name = 'google/gemma-2b'\nAutoModel.from_pretrained(name)\n")
    assert await links(document) == [
        (document.range("'google/gemma-2b'"), "https://huggingface.co/google/gemma-2b")
    ]


async def test_a_path_links_to_its_folder_and_placeholders_to_nothing(editor: Editor, tmp_path: Path) -> None:
    folder = write_model(tmp_path / "tiny")
    text = "".join(f"AutoModel.from_pretrained('{name}')\n" for name in ("./tiny", "./gone", "path/to/model"))
    document = editor.open(tmp_path / "a.py", text)
    assert await links(document) == [(document.range("'./tiny'"), folder.as_uri())]


async def test_shell_lines_of_cells_have_links(editor: Editor, tmp_path: Path) -> None:
    notebook = editor.open_notebook(tmp_path / "n.ipynb", "x = 1", "!hf download google/gemma-2b -q")
    assert await links(notebook[0]) == []
    assert await links(notebook[1]) == [
        (notebook[1].range("google/gemma-2b"), "https://huggingface.co/google/gemma-2b")
    ]


async def test_links_go_to_the_endpoint_in_use(tmp_path: Path) -> None:
    endpoint = {"HF_ENDPOINT": "https://mirror.example/"}
    async with session(tmp_path, environment=endpoint) as editor:
        document = editor.open(tmp_path / "a.py", "AutoModel.from_pretrained('gpt2')")
        assert await links(document) == [(document.range("'gpt2'"), "https://mirror.example/gpt2")]


async def test_inlay_hints_are_off_compact_or_full(tmp_path: Path) -> None:
    write_model(tmp_path / "tiny")
    text = (
        "é = 1; m = AutoModel.from_pretrained(\n  './tiny', dtype='float32')\n"
        "m = AutoModel.from_pretrained('./gone')"
    )
    async with session(tmp_path) as editor:
        document = editor.open(tmp_path / "a.py", text)
        assert await hints(document) == []
        editor.settings(inlayHints="compact")
        await until(lambda: editor.counts["inlay refresh"] > 0, "a refresh")

        # A first answer may come before the model is described; another refresh tells when it is.
        async def is_compact() -> bool:
            return await hints(document) == [(1, 10, "520 · float32 2.03 KiB")]

        await until(is_compact, "the hint")
        refreshes = editor.counts["inlay refresh"]
        assert await hints(document, last=0) == []
        editor.settings(inlayHints="full")
        await until(lambda: editor.counts["inlay refresh"] > refreshes, "a refresh")
        ((line, column, label),) = await hints(document)
        assert (line, column) == (1, 10)
        assert label == "GemmaForCausalLM · 520 params · stored float16 1.02 KiB · loads float32 2.03 KiB"


async def test_all_places_that_name_a_model_are_found(tmp_path: Path) -> None:
    root = tmp_path / "work"
    root.mkdir()
    (root / "closed.py").write_text("x = 1\nAutoTokenizer.from_pretrained('org/model')\n")
    (root / "other.py").write_text("AutoModel.from_pretrained('org/other')\n")
    async with session(tmp_path, folders=(root,)) as editor:
        text = (
            "NAME = 'org/model'\nAutoModel.from_pretrained(NAME, revision='v1')\n"
            "AutoModel.from_pretrained('org/other')"
        )
        document = editor.open(root / "open.py", text)
        notebook = editor.open_notebook(root / "n.ipynb", "m = 'org/model'", "pipeline('x', model=m)")
        expected = [("closed.py", 1, 30), ("open.py", 0, 7), ("open.py", 1, 26)]
        cells = sorted(
            (cell.uri.rpartition("/")[2], 0, column)
            for cell, column in zip(notebook.cells, (4, 20), strict=True)
        )

        async def are_found() -> bool:
            return await found_at(document, "NAME,") == sorted(expected + cells)

        await until(are_found, "the workspace's scan")
        assert await found_at(notebook[0], "org/model") == sorted(expected + cells)
        assert await found_at(document, "AutoModel") == []
        assert len(await found_at(document, "org/other")) == 2


async def test_answers_are_for_the_text_as_it_is_now(editor: Editor, tmp_path: Path) -> None:
    document = editor.open(tmp_path / "a.py", "AutoModel.from_pretrained('org/one')")
    assert [target.rpartition("/")[2] for _, target in await links(document)] == ["one"]
    document.replace("AutoModel", "\nAutoModel")
    document.replace("org/one", "org/two")
    assert await links(document) == [(document.range("'org/two'"), "https://huggingface.co/org/two")]


async def test_a_name_that_may_be_one_of_several_is_shown_with_all_of_them(tmp_path: Path) -> None:
    write_model(tmp_path / "one", layers=1)
    write_model(tmp_path / "two", layers=2)
    text = (
        "name = './one'\nif large:\n    name = './two'\n"
        "model = AutoModel.from_pretrained(name)\nmodel.eval()\n"
        "AutoModel.from_pretrained('./gone' if x else './one')\n"
    )
    async with session(tmp_path, settings={"inlayHints": "full"}) as editor:
        document = editor.open(tmp_path / "a.py", text)
        said = "The code allows other names here too: ./one."
        assert said in await document.card("name)")
        assert said in await document.card("model.eval")
        assert said not in await document.card("'./two'")
        # Where the name is given, there is no doubt, and its own model is shown.
        given = await document.card("'./one'")
        assert "other names" not in given
        assert parameters_of(1) in given
        assert parameters_of(2) in await document.card("'./two'")
        titles = [title for _, title in await document.titles()]
        assert titles[0].endswith(" · or ./one")
        assert titles[3] == "model not found: ./gone · or ./one"
        assert [label.endswith(" · or ./one") for _, _, label in await hints(document)] == [True]
        hover = await document.hover("'./gone'")
        assert hover is not None
        assert isinstance(hover.contents, types.MarkupContent)
        assert hover.contents.value.endswith(" · or ./one")
