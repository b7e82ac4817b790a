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
    ``needs_text``: the argument may as well be an object, so only a name makes the call a reference;
    ``generic``: so may it be where no import says that the name is the library's. ``weights``: what is read
    may be no model at all, so only a file of weights counts; ``unsure``: the same where no import tells.
    ``optional``: without the argument the library chooses a model. ``method``: objects have it too.
    ``item``: the argument is a dict, and this is the key of the name in it.
    """

    position: int | None
    keywords: tuple[str, ...]
    role: str
    packages: tuple[str, ...] = ()
    needs_text: bool = False
    generic: bool = False
    weights: bool = False
    unsure: bool = False
    optional: bool = False
    method: bool = False
    item: str | None = None


_FROM_PRETRAINED = (
    "pretrained_model_name_or_path",
    "model_name_or_path",
    "model_name",
    "model_id",
    "repo_id",
    "pretrained_model_name",
    "model_path",
    "pretrained_model_path",
)
_HUB = ("huggingface_hub", "transformers")
_SENTENCES = ("sentence_transformers",)
_VLLM = ("vllm", "tensorrt_llm")
_LANGCHAIN = ("langchain", "langchain_community", "langchain_huggingface")
_LLAMA_INDEX = ("llama_index",)
_HAYSTACK = ("haystack", "haystack_integrations")
_FLAG = ("FlagEmbedding",)

_TRAINER = Api(0, ("model",), "model", ("trl", "unsloth", "sentence_transformers"), needs_text=True)
_SMOLAGENTS = Api(0, ("model_id",), "model", ("smolagents",))
_DISTILABEL = Api(0, ("model",), "model", ("distilabel",))
_FLAIR = Api(0, ("model",), "model", ("flair",))
_READER = Api(0, ("model_name_or_path",), "model", _HAYSTACK)
_DOWNLOAD = Api(0, ("repo_id",), "file", _HUB, method=True)
_CHECKPOINT = Api(1, ("checkpoint",), "file", ("accelerate",))
_SAFETENSORS = Api(0, ("filename",), "file", ("safetensors",), unsure=True)
_ENCODER = Api(0, ("model_name_or_path", "model_name"), "model", _SENTENCES)
_ENGINE = Api(0, ("model",), "model", _VLLM)
_EMBEDDINGS = Api(None, ("model_name", "model"), "model", _LANGCHAIN, optional=True)
_ENDPOINT = Api(None, ("repo_id", "model", "model_name"), "endpoint", (*_LANGCHAIN, *_LLAMA_INDEX))
_FLAG_MODEL = Api(0, ("model_name_or_path",), "model", _FLAG)
_COMPONENT = Api(None, ("model",), "model", _HAYSTACK, optional=True)
_ADAPTER = Api(0, ("pretrained_model_name_or_path_or_dict",), "adapter", needs_text=True, method=True)

_CALLS: dict[str, Api] = {
    "pipeline": Api(1, ("model",), "pipeline", ("transformers", "optimum"), optional=True),
    "SentenceTransformer": _ENCODER._replace(optional=True),
    "CrossEncoder": _ENCODER,
    "SparseEncoder": _ENCODER,
    "LLM": _ENGINE._replace(generic=True),
    "AsyncEngineArgs": _ENGINE,
    "EngineArgs": _ENGINE,
    "snapshot_download": _DOWNLOAD,
    "hf_hub_download": _DOWNLOAD,
    "cached_download": _DOWNLOAD,
    "hf_hub_url": _DOWNLOAD,
    "model_info": _DOWNLOAD,
    "list_repo_files": _DOWNLOAD,
    "get_safetensors_metadata": _DOWNLOAD,
    "cached_file": Api(0, ("path_or_repo_id",), "file", ("transformers",)),
    "load_checkpoint_and_dispatch": _CHECKPOINT,
    "load_checkpoint_in_model": _CHECKPOINT,
    "safe_open": _SAFETENSORS,
    "load_file": _SAFETENSORS,
    "from_single_file": Api(0, ("pretrained_model_link_or_path",), "model", method=True),
    "from_quantized": Api(0, ("model_name_or_path", "quant_path", "model_path"), "model", method=True),
    "from_pretrained_keras": Api(0, ("pretrained_model_name_or_path",), "model", _HUB),
    "from_pretrained_fastai": Api(0, ("repo_id",), "model", _HUB),
    "load_lora_weights": _ADAPTER,
    "load_textual_inversion": _ADAPTER._replace(keywords=("pretrained_model_name_or_path",)),
    "load_ip_adapter": _ADAPTER,
    "load_adapter": _ADAPTER._replace(keywords=("model_id", "peft_model_id", "adapter_name_or_path")),
    "HuggingFaceModel": Api(None, ("env",), "endpoint", ("sagemaker",), optional=True, item="HF_MODEL_ID"),
    "BERTopic": Api(None, ("embedding_model",), "model", ("bertopic",)),
    "KeyBERT": Api(0, ("model",), "model", ("keybert",), needs_text=True),
    "HuggingFaceEmbeddings": _EMBEDDINGS,
    "HuggingFaceBgeEmbeddings": _EMBEDDINGS,
    "HuggingFaceInstructEmbeddings": _EMBEDDINGS,
    "SentenceTransformerEmbeddings": _EMBEDDINGS,
    "HuggingFaceCrossEncoder": _EMBEDDINGS,
    "HuggingFaceEndpoint": _ENDPOINT,
    "HuggingFaceHub": _ENDPOINT,
    "HuggingFaceInferenceAPI": _ENDPOINT,
    "SentenceTransformerEmbeddingFunction": Api(0, ("model_name",), "model", ("chromadb",), optional=True),
    "HuggingFaceEmbedding": Api(0, ("model_name",), "model", _LLAMA_INDEX, optional=True),
    "OptimumEmbedding": Api(None, ("folder_name",), "model", _LLAMA_INDEX),
    "SentenceTransformerRerank": Api(None, ("model",), "model", _LLAMA_INDEX, optional=True),
    "HuggingFaceLLM": Api(None, ("model_name",), "model", _LLAMA_INDEX),
    "LlamaCpp": Api(None, ("model_path",), "file"),
    "Llama": Api(0, ("model_path",), "file", ("llama_cpp",)),
    "FlagModel": _FLAG_MODEL,
    "FlagReranker": _FLAG_MODEL,
    "FlagLLMReranker": _FLAG_MODEL,
    "BGEM3FlagModel": _FLAG_MODEL,
    "HuggingFaceLocalGenerator": _COMPONENT,
    "SentenceTransformersTextEmbedder": _COMPONENT,
    "SentenceTransformersDocumentEmbedder": _COMPONENT,
    "TransformersSimilarityRanker": _COMPONENT,
    **dict.fromkeys(["TransformersModel", "MLXModel", "VLLMModel"], _SMOLAGENTS),
    **dict.fromkeys(["TransformersLLM", "vLLM", "MlxLLM"], _DISTILABEL),
    **dict.fromkeys(["TransformerWordEmbeddings", "TransformerDocumentEmbeddings"], _FLAIR),
    **dict.fromkeys(["FARMReader", "TransformersReader"], _READER),
    "TextEmbedding": Api(0, ("model_name",), "model", ("fastembed",), optional=True),
    "MLMTransformer": Api(0, ("model_name_or_path",), "model", _SENTENCES, needs_text=True),
    "from_model2vec": Api(0, ("model_id_or_path",), "model", method=True),
    "from_distillation": Api(0, ("model_name",), "model", method=True),
    **dict.fromkeys(
        [
            *("SFTTrainer", "DPOTrainer", "GRPOTrainer", "ORPOTrainer", "KTOTrainer", "RewardTrainer"),
            *("CPOTrainer", "BCOTrainer", "GKDTrainer", "PRMTrainer", "RLOOTrainer", "OnlineDPOTrainer"),
            *("NashMDTrainer", "XPOTrainer", "GOLDTrainer", "SDPOTrainer", "SDFTTrainer", "SSDTrainer"),
            *("MiniLLMTrainer", "AsyncGRPOTrainer", "DistillationTrainer", "TPOTrainer", "DPPOTrainer"),
            *("GFPOTrainer", "PAPOTrainer", "GSPOTokenTrainer", "GRPOWithReplayBufferTrainer", "A2POTrainer"),
        ],
        _TRAINER,
    ),
}
# By the class's or module's name as well: everybody has a ``load``.
_QUALIFIED: dict[str, Api] = {
    "torch.load": Api(0, ("f",), "file", needs_text=True, weights=True),
    "HuggingFacePipeline.from_model_id": Api(None, ("model_id",), "model"),
    "mlx_lm.load": Api(0, ("path_or_hf_repo",), "model"),
    "mlx_vlm.load": Api(0, ("path_or_hf_repo",), "model"),
    "lmdeploy.pipeline": Api(0, ("model_path",), "model"),
    "sgl.Engine": Api(None, ("model_path",), "model"),
    "sglang.Engine": Api(None, ("model_path",), "model"),
    "ModelCard.load": Api(0, ("repo_id_or_path",), "file"),
    # The first module of a SentenceTransformer that is put together by hand.
    "models.Transformer": Api(0, ("model_name_or_path",), "model", _SENTENCES, needs_text=True),
}
# A class's name, or that of a variable for one (``tokenizer_class``), without underscores and capitals.
_ROLES = (
    ("tokenizer", "tokenizer"),
    ("tokenizerfast", "tokenizer"),
    ("processor", "processor"),
    ("processorfast", "processor"),
    ("featureextractor", "processor"),
    ("config", "config"),
    ("scheduler", "config"),
)
# torch's: their from_pretrained takes a tensor.
_OF_TENSORS = ("Embedding", "EmbeddingBag")
# Their from_pretrained takes names of another hub.
_OTHER_HUBS = {
    "modelscope",
    "paddlenlp",
    "mindnlp",
    "openmind",
    "efficientnet_pytorch",
    "pytorch_pretrained_vit",
}

CALLABLES = frozenset(["from_pretrained", *_CALLS, *(name.rpartition(".")[2] for name in _QUALIFIED)])
"""The last part of every callee that can be a reference: what is not here need not be looked at."""

SETTINGS: dict[str, bool] = {
    "HF_MODEL_ID": True,
    "model_name_or_path": True,
    "pretrained_model_name_or_path": True,
    "base_model_name_or_path": True,
    "hf_model_id": True,
    "model_id": False,
    "model_name": False,
    "base_model": False,
    "hf_model_name": True,
    "tokenizer_name_or_path": True,
    "tokenizer_name": False,
}
"""Keys beside which a dict or a file of settings names a model; whether that holds for names without a ``/``,
which elsewhere may be anybody's."""

