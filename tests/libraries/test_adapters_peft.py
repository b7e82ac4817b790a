"""Adapters that peft itself saves: our counts are those of its own ``get_nb_trainable_parameters``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from model_loupe.domain.linear import linear_layers
from model_loupe.inspector import Description, Inspector, ModelRequest

SIZES: dict[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 128,
    "tie_word_embeddings": False,
}
CONFIGS = {
    "lora": peft.LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj"]),
    "all-linear": peft.LoraConfig(r=16, target_modules="all-linear", task_type="CAUSAL_LM"),
    "rslora": peft.LoraConfig(r=4, lora_alpha=8, use_rslora=True, target_modules=["q_proj"]),
    "dora": peft.LoraConfig(r=4, use_dora=True, target_modules=["q_proj", "down_proj"]),
    "saved": peft.LoraConfig(r=4, target_modules=["q_proj"], modules_to_save=["lm_head"]),
    "ranks": peft.LoraConfig(r=4, target_modules=["q_proj", "v_proj"], rank_pattern={"q_proj": 8}),
    "bias": peft.LoraConfig(r=4, target_modules=["q_proj"], bias="lora_only"),
    "ia3": peft.IA3Config(target_modules=["k_proj", "down_proj"], feedforward_modules=["down_proj"]),
    "loha": peft.LoHaConfig(r=4, target_modules=["q_proj"]),
    "lokr": peft.LoKrConfig(r=4, target_modules=["q_proj"]),
    "oft": peft.OFTConfig(r=4, oft_block_size=0, target_modules=["q_proj"]),
    "prompt": peft.PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=5),
    "prefix": peft.PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=5),
}


def describe(path: Path) -> Description:
    return Inspector().describe(ModelRequest(str(path)))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    torch.manual_seed(0)
    LlamaForCausalLM(LlamaConfig(**SIZES)).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("name", CONFIGS)
def test_own_parameters(name: str, base: Path, tmp_path: Path) -> None:
    model = peft.get_peft_model(LlamaForCausalLM.from_pretrained(base), CONFIGS[name])
    trainable, _ = model.get_nb_trainable_parameters()
    model.save_pretrained(tmp_path, save_embedding_layers=False)
    description = describe(tmp_path)
    assert (description.parameters.total, description.parameters.exact) == (trainable, True)
    adapter = description.adapter
    assert adapter is not None
    assert adapter.peft_type == CONFIGS[name].peft_type.value
    assert description.base is not None
    assert description.base.parameters.total == sum(
        each.numel() for each in model.base_model.parameters()
    ) - (trainable if CONFIGS[name].peft_type.value not in ("PROMPT_TUNING", "PREFIX_TUNING") else 0)


@pytest.mark.parametrize("name", ["lora", "rslora"])
def test_scaling(name: str, base: Path, tmp_path: Path) -> None:
    model = peft.get_peft_model(LlamaForCausalLM.from_pretrained(base), CONFIGS[name])
    model.save_pretrained(tmp_path)
    adapter = describe(tmp_path).adapter
    layer = model.base_model.model.model.layers[0].self_attn.q_proj
    assert adapter is not None
    assert adapter.scaling == pytest.approx(layer.scaling["default"])


@pytest.mark.parametrize("rank", [1, 16])
def test_all_linear_layers_are_those_of_peft(rank: int, base: Path) -> None:
    """What the estimate of LoRA's memory is made of."""
    config = peft.LoraConfig(r=rank, target_modules="all-linear", task_type="CAUSAL_LM")
    model = peft.get_peft_model(LlamaForCausalLM.from_pretrained(base), config)
    trainable, _ = model.get_nb_trainable_parameters()
    assert linear_layers(describe(base).weights.table).lora_parameters(rank) == trainable
