"""How many parameters a LoRA has, as PEFT itself makes it."""

from __future__ import annotations

import sys
from pathlib import Path

import peft
import pytest
import transformers
from safetensors.torch import save_model

from model_loupe.domain.loading import LoadOptions
from model_loupe.inspector import Inspector, ModelRequest
from model_loupe.inspector.argument_effects import Asked, argument_effect

SIZES = {"hidden_size": 32, "num_attention_heads": 4, "num_key_value_heads": 2, "num_hidden_layers": 3}


@pytest.mark.parametrize("target_modules", [None, ["q_proj", "v_proj", "down_proj"]])
def test_the_parameters_are_those_that_peft_makes(tmp_path: Path, target_modules: list[str] | None) -> None:
    config = transformers.LlamaConfig(intermediate_size=48, vocab_size=64, **SIZES)
    model = transformers.LlamaForCausalLM(config)
    config.save_pretrained(tmp_path)
    save_model(model, str(tmp_path / "model.safetensors"))
    made = peft.get_peft_model(model, peft.LoraConfig(r=4, target_modules=target_modules))
    trainable, _ = made.get_nb_trainable_parameters()
    description = Inspector(trees=False).describe(ModelRequest(str(tmp_path)))
    beside = {} if target_modules is None else {"target_modules": repr(target_modules)}
    asked = Asked(description, LoadOptions(), "r", "4", tuple(sys.path), sys.executable, beside)
    [line] = argument_effect(asked)
    assert line.startswith(f"{trainable:,} trainable parameters")
