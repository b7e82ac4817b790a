"""A loading call's other arguments → what to ask of the inspector.

Plain values only: no LSP types. Arguments come as source text and are never evaluated beyond literals.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from model_loupe.documents import Reference, repository_of
from model_loupe.domain import dtypes
from model_loupe.domain.loading import STRATEGIES
from model_loupe.inspector import LoadOptions, ModelRequest

# With the type that each takes, besides None.
_WHICH_FILES: dict[str, type] = {
    **dict.fromkeys(("revision", "subfolder", "variant", "cache_dir", "gguf_file"), str),
    "use_safetensors": bool,
    "local_files_only": bool,
}
_DTYPE = ("dtype", "torch_dtype")
_BUILDING = ("model", "pipeline")
_LOADERS = ("from_pretrained", "from_config", "from_single_file")
_QUANTIZING = ("quantization_config", "load_in_8bit", "load_in_4bit")
_PLAIN = (str, int, float, bool)
# Those that decide which modules are built, as far as they are common: others may be meant for loading alone.
_BUILDING_ARGUMENTS = frozenset(
    [
        "config",
        "num_labels",
        "id2label",
        "label2id",
        "num_hidden_layers",
        "hidden_size",
        "vocab_size",
        "problem_type",
    ]
)
# Arguments of ``from_pretrained`` and ``pipeline`` that are no fields of a config, whatever it may hold.
_NO_OVERRIDES = frozenset(
    [
        *_WHICH_FILES,
        *_DTYPE,
        *_QUANTIZING,
        *(
            "task",
            "model",
            "tokenizer",
            "config",
            "token",
            "use_auth_token",
            "trust_remote_code",
            "code_revision",
        ),
        *("device", "device_map", "max_memory", "offload_folder", "offload_buffers", "offload_state_dict"),
        *("low_cpu_mem_usage", "force_download", "resume_download", "local_files_only", "proxies", "mirror"),
        *(
            "ignore_mismatched_sizes",
            "output_loading_info",
            "from_tf",
            "from_flax",
            "state_dict",
            "weights_only",
        ),
        *(
            "use_fast",
            "framework",
            "batch_size",
            "model_kwargs",
            "max_seq_length",
            "adapter_name",
            "key_mapping",
        ),
    ]
)
# A token that stands in code stays there: of these only that none is to be sent is taken over.
_TOKEN = ("token", "use_auth_token")
_STORED_OR_NONE = ("True", "None", "False")


class Ask(NamedTuple):
    """What a mention of a model asks of the inspector.

    ``unknown`` names the arguments that decide which files are meant but are not literals: the answer is for
    their defaults. ``token`` names the argument that gives a token, which is not sent.
    """

    request: ModelRequest
    options: LoadOptions
    unknown: tuple[str, ...] = ()
    token: str | None = None


def ask(reference: Reference, folders: Sequence[str]) -> Ask | None:
    """What ``reference`` asks; None if it names no known model. Looks at the disk (``base_folder``)."""
    if reference.model is None:
        return None
    kwargs = reference.kwargs
    model = repository_of(reference.model) or reference.model
    given = {name: _literal(kwargs[name], kind) for name, kind in _WHICH_FILES.items() if name in kwargs}
    unknown = tuple(name for name, value in given.items() if value is Ellipsis)
    known = {name: value for name, value in given.items() if value not in (Ellipsis, None, "")}
    if any(kwargs.get(name) == "False" for name in _TOKEN):
        known["token"] = False
    base = base_folder(model, folders, is_hub_id=reference.kind == "hub")
    if base is None and "cache_dir" in known and folders:
        known["cache_dir"] = os.path.join(folders[0], os.path.expanduser(known["cache_dir"]))
    token = next((name for name in _TOKEN if kwargs.get(name, "None") not in _STORED_OR_NONE), None)
    return Ask(ModelRequest(model, base=base, **known), call_options(reference), unknown, token)


def ask_by_name(model: str, folders: Sequence[str]) -> Ask:
    """What a name that no call uses asks."""
    looks_local = model.startswith((".", "/", "~", "\\")) or os.path.isabs(model)
    base = base_folder(model, folders, is_hub_id=not looks_local)
    return Ask(ModelRequest(model, base=base), LoadOptions())


def base_folder(model: str, folders: Sequence[str], *, is_hub_id: bool) -> str | None:
    """The folder that a relative name starts from: the first of ``folders`` that has it, else the first.

    A Hub id that is no folder starts from nowhere, so that it means the same in every document.
    """
    if os.path.isabs(model) or model.startswith("~"):
        return None
    for folder in folders:
        if os.path.exists(os.path.join(folder, model)):
            return folder
    return folders[0] if folders and not is_hub_id else None


def call_options(reference: Reference) -> LoadOptions:
    """What a call says about how its model is built and loaded."""
    kwargs = reference.kwargs
    if reference.role not in _BUILDING:
        return load_options(kwargs)
    kwargs = {**_inside(kwargs.get("model_kwargs")), **kwargs}
    given = {name: _literal(kwargs[name], object) for name in kwargs if name not in _NO_OVERRIDES}
    overrides = {name: value for name, value in given.items() if isinstance(value, _PLAIN)}
    unknown = [name for name, value in given.items() if value is not None and name not in overrides]
    unknown += ["config"] if "config" in kwargs else []
    return load_options(kwargs)._replace(
        builder=_builder(reference.callee),
        task=reference.task,
        overrides=tuple(overrides.items()),
        quantized=any(name in kwargs and kwargs[name] not in ("None", "False") for name in _QUANTIZING),
        device_map=_strategy(kwargs),
        takes_any_shape=kwargs.get("ignore_mismatched_sizes") == "True",
        unknown=tuple(name for name in unknown if name in _BUILDING_ARGUMENTS),
    )


def _inside(source: str | None) -> dict[str, str]:
    """The arguments in a literal dict (``model_kwargs={"dtype": torch.float16}``), as source text."""
    try:
        node = ast.parse(source or "{}", mode="eval").body
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return {}
    if not isinstance(node, ast.Dict):
        return {}
    return {
        key.value: ast.unparse(value)
        for key, value in zip(node.keys, node.values, strict=True)
        if isinstance(key, ast.Constant) and isinstance(key.value, str)
    }


def _strategy(kwargs: Mapping[str, str]) -> str | None:
    given = _literal(kwargs.get("device_map", "None"), str)
    return given if given in STRATEGIES else None


def _builder(callee: str) -> str | None:
    """The class of ``AutoModel.from_pretrained``; of ``pipeline`` and ``SentenceTransformer`` the name."""
    *owners, name = callee.split(".")
    builder = owners[-1] if owners and name in _LOADERS else name
    return builder if builder.isidentifier() else None


def load_options(kwargs: Mapping[str, str]) -> LoadOptions:
    """The load dtype that a call asks for. Where both spellings are given, transformers takes ``dtype``."""
    for name in _DTYPE:
        if name in kwargs:
            dtype = _dtype(kwargs[name])
            if dtype == "None" and name == "dtype" and "torch_dtype" in kwargs:
                continue
            return LoadOptions(dtype=dtype, dtype_known=dtype is not None)
    # What is unpacked may hold a dtype.
    return LoadOptions(dtype_known="**" not in kwargs)


def _literal(source: str, kind: type) -> Any:
    """A literal of ``kind`` or None; Ellipsis if the source is neither (numbers are no revision)."""
    try:
        value = ast.literal_eval(source)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return ...
    return value if value is None or isinstance(value, kind) else ...


def _dtype(source: str) -> str | None:
    """``"auto"``, ``"bfloat16"``, ``torch.bfloat16``, ``None`` → the name; None for any other expression."""
    try:
        node = ast.parse(source.strip(), mode="eval").body
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    match node:
        case ast.Constant(value=None):
            return "None"
        case ast.Constant(value=str(name)):
            return name if name == "auto" else dtypes.canonical_name(name)
        case ast.Attribute(value=ast.Name(), attr=name):
            return dtypes.canonical_name(name)
    return None
