"""All of a cast checkpoint but its tensors: indexes, configs that name the dtype, files that are copied."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any, NamedTuple

from model_loupe.checkpoints.files import format_of
from model_loupe.domain.casts.targets import Target
from model_loupe.domain.dtypes import BY_NAME, canonical_name
from model_loupe.inspector.casting import Source, folder_of
from model_loupe.inspector.description import Description

_KEYS = ("dtype", "torch_dtype")
_SHARD = re.compile(r"(.+)-\d+-of-\d+\.safetensors")
_INDEX = re.compile(r".+\.index(\..+)?\.json")


class WeightFile(NamedTuple):
    """A file of tensors by its name in the model's folder; ``sizes`` are the bytes of each, as written."""

    name: str
    source: Source
    sizes: dict[str, int]
    variant: str | None

    @property
    def output(self) -> str:
        """Its name in the cast."""
        folder, _, name = self.name.rpartition("/")
        return f"{folder}/{self.as_written(name)}" if folder else self.as_written(name)

    def as_written(self, name: str) -> str:
        """The name without the variant that was asked for (``model.fp16.safetensors``): it is one no more."""
        if not self.variant:
            return name
        return name.replace(f".{self.variant}-", "-").replace(f".{self.variant}.", ".")


def write_side_files(
    description: Description, target: Target, folder: str, weights: list[WeightFile]
) -> list[str]:
    """Makes a whole checkpoint of the weights in ``folder``; returns the files that it leaves out."""
    left_out = _copy(description, folder, {file.name for file in weights})
    is_folder = os.path.isdir(description.path)
    for part in sorted({os.path.dirname(file.name) for file in weights}):
        _write_config(os.path.join(folder, part, "config.json"), target, description)
        files = [file for file in weights if os.path.dirname(file.name) == part]
        # One shard that was asked for by its name is no whole set.
        if is_folder and (len(files) > 1 or _SHARD.fullmatch(files[0].output)):
            _write_index(description, os.path.join(folder, part), files)
    return left_out


def files_below(folder: str) -> Iterator[tuple[str, str]]:
    """Names (with ``/``) and paths of all regular files in ``folder`` that do not lie in hidden folders."""
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        for name in sorted(names):
            path = os.path.join(parent, name)
            with suppress(OSError):
                if stat.S_ISREG(os.stat(path).st_mode):
                    yield os.path.relpath(path, folder).replace(os.sep, "/"), path


def _copy(description: Description, folder: str, weights: set[str]) -> list[str]:
    """Copies what belongs to the model and is no weight file; returns what else is left out."""
    boundary = _boundary(description)
    others = {
        name: path
        for name, path in _files_of(description)
        if name not in weights and not _INDEX.fullmatch(name)
    }
    # Folders with weights of their own, as ``onnx`` or ``checkpoint-500``, are other models.
    elsewhere = {name.partition("/")[0] for name in others if "/" in name and format_of(name)}
    left_out = []
    for name, path in others.items():
        outside = not os.path.realpath(path).startswith(boundary + os.sep)
        if outside or format_of(name) or name.partition("/")[0] in elsewhere:
            left_out.append(name)
            continue
        copy = os.path.join(folder, name)
        os.makedirs(os.path.dirname(copy), exist_ok=True)
        shutil.copyfile(path, copy)
    return left_out


def _files_of(description: Description) -> Iterable[tuple[str, str]]:
    root = folder_of(description)
    if os.path.isdir(description.path):
        return files_below(root)
    # Beside one file that was asked for by its name only what was read with it.
    return ((file.name, os.path.join(root, file.name)) for file in description.files if file.present)


def _boundary(description: Description) -> str:
    """The folder that links may point into: of the Hugging Face cache the repository's, with its blobs."""
    root = folder_of(description)
    if description.source == "cache":
        root = root.rpartition(f"{os.sep}snapshots{os.sep}")[0] or root
    return os.path.realpath(root)


def _write_config(path: str, target: Target, description: Description) -> None:
    """Names the new dtype in a config that is there, under the key that it has for that."""
    with suppress(OSError, ValueError):
        with open(path, encoding="utf-8") as file:
            config = json.load(file)
        if isinstance(config, dict) and _declare(config, target, description):
            text = json.dumps(config, indent=2, ensure_ascii=False)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text + "\n")


def _declare(config: dict[str, Any], target: Target, description: Description) -> bool:
    """Whether there was something to change."""
    keys = [key for key in _KEYS if config.get(key) is not None]
    dtype = target.name
    if dtype.startswith("float8"):
        # transformers makes the dtype that is declared torch's default, and it cannot be one of 8 bits.
        if keys:
            return False
        dtype = next((each for each in description.stored_dtypes if BY_NAME[each].is_floating), "float32")
    if not keys and "model_type" in config:
        # Both version 4 and 5 know this key.
        keys = [next((key for key in _KEYS if key in config), "torch_dtype")]
    config.update(dict.fromkeys(keys, dtype))
    for part in config.values():
        if isinstance(part, dict):
            _declare_below(part, dtype)
    return bool(keys)


def _declare_below(part: dict[str, Any], dtype: str) -> None:
    """The config of a part of a composite model: only what it declares itself."""
    for key in _KEYS:
        declared = part.get(key)
        name = canonical_name(declared) if isinstance(declared, str) else None
        if name and BY_NAME[name].is_floating:
            part[key] = dtype


def _write_index(description: Description, folder: str, files: list[WeightFile]) -> None:
    """Which file holds which tensor; ``metadata`` is the source's, with the new ``total_size``."""
    first = files[0]
    declared = description.weights.shard_index
    match = _SHARD.fullmatch(os.path.basename(first.name))
    name = declared.name if declared else f"{match[1] if match else 'model'}.safetensors.index.json"
    metadata = _metadata(os.path.join(os.path.dirname(first.source.path), name))
    index = {
        "metadata": {**metadata, "total_size": sum(sum(file.sizes.values()) for file in files)},
        "weight_map": {tensor: os.path.basename(file.output) for file in files for tensor in file.sizes},
    }
    with open(os.path.join(folder, first.as_written(name)), "w", encoding="utf-8") as output:
        json.dump(index, output, indent=2, ensure_ascii=False)
        output.write("\n")


def _metadata(path: str) -> dict[str, Any]:
    """What an index says beside the weight map; nothing where there is none to be read."""
    with suppress(OSError, ValueError, AttributeError), open(path, encoding="utf-8") as file:
        found = json.load(file).get("metadata")
        return found if isinstance(found, dict) else {}
    return {}
