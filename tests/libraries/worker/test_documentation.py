"""What is read off the source of the installed libraries, under each version of transformers."""

from __future__ import annotations

import importlib
import inspect
import json
import math
import sys
from pathlib import Path
from typing import Any

import pytest
import transformers
from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

from model_loupe.diagnostics.config_files import problems
from model_loupe.diagnostics.rules import RULES
from model_loupe.domain.loading import LoadOptions
from model_loupe.inspector import Inspector, ModelRequest
from model_loupe.inspector.argument_effects import Asked
from model_loupe.inspector.arguments import argument_card, keywords, signature, values
from model_loupe.inspector.config_cards import field_card
from model_loupe.inspector.config_completions import field_completions, value_completions
from model_loupe.inspector.config_files import ConfigFile
from model_loupe.inspector.installed.callables import callable_named
from model_loupe.inspector.installed.choices import activations, model_classes, rope_types
from model_loupe.inspector.installed.configs import config_class, field_doc, model_types
from model_loupe.inspector.installed.model_classes import attention_of
from tests.support.checkpoints import write_checkpoint

FOLDERS = tuple(sys.path)
VERSION = transformers.__version__
IS_4 = VERSION.startswith("4.")
# The share of the fields of all config classes that have documentation, as reached by each version.
REACHED = {"4.38.0": 0.992, "4.57": 0.994, "5": 0.999}
# The library itself says nothing of a fifth of its fields.
SILENT = {"Qwen3OmniMoeConfig"}

# As published, and three fields that the file leaves to the class.
GEMMA: dict[str, Any] = {
    "architectures": ["GemmaForCausalLM"],
    "attention_bias": False,
    "attention_dropout": 0.0,
    "bos_token_id": 2,
    "eos_token_id": 1,
    "head_dim": 256,
    "hidden_act": "gelu",
    "hidden_size": 2048,
    "initializer_range": 0.02,
    "intermediate_size": 16384,
    "max_position_embeddings": 8192,
    "model_type": "gemma",
    "num_attention_heads": 8,
    "num_hidden_layers": 18,
    "num_key_value_heads": 1,
    "pad_token_id": 0,
    "rms_norm_eps": 1e-06,
    "rope_scaling": None,
    "rope_theta": 10000.0,
    "torch_dtype": "bfloat16",
    "transformers_version": "4.38.0.dev0",
    "use_cache": True,
    "vocab_size": 256000,
    "tie_word_embeddings": True,
    "is_encoder_decoder": False,
    "output_hidden_states": False,
    "chunk_size_feed_forward": 0,
}
# What follows from a field of it, where something does.
FOLLOWS = {
    "head_dim": "8 heads × 256 = 2,048",
    "hidden_size": "8 heads × 256 = 2,048",
    "intermediate_size": "8 × the hidden size of 2,048",
    "max_position_embeddings": "KV cache of 8,192 tokens: 144.00 MiB",
    "num_attention_heads": "8 heads × 256 = 2,048",
    "num_hidden_layers": "18,432 bytes per token",
    "num_key_value_heads": "8 query heads share each KV head (multi-query attention)",
    "vocab_size": "256,000 × 2,048 = 524,288,000",
    "tie_word_embeddings": "same matrix",
    "torch_dtype": "loads float32" if IS_4 else "loads bfloat16",
    "bos_token_id": "2 is &lt;bos&gt;",
    "transformers_version": f"transformers {VERSION} is installed here",
    "model_type": f"GemmaConfig of transformers {VERSION}",
}


