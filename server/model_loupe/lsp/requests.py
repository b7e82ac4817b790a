"""A loading call's other arguments → what to ask of the inspector.

Plain values only: no LSP types. Arguments come as source text and are never evaluated beyond literals.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from model_loupe.documents import Reference
from model_loupe.domain import dtypes
from model_loupe.inspector import LoadOptions, ModelRequest

_WHICH_FILES = ("revision", "subfolder", "variant", "cache_dir", "gguf_file")
_USE_SAFETENSORS = {"True": True, "False": False, "None": None}
_DTYPE = ("dtype", "torch_dtype")


class Ask(NamedTuple):
    """What a mention of a model asks of the inspector.

    ``unknown`` names the arguments that decide which files are meant but are not literals: the answer is for
    their defaults.
    """

    request: ModelRequest
    options: LoadOptions
    unknown: tuple[str, ...] = ()


def ask(reference: Reference, folders: Sequence[str]) -> Ask | None:
    """What ``reference`` asks; None if it names no known model. Looks at the disk (``base_folder``)."""
    if reference.model is None:
        return None
    given = {name: _text(reference.kwargs[name]) for name in _WHICH_FILES if name in reference.kwargs}
    unknown = tuple(name for name, value in given.items() if value is Ellipsis)
    known = {name: value for name, value in given.items() if isinstance(value, str) and value}
    base = base_folder(reference.model, folders, is_hub_id=reference.kind == "hub")
    if base is None and "cache_dir" in known and folders:
        known["cache_dir"] = os.path.join(folders[0], os.path.expanduser(known["cache_dir"]))
    asked = reference.kwargs.get("use_safetensors", "None").strip()
    if asked not in _USE_SAFETENSORS:
        unknown += ("use_safetensors",)
    request = ModelRequest(reference.model, base=base, use_safetensors=_USE_SAFETENSORS.get(asked), **known)
    return Ask(request, load_options(reference.kwargs), unknown)


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


def load_options(kwargs: Mapping[str, str]) -> LoadOptions:
    """The load dtype that a call asks for. Where both spellings are given, transformers takes ``dtype``."""
    for name in _DTYPE:
        if name in kwargs:
            dtype = _dtype(kwargs[name])
            if dtype == "None" and name == "dtype" and "torch_dtype" in kwargs:
                continue
            return LoadOptions(dtype=dtype, dtype_known=dtype is not None)
    return LoadOptions()


def _text(source: str) -> object:
    """A string literal or None; Ellipsis if the source is neither (numbers are no revision)."""
    try:
        value = ast.literal_eval(source)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return ...
    return value if value is None or isinstance(value, str) else ...


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
