"""What the checkpoint has for the model is what from_pretrained's own loading report says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from tests.libraries.worker.reference import VERSION
from tests.libraries.worker.tiny import AVAILABLE, MODELS, builder_of, make, request, saved
from tests.support.worker_process import Unfolded, WorkerProcess

Weights = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("checkpoints")


def check(worker: WorkerProcess, folder: Path, builder: str, **overrides: Any) -> dict[str, Any]:
    """Asserts that worker and library say the same of the folder; returns the worker's answer."""
    worker.send("architecture", **request(folder, builder, overrides=overrides))
    auto = getattr(transformers, builder)
    model, info = auto.from_pretrained(
        folder, output_loading_info=True, ignore_mismatched_sizes=True, **overrides
    )
    answer: dict[str, Any] = worker.receive()
    told = answer["join"]
    said = {each["name"]: (tuple(each["checkpoint"]), tuple(each["model"])) for each in told["mismatched"]}
    # 4.57 reports the names alone.
    mismatched = {
        each if isinstance(each, str) else each[0]: said.get(each, ()) if isinstance(each, str) else each[1:]
        for each in info["mismatched_keys"]
    }
    assert said == {name: tuple(map(tuple, shapes)) for name, shapes in mismatched.items()}
    # Versions differ in whether a parameter of another shape is also among the missing.
    others = set(mismatched)
    assert set(told["missing"]) - others == {_own_name(model, name) for name in info["missing_keys"]} - others
    assert _in_the_end(model, told["unexpected"]) == _in_the_end(model, info["unexpected_keys"])
    for kind in ("missing", "unexpected", "mismatched"):
        assert told[f"{kind}_count"] == len(told[kind])
    return answer


def _own_name(model: torch.nn.Module, name: str) -> str:
    """Before 4.46 a base model's missing parameters are reported with the prefix of the checkpoint."""
    return name if name in model.state_dict() else name.removeprefix(f"{model.base_model_prefix}.")


def _in_the_end(model: torch.nn.Module, names: Iterable[str]) -> set[str]:
    """Some versions call an unexpected tensor as the file does, others without the base model's prefix."""
    return {name.removeprefix(f"{model.base_model_prefix}.") for name in names}


@pytest.mark.parametrize("name", AVAILABLE)
def test_own_checkpoint(name: str, root: Path, worker: WorkerProcess) -> None:
    """Nothing is missing, and every byte of the file is some module's."""
    folder = saved(name, "float32", root)
    answer = check(worker, folder, MODELS[name][0])
    nbytes = sum(tensor.nbytes for tensor in load_file(folder / "model.safetensors").values())
    assert answer["tree"]["stored_bytes"] == nbytes
    parameters = Unfolded(answer["tree"]).parameters.values()
    buffers = Unfolded(answer["tree"]).buffers.values()
    assert nbytes == sum(each["stored"]["bytes"] for each in (*parameters, *buffers) if each.get("stored"))


HEADED = [name for name in AVAILABLE if not MODELS[name][0].endswith(("Model", "Generation"))]


@pytest.mark.parametrize("name", HEADED)
def test_headed_checkpoint_into_the_base_class(name: str, root: Path, worker: WorkerProcess) -> None:
    check(worker, saved(name, "float32", root), "AutoModel")


@pytest.mark.parametrize("name", HEADED)
def test_base_checkpoint_into_a_headed_class(
    name: str, root: Path, worker: WorkerProcess, tmp_path: Path
) -> None:
    make(name, transformers.AutoModel).save_pretrained(tmp_path)
    check(worker, tmp_path, MODELS[name][0])


CLASSIFIABLE = [
    name
    for name in AVAILABLE
    if CONFIG_MAPPING[name] in transformers.AutoModelForSequenceClassification._model_mapping.keys()  # noqa: SIM118
]


@pytest.mark.parametrize("name", CLASSIFIABLE)
def test_checkpoint_into_a_classifier(name: str, root: Path, worker: WorkerProcess) -> None:
    check(worker, saved(name, "float32", root), "AutoModelForSequenceClassification", num_labels=3)


