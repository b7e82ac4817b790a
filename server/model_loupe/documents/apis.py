"""Which calls name a model, and in which argument.

One table for the libraries' functions and classes; ``from_pretrained`` is a rule of its own, since any class
may have it.
"""

from __future__ import annotations

from typing import NamedTuple


class Api(NamedTuple):
    """``position`` of the argument that names the model (None: only by keyword), its keywords, the role."""

    position: int | None
    keywords: tuple[str, ...]
    role: str


_FROM_PRETRAINED = (
    "pretrained_model_name_or_path",
    "model_name_or_path",
    "model_name",
    "model_id",
    "repo_id",
)
_REPO = ("repo_id",)

_CALLS: dict[str, Api] = {
    "pipeline": Api(1, ("model",), "pipeline"),
    "SentenceTransformer": Api(0, ("model_name_or_path",), "model"),
    "CrossEncoder": Api(0, ("model_name_or_path", "model_name"), "model"),
    "SparseEncoder": Api(0, ("model_name_or_path",), "model"),
    "LLM": Api(0, ("model",), "model"),
    "AsyncEngineArgs": Api(0, ("model",), "model"),
    "EngineArgs": Api(0, ("model",), "model"),
    "snapshot_download": Api(0, _REPO, "file"),
    "hf_hub_download": Api(0, _REPO, "file"),
    "cached_download": Api(0, _REPO, "file"),
    "model_info": Api(0, _REPO, "file"),
    "load_checkpoint_and_dispatch": Api(1, ("checkpoint",), "file"),
    "load_checkpoint_in_model": Api(1, ("checkpoint",), "file"),
    "safe_open": Api(0, ("filename",), "file"),
    "load_file": Api(0, ("filename",), "file"),
    "from_single_file": Api(0, ("pretrained_model_link_or_path",), "model"),
    "HuggingFaceEmbeddings": Api(None, ("model_name", "model"), "model"),
    "HuggingFaceEmbedding": Api(0, ("model_name",), "model"),
    "LlamaCpp": Api(None, ("model_path",), "file"),
    "HuggingFaceLLM": Api(None, ("model_name",), "model"),
    "SFTTrainer": Api(0, ("model",), "model"),
    "DPOTrainer": Api(0, ("model",), "model"),
    "GRPOTrainer": Api(0, ("model",), "model"),
    "RewardTrainer": Api(0, ("model",), "model"),
}
# As methods of the library's module or class only: everybody has a ``load``.
_QUALIFIED: dict[str, Api] = {
    "torch.load": Api(0, ("f",), "file"),
    "HuggingFacePipeline.from_model_id": Api(0, ("model_id",), "model"),
    "SetFitModel.from_pretrained": Api(0, _FROM_PRETRAINED, "model"),
}
_NEED_TEXT = {"SFTTrainer", "DPOTrainer", "GRPOTrainer", "RewardTrainer", "LLM", "torch.load"}
_ROLES = (
    ("Tokenizer", "tokenizer"),
    ("TokenizerFast", "tokenizer"),
    ("Processor", "processor"),
    ("FeatureExtractor", "processor"),
    ("ImageProcessor", "processor"),
    ("Config", "config"),
)


def find(callee: str) -> tuple[str, Api] | None:
    """The table's entry for a dotted callee as it reads with its imports' own names."""
    owner, _, name = callee.rpartition(".")
    if name == "from_pretrained":
        class_name = owner.rpartition(".")[2]
        # PeftModel.from_pretrained(base, adapter): the adapter is what it loads.
        if class_name.startswith("PeftModel") or class_name == "PeftMixedModel":
            return name, Api(1, ("model_id",), "adapter")
        return name, Api(0, _FROM_PRETRAINED, role_of(class_name))
    for qualified, api in _QUALIFIED.items():
        if callee == qualified or callee.endswith(f".{qualified}"):
            return qualified, api
    api_by_name = _CALLS.get(name)
    return (name, api_by_name) if api_by_name else None


def needs_text(name: str) -> bool:
    """Whether the argument may as well be an object, so that only a string makes the call a reference."""
    return name in _NEED_TEXT


def role_of(class_name: str) -> str:
    """What a class's ``from_pretrained`` loads, by the ending of its name."""
    return next((role for ending, role in _ROLES if class_name.endswith(ending)), "model")
