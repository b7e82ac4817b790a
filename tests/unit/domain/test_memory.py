"""Memory to run and to train, worked out by hand for Gemma 2B and a small model."""

from __future__ import annotations

import pytest

from model_loupe.domain.kv_cache import KvCache, LayerGroup
from model_loupe.domain.linear import linear_layers
from model_loupe.domain.memory import Usage, full_training, inference, lora_training, qlora_training
from model_loupe.domain.summaries import Block, blocks
from model_loupe.domain.tensors import TensorKind, TensorTable
from tests.support.checkpoints import gemma_2b_tensors

GEMMA = 2_506_172_416
# A layer: q and o 2048 × 2048, k and v 256 × 2048, gate, up and down 2048 × 16384.
GEMMA_LINEAR = 18 * (2 * 2048 * 2048 + 2 * 256 * 2048 + 3 * 2048 * 16384)
GEMMA_SIDES = 18 * (2 * (2048 + 2048) + 2 * (256 + 2048) + 3 * (2048 + 16384))


def gemma() -> TensorTable:
    tensors = {}
    for name, code, shape in gemma_2b_tensors():
        assert code == "BF16"
        elements = 1
        for size in shape:
            elements *= size
        tensors[name] = TensorKind("bfloat16", tuple(shape), elements, 2 * elements)
    return TensorTable({"model.safetensors": tensors})


def test_inference_is_weights_and_cache() -> None:
    cache = KvCache("bfloat16", (LayerGroup(18, 2 * 256, None),), latent=False, constant_state=False)
    found = inference(2 * GEMMA, "bfloat16", cache, Usage(1000, 3))
    assert found.parts == {"weights": 2 * GEMMA, "kv_cache": 3 * 1000 * 18_432}
    assert found.nbytes == 2 * GEMMA + 3 * 1000 * 18_432
    assert "3 × 1,000 tokens" in found.formula


def test_training_by_bytes_per_parameter() -> None:
    each = {estimate.key: estimate.nbytes / GEMMA for estimate in full_training(GEMMA, "bfloat16")}
    assert each == {
        "training_pure": 8,
        "training_mixed": 16,
        "training_float32": 16,
        "training_adam8bit": 10,
    }
    assert "training_pure" not in {estimate.key for estimate in full_training(GEMMA, "float32")}
    assert all(estimate.source and estimate.formula for estimate in full_training(GEMMA, "float16"))


def test_linear_layers_of_gemma() -> None:
    """PEFT reports 9,805,824 trainable parameters for rank 8 on all linear layers of Gemma 2B."""
    found = linear_layers(gemma())
    assert found == (18 * 7, GEMMA_LINEAR, GEMMA_SIDES)
    assert found.lora_parameters(8) == 9_805_824


def test_adapters() -> None:
    lora = lora_training(2 * GEMMA, "bfloat16", 1000)
    assert lora.nbytes == 2 * GEMMA + 16 * 1000
    qlora = qlora_training(GEMMA, GEMMA_LINEAR, 1000)
    # 4 bits, 8 bits a block of 64, 32 bits 256 of these: 4.127 bits (QLoRA, section 3).
    assert qlora.parts["weights"] == pytest.approx(
        GEMMA_LINEAR * 4.127 / 8 + 2 * (GEMMA - GEMMA_LINEAR), rel=1e-4
    )


def test_largest_tensors() -> None:
    names = [name for name, _ in gemma().largest(3)]
    assert names[0] == "model.embed_tokens.weight"
    assert all(".mlp." in name for name in names[1:])
    assert len(gemma().largest(10_000)) == 164
    assert TensorTable({}).largest(3) == []


def test_blocks() -> None:
    layer = (GEMMA - 256_000 * 2048 - 2048) // 18
    assert blocks(gemma()) == [
        Block("model.embed_tokens", 1, 1, 256_000 * 2048, 2 * 256_000 * 2048),
        Block("model.layers.0-17", 18, 162, 18 * layer, 36 * layer),
        Block("model.norm", 1, 1, 2048, 4096),
    ]


def test_blocks_of_a_model_without_layers() -> None:
    kind = TensorKind("float32", (2, 2), 4, 16)
    table = TensorTable({"x": {"a.b.weight": kind, "a.c.weight": kind, "scale": kind}})
    assert blocks(table) == [Block("a", 1, 2, 8, 32), Block("scale", 1, 1, 4, 16)]
