"""Models of transformers built without memory, and the files that save_pretrained would write of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import PretrainedConfig, PreTrainedModel
from transformers.core_model_loading import revert_weight_conversion
from transformers.models.auto import modeling_auto

from tests.support.checkpoints import write_safetensors

CODES = {
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
_HEADS = (
    modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    modeling_auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES,
    modeling_auto.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES,
    modeling_auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES,
    modeling_auto.MODEL_FOR_SPEECH_SEQ_2_SEQ_MAPPING_NAMES,
    modeling_auto.MODEL_FOR_CTC_MAPPING_NAMES,
    modeling_auto.MODEL_FOR_OBJECT_DETECTION_MAPPING_NAMES,
    modeling_auto.MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES,
    modeling_auto.MODEL_MAPPING_NAMES,
)


def classes_of(model_type: str) -> list[str]:
    """The class with the most usual head, and the one without."""
    named = [heads.get(model_type) for heads in _HEADS]
    names = [name for each in named for name in (each if isinstance(each, (list, tuple)) else [each]) if name]
    return list(dict.fromkeys((names[0], names[-1])))


def on_meta(class_name: str, config: PretrainedConfig | None = None) -> PreTrainedModel:
    """A model without memory for its weights, as ``from_pretrained`` would build it."""
    cls = getattr(transformers, class_name)
    with torch.device("meta"):
        return cls(config or cls.config_class())


def parameters_of(model: PreTrainedModel) -> int:
    """Each parameter once, however many names it has."""
    return sum(parameter.numel() for parameter in model.parameters())


def save_headers(model: PreTrainedModel, folder: Path) -> Path:
    """What ``save_pretrained`` writes, but for the data: tied tensors once, under the names of the Hub."""
    named = dict(model.named_parameters(remove_duplicate=False))
    first = {id(parameter): name for name, parameter in reversed(named.items())}
    # Of tied tensors the one stays that the others are tied to.
    sources = {
        id(named[source]): source for source in model.all_tied_weights_keys.values() if source in named
    }
    kept = {**first, **sources}
    ignored = model._keys_to_ignore_on_save or ()
    tensors = {
        name: tensor
        for name, tensor in model.state_dict().items()
        if (name not in named or kept[id(named[name])] == name) and name not in ignored
    }
    saved = revert_weight_conversion(model, tensors)
    folder.mkdir(parents=True, exist_ok=True)
    write_safetensors(
        folder / "model.safetensors",
        [(name, CODES[tensor.dtype], list(tensor.shape)) for name, tensor in saved.items()],
    )
    (folder / "config.json").write_text(json.dumps(config_json(model)))
    return folder


def config_json(model: PreTrainedModel) -> dict[str, Any]:
    config: dict[str, Any] = json.loads(model.config.to_json_string(use_diff=False))
    return {**config, "architectures": [type(model).__name__]}
