"""Whole models beside the tree: compared, exported, as sizes, as a file; the tree filtered and sorted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams

from .editor import Editor, write_model
from .test_children import below, root

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_two_models_are_compared(editor: Editor, tmp_path: Path) -> None:
    write_model(tmp_path / "one", layers=3)
    write_model(tmp_path / "other", layers=4, rope_theta=10)
    nodes = [await root(editor, tmp_path, name) for name in ("./one", "./other")]
    answer = await editor.request("modelLoupe/compare", {"node": nodes[0], "other": nodes[1]})
    assert answer["title"] == "./one ↔ ./other"
    lines = answer["text"].splitlines()
    # Only what differs is listed, and equal differences of layers are one line.
    assert [line for line in lines if line.startswith("| model.")] == [
        "| model.layers.3.mlp.up_proj.weight | – | (16, 8) float16 |",
        "| model.layers.3.self_attn.q_proj.weight | – | (8, 8) float16 |",
    ]
    assert "| num_hidden_layers | 3 | 4 |" in lines
    assert "| rope_theta | – | 10 |" in lines
    assert not any("head_dim" in line for line in lines)


async def test_a_model_that_is_not_there_is_an_error_in_one_line(editor: Editor, tmp_path: Path) -> None:
    write_model(tmp_path / "one")
    node = await root(editor, tmp_path, "./one")
    missing = await root(editor, tmp_path, "./nowhere")
    with pytest.raises(JsonRpcException, match=r"nowhere: no such folder"):
        await editor.request("modelLoupe/compare", {"node": node, "other": missing})
    with pytest.raises(JsonRpcInvalidParams):
        await editor.request("modelLoupe/compare", {"node": node})


async def test_a_model_is_exported_in_three_formats(editor: Editor, tmp_path: Path) -> None:
    write_model(tmp_path / "tiny")
    node = await root(editor, tmp_path, "./tiny")

    async def exported(form: str) -> str:
        text: str = (await editor.request("modelLoupe/export", {"node": node, "format": form}))["text"]
        return text

    assert (await exported("text")).startswith("GemmaForCausalLM\n")
    assert (await exported("markdown")).startswith("**GemmaForCausalLM** · ")
    assert json.loads(await exported("json"))["architecture"]["class"] == "GemmaForCausalLM"
    with pytest.raises(JsonRpcInvalidParams, match="text, markdown, json"):
        await exported("xml")


async def test_areas_add_up_to_the_models_bytes(editor: Editor, tmp_path: Path) -> None:
    write_model(tmp_path / "tiny", layers=5)
    area = await editor.request("modelLoupe/sizes", {"node": await root(editor, tmp_path, "./tiny")})

    def leaves(area: dict[str, Any]) -> list[dict[str, Any]]:
        return [leaf for child in area["children"] for leaf in leaves(child)] or [area]

    assert sum(leaf["bytes"] for leaf in leaves(area)) == area["bytes"] > 0
    assert sum(leaf["elements"] for leaf in leaves(area)) == area["elements"]
    assert {leaf["dtype"] for leaf in leaves(area)} == {"float16"}
    assert {"model.layers.0-4.mlp.up_proj.weight"} <= {leaf["path"] for leaf in leaves(area)}


async def test_a_file_has_a_row_facts_and_its_own_metadata(editor: Editor, tmp_path: Path) -> None:
    header = {
        "__metadata__": {"made": "by hand"},
        "w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
    }
    raw = json.dumps(header).encode()
    path = tmp_path / "w.safetensors"
    path.write_bytes(len(raw).to_bytes(8, "little") + raw + bytes(8))
    answer = await editor.request("modelLoupe/file", {"uri": path.as_uri()})
    assert answer["metadata"] == {"made": "by hand"}
    assert ["Parameters", "2 parameters"] in answer["facts"]
    (weight,) = await below(editor, answer["node"]["id"], "Architecture")
    assert weight["description"] == "(2,) float32 · 8 B"


async def test_a_filtered_tree_has_what_has_the_text_in_its_name(editor: Editor, tmp_path: Path) -> None:
    write_model(tmp_path / "tiny", layers=2)
    editor.open(tmp_path / "a.py", 'model = AutoModel.from_pretrained("./tiny")\n')
    models = await editor.request("modelLoupe/models", {"filter": "Q_PROJ"})
    (model,) = [model for model in models if str(tmp_path) in model["id"]]
    labels = [row["label"] for row in await editor.children(model["id"])]
    assert labels == [f"model.layers.{layer}.self_attn.q_proj.weight" for layer in (0, 1)]
    (model,) = [
        model
        for model in await editor.request("modelLoupe/models", {"filter": "vocab"})
        if str(tmp_path) in model["id"]
    ]
    assert [row["label"] for row in await editor.children(model["id"])] == ["vocab_size"]


async def test_modules_and_files_are_sorted_by_size(editor: Editor, tmp_path: Path) -> None:
    write_model(tmp_path / "tiny", layers=2)
    node = await root(editor, tmp_path, "./tiny")
    for section, inside in (("Architecture", "model"), ("Files", None)):
        (found,) = [row["id"] for row in await editor.children(node) if row["label"] == section]
        if inside:
            (found,) = [row["id"] for row in await editor.children(found) if row["label"] == inside]
        rows = await editor.children(found)
        by_size = await editor.request("modelLoupe/children", {"node": found, "sort": "size"})
        assert {row["id"] for row in by_size} == {row["id"] for row in rows}
        assert by_size != rows
    assert by_size[0]["label"] == "model.safetensors"
