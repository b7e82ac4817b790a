"""Zip archives of torch.save: a pickle, and the storages beside it.

After ``_load`` in ``torch/serialization.py``.
"""

from __future__ import annotations

from model_loupe.checkpoints.pickle_opcodes import Pickled
from model_loupe.checkpoints.pytorch.arguments import Storage
from model_loupe.checkpoints.pytorch.contents import tell
from model_loupe.checkpoints.pytorch.objects import shortened
from model_loupe.checkpoints.pytorch.results import MAX_WARNINGS, PyTorchFile, nothing_told
from model_loupe.checkpoints.pytorch.source import MAX_PICKLE_BYTES, Source, note_problem, pickle_at
from model_loupe.checkpoints.pytorch.zip_directory import (
    DEFLATED,
    LOCAL_FIELDS,
    STORED,
    BadZip,
    Entry,
    read_directory,
    root_of,
    start_of,
)
from model_loupe.domain.units import plural
from model_loupe.domain.warnings import Warning

# torch stores pickles as they are. One that was compressed by hand may come to a fortieth of its size.
_MOST_RATIO, _MOST_UNPACKED = 60, 100_000


def read_zip(source: Source, name: str, warnings: list[Warning]) -> PyTorchFile:
    try:
        entries, directory = read_directory(source)
    except BadZip as error:
        warnings.append(Warning(error.code, f"{name} {error}"))
        return _read_without_directory(source, name, warnings)
    _check_entries(entries, directory, name, warnings)
    by_name = {entry.name: entry for entry in entries}
    root = root_of(entries)
    other = _other_archive(entries, root, name)
    if other:
        return other._replace(warnings=[*warnings, *other.warnings])
    pickles = [
        pickled
        for entry in _pickle_entries(entries, root)[:4]
        if (pickled := _inside(source, entry, name, warnings))
    ]
    if not pickles:
        return nothing_told("object", "zip", warnings)
    # Which of several entries of one name is loaded differs: the others count for what loading would run.
    found, storages = tell(pickles[0].value, pickles, "zip", name, warnings)
    _check_storages(storages, by_name, root, name, warnings)
    return found


def _check_entries(entries: list[Entry], directory: int, name: str, warnings: list[Warning]) -> None:
    seen: set[str] = set()
    end = 0
    for entry in sorted(entries, key=lambda entry: entry.offset):
        path = shortened(entry.name)
        if entry.name in seen:
            warnings.append(Warning("duplicate-entry", f"{name} holds {path} twice: readers may differ"))
        if entry.name.startswith("/") or "\\" in entry.name or ".." in entry.name.split("/"):
            warnings.append(Warning("bad-zip-name", f"{name} holds an entry that leaves its folder: {path}"))
        if entry.offset < end:
            warnings.append(Warning("overlapping-entries", f"{name}: {path} begins inside of another entry"))
        seen.add(entry.name)
        end = max(end, entry.offset + LOCAL_FIELDS.size + len(entry.name) + entry.packed)
        if end > directory:
            warnings.append(
                Warning("bad-zip", f"{name}: {path} would end behind the zip directory's beginning")
            )
        if len(warnings) > MAX_WARNINGS:
            return


def _other_archive(entries: list[Entry], root: str, name: str) -> PyTorchFile | None:
    """Archives that are not of torch.save."""
    by_name = {entry.name for entry in entries}
    scripted = f"{root}constants.pkl" in by_name or any(path.startswith(f"{root}code/") for path in by_name)
    if scripted:
        message = f"{name} is a TorchScript archive (torch.jit.save): its code and weights are not read"
        return nothing_told("torchscript", "zip", [Warning("torchscript", message)])
    if f"{root}.data/extern_modules" in by_name:
        message = f"{name} is a torch.package archive: its code and objects are not read"
        return nothing_told("package", "zip", [Warning("torch-package", message)])
    if f"{root}archive_format" in by_name or f"{root}serialized_exported_program.json" in by_name:
        message = f"{name} is an exported program (torch.export.save): not read"
        return nothing_told("exported-program", "zip", [Warning("exported-program", message)])
    if _pickle_entries(entries, root):
        return None
    what = (
        "NumPy arrays (.npz)"
        if any(path.endswith(".npy") for path in by_name)
        else "a zip archive without data.pkl"
    )
    return nothing_told(
        "not-a-pickle",
        "zip",
        [
            Warning("not-a-pickle", f"{name} is {what}, not a PyTorch file"),
        ],
    )