WRITING_KEYWORDS = frozenset(
    [
        *("output_dir", "save_directory", "save_dir", "save_path", "local_dir"),
        *("hub_model_id", "push_to_hub_model_id"),
    ]
)
"""Arguments of any call, and keys of settings, that name a place which the code writes to."""

WRITING_CALLS: dict[str, tuple[int | None, str]] = {
    "save_pretrained": (0, "save_directory"),
    "save_model": (0, "output_dir"),
    "push_to_hub": (0, "repo_id"),
    "create_repo": (0, "repo_id"),
    "save_pretrained_merged": (0, "save_directory"),
    "push_to_hub_merged": (0, "repo_id"),
    "save_pretrained_gguf": (0, "save_directory"),
    "push_to_hub_gguf": (0, "repo_id"),
    "save_quantized": (0, "save_dir"),
    "upload_folder": (None, "repo_id"),
    "upload_file": (None, "repo_id"),
    "save_file": (1, "filename"),
    "save": (0, "path"),
    **dict.fromkeys(
        [
            *("TrainingArguments", "Seq2SeqTrainingArguments", "SentenceTransformerTrainingArguments"),
            *("SFTConfig", "DPOConfig", "GRPOConfig", "ORPOConfig", "KTOConfig", "RewardConfig"),
        ],
        (0, "output_dir"),
    ),
}
"""Methods and functions that write or say where others do, and the argument that names the place."""

WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".gguf")
"""How the names of weights' files end."""

_SHELL = ("hf download", "huggingface-cli", "vllm serve", "huggingface.co/", "--model", "estimate-memory")
_MARKS = (*CALLABLES, *SETTINGS, *_SHELL)


def may_load(text: str) -> bool:
    """Whether a text, a notebook's JSON too, says the name of anything in the tables, or of a command.

    If not, it need not be parsed to be scanned.
    """
    return any(name in text for name in _MARKS)


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
        class_name = owner.rpartition(".")[2]
        return _from_pretrained(class_name) if class_name not in _OF_TENSORS else None
    api = next((api for end, api in _QUALIFIED.items() if callee == end or callee.endswith(f".{end}")), None)
    if api is None:
        api = _CALLS.get(name)
        if api is None or (object_ and not api.method):
            return None
    if not imported:
        return api._replace(needs_text=api.needs_text or api.generic, weights=api.weights or api.unsure)
    # ``from .loading import pipeline``: a re-export as likely as not, and the name is the library's.
    if api.packages and root not in api.packages and not callee.startswith("."):
        return None
    return api


def _from_pretrained(class_name: str) -> Api:
    # PeftModel.from_pretrained(base, adapter): the adapter is what it loads.
    if class_name.startswith("PeftModel") or class_name == "PeftMixedModel":
        return Api(1, ("model_id",), "adapter")
    return Api(0, _FROM_PRETRAINED, role_of(class_name))


def role_of(class_name: str) -> str:
    """What a class's ``from_pretrained`` loads, by the ending of its name."""
    plain = class_name.replace("_", "").lower().removesuffix("class").removesuffix("cls")
    return next((role for ending, role in _ROLES if plain.endswith(ending)), "model")
