"""The small Gemma is what it says it is, to the library that others read it with."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy
import pytest
from safetensors import safe_open

from model_loupe.demo import write_small_gemma
from model_loupe.inspector import Inspector, LoadOptions, ModelRequest, TreeNode, card

SHARDS = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "small-gemma"
    write_small_gemma(str(folder))
    return folder


def read(folder: Path, name: str) -> dict:
    return json.loads((folder / name).read_text(encoding="utf-8"))


def shapes(folder: Path) -> dict[str, tuple[str, str, list[int]]]:
    """By tensor: its shard, dtype and shape, as safetensors itself reads them."""
    found = {}
    for shard in SHARDS:
        with safe_open(folder / shard, "np") as file:
            for name in file.keys():  # noqa: SIM118 (not a dictionary)
                part = file.get_slice(name)
                found[name] = (shard, part.get_dtype(), part.get_shape())
    return found


def test_has_the_tensors_of_gemma_in_two_shards(folder: Path) -> None:
    found = shapes(folder)
    assert len(found) == 164
    assert {dtype for _, dtype, _ in found.values()} == {"BF16"}
    assert "lm_head.weight" not in found, "the head is tied"
    config = read(folder, "config.json")
    hidden, heads, head_dim = (config[key] for key in ("hidden_size", "num_attention_heads", "head_dim"))
    assert found["model.embed_tokens.weight"][2] == [config["vocab_size"], hidden]
    assert found["model.layers.17.self_attn.q_proj.weight"][2] == [heads * head_dim, hidden]
    assert found["model.layers.17.self_attn.k_proj.weight"][2] == [head_dim, hidden]
    assert found["model.layers.17.mlp.down_proj.weight"][2] == [hidden, config["intermediate_size"]]


def test_index_agrees_with_the_headers(folder: Path) -> None:
    index = read(folder, "model.safetensors.index.json")
    found = shapes(folder)
    assert index["weight_map"] == {name: shard for name, (shard, _, _) in found.items()}
    stored = sum((folder / shard).stat().st_size for shard in SHARDS)
    assert index["metadata"]["total_size"] == 2 * 661_824
    assert 0 < stored - index["metadata"]["total_size"] < 100_000, "values and a header each"


def test_the_inspector_finds_a_whole_gemma(folder: Path) -> None:
    inspector = Inspector(offline=True)
    request = ModelRequest(str(folder))
    shown = card(inspector.describe(request), LoadOptions(), requested="./small-gemma")
    for text in (
        "GemmaForCausalLM",
        "661,824 parameters",
        "bfloat16 1.26 MiB",
        "lm_head.weight",
        "GemmaTokenizer",
    ):
        assert text in shown
    assert not inspector.describe(request).warnings

    def below(node: TreeNode, label: str) -> TreeNode:
        return next(child for child in inspector.children(node.id) if child.label.startswith(label))

    node = inspector.root(request)
    for label in ("Architecture", "model", "layers", "0-17: 18 ×", "self_attn", "q_proj", "weight"):
        node = below(node, label)
    assert "(64, 64)" in node.description
    assert "bfloat16" in node.description


def test_weights_look_like_weights(folder: Path) -> None:
    raw = (folder / SHARDS[0]).read_bytes()
    header_size = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + header_size])
    start, end = header["model.embed_tokens.weight"]["data_offsets"]
    upper = numpy.frombuffer(raw[8 + header_size + start : 8 + header_size + end], "<u2").astype("<u4")
    values = (upper << 16).view("<f4")
    assert abs(values.mean()) < 0.02
    assert abs(values.std() - 1) < 0.02
    assert header_size % 8 == 0


def test_is_small_quick_and_the_same_every_time(folder: Path, tmp_path: Path) -> None:
    started = time.process_time()
    write_small_gemma(str(tmp_path))
    assert time.process_time() - started < 3, "half a second where it was measured"
    files = sorted(path.name for path in folder.iterdir())
    assert files == sorted(path.name for path in tmp_path.iterdir())
    assert all((folder / name).read_bytes() == (tmp_path / name).read_bytes() for name in files)
    assert sum((folder / name).stat().st_size for name in files) < 5_000_000


def test_tokenizer_covers_the_vocabulary_and_any_text(folder: Path) -> None:
    tokenizer = read(folder, "tokenizer.json")
    vocabulary = tokenizer["model"]["vocab"]
    assert sorted(vocabulary.values()) == list(range(read(folder, "config.json")["vocab_size"]))
    assert all(f"<0x{byte:02X}>" in vocabulary for byte in range(256)), (
        "what has no token falls back to bytes"
    )
    assert "▁model" in vocabulary
    for left, right in tokenizer["model"]["merges"]:
        assert left in vocabulary and right in vocabulary and left + right in vocabulary
    special = read(folder, "tokenizer_config.json")["added_tokens_decoder"]
    assert {int(number): token["content"] for number, token in special.items()} == {
        token["id"]: token["content"] for token in tokenizer["added_tokens"]
    }
    generation = read(folder, "generation_config.json")
    assert special[str(generation["eos_token_id"])]["content"] == "<eos>"
