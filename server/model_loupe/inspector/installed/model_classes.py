"""What the model classes of the installed transformers say of themselves in class variables."""

from __future__ import annotations

from typing import NamedTuple

from model_loupe.inspector.installed.classes import Class, class_named
from model_loupe.inspector.installed.configs import folder_of
from model_loupe.inspector.installed.packages import Folders

# Class variable → the values of attn_implementation that it allows. That of flash attention was renamed.
_FLAGS = {
    "_supports_sdpa": ("sdpa",),
    "_supports_flash_attn": ("flash_attention_2", "flash_attention_3"),
    "_supports_flash_attn_2": ("flash_attention_2",),
    "_supports_flex_attn": ("flex_attention",),
}


class Attention(NamedTuple):
    """``supported`` and ``refused`` are values of ``attn_implementation``; "eager" every class can use."""

    class_name: str
    supported: tuple[str, ...]
    refused: tuple[str, ...]


def model_class(folders: Folders, name: str | None, model_type: str | None) -> Class | None:
    """The class ``name`` of a model type; None where it is not one of the installed transformers'."""
    folder = folder_of(folders, model_type) if model_type else None
    if folder is None or name is None:
        return None
    return class_named(folders, f"{folder}.modeling_{folder.rpartition('.')[2]}", name)


def attention_of(folders: Folders, class_name: str | None, model_type: str | None) -> Attention | None:
    """What the class can use; None where it is not one of the installed transformers'."""
    found = model_class(folders, class_name, model_type)
    if found is None:
        return None
    supported = ["eager"]
    refused: list[str] = []
    for flag, values in _FLAGS.items():
        if flag in found.variables:
            (supported if found.variables[flag] is True else refused).extend(values)
    able = tuple(dict.fromkeys(supported))
    return Attention(found.name, able, tuple(each for each in dict.fromkeys(refused) if each not in able))
