"""GGUF models as a user meets them: a file, a folder of encodings, parts, and what a call says of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from gguf import GGMLQuantizationType, GGUFWriter

from model_loupe import cli
from model_loupe.domain.loading import LoadOptions
from model_loupe.inspector import Description, Inspector, ModelRequest

HIDDEN, VOCABULARY, HEADS, KV_HEADS, HEAD_DIM, FEED_FORWARD = 64, 96, 4, 2, 16, 128
Q8_0 = GGMLQuantizationType.Q8_0
LAYER = {
    "attn_norm.weight": (HIDDEN,),
    "attn_q.weight": (HEADS * HEAD_DIM, HIDDEN),
    "attn_k.weight": (KV_HEADS * HEAD_DIM, HIDDEN),
    "attn_v.weight": (KV_HEADS * HEAD_DIM, HIDDEN),
    "attn_output.weight": (HIDDEN, HEADS * HEAD_DIM),
    "ffn_norm.weight": (HIDDEN,),
}
DENSE = {
    **LAYER,
    "ffn_gate.weight": (FEED_FORWARD, HIDDEN),
    "ffn_up.weight": (FEED_FORWARD, HIDDEN),
    "ffn_down.weight": (HIDDEN, FEED_FORWARD),
}
EXPERTS = {
    **LAYER,
    "ffn_gate_inp.weight": (4, HIDDEN),
    "ffn_gate_exps.weight": (4, FEED_FORWARD, HIDDEN),
    "ffn_up_exps.weight": (4, FEED_FORWARD, HIDDEN),
    "ffn_down_exps.weight": (4, HIDDEN, FEED_FORWARD),
}
# 2 layers of q, k, v, o (12,288), gate, up, down (24,576) and two norms (128); embedding and last norm.
TOTAL = 2 * (12_288 + 24_576 + 128) + VOCABULARY * HIDDEN + HIDDEN


def shapes(layer: dict[str, tuple[int, ...]], *, head: bool = False) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {"token_embd.weight": (VOCABULARY, HIDDEN)}
    for number in range(2):
        found.update({f"blk.{number}.{name}": shape for name, shape in layer.items()})
    found["output_norm.weight"] = (HIDDEN,)
    if head:
        found["output.weight"] = (VOCABULARY, HIDDEN)
    return found


def write(
    path: Path, tensors: dict[str, tuple[int, ...]], *, metadata: bool = True, experts: int = 0
) -> Path:
    """A Llama as the gguf package writes it: matrices as Q8_0, vectors as F32."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = GGUFWriter(path, "llama")
    if metadata:
        writer.add_block_count(2)
        writer.add_embedding_length(HIDDEN)
        writer.add_feed_forward_length(FEED_FORWARD)
        writer.add_head_count(HEADS)
        writer.add_head_count_kv(KV_HEADS)
        writer.add_context_length(512)
        writer.add_file_type(7)
        writer.add_license("apache-2.0")
        writer.add_tokenizer_model("llama")
        writer.add_token_list([f"token {number}" for number in range(VOCABULARY)])
    if experts:
        writer.add_expert_count(experts)
        writer.add_expert_used_count(2)
    for name, shape in tensors.items():
        values: Any = np.zeros(shape, np.float32)
        if len(shape) > 1:
            writer.add_tensor(name, gguf.quantize(values, Q8_0), raw_dtype=Q8_0)
        else:
            writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def describe(path: Path, **fields: Any) -> Description:
    return Inspector().describe(ModelRequest(str(path), **fields))


def test_a_file(tmp_path: Path) -> None:
    description = describe(write(tmp_path / "llama-Q8_0.gguf", shapes(DENSE)))
    count = description.parameters
    assert (count.total, count.trainable, count.exact) == (TOTAL, TOTAL, True)
    assert count.tied == [["output.weight", "token_embd.weight"]]
    assert count.quantized is not None
    assert count.quantized.bits_per_parameter == 8.5
    assert count.quantized.parameters == TOTAL - 5 * HIDDEN
    assert {dtype: row.tensors for dtype, row in count.by_dtype.items()} == {"Q8_0": 15, "float32": 5}
    assert count.by_dtype["Q8_0"].bytes == count.by_dtype["Q8_0"].elements * 34 // 32
    assert (description.architecture, description.model_type) == ("LlamaForCausalLM", "llama")
    assert description.quantization is not None
    assert (description.quantization.name, description.quantization.form) == ("gguf", "Q8_0")
    # 2 layers, keys and values of 2 heads of 16, as float32.
    assert description.kv_cache is not None
    assert description.kv_cache.bytes_per_token == 2 * 2 * 2 * 16 * 4
    assert description.tokenizer is not None
    assert (description.tokenizer.class_name, description.tokenizer.vocab_size) == ("GGUF llama", VOCABULARY)
    assert description.license == "apache-2.0"
    assert description.warnings == []