def _pickle_entries(entries: list[Entry], root: str) -> list[Entry]:
    # torch looks names up without regard to case.
    return [entry for entry in entries if entry.name.lower() == f"{root}data.pkl".lower()]


def _inside(source: Source, entry: Entry, name: str, warnings: list[Warning]) -> Pickled | None:
    """The pickle in an entry of an archive."""
    try:
        raw = _content(source, entry)
    except BadZip as error:
        warnings.append(Warning(error.code, f"{name}: data.pkl {error}"))
        return None
    local = source.read(entry.offset + LOCAL_FIELDS.size, len(entry.name.encode()))
    if local != entry.name.encode():
        there = shortened(local.decode("utf-8", "replace"))
        message = f"{name}: data.pkl has another name where it stands ({there}): readers may differ"
        warnings.append(Warning("zip-mismatch", message))
    pickled = source.follow(raw)
    note_problem(pickled, entry.size, name, warnings)
    if not pickled.problem and pickled.end < len(raw):
        left = plural(len(raw) - pickled.end, "byte")
        warnings.append(Warning("trailing-data", f"{name}: {left} follow the pickle's end in data.pkl"))
    return pickled


def _content(source: Source, entry: Entry) -> bytes:
    """An entry's bytes, as far as MAX_PICKLE_BYTES."""
    start = start_of(source, entry)
    if entry.flags & 1:
        raise BadZip("encrypted-entry", "is encrypted")
    raw = source.read(start, min(entry.packed, MAX_PICKLE_BYTES))
    if entry.method == STORED:
        return raw
    if entry.method != DEFLATED:
        raise BadZip(
            "unknown-compression", f"is compressed by method {entry.method}, which torch does not read"
        )
    import zlib

    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(raw, _MOST_UNPACKED + _MOST_RATIO * len(raw))
    except zlib.error:
        raise BadZip("bad-zip", "cannot be decompressed") from None


def _read_without_directory(source: Source, name: str, warnings: list[Warning]) -> PyTorchFile:
    """An archive that was cut off still begins with its pickle: torch writes that first."""
    if len(source.head) < LOCAL_FIELDS.size:
        return nothing_told("not-a-pickle", "zip", warnings)
    _, _, _, method, *_, name_length, extra_length = LOCAL_FIELDS.unpack_from(source.head)
    start = LOCAL_FIELDS.size + name_length
    if method != STORED or not source.head[LOCAL_FIELDS.size : start].endswith(b"/data.pkl"):
        return nothing_told("object", "zip", warnings)
    pickled, _ = pickle_at(source, start + extra_length)
    note_problem(pickled, source.size - start - extra_length, name, warnings)
    return tell(pickled.value, [pickled], "zip", name, warnings)[0]


def _check_storages(
    storages: list[Storage], by_name: dict[str, Entry], root: str, name: str, warnings: list[Warning]
) -> None:
    missing, wrong = [], []
    for storage in storages:
        entry = by_name.get(f"{root}data/{storage.key}")
        if entry is None:
            missing.append(storage.key)
        elif entry.size != storage.nbytes:
            wrong.append(f"{storage.key} has {entry.size:,} bytes, its tensors take {storage.nbytes:,}")
    if missing:
        keys = ", ".join(shortened(key) for key in missing[:3])
        message = f"{name} lacks {plural(len(missing), 'storage')} of its tensors (data/{keys})"
        warnings.append(Warning("missing-storage", message))
    if wrong:
        message = f"{name}: {plural(len(wrong), 'storage')} of another size than the pickle says ({wrong[0]})"
        warnings.append(Warning("storage-size", message))
