"""Which calls name a model, and in which argument; which calls and arguments name a place to write to.

A library's function is one line in a table here. ``from_pretrained`` is a rule of its own, since any class
may have it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple


class Api(NamedTuple):
    """How a callable takes a model.

    ``position`` of the argument that names it (None: only by keyword) and its ``keywords``; the ``role`` of
    what is loaded; the ``packages`` that have a callable of this name (none: only this name matters).
    ``needs_text``: the argument may as well be an object, so only a string makes the call a reference;
    ``generic``: so may it be where no import says that the name is the library's.
    ``optional``: without the argument the library chooses a model. ``method``: objects have it too.
    """

    position: int | None
    keywords: tuple[str, ...]
    role: str
    packages: tuple[str, ...] = ()
    needs_text: bool = False
    generic: bool = False
    optional: bool = False
    method: bool = False


_FROM_PRETRAINED = (
    "pretrained_model_name_or_path",
    "model_name_or_path",
    "model_name",
    "model_id",
    "repo_id",
)
_HUB = ("huggingface_hub", "transformers")
_ACCELERATE = ("accelerate",)
_SAFETENSORS = ("safetensors",)
_SENTENCES = ("sentence_transformers",)
_VLLM = ("vllm", "tensorrt_llm")
_TRAINER = Api(0, ("model",), "model", ("trl", "unsloth", "sentence_transformers"), needs_text=True)
_DOWNLOAD = Api(0, ("repo_id",), "file", _HUB, method=True)

_CALLS: dict[str, Api] = {
    "pipeline": Api(1, ("model",), "pipeline", ("transformers", "optimum"), optional=True),
    "SentenceTransformer": Api(0, ("model_name_or_path",), "model", _SENTENCES),
    "CrossEncoder": Api(0, ("model_name_or_path", "model_name"), "model", _SENTENCES),
    "SparseEncoder": Api(0, ("model_name_or_path",), "model", _SENTENCES),
    "LLM": Api(0, ("model",), "model", _VLLM, generic=True),
    "AsyncEngineArgs": Api(0, ("model",), "model", _VLLM),
    "EngineArgs": Api(0, ("model",), "model", _VLLM),
    "snapshot_download": _DOWNLOAD,
    "hf_hub_download": _DOWNLOAD,
    "cached_download": _DOWNLOAD,
    "model_info": _DOWNLOAD,
    "load_checkpoint_and_dispatch": Api(1, ("checkpoint",), "file", _ACCELERATE),
    "load_checkpoint_in_model": Api(1, ("checkpoint",), "file", _ACCELERATE),
    "safe_open": Api(0, ("filename",), "file", _SAFETENSORS),
    "load_file": Api(0, ("filename",), "file", _SAFETENSORS),
    "from_single_file": Api(0, ("pretrained_model_link_or_path",), "model", method=True),
    "HuggingFaceEmbeddings": Api(None, ("model_name", "model"), "model"),
    "HuggingFaceBgeEmbeddings": Api(None, ("model_name",), "model"),
    "HuggingFaceInstructEmbeddings": Api(None, ("model_name",), "model"),
    "HuggingFaceEmbedding": Api(0, ("model_name",), "model"),
    "HuggingFaceLLM": Api(None, ("model_name",), "model"),
    "LlamaCpp": Api(None, ("model_path",), "file"),
    "Llama": Api(0, ("model_path",), "file", ("llama_cpp",)),
    "SFTTrainer": _TRAINER,
    "DPOTrainer": _TRAINER,
    "GRPOTrainer": _TRAINER,
    "ORPOTrainer": _TRAINER,
    "KTOTrainer": _TRAINER,
    "RewardTrainer": _TRAINER,
}
# By the class's or module's name as well: everybody has a ``load``.
_QUALIFIED: dict[str, Api] = {
    "torch.load": Api(0, ("f",), "file", needs_text=True),
    "HuggingFacePipeline.from_model_id": Api(None, ("model_id",), "model"),
}
_ROLES = (
    ("Tokenizer", "tokenizer"),
    ("TokenizerFast", "tokenizer"),
    ("Processor", "processor"),
    ("ProcessorFast", "processor"),
    ("FeatureExtractor", "processor"),
    ("Config", "config"),
)
# Their from_pretrained takes names of another hub.
_OTHER_HUBS = {"modelscope", "paddlenlp", "mindnlp", "openmind"}

CALLABLES = frozenset(["from_pretrained", *_CALLS, *(name.rpartition(".")[2] for name in _QUALIFIED)])
"""The last part of every callee that can be a reference: what is not here need not be looked at."""

WRITING_KEYWORDS = frozenset(
    ["output_dir", "save_directory", "save_dir", "save_path", "hub_model_id", "local_dir"]
)
"""Arguments of any call that name a place which the code writes to."""

WRITING_CALLS = frozenset(
    ["save_pretrained", "save_model", "push_to_hub", "create_repo", "save_pretrained_merged"]
)
"""Methods and functions whose first argument is such a place."""


def may_load(text: str) -> bool:
    """Whether a text says the name of anything in the tables; if not, it need not be parsed to be scanned."""
    return any(name in text for name in CALLABLES)


@lru_cache(maxsize=1024)
def find(callee: str, imported: bool, object_: bool) -> Api | None:
    """The table's entry for a dotted callee, given by the name of its origin.

    ``imported``: an import of the document says that this is its origin; else the name is only what it looks
    like. ``object_``: it is a method of something that the code made.
    """
    owner, _, name = callee.rpartition(".")
    root = callee.partition(".")[0]
    if imported and root in _OTHER_HUBS:
        return None
    if name == "from_pretrained":
        return _from_pretrained(owner.rpartition(".")[2])
    for qualified, api in _QUALIFIED.items():
        if callee == qualified or callee.endswith(f".{qualified}"):
            return api
    found = _CALLS.get(name)
    if found is None or (object_ and not found.method):
        return None
    if imported and found.packages and root not in found.packages and not _is_own_module(callee):
        return None
    return found._replace(needs_text=True) if found.generic and not imported else found


def _from_pretrained(class_name: str) -> Api:
    # PeftModel.from_pretrained(base, adapter): the adapter is what it loads.
    if class_name.startswith("PeftModel") or class_name == "PeftMixedModel":
        return Api(1, ("model_id",), "adapter")
    return Api(0, _FROM_PRETRAINED, role_of(class_name))


def _is_own_module(origin: str) -> bool:
    # ``from .loading import pipeline``: a re-export as likely as not, and the name is the library's.
    return origin.startswith(".")


def role_of(class_name: str) -> str:
    """What a class's ``from_pretrained`` loads, by the ending of its name."""
    return next((role for ending, role in _ROLES if class_name.endswith(ending)), "model")
