"""What hovers and rows say of a model's parts, from headers alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from model_loupe.domain.memory import Wanted
from model_loupe.inspector import Asked, Inspector, ModelRequest, part_card
from tests.support import checkpoints as made
from tests.support.published import DEEPSEEK_V3, GEMMA_2B
from tests.unit.inspector.test_tree import by_label, open_path


@pytest.fixture(scope="module")
def gemma_2b(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made.write_checkpoint(tmp_path_factory.mktemp("gemma") / "g", GEMMA_2B, made.gemma_2b_tensors())


def hover(folder: Path, *parts: str | int, wanted: Wanted | None = None) -> str:
    description = Inspector().describe(ModelRequest(str(folder)))
    return part_card(description, parts, Asked(wanted or Wanted())) or ""


def test_a_matrix_says_what_it_does_and_costs(gemma_2b: Path) -> None:
    shown = hover(gemma_2b, "model", "layers", 3, "self_attn", "k_proj")
    assert "Makes the keys of attention" in shown
    assert "weight (256, 2048): **hidden 2,048 → 1 KV head × 256**; 8 query heads share it" in shown
    assert "0.0209 % of the model's 2.51 B parameters" in shown
    # 2 × 256 × 2,048
    assert "1.05 M FLOPs per token" in shown
    assert "Output (1, 8192, 256) bfloat16: 4.00 MiB at 1 × 8,192 tokens" in shown
    asked = hover(gemma_2b, "model", "layers", 3, "self_attn", "k_proj", wanted=Wanted(1000, 4))
    assert "Output (4, 1000, 256) bfloat16: 1.95 MiB at 4 × 1,000 tokens" in asked
    assert hover(gemma_2b, "model", "layers", 3, "self_attn", "k_proj", "weight").count("KV head × 256") == 1


def test_a_layer_is_broken_down(gemma_2b: Path) -> None:
    layer = hover(gemma_2b, "model", "layers", 0)
    assert "One layer of the stack" in layer
    # 2 × (2 × 2,048² + 2 × 256 × 2,048 + 3 × 16,384 × 2,048), and 4 × 8 heads × 256
    assert "220.20 M FLOPs per token in matrices, and 8.19 K for each token attended to" in layer
    mlp = hover(gemma_2b, "model", "layers", 0, "mlp")
    assert "| down_proj | intermediate 16,384 → hidden 2,048 · 33,554,432 elements · 64.00 MiB |" in mlp
    assert "Feed-forward network" in mlp


def test_a_head_that_no_file_stores_is_explained_too(gemma_2b: Path) -> None:
    shown = hover(gemma_2b, "lm_head")
    assert "**hidden 2,048 → vocabulary 256,000**" in shown
    assert "lm_head.weight is tied to model.embed_tokens.weight" in shown
    assert "**vocabulary 256,000 by hidden 2,048**" in hover(gemma_2b, "model", "embed_tokens")


def test_rows_of_the_tree_tell_it_in_their_tooltips(gemma_2b: Path) -> None:
    inspector = Inspector()
    root = inspector.root(ModelRequest(str(gemma_2b)))
    rows = by_label(open_path(inspector, root, "Architecture", "model", "layers", "0-17: 18 ×", "self_attn"))
    assert "**8 heads × 256 → hidden 2,048**" in rows["o_proj"].tooltip


def test_what_is_not_certain_is_left_out(tmp_path: Path) -> None:
    tensors = [
        ("model.layers.0.self_attn.q_proj.weight", "BF16", [2047, 2048]),
        ("quux.weight", "BF16", [3, 2048]),
    ]
    folder = made.write_checkpoint(tmp_path / "odd", GEMMA_2B, tensors)
    for parts in (("model", "layers", 0, "self_attn", "q_proj"), ("quux",)):
        shown = hover(folder, *parts)
        assert shown
        assert "FLOPs" not in shown
        assert "→" not in shown


def test_an_expert_costs_those_tokens_that_meet_it(tmp_path: Path) -> None:
    prefix = "model.layers.5.mlp"
    tensors = [(f"{prefix}.gate.weight", "BF16", [256, 7168])]
    for number in range(256):
        tensors += [
            (f"{prefix}.experts.{number}.{name}_proj.weight", "BF16", [2048, 7168]) for name in ("gate", "up")
        ]
    folder = made.write_checkpoint(tmp_path / "moe", DEEPSEEK_V3, tensors)
    # 2 × (256 × 7,168 + 8 × 2 × 2,048 × 7,168)
    whole = hover(folder, "model", "layers", 5, "mlp")
    assert "473.43 M FLOPs per token in matrices" in whole
    assert "Mixture of experts" in whole
    one = hover(folder, "model", "layers", 5, "mlp", "experts", 7)
    assert "58.72 M FLOPs per token that is sent here" in one


def test_stacked_experts_cost_as_many_as_are_chosen(tmp_path: Path) -> None:
    tensors = [("model.layers.5.mlp.experts.gate_up_proj", "BF16", [256, 4096, 7168])]
    folder = made.write_checkpoint(tmp_path / "moe", DEEPSEEK_V3, tensors)
    # 2 × 8 × 4,096 × 7,168
    shown = hover(folder, "model", "layers", 5, "mlp", "experts", "gate_up_proj")
    assert "469.76 M FLOPs per token in matrices" in shown
