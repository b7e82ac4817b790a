"""A tiny Llama, and how a quantised copy of it is checked."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors import safe_open
from transformers import LlamaConfig, LlamaForCausalLM

from model_loupe.inspector import Description, Inspector, ModelRequest

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()

HIDDEN, INTERMEDIATE, LAYERS, VOCABULARY = 128, 384, 2, 512
KEPT = {"embed_tokens", "lm_head", "norms"}


def tiny_llama() -> LlamaForCausalLM:
    torch.manual_seed(0)
    config = LlamaConfig(
        hidden_size=HIDDEN,
        intermediate_size=INTERMEDIATE,
        num_hidden_layers=LAYERS,
        num_attention_heads=4,
        num_key_value_heads=2,
        vocab_size=VOCABULARY,
        max_position_embeddings=128,
    )
    return LlamaForCausalLM(config).to(torch.bfloat16)


def linear_parameters(model: torch.nn.Module) -> int:
    """Parameters of what quantisers convert: every linear layer but the head."""
    linears = (module for name, module in model.named_modules() if name != "lm_head")
    return sum(module.weight.numel() for module in linears if is_linear(module))


def is_linear(module: torch.nn.Module) -> bool:
    return isinstance(module, torch.nn.Linear)


TOTAL = tiny_llama().num_parameters()
LINEARS = linear_parameters(tiny_llama())


def described(folder: Path) -> Description:
    return Inspector().describe(ModelRequest(str(folder)))


def assert_counted(folder: Path, bits: float, *, kept: set[str] = KEPT) -> Description:
    """The description of a quantised copy: the model's own counts, and what the file holds to the byte."""
    description = described(folder)
    count = description.parameters
    assert count.exact, count.reason
    assert count.total == TOTAL
    assert count.trainable == TOTAL - LINEARS
    assert count.quantized is not None
    assert count.quantized.parameters == LINEARS
    assert 8 * count.quantized.bytes == bits * LINEARS
    assert set(count.quantized.unquantized) == kept
    assert sum(count.quantized.unquantized.values()) == TOTAL - LINEARS
    stored = tensors_of(folder)
    assert sum(row.elements for row in count.by_dtype.values()) == sum(
        tensor.numel() for tensor in stored.values()
    )
    assert description.stored_bytes == sum(tensor.nbytes for tensor in stored.values())
    assert sum(row.parameters for row in count.by_dtype.values()) == TOTAL
    return description


def tensors_of(folder: Path) -> dict[str, torch.Tensor]:
    """All tensors of a file or of a folder's safetensors files, as safetensors' own reader sees them."""
    found: dict[str, torch.Tensor] = {}
    for path in folder.glob("*.safetensors") if folder.is_dir() else [folder]:
        with safe_open(path, "pt") as file:
            found.update((name, file.get_tensor(name)) for name in file.keys())  # noqa: SIM118
    return found


def quantized_through_transformers(folder: Path, quantization: Any) -> tuple[Path, torch.nn.Module]:
    """Saves the tiny model, loads it quantised, saves that; returns its folder and the model in memory."""
    plain, quantized = folder / "plain", folder / "quantized"
    tiny_llama().save_pretrained(plain)
    model = LlamaForCausalLM.from_pretrained(plain, quantization_config=quantization, dtype=torch.bfloat16)
    model.save_pretrained(quantized)
    return quantized, model


def declare(folder: Path, quantization: dict[str, Any]) -> None:
    """Writes the ``quantization_config`` that transformers writes for a library it saves by itself."""
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config["quantization_config"] = quantization
    path.write_text(json.dumps(config))


def replace_linears(
    model: torch.nn.Module, make: Callable[[torch.nn.Linear], torch.nn.Module]
) -> torch.nn.Module:
    """Puts ``make(linear)`` in the place of every linear layer but the head."""
    for name, module in list(model.named_modules()):
        if is_linear(module) and name != "lm_head":
            model.set_submodule(name, make(module))
    return model
