"""``modelLoupe/children``: the tree, a level and a page at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pygls.exceptions import JsonRpcInvalidParams

from .editor import Editor, session, write_large_model, write_model

pytestmark = pytest.mark.asyncio(loop_scope="module")

LOAD = 'model = AutoModel.from_pretrained("{}")\n'


async def root(editor: Editor, folder: Path, name: str) -> str:
    """The id of a model's row, as a lens gives it."""
    document = editor.open(folder / "a.py", LOAD.format(name))
    (model,) = [model for model in await editor.models() if model["references"][0]["uri"] == document.uri]
    node: str = model["id"]
    return node


async def below(editor: Editor, node: str, *labels: str) -> list[dict[str, Any]]:
    """The rows below a node, after going down by labels."""
    for label in labels:
        (node,) = [row["id"] for row in await editor.children(node) if row["label"] == label]
    return await editor.children(node)


async def test_rows_have_all_that_a_tree_shows(editor: Editor, tmp_path: Path) -> None:
    write_model(tmp_path / "tiny")
    rows = await editor.children(await root(editor, tmp_path, "./tiny"))
    assert {"Architecture", "Config", "Files"} <= {row["label"] for row in rows}
    for row in rows:
        fields = {"id", "label", "description", "tooltip", "icon", "collapsible", "contextValue"}
        assert set(row) == fields
        assert isinstance(row["collapsible"], bool)


async def test_repeated_layers_are_folded(editor: Editor, tmp_path: Path) -> None:
    write_model(tmp_path / "tiny", layers=18)
    rows = await below(editor, await root(editor, tmp_path, "./tiny"), "Architecture", "model", "layers")
    assert [row["label"] for row in rows] == ["0-17: 18 ×"]
    inside = await editor.children(rows[0]["id"])
    assert [row["label"] for row in inside] == ["mlp", "self_attn"]


async def test_what_two_calls_build_is_told_apart(editor: Editor, tmp_path: Path) -> None:
    write_model(tmp_path / "tiny")
    calls = (
        'AutoModel.from_pretrained("./tiny")',
        'AutoModelForCausalLM.from_pretrained("./tiny", num_labels=3)',
    )
    document = editor.open(tmp_path / "two.py", "\n".join(["from transformers import *", *calls]))
    (model,) = [each for each in await editor.models() if each["references"][0]["uri"] == document.uri]
    rows = [row for row in await editor.children(model["id"]) if row["label"] == "Architecture"]
    assert [row["description"] for row in rows] == [
        "AutoModel: GemmaForCausalLM",
        "AutoModelForCausalLM(num_labels=3): GemmaForCausalLM",
    ]


async def test_leaves_have_shape_and_dtype_and_nothing_below(editor: Editor, tmp_path: Path) -> None:
    write_model(tmp_path / "tiny")
    node = await root(editor, tmp_path, "./tiny")
    (leaf,) = await below(editor, node, "Architecture", "model", "norm")
    assert leaf["label"] == "weight"
    assert leaf["description"] == "(8,) float16 · 16 B"
    assert not leaf["collapsible"]
    assert await editor.children(leaf["id"]) == []


async def test_many_children_come_in_pages(editor: Editor, tmp_path: Path) -> None:
    write_model(tmp_path / "wide", **{f"field_{i:03}": i for i in range(450)})
    node = await root(editor, tmp_path, "./wide")
    labels: list[str] = []
    page = await below(editor, node, "Config")
    while page[-1]["icon"] == "more":
        assert len(page) == 201
        labels += [row["label"] for row in page[:-1]]
        page = await editor.children(page[-1]["id"])
    labels += [row["label"] for row in page]
    assert len(labels) == len(set(labels)) == 459
    assert "field_449" in labels


async def test_ids_mean_the_same_to_another_server(tmp_path: Path) -> None:
    write_model(tmp_path / "tiny")
    async with session(tmp_path) as editor:
        node = await root(editor, tmp_path, "./tiny")
        before = await below(editor, node, "Architecture", "model")
    async with session(tmp_path) as editor:
        (layers,) = [row for row in before if row["label"] == "layers"]
        assert await below(editor, node, "Architecture", "model") == before
    async with session(tmp_path) as editor:
        assert [row["label"] for row in await editor.children(layers["id"])] == ["0-1: 2 ×"]


async def test_a_large_model_costs_what_is_looked_at(editor: Editor, tmp_path: Path) -> None:
    write_large_model(tmp_path / "large")
    node = await root(editor, tmp_path, "./large")
    rows = await below(editor, node, "Parameters by dtype", "float16")
    assert len(rows) == 201
    assert rows[-1]["icon"] == "more"


async def test_a_model_that_is_not_there_is_a_row_that_says_so(editor: Editor, tmp_path: Path) -> None:
    (row,) = await editor.children(await root(editor, tmp_path, "./gone"))
    assert row["icon"] == row["contextValue"] == "error"
    assert row["label"].startswith("./gone: no such folder or file")
    assert not row["collapsible"]


async def test_an_id_that_is_none_is_an_error(editor: Editor) -> None:
    with pytest.raises(JsonRpcInvalidParams, match="not the id of a tree row"):
        await editor.children("nonsense")
