"""Edits over the wire: what a document shows after many is what one shows that was opened with that text."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types

from .editor import Document, Editor, capabilities, session, until, within

pytestmark = pytest.mark.asyncio(loop_scope="module")

CELLS = (
    "from transformers import AutoModel  # 😀 é\nname = 'org/one'\nother = {'😀': \"org/twö\", 'b': 'org/b'}",
    "s = '😀'; model = AutoModel.from_pretrained(name, dtype='auto')\nmodel.half()",
    "for n in ('org/x', name):\n    AutoModel.from_pretrained(n)\nAutoModel.from_pretrained(other['b'])",
    "!hf download org/cli --quiet\nAutoModel.from_pretrained(f'{name}-it')",
)
PIECES = (
    "'",
    "\n",
    "😀",
    "org/",
    "name = 'org/new'\n",
    "(",
    ")",
    "    ",
    "é",
    "\r\n",
    "",
    "from_pretrained(",
)


async def show_the_same(one: Document, other: Document, text: str | list[str]) -> None:
    """Whether two documents come to show the same: what a lens waits for is told a moment later."""
    found: list[Any] = []

    async def are_equal() -> bool:
        found[:] = [await shown(one), await shown(other)]
        return bool(found[0] == found[1])

    try:
        await until(are_equal, "both are at rest")
    except AssertionError:
        assert found[0] == found[1], text


async def shown(document: Document) -> tuple[list[Any], list[Any], list[Any]]:
    """Links, lenses and the hovers at every quote."""
    client, identified = document.editor.client, types.TextDocumentIdentifier(document.uri)
    links = await within(client.text_document_document_link_async(types.DocumentLinkParams(identified)))
    lenses = await document.lenses()
    hovers = []
    for line, content in enumerate(document.text.replace("\r\n", "\n").split("\n")):
        for column, character in enumerate(content):
            if character in "'\"":
                hovers.append(await document.hover_at(line, document.editor.units(content[:column])))
    return (
        [(link.range, link.target) for link in links or []],
        [(lens.range, lens.command.title) for lens in lenses if lens.command],
        [hover and (hover.range, hover.contents) for hover in hovers],
    )


def edit_at_random(chance: random.Random, document: Document) -> tuple[types.Range, str]:
    """Where a random edit is, in the session's units, and what it puts there; the text is edited too."""
    text = document.text
    places = [at for at in range(len(text) + 1) if text[at - 1 : at + 1] != "\r\n"]
    start = chance.choice(places)
    end = min((at for at in places if at >= start + chance.choice((0, 0, 1, 4))), default=places[-1])
    inserted = chance.choice(PIECES)
    where = types.Range(*(position(document, text[:at]) for at in (start, end)))
    document.text = text[:start] + inserted + text[end:]
    return where, inserted


def position(document: Document, before: str) -> types.Position:
    lines = before.replace("\r\n", "\n").split("\n")
    return types.Position(len(lines) - 1, document.editor.units(lines[-1]))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
async def test_a_file_after_many_edits_shows_what_a_new_one_shows(tmp_path: Path, encoding: str) -> None:
    chance = random.Random(encoding)
    async with session(tmp_path, able=capabilities(encoding=encoding)) as editor:
        for number in range(4):
            document = editor.open(tmp_path / f"{number}.py", "\n".join(CELLS))
            for _ in range(8):
                where, inserted = edit_at_random(chance, document)
                document.change(types.TextDocumentContentChangePartial(where, inserted))
                await document.lenses()
            fresh = editor.open(tmp_path / f"{number}-fresh.py", document.text)
            await show_the_same(document, fresh, document.text)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
async def test_a_notebook_after_many_edits_shows_what_a_new_one_shows(tmp_path: Path, encoding: str) -> None:
    chance = random.Random(encoding)
    async with session(tmp_path, able=capabilities(encoding=encoding)) as editor:
        for number in range(3):
            notebook = editor.open_notebook(tmp_path / f"{number}.ipynb", *CELLS)
            for _ in range(10):
                index = chance.randrange(len(notebook.cells))
                cell = notebook[index]
                where, inserted = edit_at_random(chance, cell)
                cell.version += 1
                content = types.NotebookDocumentCellContentChanges(
                    types.VersionedTextDocumentIdentifier(cell.version, cell.uri),
                    [types.TextDocumentContentChangePartial(where, inserted)],
                )
                notebook.change(types.NotebookDocumentCellChanges(text_content=[content]))
                await cell.lenses()
            texts = [cell.text for cell in notebook.cells]
            fresh = editor.open_notebook(tmp_path / f"{number}-fresh.ipynb", *texts)
            for one, other in zip(notebook.cells, fresh.cells, strict=True):
                await show_the_same(one, other, texts)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
async def test_ranges_of_names_are_safe_to_replace(tmp_path: Path, encoding: str) -> None:
    """Each place that find-references tells is the literal with its quotes, or the variable."""
    text = (
        "x = '😀é'; name = 'org/one'\n'漢'; AutoModel.from_pretrained(name)\nT.from_pretrained('org/one')\n"
    )
    async with session(tmp_path, able=capabilities(encoding=encoding)) as editor:
        document = editor.open(tmp_path / "a.py", text)
        places = await _references(editor, document)
        assert sorted(_text_at(document, where) for where in places) == ["'org/one'", "'org/one'", "name"]


async def _references(editor: Editor, document: Document) -> list[types.Range]:
    params = types.ReferenceParams(
        types.ReferenceContext(include_declaration=True),
        types.TextDocumentIdentifier(document.uri),
        document.range("org/one").start,
    )
    found = await within(editor.client.text_document_references_async(params))
    return [place.range for place in found or []]


def _text_at(document: Document, where: types.Range) -> str:
    """What stands at a range, found by counting the session's units and nothing else."""
    line = document.text.split("\n")[where.start.line]
    columns = {document.editor.units(line[:column]): column for column in range(len(line) + 1)}
    return line[columns[where.start.character] : columns[where.end.character]]