@pytest.fixture(scope="module")
def gemma(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "gemma-2b-it"
    layer = [
        ("self_attn.q_proj.weight", (2048, 2048)),
        ("self_attn.k_proj.weight", (256, 2048)),
        ("self_attn.v_proj.weight", (256, 2048)),
        ("self_attn.o_proj.weight", (2048, 2048)),
        ("mlp.gate_proj.weight", (16384, 2048)),
        ("mlp.up_proj.weight", (16384, 2048)),
        ("mlp.down_proj.weight", (2048, 16384)),
        ("input_layernorm.weight", (2048,)),
        ("post_attention_layernorm.weight", (2048,)),
    ]
    names = [(f"model.layers.{number}.{name}", shape) for number in range(18) for name, shape in layer]
    tensors = [("model.embed_tokens.weight", (256000, 2048)), ("model.norm.weight", (2048,)), *names]
    write_checkpoint(folder, GEMMA, [(name, "BF16", shape) for name, shape in tensors], shards=2)
    tokens = {"2": {"content": "<bos>"}, "1": {"content": "<eos>"}}
    (folder / "tokenizer_config.json").write_text(json.dumps({"added_tokens_decoder": tokens}))
    return folder


def config_file(folder: Path, **changes: Any) -> ConfigFile:
    return ConfigFile(str(folder / "config.json"), {**GEMMA, **changes})


def test_nearly_every_field_of_every_config_class_is_documented(capsys: pytest.CaptureFixture[str]) -> None:
    documented = fields = 0
    below: dict[str, float] = {}
    for model_type in model_types(FOLDERS):
        owner = config_class(FOLDERS, model_type)
        assert owner is not None, model_type
        said = [is_said(owner, name) for name in owner.fields]
        documented, fields = documented + sum(said), fields + len(said)
        if said and sum(said) < 0.9 * len(said):
            below[owner.name] = sum(said) / len(said)
    share = documented / fields
    with capsys.disabled():
        print(f"\ntransformers {VERSION}: {documented:,} of {fields:,} fields documented ({share:.1%})")
    assert below.keys() <= SILENT, below
    assert share >= next(least for start, least in REACHED.items() if VERSION.startswith(start))


def is_said(owner: Any, name: str) -> bool:
    doc = field_doc(FOLDERS, owner, name)
    # Which no class says anything of, and the card explains in its own words.
    return bool(doc and doc.text) or name == "transformers_version"


def test_every_model_type_has_the_class_that_transformers_gives_it() -> None:
    assert dict(CONFIG_MAPPING_NAMES).items() <= model_types(FOLDERS).items()


@pytest.mark.parametrize("model_type", ["gemma", "llama", "gpt2", "t5", "bert", "mixtral", "whisper"])
def test_defaults_are_those_of_an_instance(model_type: str) -> None:
    owner = config_class(FOLDERS, model_type)
    assert owner is not None
    made = getattr(importlib.import_module(owner.module), owner.name)()
    docs = [field_doc(FOLDERS, owner, name) for name in owner.fields if hasattr(made, name)]
    numbers = {doc.name: float(doc.default) for doc in docs if doc and is_number(doc.default)}
    assert len(numbers) > 8
    assert {name: getattr(made, name) for name in numbers} == numbers


def is_number(source: str | None) -> bool:
    try:
        return math.isfinite(float(source or ""))
    except ValueError:
        return False


@pytest.mark.parametrize("name", GEMMA)
def test_the_notebooks_config_fields_explain_themselves(gemma: Path, name: str) -> None:
    card = field_card(FOLDERS, config_file(gemma), (name,))
    assert card is not None
    assert card.startswith(f"**{name}** = `")
    assert FOLLOWS.get(name, "") in card
    assert f"transformers {VERSION}" in card


def test_a_value_is_held_against_its_default(gemma: Path) -> None:
    file = config_file(gemma)
    assert "default `3072`" in str(field_card(FOLDERS, file, ("hidden_size",)))
    assert "the default" in str(field_card(FOLDERS, file, ("rms_norm_eps",)))


def test_names_that_the_version_has_superseded_are_told(gemma: Path) -> None:
    card = str(field_card(FOLDERS, config_file(gemma), ("torch_dtype",)))
    found = [problem.parts[-1] for problem in problems(FOLDERS, config_file(gemma)) if problem.replace]
    is_old = "The `dtype` of the weights" in card and "Called `dtype` since" in card
    assert is_old == (VERSION not in ("4.38.0",))
    assert ("torch_dtype" in found) == is_old


# Of the notebook's call and of those it could have made, and what each does to this model.
ARGUMENTS = {
    "torch_dtype": ("torch.bfloat16", "bfloat16, 4.67 GiB (given in the call)"),
    "device_map": ('"auto"', ""),
    "load_in_8bit": ("True", "int8: 4.67 GiB become"),
    "load_in_4bit": ("True", "fp4: 4.67 GiB become"),
    "attn_implementation": ('"sdpa"', "GemmaForCausalLM can use eager, sdpa"),
    "quantization_config": ("None", ""),
    "low_cpu_mem_usage": ("True", "" if IS_4 else "does nothing with it"),
    "max_memory": ("{0: '8GiB'}", ""),
    "offload_folder": ('"offload"', ""),
    "offload_state_dict": ("True", "" if IS_4 else "does nothing with it"),
    "revision": ('"main"', "branch name, a tag name, or a commit id"),
    "trust_remote_code": ("True", "names no code of the repository"),
    "use_safetensors": ("True", "Weights are read from model-00001-of-00002.safetensors"),
    "variant": ("None", "Weights are read from"),
    "subfolder": ('""', "Weights are read from"),
    "cache_dir": ('"/tmp"', "Path to a directory"),
    "local_files_only": ("True", "only look at local files"),
    "token": ("None", "HTTP bearer authorization"),
}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_the_notebooks_arguments_explain_themselves(gemma: Path, name: str) -> None:
    value, says = ARGUMENTS[name]
    description = Inspector(trees=False).describe(ModelRequest(str(gemma)))
    options = LoadOptions(dtype="bfloat16") if name == "torch_dtype" else LoadOptions()
    asked = Asked(description, options, name, value, FOLDERS, sys.executable)
    card = argument_card(FOLDERS, "transformers.AutoModelForCausalLM.from_pretrained", name, asked)
    assert card is not None
    assert card.startswith(f"**{name}**")
    assert says in card
    assert f"transformers {VERSION}" in card
    assert len(card) > 100


def test_a_field_of_the_config_is_an_argument_too(gemma: Path) -> None:
    description = Inspector(trees=False).describe(ModelRequest(str(gemma)))
    asked = Asked(description, LoadOptions(), "num_labels", "3", FOLDERS, sys.executable)
    card = argument_card(FOLDERS, "transformers.AutoModelForCausalLM.from_pretrained", "num_labels", asked)
    assert "Number of labels" in str(card)


@pytest.mark.parametrize(
    ("callee", "function"),
    [
        ("transformers.pipeline", transformers.pipeline),
        ("transformers.BitsAndBytesConfig", transformers.BitsAndBytesConfig.__init__),
        ("transformers.AutoTokenizer.from_pretrained", transformers.AutoTokenizer.from_pretrained),
        ("transformers.PreTrainedModel.generate", transformers.GenerationMixin.generate),
        ("transformers.TrainingArguments", transformers.TrainingArguments.__init__),
    ],
)
def test_a_call_takes_what_python_says_that_it_takes(callee: str, function: Any) -> None:
    found = callable_named(FOLDERS, callee)
    assert found is not None
    expected = [
        name
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY) and name != "self"
    ]
    assert [name for name in found.parameters if name in expected] == expected
    shown = signature(FOLDERS, callee)
    assert shown is not None and shown.label.startswith(found.name + "(")


