"""What a call names and gives decides what is built; what a config claims cannot harm."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from tests.libraries.worker.reference import differences
from tests.libraries.worker.tiny import MODELS, saved
from tests.support.worker_process import GIB, WorkerDied, WorkerFailed, WorkerProcess

LLAMA = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], **MODELS["llama"][1]}
BERT = {"model_type": "bert", "architectures": ["BertForMaskedLM"], **MODELS["bert"][1]}


@pytest.mark.parametrize(
    ("builder", "config", "expected"),
    [
        (None, LLAMA, "LlamaForCausalLM"),
        ("AutoModel", LLAMA, "LlamaModel"),
        ("AutoModelForCausalLM", LLAMA, "LlamaForCausalLM"),
        ("AutoModelForSequenceClassification", LLAMA, "LlamaForSequenceClassification"),
        ("LlamaModel", LLAMA, "LlamaModel"),
        ("AutoModelForCausalLMWithValueHead", LLAMA, "LlamaForCausalLM"),
        ("FastLanguageModel", LLAMA, "LlamaForCausalLM"),
        ("SentenceTransformer", BERT, "BertModel"),
        ("CrossEncoder", BERT, "BertForSequenceClassification"),
        ("AutoModelForTokenClassification", BERT, "BertForTokenClassification"),
        ("AutoModelForQuestionAnswering", BERT, "BertForQuestionAnswering"),
        ("BertForNextSentencePrediction", BERT, "BertForNextSentencePrediction"),
        ("NoSuchClass", BERT, "BertForMaskedLM"),
        (None, {**BERT, "architectures": ["NoSuchClass"]}, "BertModel"),
        (None, {**BERT, "architectures": None}, "BertModel"),
        (None, {**BERT, "architectures": "BertForMaskedLM"}, "BertModel"),
    ],
)
def test_class(builder: str | None, config: dict[str, Any], expected: str, worker: WorkerProcess) -> None:
    assert worker.ask("architecture", config=config, builder=builder)["class"] == expected


@pytest.mark.parametrize(
    ("task", "config", "expected"),
    [
        ("text-generation", LLAMA, "LlamaForCausalLM"),
        ("feature-extraction", LLAMA, "LlamaModel"),
        ("text-classification", BERT, "BertForSequenceClassification"),
        ("sentiment-analysis", BERT, "BertForSequenceClassification"),
        ("ner", BERT, "BertForTokenClassification"),
        ("fill-mask", BERT, "BertForMaskedLM"),
        ("no-such-task", BERT, "BertForMaskedLM"),
    ],
)
def test_pipeline(task: str, config: dict[str, Any], expected: str, worker: WorkerProcess) -> None:
    answer = worker.ask("architecture", config=config, builder="pipeline", task=task)
    assert answer["class"] == expected


OVERRIDES: list[tuple[str, dict[str, Any]]] = [
    ("AutoModelForSequenceClassification", {"num_labels": 7}),
    ("AutoModelForSequenceClassification", {"id2label": {"0": "a", "1": "b", "2": "c"}}),
    ("AutoModelForMaskedLM", {"num_hidden_layers": 1, "vocab_size": 50}),
    ("AutoModel", {"add_pooling_layer": False}),
    ("BertModel", {"hidden_size": 64}),
    ("AutoModel", {"trust_remote_code": False, "local_files_only": True, "device_map": None}),
]


@pytest.mark.parametrize(("builder", "overrides"), OVERRIDES, ids=str)
def test_overrides(
    builder: str, overrides: dict[str, Any], worker: WorkerProcess, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The tree is that of the object which the same call makes."""
    folder = saved("bert", "float32", tmp_path_factory.mktemp("checkpoints"))
    config = json.loads((folder / "config.json").read_text())
    ask = {"config": config, "builder": builder, "overrides": overrides}
    model = getattr(transformers, builder).from_pretrained(folder, ignore_mismatched_sizes=True, **overrides)
    assert not list(differences(worker.ask("architecture", **ask), model))


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_attention(attention: str, worker: WorkerProcess, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Version 4.38 has a class for each."""
    folder = saved("llama", "float32", tmp_path_factory.mktemp("checkpoints"))
    arguments = {"attn_implementation": attention}
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, **arguments)
    answer = worker.ask(
        "architecture",
        config=json.loads((folder / "config.json").read_text()),
        builder="AutoModelForCausalLM",
        overrides=arguments,
    )
    assert not list(differences(answer, model))


def test_auto_class_without_this_model(worker: WorkerProcess) -> None:
    with pytest.raises(WorkerFailed) as caught:
        worker.ask("architecture", config=BERT, builder="AutoModelForImageClassification")
    assert caught.value.code == "wrong-auto-class"
    assert (
        caught.value.message
        == "AutoModelForImageClassification takes no BertConfig: from_pretrained of this call fails"
    )


def test_code_of_the_repository_is_not_run(worker: WorkerProcess, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    code = tmp_path / "modeling_custom.py"
    code.write_text(f"open({str(marker)!r}, 'w').close()\n")
    auto_map = {
        "AutoConfig": "modeling_custom.CustomConfig",
        "AutoModelForCausalLM": "modeling_custom.CustomForCausalLM",
    }
    for config in ({"model_type": "custom", "auto_map": auto_map}, {"auto_map": auto_map}):
        with pytest.raises(WorkerFailed) as caught:
            worker.ask("architecture", config=config, name=str(tmp_path))
        assert caught.value.code == "remote-code"
        with pytest.raises(WorkerFailed) as caught:
            worker.ask(
                "architecture",
                config=config,
                name=str(tmp_path),
                builder="AutoModelForCausalLM",
                overrides={"trust_remote_code": True, "code_revision": "main"},
            )
        assert caught.value.code == "remote-code"
    for overrides in ({}, {"trust_remote_code": True}):
        native = worker.ask(
            "architecture",
            config={**LLAMA, "auto_map": auto_map},
            builder="AutoModelForCausalLM",
            overrides=overrides,
        )
        assert native["class"] == "LlamaForCausalLM"
    assert not marker.exists()


def test_unknown_model_type(worker: WorkerProcess) -> None:
    with pytest.raises(WorkerFailed) as caught:
        worker.ask("architecture", config={"model_type": "from_the_future"})
    assert caught.value.code == "unknown-model-type"
    assert transformers.__version__ in caught.value.message


def nested(depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for _ in range(depth):
        found = {"text_config": found}
    return found


HOSTILE: dict[str, Any] = {
    "negative size": {**LLAMA, "hidden_size": -32},
    "negative layers": {**LLAMA, "vocab_size": -1},
    "zero heads": {**LLAMA, "num_attention_heads": 0},
    "text for a number": {**LLAMA, "hidden_size": "many"},
    "list for a number": {**LLAMA, "num_hidden_layers": [1, 2]},
    "null for a number": {**LLAMA, "intermediate_size": None},
    "fraction for a number": {**LLAMA, "hidden_size": 32.5},
    "number for a text": {**LLAMA, "hidden_act": 5},
    "unknown activation": {**LLAMA, "hidden_act": "__import__('os')"},
    "overflowing size": {**LLAMA, "hidden_size": 2**62, "vocab_size": 2**62},
    "number beyond 64 bits": {**LLAMA, "vocab_size": 10**40},
    "number for a dtype": {**LLAMA, "torch_dtype": 5},
    "unknown dtype": {**LLAMA, "torch_dtype": "float7"},
    "list for the dtype": {**LLAMA, "torch_dtype": ["float16"]},
    "dtype that is none": {**LLAMA, "torch_dtype": "nn"},
    "integer dtype": {**LLAMA, "torch_dtype": "int8"},
    "rope of nothing": {**LLAMA, "rope_scaling": {"type": "no-such", "factor": "x"}},
    "list for the type": {"model_type": ["llama"]},
    "empty": {},
    "list": [1, 2],
    "text": "llama",
    "null": None,
    "part that is a list": {"model_type": "clip", "text_config": [1], "vision_config": "x"},
    "deep": {**LLAMA, **nested(300)},
    "deep in a composite": {"model_type": "llava", **nested(300)},
    "labels that are none": {**LLAMA, "id2label": 5},
    "quantiser of nothing": {**LLAMA, "quantization_config": {"quant_method": "no-such"}},
    "quantiser that is a list": {**LLAMA, "quantization_config": [1]},
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_config(name: str, worker: WorkerProcess) -> None:
    """One line, or an answer: some nonsense is never looked at."""
    checkpoint = {"kinds": [["bfloat16", [1], 2, "a"]], "packed": True}
    for params in ({}, {"checkpoint": checkpoint}, {"dtype": "auto", "builder": "AutoModelForCausalLM"}):
        try:
            answer = worker.ask("architecture", timeout=60, config=HOSTILE[name], **params)
        except WorkerFailed as error:
            assert error.message
            assert "\n" not in error.message
            assert "Traceback" not in error.message
            assert len(error.message) < 500
        else:
            assert answer["parameters"] >= 0
    assert worker.ask("architecture", config=LLAMA)["class"] == "LlamaForCausalLM"


@pytest.mark.parametrize("dtype", ["int8", "nn", "float7", "", "__class__", "torch.float16x"])
def test_dtype_that_is_none(dtype: str, worker: WorkerProcess) -> None:
    with pytest.raises(WorkerFailed) as caught:
        worker.ask("architecture", config=LLAMA, dtype=dtype)
    assert caught.value.code == "bad-dtype"


@pytest.mark.parametrize(
    "config", [{**LLAMA, "num_hidden_layers": 10**9}, {"text_config": {"n_layer": 10**6}}]
)
def test_layers_that_no_model_has(config: dict[str, Any], worker: WorkerProcess) -> None:
    with pytest.raises(WorkerFailed) as caught:
        worker.ask("architecture", config=config)
    assert caught.value.code == "absurd-config"


def test_memory_is_bounded() -> None:
    """Too many layers end the process, soon and by itself, with the code that says why."""
    with WorkerProcess(memory_limit=GIB // 2) as process, pytest.raises(WorkerDied) as caught:
        process.ask("architecture", config={**LLAMA, "num_hidden_layers": 10_000}, timeout=120)
    assert caught.value.code == 86


def test_the_closed_pipe_ends_a_request_that_hangs() -> None:
    with WorkerProcess(memory_limit=0) as process:
        process.send("architecture", config={**LLAMA, "num_hidden_layers": 10_000})
    assert process.process.returncode == 0


def test_unknown_method_and_no_parameters(worker: WorkerProcess) -> None:
    with pytest.raises(WorkerFailed) as caught:
        worker.ask("no_such_method")
    assert caught.value.code == "unknown-method"
    with pytest.raises(WorkerFailed):
        worker.ask("architecture")


def test_warm_up_imports_the_model_code(worker: WorkerProcess) -> None:
    assert worker.ask("warm_up", model_type="llama") == {}
    assert worker.ask("warm_up", model_type="no-such-type") == {}
    assert worker.hello["versions"]["transformers"] == transformers.__version__
    assert worker.hello["versions"]["torch"].split("+")[0] == torch.__version__.split("+")[0]