def rewritten(source: Path, folder: Path, change: Callable[[Weights], Weights]) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text((source / "config.json").read_text())
    weights = change(load_file(source / "model.safetensors"))
    save_file(
        {name: value.contiguous() for name, value in weights.items()},
        folder / "model.safetensors",
        {"format": "pt"},
    )
    return folder


def renamed(rule: Callable[[str], str]) -> Callable[[Weights], Weights]:
    return lambda weights: {rule(name): value for name, value in weights.items()}


def test_legacy_names(root: Path, worker: WorkerProcess, tmp_path: Path) -> None:
    """Norms as TensorFlow called them."""

    def legacy(name: str) -> str:
        return name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")

    folder = rewritten(saved("bert", "float32", root), tmp_path / "bert", renamed(legacy))
    answer = check(worker, folder, "AutoModelForMaskedLM")
    assert answer["join"]["renamed"] > 0
    assert answer["join"]["missing"] == []


def test_extra_and_dropped_tensors(root: Path, worker: WorkerProcess, tmp_path: Path) -> None:
    def change(weights: Weights) -> Weights:
        weights["model.layers.7.self_attn.q_proj.weight"] = torch.zeros(32, 32)
        weights["something.else"] = torch.zeros(3)
        weights["model.layers.0.self_attn.rotary_emb.inv_freq"] = torch.zeros(4)
        del weights["model.layers.1.mlp.up_proj.weight"]
        return weights

    folder = rewritten(saved("llama", "float32", root), tmp_path / "llama", change)
    join = check(worker, folder, "AutoModelForCausalLM")["join"]
    assert join["missing"] == ["model.layers.1.mlp.up_proj.weight"]
    check(worker, folder, "AutoModel")


@pytest.mark.parametrize("name", [name for name in ("llama", "bert", "t5", "gemma") if name in AVAILABLE])
def test_other_shapes(name: str, root: Path, worker: WorkerProcess) -> None:
    answer = check(worker, saved(name, "float32", root), MODELS[name][0], vocab_size=100)
    assert answer["join"]["mismatched"]


@pytest.mark.skipif(VERSION < (4, 46), reason="these names are older than the version")
def test_experts_one_by_one(root: Path, worker: WorkerProcess, tmp_path: Path) -> None:
    """Mixtral as version 4 saves it: version 5 fuses the experts of a layer while it loads."""

    def unfused(weights: Weights) -> Weights:
        found: Weights = {}
        for name, value in weights.items():
            if not re.search(r"experts\.(gate_up_proj|down_proj)$", name):
                found[name] = value
                continue
            for expert, matrix in enumerate(value):
                before = name.rpartition(".")[0]
                if name.endswith("gate_up_proj"):
                    gate, up = matrix.chunk(2)
                    found[f"{before}.{expert}.w1.weight"], found[f"{before}.{expert}.w3.weight"] = gate, up
                else:
                    found[f"{before}.{expert}.w2.weight"] = matrix
        return found

    source = saved("mixtral", "float32", root)
    folder = rewritten(source, tmp_path / "mixtral", unfused)
    answer = check(worker, folder, "AutoModelForCausalLM")
    assert answer["join"]["missing"] == answer["join"]["unexpected"] == []
    nbytes = sum(tensor.nbytes for tensor in load_file(folder / "model.safetensors").values())
    assert answer["tree"]["stored_bytes"] == nbytes


def test_untied_file_of_a_tied_model(root: Path, worker: WorkerProcess, tmp_path: Path) -> None:
    """The file has the head as well, which the model takes from its embeddings."""

    def with_head(weights: Weights) -> Weights:
        return {**weights, "lm_head.weight": weights["model.embed_tokens.weight"].clone()}

    folder = rewritten(saved("gemma", "float32", root), tmp_path / "gemma", with_head)
    config = json.loads((folder / "config.json").read_text())
    assert config.get("tie_word_embeddings", True)
    check(worker, folder, "AutoModelForCausalLM")
    builder_of("gemma")