def test_a_head_of_its_own_counts(tmp_path: Path) -> None:
    count = describe(write(tmp_path / "llama.gguf", shapes(DENSE, head=True))).parameters
    assert (count.total, count.tied, count.exact) == (TOTAL + VOCABULARY * HIDDEN, [], True)


@pytest.mark.parametrize(
    ("asked", "loaded"), [(None, "float32"), ("auto", "float32"), ("bfloat16", "bfloat16")]
)
def test_transformers_dequantises_on_loading(tmp_path: Path, asked: str | None, loaded: str) -> None:
    description = describe(write(tmp_path / "llama.gguf", shapes(DENSE)))
    found, nbytes = description.loaded(LoadOptions(asked))
    assert (found.dtype, nbytes) == (loaded, TOTAL * (4 if loaded == "float32" else 2))


def test_active_parameters_of_a_mixture_of_experts(tmp_path: Path) -> None:
    path = write(tmp_path / "mixtral.gguf", shapes(EXPERTS), experts=4)
    description = describe(path)
    routed = 2 * 3 * 4 * HIDDEN * FEED_FORWARD
    count = description.parameters
    assert description.architecture == "MixtralForCausalLM"
    assert count.total is not None
    assert count.active == count.total - routed // 2


def test_encodings_are_alternatives(tmp_path: Path) -> None:
    for name in ("llama-Q2_K.gguf", "llama-Q4_K_M.gguf", "llama-Q8_0.gguf", "mmproj-llama-f16.gguf"):
        write(tmp_path / name, shapes(DENSE))
    description = describe(tmp_path)
    assert [shard.name for shard in description.weights.shards] == ["llama-Q4_K_M.gguf"]
    assert description.parameters.total == TOTAL
    assert description.weights.not_taken == {
        "llama-Q2_K.gguf": "another encoding of the model: GGUF files are alternatives",
        "llama-Q8_0.gguf": "another encoding of the model: GGUF files are alternatives",
        "mmproj-llama-f16.gguf": "the vision or audio part, which llama.cpp loads beside the model",
    }
    # The files of this test are of one small matrix, whatever their names say.
    assert [found.code for found in description.warnings] == ["ambiguous-weights", "encoding-name"]
    named = describe(tmp_path, gguf_file="llama-Q2_K.gguf")
    assert [shard.name for shard in named.weights.shards] == ["llama-Q2_K.gguf"]
    assert [found.code for found in named.warnings] == ["encoding-name"]


def test_safetensors_go_first(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    write(tmp_path / "llama.gguf", shapes(DENSE))
    save_file({"weight": np.zeros(3, np.float32)}, tmp_path / "model.safetensors")
    assert describe(tmp_path).parameters.total == 3
    assert describe(tmp_path, gguf_file="llama.gguf").parameters.total == TOTAL


def split(folder: Path) -> tuple[Path, Path]:
    """A model in two parts, the metadata in the first, as ``gguf-split`` writes it."""
    every = shapes(DENSE)
    first = {name: shape for name, shape in every.items() if not name.startswith("blk.1")}
    second = {name: shape for name, shape in every.items() if name.startswith("blk.1")}
    return (
        write(folder / "llama-Q8_0-00001-of-00002.gguf", first),
        write(folder / "llama-Q8_0-00002-of-00002.gguf", second, metadata=False),
    )


@pytest.mark.parametrize("how", ["folder", "file", "gguf_file"])
def test_parts_add_up(tmp_path: Path, how: str) -> None:
    first, _ = split(tmp_path)
    if how == "gguf_file":
        description = describe(tmp_path, gguf_file=first.name)
    else:
        description = describe(tmp_path if how == "folder" else first)
    assert len(description.weights.shards) == 2
    assert (description.parameters.total, description.parameters.exact) == (TOTAL, True)
    assert description.dimensions.layers == 2
    assert description.warnings == []


def test_a_missing_part_is_named(tmp_path: Path) -> None:
    _, second = split(tmp_path)
    second.unlink()
    description = describe(tmp_path)
    assert description.parameters.total is None
    assert [(found.code, second.name in found.message) for found in description.warnings] == [
        ("missing-shard", True)
    ]


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "llama-Q8_0.gguf", shapes(DENSE))
    assert cli.main(["inspect", str(path)]) == 0
    text = capsys.readouterr().out
    assert "gguf (Q8_0)" in text
    assert "8.50 bits per weight" in text
    assert "1 GGUF file" in text
    assert cli.main(["inspect", str(path), "--json", "--tree"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["parameters"]["total"] == TOTAL
    assert answer["quantization"]["format"] == "Q8_0"
    assert answer["files"][0]["format"] == "gguf"
    assert answer["config"]["num_key_value_heads"] == KV_HEADS
