"""One set of weights out of a model's files: which files they are, and the tensors that they hold.

The choice is that of ``from_pretrained`` (``_get_resolved_checkpoint_files`` in transformers'
``modeling_utils.py``): ``model.safetensors``, else its index, else ``pytorch_model.bin``, else its index,
each with the variant's suffix; formats are never summed. A folder without any of these names is described
from the weight files that it has, and says so.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from model_loupe.checkpoints.files import File, Files, format_of
from model_loupe.checkpoints.safetensors_header import (
    FIRST_READ,
    Header,
    KindsByText,
    header_length,
    parse_header,
)
from model_loupe.checkpoints.safetensors_index import MAX_INDEX_BYTES, Claims, Index, parse_index
from model_loupe.domain.dtypes import BY_NAME
from model_loupe.domain.tensors import TensorKind, TensorTable
from model_loupe.domain.units import plural
from model_loupe.domain.warnings import Warning

_SHARD = re.compile(r"^(.*)-(\d{5})-of-(\d{5})\.safetensors$")
# Names under which libraries keep one model's weights (diffusers, PEFT), after transformers' own.
_PICKLE_STEMS = ("pytorch_model", "diffusion_pytorch_model", "adapter_model")
# What trainers keep beside the weights.
_NO_WEIGHTS = ("training_args", "optimizer", "scheduler", "rng_state", "scaler")
_OTHER_STEMS = ("model", "diffusion_pytorch_model", "adapter_model")


class Weights(NamedTuple):
    """The weights of one model. ``shards`` are the files taken, also those that are not there."""

    table: TensorTable
    shards: list[File]
    shard_index: Index | None
    first_floating_dtype: str | None
    complete: bool
    tied: list[list[str]]
    warnings: list[Warning]


class _Choice(NamedTuple):
    shards: list[str]
    shard_index: Index | None = None
    claims: Claims | None = None


def read_weights(files: Files, listing: dict[str, File], variant: str | None = None) -> Weights:
    """Chooses the weight files and reads their headers; tensor data is never read."""
    warnings: list[Warning] = []
    choice = _choose(files, listing, variant, warnings)
    by_file: dict[str, dict[str, TensorKind]] = {}
    shards: list[File] = []
    complete = True
    kinds = KindsByText()
    tied: list[list[str]] = []
    for name in choice.shards:
        file = listing.get(name) or File(name, None, present=False)
        shards.append(file)
        if file.present and format_of(name) == "pickle":
            header = _read_pickle(files, file, tied)
        else:
            header = _read_header(files, file, listing, kinds, warnings)
        if header is None:
            complete = False
            continue
        # A shard that ends early still has its whole header: what the model is, is known.
        complete = complete and not any(found.code in _LOSES_TENSORS for found in header.warnings)
        warnings.extend(header.warnings)
        by_file[name] = header.tensors
    table = TensorTable(by_file)
    stored = sum(map(len, by_file.values()))
    if stored > len(table):
        message = f"{plural(stored - len(table), 'tensor')} stored in more than one shard: counted once"
        warnings.append(Warning("duplicate-tensors", message))
        table = TensorTable(_without_duplicates(by_file, choice.claims))
    if choice.shard_index and choice.claims:
        _compare_with_index(choice.shard_index, choice.claims, table, complete, warnings)
    return Weights(table, shards, choice.shard_index, _first_floating(table), complete, tied, warnings)


_LOSES_TENSORS = {
    "bad-entry",
    "bad-offsets",
    "bad-shape",
    "duplicate-key",
    "header-not-json",
    "header-not-object",
    "header-not-utf8",
    "header-too-deep",
    "header-too-large",
    "shape-overflow",
    # of pickles
    "bad-pickle",
    "bad-zip",
    "exported-program",
    "incomplete-pickle",
    "not-a-pickle",
    "old-tar-format",
    "too-many-objects",
    "torch-package",
    "torchscript",
    "unreadable-file",
    "zip-mismatch",
}


def _choose(files: Files, listing: dict[str, File], variant: str | None, warnings: list[Warning]) -> _Choice:
    suffix = f".{variant}" if variant else ""
    for stem in _OTHER_STEMS:
        single = f"{stem}{suffix}.safetensors"
        if single in listing:
            return _Choice([single])
        index_name = f"{stem}.safetensors.index{suffix}.json"
        if index_name in listing:
            found = _read_index(files, listing[index_name], warnings)
            if found and found[0].shards:
                return _Choice(found[0].shards, *found)
    pickles = _choose_pickles(files, listing, suffix, warnings)
    if pickles:
        return pickles
    if variant:
        message = f"no model.{variant}.safetensors here: this model has no such variant"
        warnings.append(Warning("no-such-variant", message))
        return _Choice([])
    return _Choice(_without_standard_name(listing, warnings) or _other_pickle(listing))


def _choose_pickles(
    files: Files, listing: dict[str, File], suffix: str, warnings: list[Warning]
) -> _Choice | None:
    for stem in _PICKLE_STEMS:
        single = f"{stem}{suffix}.bin"
        if single in listing:
            return _Choice([single])
        index_name = f"{stem}.bin.index{suffix}.json"
        if index_name in listing:
            found = _read_index(files, listing[index_name], warnings)
            if found and found[0].shards:
                return _Choice(found[0].shards, *found)
    return None


def _other_pickle(listing: dict[str, File]) -> list[str]:
    """The one pickle of another name, if there is just one that can hold weights."""
    names = [name for name in listing if format_of(name) == "pickle" and not name.startswith(_NO_WEIGHTS)]
    return names if len(names) == 1 else []


def _read_index(files: Files, file: File, warnings: list[Warning]) -> tuple[Index, Claims] | None:
    if not file.present:
        warnings.append(Warning("missing-file", f"{file.name} is a broken link"))
        return None
    if (file.nbytes or 0) > MAX_INDEX_BYTES:
        warnings.append(Warning("bad-index", f"{file.name} is larger than any index ({file.nbytes:,} bytes)"))
        return None
    try:
        raw = files.read(file.name)
    except OSError as error:
        warnings.append(_unreadable(file.name, error))
        return None
    return parse_index(raw, file.name, warnings)


def _without_standard_name(listing: dict[str, File], warnings: list[Warning]) -> list[str]:
    names = sorted(name for name in listing if name.endswith(".safetensors") and "/" not in name)
    # Mistral's own twin of the same weights: never what from_pretrained takes.
    names = [name for name in names if not name.startswith("consolidated")] or names
    if len(names) <= 1:
        return names
    shards = [match for match in map(_SHARD.match, names) if match]
    if shards and len(shards) == len(names) and len({match.group(1, 3) for match in shards}) == 1:
        stem, total = shards[0].group(1, 3)
        warnings.append(
            Warning("missing-index", f"no {stem}.safetensors.index.json beside the {total} shards")
        )
        if int(total) > 10_000:
            return names
        return [f"{stem}-{number:05d}-of-{total}.safetensors" for number in range(1, int(total) + 1)]
    largest = max(names, key=lambda name: listing[name].nbytes or 0)
    others = ", ".join(name for name in names if name != largest)
    message = f"several safetensors files and no index: taking the largest, {largest} (not {others[:200]})"
    warnings.append(Warning("ambiguous-weights", message))
    return [largest]


def _read_header(
    files: Files, file: File, listing: dict[str, File], kinds: KindsByText, warnings: list[Warning]
) -> Header | None:
    name = file.name
    if not file.present or file.nbytes is None:
        warnings.append(_missing(files, name, listing))
        return None
    try:
        head = files.read(name, 0, FIRST_READ)
        length = header_length(head, file.nbytes, name)
        if isinstance(length, Warning):
            warnings.append(length)
            return None
        raw = head[8 : 8 + length]
        if len(raw) < length:
            raw += files.read(name, len(head), length - len(raw))
    except OSError as error:
        warnings.append(_unreadable(name, error))
        return None
    if len(raw) < length:
        warnings.append(Warning("incomplete-file", f"{name} became shorter while it was read"))
        return None
    return parse_header(raw, file.nbytes, name, kinds)


def _read_pickle(files: Files, file: File, tied: list[list[str]]) -> Header | None:
    from model_loupe.checkpoints.pytorch import read_pytorch

    found = read_pytorch(
        lambda start, length: files.read(file.name, start, length), file.nbytes or 0, file.name
    )
    tied.extend(found.tied)
    warnings = list(found.warnings)
    if not found.tensors and not warnings:
        warnings.append(Warning("no-weights", f"{file.name} holds no weights: it is of kind {found.kind}"))
    return Header(found.tensors, {}, 0, warnings)


def _missing(files: Files, name: str, listing: dict[str, File]) -> Warning:
    partial = files.unfinished_download(name)
    if partial:
        message = f"{name} is half-downloaded (only {partial} is there): finish or repeat the download"
        return Warning("incomplete-download", message)
    if name in listing:
        return Warning("broken-link", f"{name} is a link to a file that is not there: download it again")
    if format_of(name) != "safetensors":
        return Warning(
            "missing-shard", f"{name} is named by the index but is not there, and is no safetensors file"
        )
    return Warning("missing-shard", f"{name} is named by the index but is not there: download it again")


def _unreadable(name: str, error: OSError) -> Warning:
    return Warning("unreadable-file", f"{name} cannot be read: {error.strerror or type(error).__name__}")


def _without_duplicates(
    by_file: dict[str, dict[str, TensorKind]], claims: Claims | None
) -> dict[str, dict[str, TensorKind]]:
    """A tensor that several shards store counts once, from the shard that the index names."""
    owners = {name: file for file, tensors in by_file.items() for name in tensors}
    if claims:
        claimed = claims.weight_map().items()
        owners.update((name, file) for name, file in claimed if name in by_file.get(file, ()))
    return {
        file: {name: kind for name, kind in tensors.items() if owners[name] == file}
        for file, tensors in by_file.items()
    }


def _compare_with_index(
    index: Index, claims: Claims, table: TensorTable, complete: bool, warnings: list[Warning]
) -> None:
    if not claims.agree(table.by_file):
        _explain_difference(index, claims.weight_map(), table, complete, warnings)
    # Without all the headers a different sum is no news.
    if complete and index.total_size is not None and index.total_size != table.nbytes:
        message = f"{index.name} claims {index.total_size:,} bytes, the shards' headers say {table.nbytes:,}"
        warnings.append(Warning("index-total-size", message))


def _explain_difference(
    index: Index, claimed: dict[str, str], table: TensorTable, complete: bool, warnings: list[Warning]
) -> None:
    unlisted = [name for name in table.tensors if name not in claimed]
    moved = [
        name for file, tensors in table.by_file.items() for name in tensors if claimed.get(name, file) != file
    ]
    if unlisted:
        message = (
            f"{plural(len(unlisted), 'tensor')} in the shards, not in {index.name} ({_sample(unlisted)})"
        )
        warnings.append(Warning("tensors-not-in-index", message))
    if moved:
        message = f"{plural(len(moved), 'tensor')} in another shard than {index.name} says ({_sample(moved)})"
        warnings.append(Warning("tensors-in-other-shard", message))
    if complete:
        absent = [name for name in claimed if name not in table.tensors]
        if absent:
            message = f"{plural(len(absent), 'tensor')} of {index.name} in no shard ({_sample(absent)})"
            warnings.append(Warning("tensors-not-in-shards", message))


def _sample(names: list[str]) -> str:
    shown = ", ".join(name[:80] for name in names[:3])
    return shown + (", …" if len(names) > 3 else "")


def _first_floating(table: TensorTable) -> str | None:
    # transformers' dtype="auto" without a config entry takes the first floating tensor of the first shard.
    for tensors in table.by_file.values():
        for kind in tensors.values():
            dtype = BY_NAME.get(kind.dtype)
            if dtype and dtype.is_floating:
                return kind.dtype
        break
    return None
