"""The architectures of published models, from configs equal to theirs."""

from __future__ import annotations

from typing import Any

import pytest
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from tests.libraries.worker.reference import VERSION
from tests.support.published import GEMMA_2B, PARAMETERS
from tests.support.worker_process import WorkerProcess

# What the notebook that this tool comes from shows.
_NOTEBOOK = """\
GemmaForCausalLM(
  (model): GemmaModel(
    (embed_tokens): Embedding(256000, 2048, padding_idx=0)
    (layers): ModuleList(
      (0-17): 18 x GemmaDecoderLayer(
        (self_attn): GemmaSdpaAttention(
          (q_proj): Linear(in_features=2048, out_features=2048, bias=False)
          (k_proj): Linear(in_features=2048, out_features=256, bias=False)
          (v_proj): Linear(in_features=2048, out_features=256, bias=False)
          (o_proj): Linear(in_features=2048, out_features=2048, bias=False)
          (rotary_emb): GemmaRotaryEmbedding()
        )
        (mlp): GemmaMLP(
          (gate_proj): Linear(in_features=2048, out_features=16384, bias=False)
          (up_proj): Linear(in_features=2048, out_features=16384, bias=False)
          (down_proj): Linear(in_features=16384, out_features=2048, bias=False)
          (act_fn): GELUActivation()
        )
        (input_layernorm): GemmaRMSNorm()
        (post_attention_layernorm): GemmaRMSNorm()
      )
    )
    (norm): GemmaRMSNorm()
  )
  (lm_head): Linear(in_features=2048, out_features=256000, bias=False)
)"""
_OUTPUT_SIZES = (
    _NOTEBOOK.replace("GemmaSdpaAttention", "GemmaAttention")
    .replace("          (rotary_emb): GemmaRotaryEmbedding()\n", "")
    .replace("GemmaRMSNorm()", "GemmaRMSNorm((2048,), eps=1e-06)")
    .replace(
        "    (norm): GemmaRMSNorm((2048,), eps=1e-06)\n",
        "    (norm): GemmaRMSNorm((2048,), eps=1e-06)\n    (rotary_emb): GemmaRotaryEmbedding()\n",
    )
)
_NEWEST = _OUTPUT_SIZES.replace("): Embedding(", "): GemmaTextScaledWordEmbedding(").replace(
    "GELUActivation", "GELUTanh"
)
# By the version's text and the dtype in which a call that gives none loads.
GEMMA = {(4, 38): (_NOTEBOOK, "float32"), (4, 57): (_OUTPUT_SIZES, "float32"), (5, 23): (_NEWEST, "bfloat16")}


def test_gemma_as_the_notebook_prints_it(worker: WorkerProcess) -> None:
    text, dtype = GEMMA[VERSION]
    answer = worker.ask("architecture", config=GEMMA_2B, builder="AutoModelForCausalLM")
    assert answer["text"] == text
    assert answer["dtype"] == dtype
    assert answer["class"] == "GemmaForCausalLM"
    assert answer["tied"] == [["model.embed_tokens.weight", "lm_head.weight"]]
    (embeddings,) = [row for row in answer["classes"] if row["name"] == "GemmaModel"]
    assert embeddings["file"].endswith("modeling_gemma.py")
    with open(embeddings["file"], encoding="utf-8") as source:
        assert source.readlines()[embeddings["line"] - 1].startswith("class GemmaModel(")


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters(name: str, worker: WorkerProcess) -> None:
    """Quantised ones have their logical parameters, with or without what runs their kernels."""
    config, parameters = PARAMETERS[name]
    if config["model_type"] not in CONFIG_MAPPING:
        pytest.skip("younger than this version of transformers")
    quantized = "quantization_config" in config
    checkpoint: dict[str, Any] = {"kinds": [["bfloat16", [1], 2, "another"]], "packed": quantized}
    answer = worker.ask("architecture", config=config, checkpoint=checkpoint)
    assert answer["parameters"] == parameters
    assert answer["tree"]["elements"] == parameters
    assert (answer["bytes"] is None) == quantized
    if quantized and not answer["quantized"]:
        assert answer["notes"] == [
            "modules are shown as without quantisation: the quantiser failed: "
            "ModuleNotFoundError: No module named 'triton'"
        ]
