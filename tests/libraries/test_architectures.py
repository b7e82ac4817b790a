"""Parameters of a hundred architectures, counted from headers alone and by the real model of transformers.

Each is built with its default config on the meta device, which takes no memory; what would be saved of it is
written as headers over sparse files.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from transformers import DetrConfig, ResNetConfig

from model_loupe.inspector import Inspector, ModelRequest
from tests.libraries.architectures import classes_of, on_meta, parameters_of, save_headers

MODEL_TYPES = """
albert apertus bart bert blip blip-2 bloom clap clip codegen cohere2 convnext convnextv2 cvt
data2vec-text deberta deberta-v2 deepseek_v2 deepseek_v3 deit dinov2 distilbert donut-swin efficientnet
electra encodec ernie4_5_moe falcon falcon_mamba florence2 fnet gemma gemma2 gemma3 gemma4 glm4 glm4_moe
gpt2 gpt_bigcode gpt_neo gpt_neox gpt_oss gptj granitemoehybrid groupvit hubert ibert idefics3 internvl
jamba lfm2 llama llama4 llava llava_next led longformer m2m_100 mamba mamba2 mbart mimi minimax minimax_m2
mistral mixtral mllama mobilenet_v2 mobilevit modernbert moonshine mpt mt5 musicgen nemotron_h olmo2 olmoe
opt paligemma pegasus phi phi3 phimoe pixtral poolformer qwen2 qwen2_5_vl qwen2_audio qwen2_vl qwen3
qwen3_moe qwen3_next qwen3_vl recurrent_gemma regnet rembert resnet roberta roformer rt_detr rwkv sam sam2
seamless_m4t segformer siglip siglip2 smollm3 speecht5 squeezebert stablelm starcoder2 swin swinv2 t5
timesformer trocr univnet vilt vit vit_mae vits wav2vec2 wavlm whisper xglm xlm xlm-roberta xlnet yolos
zamba2
"""
CLASSES = [name for kind in MODEL_TYPES.split() for name in classes_of(kind)[:1]]
CLASSES += [name for kind in ("bert", "clip", "gpt2", "t5", "wav2vec2") for name in classes_of(kind)[1:]]


@pytest.mark.parametrize("class_name", dict.fromkeys(CLASSES))
def test_parameters_are_those_of_the_real_model(class_name: str, tmp_path: Path) -> None:
    model = on_meta(class_name)
    count = Inspector().describe(ModelRequest(str(save_headers(model, tmp_path)))).parameters
    assert count.total == parameters_of(model)
    assert count.exact, count.reason


def test_frozen_batch_norms_are_buffers(tmp_path: Path) -> None:
    backbone = ResNetConfig(out_features=["stage4"])
    model = on_meta("DetrForObjectDetection", DetrConfig(use_timm_backbone=False, backbone_config=backbone))
    assert any(name.endswith("normalization.weight") for name, _ in model.named_buffers())
    count = Inspector().describe(ModelRequest(str(save_headers(model, tmp_path)))).parameters
    assert count.total == parameters_of(model)
