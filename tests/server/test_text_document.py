"""``textDocument/didChange``: the server's text stays the editor's, edit by edit."""

from __future__ import annotations

from pathlib import Path

import pytest
from lsprotocol import types

from .editor import Document, Editor, capabilities, parameters_of, session, until, write_model

pytestmark = pytest.mark.asyncio(loop_scope="module")

LOAD = 'm = AutoModel.from_pretrained("./tiny")'


def _edit(document: Document, start: tuple[int, int], end: tuple[int, int], text: str) -> None:
    where = types.Range(types.Position(*start), types.Position(*end))
    document.change(types.TextDocumentContentChangePartial(where, text))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
async def test_edits_before_and_after_wide_characters(tmp_path: Path, encoding: str) -> None:
    write_model(tmp_path / "tiny")
    async with session(tmp_path, able=capabilities(encoding=encoding)) as editor:
        document = editor.open(tmp_path / "a.py", 'é = "🤗🤗"; n = "x"; ' + LOAD)
        document.replace('"x"', '"🐍é"')
        document.replace("🤗🤗", "ß")
        document.replace("./tiny", "./gone")
        document.replace("./gone", "./tiny")
        hover = await document.hover("./tiny")
        assert hover is not None
        assert hover.range == document.range('"./tiny"')


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r"])
async def test_every_kind_of_line_break(editor: Editor, tmp_path: Path, line_break: str) -> None:
    write_model(tmp_path / "tiny")
    document = editor.open(tmp_path / "a.py", line_break.join(["x = 1", "y = 2", LOAD, ""]))
    _edit(document, (1, 0), (2, 0), "")
    hover = await document.hover_at(1, LOAD.index("./tiny"))
    assert hover is not None and hover.range
    assert hover.range.start == types.Position(1, LOAD.index('"'))


async def test_a_form_feed_ends_no_line(editor: Editor, tmp_path: Path) -> None:
    write_model(tmp_path / "tiny")
    document = editor.open(tmp_path / "a.py", f's = "a\u2028b"\n\f\n{LOAD}\n')
    _edit(document, (0, 0), (0, 0), "# \x85\n")
    hover = await document.hover_at(3, LOAD.index("./tiny"))
    assert hover is not None


async def test_a_range_past_the_end_of_a_line_or_text_ends_there(editor: Editor, tmp_path: Path) -> None:
    write_model(tmp_path / "tiny")
    document = editor.open(tmp_path / "a.py", "some text")
    _edit(document, (0, 0), (0, 10_000), LOAD)
    assert await document.hover_at(0, LOAD.index("./tiny")) is not None
    _edit(document, (0, 0), (10_000, 0), "\n" + LOAD)
    assert await document.hover_at(1, LOAD.index("./tiny")) is not None
    _edit(document, (50, 0), (50, 0), "\n" + LOAD)
    assert await document.hover_at(2, LOAD.index("./tiny")) is not None


async def test_several_changes_in_one_notification(editor: Editor, tmp_path: Path) -> None:
    write_model(tmp_path / "tiny")
    document = editor.open(tmp_path / "a.py", "")
    start = types.Range(types.Position(0, 0), types.Position(0, 0))
    changes = [
        types.TextDocumentContentChangeWholeDocument(LOAD),
        types.TextDocumentContentChangePartial(start, "x = 1\n"),
        types.TextDocumentContentChangePartial(start, "y = 1\n"),
    ]
    identifier = types.VersionedTextDocumentIdentifier(7, document.uri)
    editor.client.text_document_did_change(types.DidChangeTextDocumentParams(identifier, changes))
    assert await document.hover_at(2, LOAD.index("./tiny")) is not None


async def test_changes_of_a_document_that_is_not_open_are_survived(editor: Editor, tmp_path: Path) -> None:
    document = editor.open(tmp_path / "a.py", LOAD)
    document.close()
    document.rewrite("x = 1")
    assert await document.hover_at(0, 1) is None


async def test_a_document_in_another_language_is_not_read(editor: Editor, tmp_path: Path) -> None:
    write_model(tmp_path / "tiny")
    document = editor.open(tmp_path / "README.md", LOAD, language="markdown")
    assert await document.hover("./tiny") is None
    assert await document.lenses() == []
    assert await document.diagnostics() == []


async def test_a_document_opened_again_starts_anew(editor: Editor, tmp_path: Path) -> None:
    write_model(tmp_path / "tiny", layers=3)
    document = editor.open(tmp_path / "a.py", "x = 1")
    document.close()
    assert parameters_of(3) in await editor.open(tmp_path / "a.py", LOAD).card("./tiny")


async def test_a_name_of_an_imported_module_is_known_also_unsaved(tmp_path: Path) -> None:
    root = tmp_path / "work"
    write_model(root / "one", layers=1)
    write_model(root / "two", layers=2)
    (root / "names.py").write_text("NAME = './one'\n")
    async with session(tmp_path, folders=(root,)) as editor:
        code = "from names import NAME\nmodel = AutoModelForCausalLM.from_pretrained(NAME)\n"
        document = editor.open(root / "a.py", code)
        notebook = editor.open_notebook(root / "n.ipynb", "from names import NAME", "M.from_pretrained(NAME)")
        assert parameters_of(1) in await document.card("NAME)")
        assert parameters_of(1) in await notebook[1].card("NAME)")
        names = editor.open(root / "names.py", "NAME = './one'\n")
        names.replace("./one", "./two")
        assert parameters_of(2) in await document.card("NAME)")
        assert parameters_of(2) in await notebook[1].card("NAME)")
        names.close()
        (root / "names.py").write_text("NAME = './one'\n")
        editor.changed_files((root / "names.py", types.FileChangeType.Changed))
        assert parameters_of(1) in await document.card("NAME)")


async def test_files_that_are_not_open_are_listed_with_what_they_import(tmp_path: Path) -> None:
    root = tmp_path / "work"
    root.mkdir()
    (root / "names.py").write_text("NAME = 'org/one'\n")
    (root / "a.py").write_text("from names import NAME\nAutoModel.from_pretrained(NAME)\n")
    async with session(tmp_path, folders=(root,)) as editor:

        async def listed(name: str) -> bool:
            return [model["model"] for model in await editor.models()] == [name]

        await until(lambda: listed("org/one"), "the first scan")
        (root / "names.py").write_text("NAME = 'org/two'\n")
        editor.changed_files((root / "names.py", types.FileChangeType.Changed))
        await until(lambda: listed("org/two"), "the next scan")