def test_every_argument_of_generate_is_documented() -> None:
    found = keywords(FOLDERS, "transformers.PreTrainedModel.generate", ())
    assert {"max_new_tokens", "do_sample", "temperature", "top_p"} <= {
        each.name for each in found if each.text
    }


def test_values_are_those_that_the_version_knows() -> None:
    assert set(activations(FOLDERS)) == set(transformers.activations.ACT2FN)
    assert "linear" in rope_types(FOLDERS)
    assert "GemmaForCausalLM" in model_classes(FOLDERS, "gemma")
    offered = values(FOLDERS, "transformers.AutoModelForCausalLM.from_pretrained", "device_map", quoted=True)
    assert "auto" in [each.name for each in offered]
    dtype = values(FOLDERS, "transformers.AutoModelForCausalLM.from_pretrained", "torch_dtype", quoted=False)
    assert "torch.bfloat16" in [each.name for each in dtype]


@pytest.mark.parametrize("class_name", ["GemmaForCausalLM", "T5ForConditionalGeneration", "GPT2LMHeadModel"])
def test_attention_is_what_the_class_says_of_itself(class_name: str) -> None:
    class_ = getattr(transformers, class_name)
    found = attention_of(FOLDERS, class_name, class_.config_class.model_type)
    assert found is not None
    assert ("sdpa" in found.supported) == class_._supports_sdpa
    flash = getattr(class_, "_supports_flash_attn", False) or getattr(class_, "_supports_flash_attn_2", False)
    assert ("flash_attention_2" in found.supported) == flash


def test_completion_offers_the_fields_that_are_missing(gemma: Path) -> None:
    file = config_file(gemma)
    del file.value["num_attention_heads"]
    offered = {each.text: each.documentation for each in field_completions(FOLDERS, file, ())}
    assert "Number of attention heads" in offered["num_attention_heads"]
    assert "hidden_size" not in offered
    acts = [each.text for each in value_completions(FOLDERS, file, ("hidden_act",))]
    assert '"gelu_pytorch_tanh"' in acts
    assert [each.text for each in value_completions(FOLDERS, file, ("use_cache",))] == ["true", "false"]


