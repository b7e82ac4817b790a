"""One set of weights out of a model's files: the tensors that the chosen files hold, by their headers."""

from __future__ import annotations

from model_loupe.checkpoints.choice import Selection, choose, not_taken
from model_loupe.checkpoints.files import File, Files, format_of, unreadable
from model_loupe.checkpoints.safetensors_header import (
    FIRST_READ,
    Header,
    KindsByText,
    header_length,
    parse_header,
)
from model_loupe.checkpoints.safetensors_index import Claims, Index
from model_loupe.domain.dtypes import BY_NAME
from model_loupe.domain.lean_typing import TYPE_CHECKING, NamedTuple
from model_loupe.domain.tensors import TensorKind, TensorTable
from model_loupe.domain.units import plural
from model_loupe.domain.warnings import Warning

if TYPE_CHECKING:
    from typing import Any

_ANY = Selection()
_LONG = 100_000
"""Bytes of headers that take some milliseconds to read."""


class Weights(NamedTuple):
    """The weights of one model. ``shards`` are the files taken, also those that are not there.

    ``not_taken`` are the other files of weights, each with the reason; ``gguf`` is a GGUF file's metadata.
    """

    table: TensorTable
    shards: list[File]
    shard_index: Index | None
    first_floating_dtype: str | None
    complete: bool
    tied: list[list[str]]
    not_taken: dict[str, str]
    gguf: dict[str, Any] | None
    warnings: list[Warning]


def read_weights(
    files: Files, listing: dict[str, File], selection: Selection = _ANY, explicit: object = None
) -> Weights:
    """Chooses the weight files and reads their headers; tensor data is never read.

    ``explicit`` is the config's ``transformers_weights``.
    """
    warnings: list[Warning] = []
    choice = choose(files, listing, selection, explicit, warnings)
    files.foresee(choice.shards, choice.claims)
    reader = _Reader(files, listing, warnings)
    for name in choice.shards:
        reader.read(name)
    by_file, complete = reader.by_file, reader.complete
    table = TensorTable(by_file)
    stored = sum(map(len, by_file.values()))
    if stored > len(table):
        message = f"{plural(stored - len(table), 'tensor')} stored in more than one shard: counted once"
        warnings.append(Warning("duplicate-tensors", message))
        table = TensorTable(_without_duplicates(by_file, choice.claims))
    if choice.shard_index and choice.claims:
        _compare_with_index(choice.shard_index, choice.claims, table, complete, warnings)
    return Weights(
        table=table,
        shards=reader.shards,
        shard_index=choice.shard_index,
        first_floating_dtype=_first_floating(table),
        complete=complete,
        tied=reader.tied,
        not_taken=not_taken(listing, choice.shards),
        gguf=reader.gguf,
        warnings=warnings,
    )


def is_long(files: Files, listing: dict[str, File]) -> bool:
    """Whether reading the headers may take more than a moment, as the size of the first lets guess."""
    present = [file.name for file in listing.values() if file.present and file.nbytes]
    if any(format_of(name) in ("pickle", "gguf") for name in present):
        return True
    shards = [name for name in present if format_of(name) == "safetensors"]
    try:
        length = int.from_bytes(files.read(shards[0], 0, 8), "little") if shards else 0
    except OSError:
        return False
    return length * len(shards) > _LONG


class _Reader:
    """Reads one file after the other and gathers what they hold."""

    def __init__(self, files: Files, listing: dict[str, File], warnings: list[Warning]) -> None:
        self.files = files
        self.listing = listing
        self.warnings = warnings
        self.by_file: dict[str, dict[str, TensorKind]] = {}
        self.shards: list[File] = []
        self.tied: list[list[str]] = []
        self.gguf: dict[str, Any] | None = None
        self.complete = True
        self._kinds = KindsByText()

    def read(self, name: str) -> None:
        file = self.listing.get(name) or File(name, None, present=False)
        self.shards.append(file)
        if format_of(name) == "gguf":
            self._read_gguf(file)
            return
        if file.present and format_of(name) == "pickle":
            header: Header | None = _read_pickle(self.files, file, self.tied)
        else:
            header = _read_header(self.files, file, self.listing, self._kinds, self.warnings)
        if header is None:
            self.complete = False
            return
        # A shard that ends early still has its whole header: what the model is, is known.
        self.complete = self.complete and not any(found.code in _LOSES_TENSORS for found in header.warnings)
        self.warnings.extend(header.warnings)
        self.by_file[name] = header.tensors

    def _read_gguf(self, file: File) -> None:
        if not file.present or file.nbytes is None:
            self.complete = False
            self.warnings.append(_missing(self.files, file.name, self.listing))
            return
        from model_loupe.checkpoints.gguf.header import parse_gguf

        found = parse_gguf(
            lambda start, length: self.files.read(file.name, start, length), file.nbytes, file.name
        )
        self.complete = self.complete and found.complete
        self.warnings.extend(found.warnings)
        self.by_file[file.name] = found.tensors
        # Of a model in parts, the first has the metadata of the whole.
        if self.gguf is None:
            self.gguf = found.metadata


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
        warnings.append(unreadable(name, error))
        return None
    if len(raw) < length:
        warnings.append(Warning("incomplete-file", f"{name} became shorter while it was read"))
        return None
    return parse_header(raw, file.nbytes, name, kinds)


def _read_pickle(files: Files, file: File, tied: list[list[str]]) -> Header | None:
    from model_loupe.checkpoints.pytorch.reader import read_pytorch

    found = read_pytorch(
        lambda start, length: files.read(file.name, start, length), file.nbytes or 0, file.name
    )
    tied.extend(found.tied)
    if found.kind in _NO_MODEL:
        # Moments of an optimizer have the shapes of weights, and are none.
        found = found._replace(tensors={})
    warnings = list(found.warnings)
    if not found.tensors and (not warnings or found.kind in _NO_MODEL):
        what = _NO_MODEL.get(found.kind, "an object without tensors")
        of_class = f" ({found.class_path})" if found.class_path else ""
        warnings.insert(0, Warning("no-weights", f"{file.name} holds no weights: it is {what}{of_class}"))
    return Header(found.tensors, {}, 0, warnings)


# What trainers save beside a model, as it is called in a sentence.
_NO_MODEL = {
    "training-args": "the arguments of a training run",
    "optimizer-state": "the state of an optimizer",
    "rng-state": "the state of random number generators",
    "scheduler": "the state of a learning-rate schedule",
}


def _missing(files: Files, name: str, listing: dict[str, File]) -> Warning:
    partial = files.unfinished_download(name)
    if partial:
        message = f"{name} is half-downloaded (only {partial} is there): finish or repeat the download"
        return Warning("incomplete-download", message)
    if name in listing:
        return Warning("broken-link", f"{name} is a link to a file that is not there: download it again")
    if format_of(name) == "gguf":
        message = f"{name} is not there: download it" if name not in listing else f"{name} is a broken link"
        return Warning("missing-shard", message)
    if format_of(name) != "safetensors":
        return Warning(
            "missing-shard", f"{name} is named by the index but is not there, and is no safetensors file"
        )
    return Warning("missing-shard", f"{name} is named by the index but is not there: download it again")


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
