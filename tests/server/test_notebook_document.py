"""``notebookDocument/didOpen``, ``didChange``, ``didClose``: cells come, go, move and change."""

from __future__ import annotations

from pathlib import Path

import pytest
from lsprotocol import types

from .editor import Editor, parameters_of, until, write_model

pytestmark = pytest.mark.asyncio(loop_scope="module")

LOAD = "m = AutoModel.from_pretrained(name)"


@pytest.fixture
def models(tmp_path: Path) -> Path:
    for layers in (1, 2, 3):
        write_model(tmp_path / str(layers), layers=layers)
    return tmp_path


async def test_the_last_value_before_a_cell_counts(editor: Editor, models: Path) -> None:
    notebook = editor.open_notebook(models / "a.ipynb", "name = './1'", LOAD, "name = './2'", LOAD)
    assert parameters_of(1) in await notebook[1].card("name")
    assert parameters_of(2) in await notebook[3].card("name")


async def test_lenses_of_other_cells_are_refreshed_also_for_what_is_already_known(
    editor: Editor, models: Path
) -> None:
    """The editor asks again only for the cell that was edited; the one that loads is another."""
    notebook = editor.open_notebook(models / "a.ipynb", "name = './1'", LOAD)
    for before, after in (("./1", "./2"), ("./2", "./1"), ("./1", "./2")):
        refreshed = editor.counts["lens refresh"]
        notebook.edit(0, before, after)
        await until(lambda seen=refreshed: editor.counts["lens refresh"] > seen, "codeLens/refresh")
        assert parameters_of(int(after[-1])) in await notebook[1].card("name")


async def test_an_inserted_cell_counts(editor: Editor, models: Path) -> None:
    notebook = editor.open_notebook(models / "a.ipynb", "name = './1'", LOAD)
    notebook.insert(1, "name = './3'")
    assert parameters_of(3) in await notebook[2].card("name")


async def test_a_deleted_cell_is_gone(editor: Editor, models: Path) -> None:
    notebook = editor.open_notebook(models / "a.ipynb", "name = './1'", "name = './2'", LOAD)
    gone = notebook[1]
    notebook.delete(1)
    assert parameters_of(1) in await notebook[1].card("name")
    assert await gone.hover("'./2'") is None


async def test_a_moved_cell_keeps_its_text(editor: Editor, models: Path) -> None:
    notebook = editor.open_notebook(models / "a.ipynb", "name = './1'", "name = './2'", LOAD)
    notebook.move(0, 1)
    assert parameters_of(1) in await notebook[2].card("name")
    notebook.move(2, 0)
    assert parameters_of(1) in await notebook[2].card("'./1'")
    notebook.move(0, 2)
    notebook.edit(1, "./1", "./3")
    assert parameters_of(3) in await notebook[2].card("name")


async def test_a_cell_removed_by_one_change_and_put_back_by_the_next_keeps_its_text(
    editor: Editor, models: Path
) -> None:
    notebook = editor.open_notebook(models / "a.ipynb", LOAD, "name = './2'")
    cell = notebook.cells.pop(0)
    removed = types.NotebookCellArrayChange(0, 1, [])
    notebook.restructure(types.NotebookDocumentCellChangeStructure(removed))
    notebook.cells.append(cell)
    added = types.NotebookCellArrayChange(1, 0, [types.NotebookCell(types.NotebookCellKind.Code, cell.uri)])
    notebook.restructure(types.NotebookDocumentCellChangeStructure(added))
    assert parameters_of(2) in await notebook[1].card("name")


async def test_a_cell_closed_and_opened_in_one_change_has_its_new_text(editor: Editor, models: Path) -> None:
    notebook = editor.open_notebook(models / "a.ipynb", "name = './1'", LOAD)
    cell = notebook[0]
    cell.text = "name = './3'"
    notebook.restructure(
        types.NotebookDocumentCellChangeStructure(
            types.NotebookCellArrayChange(0, 1, [types.NotebookCell(types.NotebookCellKind.Code, cell.uri)]),
            did_open=[types.TextDocumentItem(cell.uri, "python", 1, cell.text)],
            did_close=[types.TextDocumentIdentifier(cell.uri)],
        )
    )
    assert parameters_of(3) in await notebook[1].card("name")
    notebook.edit(0, "./3", "./2")
    assert parameters_of(2) in await notebook[1].card("name")


async def test_structure_and_text_in_one_change(editor: Editor, models: Path) -> None:
    notebook = editor.open_notebook(models / "a.ipynb", LOAD)
    cell = notebook._new_cell("name = ''")
    notebook.cells.insert(0, cell)
    code = types.NotebookCell(types.NotebookCellKind.Code, cell.uri)
    item = types.TextDocumentItem(cell.uri, "python", 1, cell.text)
    edit = types.TextDocumentContentChangePartial(cell.range("''"), "'./2'")
    notebook.change(
        types.NotebookDocumentCellChanges(
            structure=types.NotebookDocumentCellChangeStructure(
                types.NotebookCellArrayChange(0, 0, [code]), did_open=[item]
            ),
            data=[code],
            text_content=[
                types.NotebookDocumentCellContentChanges(
                    types.VersionedTextDocumentIdentifier(2, cell.uri), [edit]
                )
            ],
        )
    )
    assert parameters_of(2) in await notebook[1].card("name")


async def test_edits_inside_a_cell(editor: Editor, models: Path) -> None:
    notebook = editor.open_notebook(models / "a.ipynb", "# 🤗\nname = './1'  # 🤗", LOAD)
    notebook.edit(0, "./1", "./2")
    notebook.edit(0, "🤗", "🤗🤗")
    assert parameters_of(2) in await notebook[1].card("name")
    hover = await notebook[0].hover("'./2'")
    assert hover is not None
    assert hover.range == types.Range(types.Position(1, 7), types.Position(1, 12))


async def test_changes_of_unknown_notebooks_and_cells_are_survived(editor: Editor, models: Path) -> None:
    notebook = editor.open_notebook(models / "a.ipynb", "name = './1'", LOAD)
    edit = types.TextDocumentContentChangeWholeDocument("name = './2'")
    unknown = types.NotebookDocumentCellContentChanges(
        types.VersionedTextDocumentIdentifier(2, "vscode-notebook-cell:/nowhere#1"), [edit]
    )
    notebook.change(types.NotebookDocumentCellChanges(text_content=[unknown]))
    assert parameters_of(1) in await notebook[1].card("name")
    notebook.close()
    notebook.edit(0, "./1", "./2")
    assert await notebook[1].hover("name") is None
    notebook.open()
    assert parameters_of(2) in await notebook[1].card("name")


async def test_two_notebooks_know_nothing_of_each_other(editor: Editor, models: Path) -> None:
    editor.open_notebook(models / "a.ipynb", "name = './1'")
    other = editor.open_notebook(models / "b.ipynb", LOAD)
    assert await other[0].hover("name") is None