ROPE = "rope_scaling" if IS_4 else "rope_parameters"
LLAMA = {"model_type": "llama", "architectures": ["LlamaForCausalLM"]}


SEVEN_HEADS = {**LLAMA, "num_attention_heads": 7, "num_key_value_heads": 7}


@pytest.mark.parametrize(
    ("code", "changes", "at"),
    [
        ("config-heads", SEVEN_HEADS, "num_attention_heads"),
        ("config-kv-heads", {"num_key_value_heads": 3}, "num_key_value_heads"),
        ("config-token-id", {"eos_token_id": [1, 256000]}, "eos_token_id"),
        ("config-vocabulary", {"vocab_size": 2, "bos_token_id": 1, "pad_token_id": None}, "vocab_size"),
        ("config-model-type", {"model_type": "gema"}, "model_type"),
        ("config-value", {"hidden_act": "gelly"}, "hidden_act"),
        ("config-value", {"torch_dtype": "float17"}, "torch_dtype"),
        ("config-rope", {**LLAMA, ROPE: {"type": "linear", "rope_type": "linear"}}, ROPE),
        ("config-rope", {**LLAMA, ROPE: {"type": "spiral", "rope_type": "spiral"}}, "rope_type"),
        ("config-layer-types", {"layer_types": ["full_attention"]}, "layer_types"),
    ],
)
def test_what_is_inconsistent_is_found(gemma: Path, code: str, changes: dict[str, Any], at: str) -> None:
    file = config_file(gemma, **changes)
    if changes is SEVEN_HEADS:
        del file.value["head_dim"]
    found = {problem.code: problem for problem in problems(FOLDERS, file)}
    # Llama works out its head_dim by itself by now.
    if changes is SEVEN_HEADS and not VERSION.startswith("4.38"):
        assert code not in found
        return
    assert code in RULES
    assert code in found
    assert found[code].parts[-1] == at


@pytest.mark.parametrize("value", [None, True, -1, 0, 1.5, "x", [], ["x", 1, None], {}, {"x": {"y": []}}])
def test_strange_values_are_no_error(gemma: Path, value: object) -> None:
    for name in [*GEMMA, "layer_types", "rope_parameters", "text_config", "quantization_config", "auto_map"]:
        file = config_file(gemma, **{name: value})
        problems(FOLDERS, file)
        field_card(FOLDERS, file, (name,))
        field_completions(FOLDERS, file, ())
        value_completions(FOLDERS, file, (name,))


def test_what_transformers_itself_publishes_is_not_marked(gemma: Path) -> None:
    assert {problem.code for problem in problems(FOLDERS, config_file(gemma))} <= {"config-superseded"}
    for model_type in ("llama", "gpt2", "bert", "mixtral", "t5"):
        made = transformers.CONFIG_MAPPING[model_type]().to_dict()
        file = ConfigFile(str(gemma.parent / "config.json"), made)
        assert [problem for problem in problems(FOLDERS, file) if problem.code != "config-superseded"] == []


def test_a_quantisers_and_an_adapters_fields_explain_themselves(gemma: Path) -> None:
    quantiser = {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}
    file = config_file(gemma, quantization_config=quantiser)
    card = str(field_card(FOLDERS, file, ("quantization_config", "bnb_4bit_quant_type")))
    assert "FP4 and NF4" in card and "BitsAndBytesConfig" in card
    adapter = ConfigFile(str(gemma / "adapter_config.json"), {"peft_type": "LORA", "r": 16, "lora_alpha": 32})
    card = str(field_card(FOLDERS, adapter, ("r",)))
    assert "alpha / rank = 32 / 16 = 2" in card and "LoraConfig · peft" in card
    offered = {each.text: each.documentation for each in field_completions(FOLDERS, adapter, ())}
    assert offered["target_modules"]
    assert "LoraConfig · peft" in str(argument_card(FOLDERS, "peft.LoraConfig", "r", None))


def test_rope_explains_its_parameters(gemma: Path) -> None:
    llama3 = {"rope_type": "llama3", "factor": 8.0, "original_max_position_embeddings": 8192}
    file = config_file(gemma, **LLAMA, **{ROPE: llama3})
    card = str(field_card(FOLDERS, file, (ROPE, "factor")))
    # Of each parameter alone 4.38 says nothing.
    assert ("scaling factor" in card) != VERSION.startswith("4.38")
    assert "8 × 8,192 = 65,536 positions" in str(field_card(FOLDERS, file, (ROPE,)))
