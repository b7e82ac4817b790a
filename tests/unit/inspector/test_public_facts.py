"""Public models to the last digit: their real tensor names and shapes as headers over sparse files.

gpt-oss-20b, DeepSeek-V3 and the quantised copies of Llama-3.1-8B are in tests/unit/domain, with what else
there is to say of them; Mixtral-8x7B's experts in test_experts.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from model_loupe.inspector import Description, Inspector, ModelRequest
from tests.support import checkpoints as made

Tensors = list[made.Tensor]


def describe(folder: Path, config: dict[str, Any], tensors: Tensors, shards: int = 1) -> Description:
    made.write_checkpoint(folder, config, tensors, shards)
    description = Inspector().describe(ModelRequest(str(folder)))
    assert description.warnings == []
    assert description.parameters.exact
    return description


def llama(name: str) -> tuple[dict[str, Any], Tensors]:
    layers, hidden, intermediate, heads = {"8B": (32, 4096, 14336, 32), "405B": (126, 16384, 53248, 128)}[
        name
    ]
    config = {
        "architectures": ["LlamaForCausalLM"],
        "hidden_size": hidden,
        "intermediate_size": intermediate,
        "model_type": "llama",
        "num_attention_heads": heads,
        "num_hidden_layers": layers,
        "num_key_value_heads": 8,
        "tie_word_embeddings": False,
        "torch_dtype": "bfloat16",
        "vocab_size": 128256,
    }
    tensors = made.decoder_tensors(
        layers=layers,
        hidden=hidden,
        intermediate=intermediate,
        vocabulary=128256,
        query=hidden,
        key_value=1024,
        head=True,
    )
    return config, tensors


def test_gemma_2b_it(tmp_path: Path) -> None:
    """The head is the embedding, and is not stored."""
    count = describe(tmp_path, made.GEMMA_2B_CONFIG, made.gemma_2b_tensors(), 2).parameters
    assert count.total == count.trainable == 2_506_172_416
    assert count.tied == [["lm_head.weight", "model.embed_tokens.weight"]]


@pytest.mark.parametrize(
    ("name", "shards", "parameters", "cache"),
    [("8B", 4, 8_030_261_248, 131_072), ("405B", 191, 405_853_388_800, 516_096)],
)
def test_llama_3_1(name: str, shards: int, parameters: int, cache: int, tmp_path: Path) -> None:
    description = describe(tmp_path, *llama(name), shards)
    assert description.parameters.total == parameters
    assert description.stored_bytes == 2 * parameters
    # Of every layer a key and a value of 8 heads of 128, 2 bytes each.
    assert description.kv_cache is not None
    assert description.kv_cache.bytes_per_token == cache


def gpt2_tensors() -> Iterator[made.Tensor]:
    yield "wte.weight", "F32", [50257, 768]
    yield "wpe.weight", "F32", [1024, 768]
    for layer in range(12):
        block = f"h.{layer}"
        # The causal mask, which the file has as "bias".
        yield f"{block}.attn.bias", "F32", [1, 1, 1024, 1024]
        for name, rows, columns in (
            ("attn.c_attn", 768, 2304),
            ("attn.c_proj", 768, 768),
            ("mlp.c_fc", 768, 3072),
            ("mlp.c_proj", 3072, 768),
        ):
            yield f"{block}.{name}.weight", "F32", [rows, columns]
            yield f"{block}.{name}.bias", "F32", [columns]
        for norm in ("ln_1", "ln_2"):
            yield f"{block}.{norm}.weight", "F32", [768]
            yield f"{block}.{norm}.bias", "F32", [768]
    yield "ln_f.weight", "F32", [768]
    yield "ln_f.bias", "F32", [768]


def test_gpt2(tmp_path: Path) -> None:
    config = {"architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "n_layer": 12, "n_head": 12}
    count = describe(
        tmp_path, {**config, "n_embd": 768, "vocab_size": 50257}, list(gpt2_tensors())
    ).parameters
    assert count.total == 124_439_808
    assert count.by_dtype["float32"].elements == 137_022_720
    assert count.buffers == 12 * 1024 * 1024
    assert count.tied == [["lm_head.weight", "wte.weight"]]


def bert_tensors(
    vocabulary: int = 30522, hidden: int = 768, intermediate: int = 3072
) -> Iterator[made.Tensor]:
    """As the file was converted: gamma and beta, the pooler, and the heads that it was trained with."""

    def linear(name: str, rows: int, columns: int) -> Iterator[made.Tensor]:
        yield f"{name}.weight", "F32", [rows, columns]
        yield f"{name}.bias", "F32", [rows]

    def norm(name: str) -> Iterator[made.Tensor]:
        yield f"{name}.LayerNorm.gamma", "F32", [hidden]
        yield f"{name}.LayerNorm.beta", "F32", [hidden]

    embeddings = "bert.embeddings"
    yield f"{embeddings}.word_embeddings.weight", "F32", [vocabulary, hidden]
    yield f"{embeddings}.position_embeddings.weight", "F32", [512, hidden]
    yield f"{embeddings}.token_type_embeddings.weight", "F32", [2, hidden]
    yield from norm(embeddings)
    for layer in range(12):
        block = f"bert.encoder.layer.{layer}"
        for name in ("self.query", "self.key", "self.value", "output.dense"):
            yield from linear(f"{block}.attention.{name}", hidden, hidden)
        yield from norm(f"{block}.attention.output")
        yield from linear(f"{block}.intermediate.dense", intermediate, hidden)
        yield from linear(f"{block}.output.dense", hidden, intermediate)
        yield from norm(f"{block}.output")
    yield from linear("bert.pooler.dense", hidden, hidden)
    yield "cls.predictions.bias", "F32", [vocabulary]
    yield from linear("cls.predictions.transform.dense", hidden, hidden)
    yield from norm("cls.predictions.transform")
    yield from linear("cls.seq_relationship", 2, hidden)


def test_bert_base_uncased(tmp_path: Path) -> None:
    """All that the file holds. BertModel has 109,482,240 of it: what is without the heads."""
    config = {"architectures": ["BertForMaskedLM"], "model_type": "bert", "vocab_size": 30522}
    description = describe(tmp_path, config, list(bert_tensors()))
    assert description.parameters.total == 110_106_428
    start, end = description.weights.table.under("bert")
    assert description.weights.table.sums(start, end)[0] == 109_482_240
