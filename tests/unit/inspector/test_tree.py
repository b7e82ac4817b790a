"""The sidebar's rows and the module tree of ``inspect --tree``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from model_loupe.domain.errors import LoupeError
from model_loupe.domain.loading import LoadOptions
from model_loupe.domain.memory import Wanted
from model_loupe.inspector import Inspector, ModelRequest, TreeNode, terminal
from model_loupe.inspector.rows import Place
from model_loupe.inspector.schema_tree import tree_json
from tests.support import checkpoints as made


def open_path(inspector: Inspector, node: TreeNode, *labels: str) -> list[TreeNode]:
    """The rows below ``node`` after opening the rows with these labels one after the other."""
    rows = inspector.children(node.id)
    for label in labels:
        row = next(row for row in rows if row.label == label)
        assert row.collapsible
        rows = inspector.children(row.id)
    return rows


def by_label(rows: list[TreeNode]) -> dict[str, TreeNode]:
    return {row.label: row for row in rows}


def test_from_the_model_to_a_leaf(gemma: Path) -> None:
    inspector = Inspector()
    root = inspector.root(ModelRequest(str(gemma)))
    assert root.icon == "model"
    sections = [row.label for row in inspector.children(root.id)]
    assert sections == [
        "Architecture",
        "Parameters by dtype",
        "Largest tensors",
        "Parameters by block",
        "Memory",
        "Config",
        "Files",
    ]
    largest = open_path(inspector, root, "Largest tensors")
    assert (len(largest), largest[0].label) == (164, "model.embed_tokens.weight")
    assert [row.label for row in open_path(inspector, root, "Parameters by block")] == [
        "model.embed_tokens",
        "model.layers.0-17: 18 ×",
        "model.norm",
    ]
    memory = by_label(open_path(inspector, root, "Memory"))
    assert memory["Training, AdamW, mixed precision"].description == "37.34 GiB"
    assert "arXiv:1910.02054" in memory["Training, AdamW, mixed precision"].tooltip.replace("\\", "")
    inspector.wanted = Wanted(context=1000, batch=2)
    assert "2 × 1,000 tokens" in by_label(open_path(inspector, root, "Memory"))["Inference"].tooltip
    assert [row.label for row in open_path(inspector, root, "Architecture")] == ["model"]
    assert [row.label for row in open_path(inspector, root, "Architecture", "model", "layers")] == [
        "0-17: 18 ×"
    ]
    (leaf,) = open_path(
        inspector, root, "Architecture", "model", "layers", "0-17: 18 ×", "self_attn", "k_proj"
    )
    assert leaf.label == "weight"
    assert leaf.description == "(256, 2048) bfloat16 · 1.00 MiB"
    assert not leaf.collapsible
    assert "model.layers.0-17.self_attn.k_proj.weight" in leaf.tooltip.replace("\\", "")
    assert inspector.children(leaf.id) == []
    assert inspector.root(ModelRequest(str(gemma))).description == "2.51 B params · bfloat16 4.67 GiB"


def test_a_model_that_is_not_there_says_so(tmp_path: Path) -> None:
    inspector = Inspector()
    request = ModelRequest("./nope", base=str(tmp_path))
    assert inspector.root(request).description == ""
    with pytest.raises(LoupeError):
        inspector.describe(request)
    assert inspector.root(request).description == "not found"
    assert "no such folder or file" in inspector.root(request).tooltip
    made.write_checkpoint(tmp_path / "nope", {}, [("w", "F32", [2])])
    inspector.describe(request)
    assert inspector.root(request).description == "2 params · float32 8 B"


def test_ids_outlive_the_inspector(small: Path) -> None:
    row = open_path(Inspector(), Inspector().root(ModelRequest(str(small))), "Architecture")[0]
    assert [child.label for child in Inspector().children(row.id)] == ["embed_tokens", "layers", "norm"]


@pytest.mark.parametrize("count", [450, 1250])
def test_long_levels_come_in_pages(tmp_path: Path, count: int) -> None:
    tensors = [(f"w{number:04d}", "F32", [number + 1]) for number in range(count)]
    made.write_checkpoint(tmp_path, {}, tensors)
    inspector, request = Inspector(), ModelRequest(str(tmp_path))
    rows = open_path(inspector, inspector.root(request), "Architecture")
    assert len(rows) == 201
    assert rows[-1].icon == "more"
    labels = [row.label for row in rows[:-1]]
    while rows[-1].icon == "more":
        rows = inspector.children(rows[-1].id)
        labels += [row.label for row in rows if row.icon != "more"]
    assert labels == [name for name, _, _ in tensors]
    level = next(
        row for row in inspector.children(inspector.root(request).id) if row.label == "Architecture"
    ).id
    largest = tensors[-1][0]
    assert inspector.children(level, by_size=True)[0].label == largest
    assert inspector.children(level)[0].label == tensors[0][0]


def test_every_row_has_an_id_of_its_own(small: Path) -> None:
    inspector = Inspector()
    rows = inspector.children(inspector.root(ModelRequest(str(small))).id)
    ids: list[str] = []
    while rows:
        row = rows.pop()
        ids.append(row.id)
        rows += inspector.children(row.id)
    assert len(ids) > 200
    assert len(set(ids)) == len(ids)


def test_tensors_of_a_dtype_are_sorted_by_size_and_number(small: Path) -> None:
    inspector = Inspector()
    rows = open_path(inspector, inspector.root(ModelRequest(str(small))), "Parameters by dtype", "bfloat16")
    assert rows[0].label == "model.embed_tokens.weight"
    norms = [row.label for row in rows if row.label.endswith("input_layernorm.weight")]
    assert norms == [f"model.layers.{number}.input_layernorm.weight" for number in range(18)]


def test_layers_fold_in_runs(tmp_path: Path) -> None:
    tensors = [(f"layers.{n}.w", "F32", [4 if n < 3 else 5]) for n in range(12)]
    tensors += [(f"layers.{n}.w", "F32", [5]) for n in (14, 15)] + [("layers.20.w", "F32", [5])]
    made.write_checkpoint(tmp_path, {}, tensors)
    tree = tree_json(Inspector().describe(ModelRequest(str(tmp_path))))
    (layers,) = tree["children"]
    assert [(node["path"], node["count"]) for node in layers["children"]] == [
        ("layers.0-2", 3),
        ("layers.3-11", 9),
        ("layers.14-15", 2),
        ("layers.20", 1),
    ]
    assert layers["children"][1]["indices"] == list(range(3, 12))
    assert "indices" not in layers["children"][3]
    assert layers["elements"] == sum(shape[0] for _, _, shape in tensors)


def test_tree_of_gemma(gemma: Path) -> None:
    description = Inspector().describe(ModelRequest(str(gemma)))
    tree = tree_json(description)
    assert tree["class"] == "GemmaForCausalLM"
    model = tree["children"][0]
    assert model["bytes"] == 5_012_344_832
    embed = model["children"][0]
    assert embed["parameters"] == [
        {
            "name": "weight",
            "shape": [256000, 2048],
            "dtype": "bfloat16",
            "bytes": 1_048_576_000,
            "tied_to": "lm_head.weight",
        }
    ]
    text = terminal.tree(description)
    assert "0-17: 18 ×" in text
    assert "weight  (16384, 2048) bfloat16, 64.00 MiB" in text


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    deep = ".".join("a" * 1 for _ in range(5000))
    names = [
        deep,
        "a..b",
        ".",
        "x.[click](command:evil).y",
        "\u202ename",
        "<img src=x>",
        "0.0.0",
        "00.1",
        "a/b.c",
        "é.ü",
    ]
    made.write_checkpoint(tmp_path, {}, [(name, "F32", [2]) for name in names])
    inspector = Inspector()
    description = inspector.describe(ModelRequest(str(tmp_path)))
    json.dumps(tree_json(description))
    text = terminal.tree(description)
    assert "\u202e" not in text
    seen = 0
    rows = open_path(inspector, inspector.root(ModelRequest(str(tmp_path))), "Architecture")
    while rows:
        row = rows.pop()
        seen += row.icon == "parameter"
        assert "](command" not in row.tooltip
        assert "<img" not in row.tooltip
        assert "\u202e" not in row.label + row.tooltip
        rows += inspector.children(row.id)
    assert seen == len(names)


def test_an_id_names_what_of_a_call_is_not_the_default() -> None:
    options = LoadOptions("auto", overrides=(("num_labels", 3),), unknown=("config",), takes_any_shape=True)
    place = Place(ModelRequest("org/name"), "architecture", options=options)
    assert json.loads(place.id())["options"] == {
        "dtype": "auto",
        "overrides": [["num_labels", 3]],
        "unknown": ["config"],
        "takes_any_shape": True,
    }
    assert Place.parse(place.id()) == place
    assert "options" not in json.loads(place._replace(options=LoadOptions()).id())


@pytest.mark.parametrize(
    "node",
    [
        *("", "x", "[]", "{}", "null", '{"model":3}', '{"model":"x","offset":-1}', "{" * 9999),
        '{"model":"x","use_safetensors":1}',
        '{"model":"x","revision":true,"use_safetensors":true}',
        *(
            f'{{"model":"x","section":"architecture","options":{options}}}'
            for options in (
                '["auto"]',
                '{"dtyp":"auto"}',
                '{"quantized":1}',
                '{"unknown":[3]}',
                '{"overrides":[["num_labels",[3]]]}',
            )
        ),
    ],
)
def test_ids_that_are_none(node: str) -> None:
    with pytest.raises(LoupeError) as raised:
        Inspector().children(node)
    assert raised.value.code == "bad-node"


@pytest.mark.parametrize(
    "place", [{"section": "nope"}, {"section": "config", "path": "{"}, {"section": "dtype"}]
)
def test_places_that_are_none(place: dict[str, str], small: Path) -> None:
    node = json.dumps({"model": str(small), **place})
    try:
        assert Inspector().children(node) == [] or place["section"] == "config"
    except LoupeError as error:
        assert error.code == "bad-node"


def test_config_rows(small: Path) -> None:
    config = {"plain": 1, "nested": {"list": [{"deep": "x"}, 2], "empty": {}}, "dotted.key": None}
    (small / "config.json").write_text(json.dumps(config))
    inspector = Inspector()
    root = inspector.root(ModelRequest(str(small)))
    rows = open_path(inspector, root, "Config")
    assert [(row.label, row.description) for row in rows] == [
        ("plain", "1"),
        ("nested", "2 values"),
        ("dotted.key", "null"),
    ]
    assert [row.description for row in open_path(inspector, root, "Config", "nested", "list", "0")] == ['"x"']
