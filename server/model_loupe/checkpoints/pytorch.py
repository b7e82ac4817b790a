"""PyTorch checkpoints: names, dtypes, shapes and shared storages, without running anything of them.

A file of ``torch.save`` is a pickle whose storages lie outside of it: in a zip archive beside ``data.pkl``
(torch >= 1.6) or, in the legacy format, after it. Only the pickle is read, by ``pickle_opcodes``, and the
calls in it that torch knows (``torch/_utils.py``: ``_rebuild_tensor_v2`` …) are understood as tensors.
Containers: ``_load`` and ``_legacy_load`` in ``torch/serialization.py``; zip: PKWARE's APPNOTE.

The module reads from the top: results, ``read_pytorch``, containers, what kind of object it is, tensors.
"""

from __future__ import annotations

from math import prod
from struct import Struct, unpack_from
from struct import error as StructError
from typing import TYPE_CHECKING, Any, NamedTuple

from model_loupe.checkpoints.files import lfs_pointer_size
from model_loupe.checkpoints.pickle_opcodes import Global, Mapping, Object, Persistent, Pickled, follow
from model_loupe.domain.tensors import TensorKind
from model_loupe.domain.units import format_bytes, plural
from model_loupe.domain.warnings import Warning

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Read = Callable[[int, int], bytes]

MAX_PICKLE_BYTES = 64 * 1024 * 1024
"""The pickle of 100,000 tensors has 12 MB; larger ones carry data, and are read as far as this."""

_FIRST_PICKLE_BYTES = 256 * 1024
_TAIL_BYTES = 64 * 1024 + 22
_MAX_DIRECTORY_BYTES = 32 * 1024 * 1024
_MAX_ENTRIES = 200_000
_MAX_WARNINGS = 20
_MAX_KEPT_WARNINGS = 1_000
# What is nested deeper is no checkpoint; modules are seldom nested deeper than 20.
_MAX_DEPTH = 64
_MAX_WRAPPING = 8
_MAX_NAME_CHARACTERS = 2_000
_MAX_NAMES_CHARACTERS = 50_000_000
_MAX_COUNT = 2**63

# --- what is told ---------------------------------------------------------------------------------------


class Layout(NamedTuple):
    """How a tensor lies in its storage.

    ``storage`` is the storage's key, None for a tensor that has none of its own (sparse, meta, a subclass
    that wraps others). ``offset`` and ``stride`` count elements. ``form`` is ``strided``, a sparse layout,
    ``quantized``, ``meta``, ``nested`` or the path of a tensor subclass. ``parameter``: saved as a Parameter.
    """

    storage: str | None
    offset: int
    stride: tuple[int, ...]
    form: str
    parameter: bool = False


class Part(NamedTuple):
    """Tensors that a checkpoint holds besides its weights: an optimizer's state, an EMA copy …"""

    path: str
    kind: str
    tensors: int
    elements: int
    nbytes: int


class PyTorchFile(NamedTuple):
    """What can be told of a PyTorch file.

    ``kind`` is ``state-dict`` (names → tensors), ``checkpoint`` (a state dict or module under a key, with
    other things), ``module`` (a whole pickled module), ``tensors`` (tensors alone or in a list),
    ``training-args``, ``optimizer-state``, ``rng-state``, ``scheduler``, ``object`` (something else),
    ``torchscript``, ``exported-program``, ``package`` (these three are not read further) or
    ``not-a-pickle``. ``container`` is ``zip``, ``legacy``, ``tar``, ``pickle`` or ``""``.

    ``tensors`` are the weights by the names of ``state_dict()``; ``prefix`` is where the file keeps them.
    ``shared`` are groups of names on one storage, ``tied`` groups of names for the same elements.
    ``stored_nbytes`` counts each storage once. ``buffers`` are the names known to be buffers, None where a
    file does not tell. ``facts`` are plain values beside the tensors (``epoch`` …).
    """

    kind: str
    container: str
    tensors: dict[str, TensorKind]
    layouts: dict[str, Layout]
    prefix: str
    class_path: str | None
    shared: list[list[str]]
    tied: list[list[str]]
    stored_nbytes: int
    buffers: frozenset[str] | None
    parts: list[Part]
    facts: dict[str, str | int | float | bool]
    globals: list[str]
    warnings: list[Warning]


# --- dtypes ---------------------------------------------------------------------------------------------

# torch's name → bytes of an element. Integers of less than 8 bits and bits* take a byte each.
_SIZES = {
    **dict.fromkeys(("bool", "uint8", "int8", "qint8", "quint8", "float4_e2m1fn_x2"), 1),
    **dict.fromkeys(("bits8", "bits1x8", "bits2x4", "bits4x2"), 1),
    **dict.fromkeys((f"{sign}int{bits}" for sign in ("u", "") for bits in range(1, 8)), 1),
    **dict.fromkeys(
        ("float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu"), 1
    ),
    **dict.fromkeys(("int16", "uint16", "float16", "bfloat16", "bits16"), 2),
    **dict.fromkeys(("int32", "uint32", "float32", "qint32", "complex32"), 4),
    **dict.fromkeys(("int64", "uint64", "float64", "complex64"), 8),
    "complex128": 16,
    "quint4x2": 1,
    "quint2x4": 1,
}
# Elements to a byte, along the last dimension (aten/src/ATen/quantized): their storages count bytes.
_PACKED = {"quint4x2": 2, "quint2x4": 4}
# Storage classes of torch and torch.cuda (``_dtype_to_storage_type_map`` in torch/storage.py).
_STORAGE_DTYPES = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "BFloat16Storage": "bfloat16",
    "ComplexDoubleStorage": "complex128",
    "ComplexFloatStorage": "complex64",
    "QInt8Storage": "qint8",
    "QInt32Storage": "qint32",
    "QUInt8Storage": "quint8",
    "QUInt4x2Storage": "quint4x2",
    "QUInt2x4Storage": "quint2x4",
    # Its elements are bytes; the tensor says what they mean.
    "UntypedStorage": "uint8",
}


# --- reading a file -------------------------------------------------------------------------------------

_MAGIC = 0x1950A86A20F9469CFC6C
_PICKLE_STARTS = (b"\x80", b"L119547037146038801333356L\n")
_SIGNATURES = (
    (b"GGUF", "a GGUF file"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"<!doctype", "an HTML page"),
    (b"<html", "an HTML page"),
    (b"<?xml", "an XML document"),
    (b"{", "JSON or other text"),
)


def read_pytorch(read: Read, size: int, name: str) -> PyTorchFile:
    """Reads a file of ``size`` bytes, of which ``read(offset, length)`` gives a range (or raises OSError).

    ``name`` is what warnings call it. Never raises: a file that is none gives no tensors and warnings.
    """
    warnings: list[Warning] = []
    try:
        found = _read(_Source(read, size), name, warnings)
    except OSError as error:
        message = f"{name} cannot be read: {error.strerror or type(error).__name__}"
        return _nothing("not-a-pickle", "", [*warnings, Warning("unreadable-file", message)])
    return found._replace(warnings=_bounded(found.warnings, name))


class _Source:
    """A file's bytes by range. The beginning and, once asked for, the end are read once."""

    def __init__(self, read: Read, size: int) -> None:
        self._read = read
        self.size = size
        self.head = read(0, min(size, _FIRST_PICKLE_BYTES)) if size else b""
        self._tail: bytes | None = None

    def tail(self) -> bytes:
        if self._tail is None:
            length = min(self.size, _TAIL_BYTES)
            at_hand = self.size <= len(self.head)
            self._tail = self.head[-length:] if at_hand else self._read(self.size - length, length)
        return self._tail

    def read(self, offset: int, length: int) -> bytes:
        """At most ``length`` bytes: fewer at the end of the file."""
        length = max(0, min(length, self.size - offset))
        if offset + length <= len(self.head):
            return self.head[offset : offset + length]
        begin = self.size - len(self._tail or b"")
        if self._tail and offset >= begin:
            return self._tail[offset - begin : offset - begin + length]
        return self._read(offset, length)


def _read(source: _Source, name: str, warnings: list[Warning]) -> PyTorchFile:
    head = source.head
    refused = _refused(head, source.size, name)
    if refused:
        return _nothing("not-a-pickle", "", [refused])
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _read_zip(source, name, warnings)
    if head[257:262] == b"ustar":
        message = (
            f"{name} is of the tar format of the first PyTorch releases: load it with torch and save it again"
        )
        return _nothing("object", "tar", [Warning("old-tar-format", message)])
    if head.startswith(_PICKLE_STARTS):
        return _read_pickles(source, name, warnings)
    return _read_unlikely(source, name, warnings)


def _refused(head: bytes, size: int, name: str) -> Warning | None:
    if size == 0:
        return Warning("empty-file", f"{name} is empty (0 bytes): the download or copy did not start")
    real_size = lfs_pointer_size(head[:1024])
    if real_size is not None:
        of_size = f" of {format_bytes(real_size)}" if real_size else ""
        return Warning(
            "lfs-pointer", f"{name} is a Git-LFS pointer, not the file{of_size}: run `git lfs pull`"
        )
    start = head[:16].lstrip().lower()
    what = next((what for mark, what in _SIGNATURES if head.startswith(mark) or start.startswith(mark)), None)
    if head[8:10] == b'{"' and int.from_bytes(head[:8], "little") < size:
        what = "a safetensors file"
    return Warning("not-a-pickle", f"{name} is {what}, not a PyTorch file") if what else None


def _nothing(kind: str, container: str, warnings: list[Warning]) -> PyTorchFile:
    return PyTorchFile(kind, container, {}, {}, "", None, [], [], 0, None, [], {}, [], warnings)


def _read_unlikely(source: _Source, name: str, warnings: list[Warning]) -> PyTorchFile:
    """A pickle of protocol 0 or 1 has no mark at its beginning, and loading it runs it like any other."""
    pickled = follow(source.head)
    if pickled.problem is None or pickled.calls:
        return _read_pickles(source, name, warnings)
    return _nothing("not-a-pickle", "", [Warning("not-a-pickle", f"{name} is no PyTorch file and no pickle")])


# --- pickles one after the other: the legacy format -----------------------------------------------------


def _follow(source: _Source, start: int) -> tuple[Pickled, int]:
    """The pickle at ``start``, of which only its last opcode tells where it ends; and that end."""
    if start < len(source.head):
        pickled = follow(source.head, start)
        if not _is_cut(pickled) or len(source.head) == source.size:
            return pickled, pickled.end
    length = _FIRST_PICKLE_BYTES
    while True:
        length = min(8 * length, MAX_PICKLE_BYTES)
        pickled = follow(source.read(start, length))
        if not _is_cut(pickled) or length == MAX_PICKLE_BYTES or start + length >= source.size:
            return pickled, start + pickled.end


def _is_cut(pickled: Pickled) -> bool:
    return pickled.problem is not None and pickled.problem.code == "incomplete-pickle"


def _read_pickles(source: _Source, name: str, warnings: list[Warning]) -> PyTorchFile:
    """Magic number, protocol, system, the object, the storages' keys; then the storages."""
    pickles: list[Pickled] = []
    end = 0
    for _ in range(5):
        start = end
        pickled, end = _follow(source, start)
        pickles.append(pickled)
        if pickled.problem or not _is_magic(pickles[0].value):
            _note_problem(pickled, source.size - start, name, warnings)
            break
    is_torch = _is_magic(pickles[0].value)
    if not is_torch:
        message = f"{name} is a plain pickle, not a file of torch.save: torch.load refuses it"
        warnings.append(Warning("plain-pickle", message))
    # With fewer than four, the object is missing, and so are its tensors.
    value = pickles[3].value if len(pickles) > 3 else None if is_torch else pickles[0].value
    found, storages = _told(value, pickles, "legacy" if is_torch else "pickle", name, warnings)
    if len(pickles) == 5 and not pickles[4].problem:
        # A storage is its number of elements (8 bytes) and their bytes.
        _check_length(end + sum(8 + storage.nbytes for storage in storages), source.size, name, warnings)
    return found


def _is_magic(value: Any) -> bool:
    return type(value) is int and value == _MAGIC


def _note_problem(pickled: Pickled, left: int, name: str, warnings: list[Warning]) -> None:
    """``left`` are the bytes of the file from the beginning of the pickle."""
    if pickled.problem is None:
        return
    code, message = pickled.problem
    if code == "incomplete-pickle" and left > MAX_PICKLE_BYTES:
        code, message = "pickle-too-large", f"is not read further than {format_bytes(MAX_PICKLE_BYTES)}"
    warnings.append(Warning(code, f"{name}: its pickle {message}"))


def _check_length(needed: int, size: int, name: str, warnings: list[Warning]) -> None:
    if needed > size:
        message = f"{name} has {size:,} bytes, its tensors need {needed:,}: half-downloaded or cut off"
        warnings.append(Warning("incomplete-file", message))


# --- zip ------------------------------------------------------------------------------------------------

_END, _END64_LOCATOR, _END64 = b"PK\x05\x06", b"PK\x06\x07", b"PK\x06\x06"
_END_FIELDS = Struct("<4H2LH")
_END64_FIELDS = Struct("<Q2H2L4Q")
_CENTRAL_FIELDS = Struct("<4s6H3L5H2L")
_LOCAL_FIELDS = Struct("<4s5H3L2H")
_STORED, _DEFLATED = 0, 8


class _Entry(NamedTuple):
    """An entry of a zip directory. ``packed`` are its bytes in the archive."""

    name: str
    flags: int
    method: int
    packed: int
    size: int
    offset: int


class _BadZip(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def _read_zip(source: _Source, name: str, warnings: list[Warning]) -> PyTorchFile:
    try:
        entries, directory = _directory(source)
    except _BadZip as error:
        warnings.append(Warning(error.code, f"{name} {error}"))
        return _read_without_directory(source, name, warnings)
    _check_entries(entries, directory, name, warnings)
    by_name = {entry.name: entry for entry in entries}
    # torch takes everything from the folder that the first entry is in.
    root = entries[0].name.partition("/")[0] if entries and "/" in entries[0].name else ""
    root = f"{root}/" if root else ""
    other = _other_archive(entries, root, name)
    if other:
        return other._replace(warnings=[*warnings, *other.warnings])
    pickles = [
        pickled
        for entry in _pickle_entries(entries, root)[:4]
        if (pickled := _inside(source, entry, name, warnings))
    ]
    if not pickles:
        return _nothing("object", "zip", warnings)
    # Which of several entries of one name is loaded differs: the others count for what loading would run.
    found, storages = _told(pickles[0].value, pickles, "zip", name, warnings)
    _check_storages(storages, by_name, root, name, warnings)
    return found


def _directory(source: _Source) -> tuple[list[_Entry], int]:
    """The entries, and where the directory begins."""
    tail = source.tail()
    at = tail.rfind(_END)
    if at < 0 or at + 22 > len(tail):
        raise _BadZip("incomplete-file", "has no zip directory at its end: half-downloaded or cut off")
    *_, count, length, offset, _ = _END_FIELDS.unpack_from(tail, at + 4)
    if at >= 20 and tail.startswith(_END64_LOCATOR, at - 20):
        (place,) = unpack_from("<Q", tail, at - 12)
        record = source.read(place, 56) if place < source.size else b""
        if len(record) < 56 or not record.startswith(_END64):
            raise _BadZip("bad-zip", "has a zip directory that is not where its end says")
        *_, count, length, offset = _END64_FIELDS.unpack_from(record, 4)
    if offset + length > source.size or count * _CENTRAL_FIELDS.size > length:
        raise _BadZip("bad-zip", "has a zip directory that cannot be where its end says")
    if length > _MAX_DIRECTORY_BYTES or count > _MAX_ENTRIES:
        raise _BadZip("zip-too-large", f"lists {count:,} files in {format_bytes(length)}: not read")
    raw = source.read(offset, length)
    try:
        return _entries_of(raw, count), offset
    except StructError:
        raise _BadZip("bad-zip", "has a zip directory that breaks off") from None


def _entries_of(raw: bytes, count: int) -> list[_Entry]:
    entries: list[_Entry] = []
    position = 0
    for _ in range(count):
        fields = _CENTRAL_FIELDS.unpack_from(raw, position)
        if fields[0] != b"PK\x01\x02":
            raise _BadZip("bad-zip", "has a zip directory with something else in it")
        flags, method = fields[3], fields[4]
        sizes = [fields[8], fields[9], fields[16]]
        name_end = position + _CENTRAL_FIELDS.size + fields[10]
        end = name_end + fields[11]
        if 0xFFFFFFFF in sizes:
            sizes = _zip64_sizes(raw[name_end:end], sizes)
        name = raw[position + _CENTRAL_FIELDS.size : name_end].decode("utf-8", "replace")
        packed, size, offset = sizes
        entries.append(_Entry(name, flags, method, packed, size, offset))
        position = end + fields[12]
    return entries


def _zip64_sizes(extra: bytes, sizes: list[int]) -> list[int]:
    """The 64-bit values (size, packed size, offset: only those that are needed) of extra field 1."""
    position = 0
    while position + 4 <= len(extra):
        kind, length = unpack_from("<2H", extra, position)
        if kind == 1:
            packed, size, offset = sizes
            values = list(unpack_from(f"<{length // 8}Q", extra, position + 4))
            wide = [value == 0xFFFFFFFF for value in (size, packed, offset)]
            taken = [
                values.pop(0) if is_wide and values else old
                for is_wide, old in zip(wide, (size, packed, offset), strict=True)
            ]
            return [taken[1], taken[0], taken[2]]
        position += 4 + length
    return sizes


def _check_entries(entries: list[_Entry], directory: int, name: str, warnings: list[Warning]) -> None:
    seen: set[str] = set()
    end = 0
    for entry in sorted(entries, key=lambda entry: entry.offset):
        path = _short(entry.name)
        if entry.name in seen:
            warnings.append(Warning("duplicate-entry", f"{name} holds {path} twice: readers may differ"))
        if entry.name.startswith("/") or "\\" in entry.name or ".." in entry.name.split("/"):
            warnings.append(Warning("bad-zip-name", f"{name} holds an entry that leaves its folder: {path}"))
        if entry.offset < end:
            warnings.append(Warning("overlapping-entries", f"{name}: {path} begins inside of another entry"))
        seen.add(entry.name)
        end = max(end, entry.offset + _LOCAL_FIELDS.size + len(entry.name) + entry.packed)
        if end > directory:
            warnings.append(
                Warning("bad-zip", f"{name}: {path} would end behind the zip directory's beginning")
            )
        if len(warnings) > _MAX_WARNINGS:
            return


def _other_archive(entries: list[_Entry], root: str, name: str) -> PyTorchFile | None:
    """Archives that are not of torch.save."""
    by_name = {entry.name for entry in entries}
    scripted = f"{root}constants.pkl" in by_name or any(path.startswith(f"{root}code/") for path in by_name)
    if scripted:
        message = f"{name} is a TorchScript archive (torch.jit.save): its code and weights are not read"
        return _nothing("torchscript", "zip", [Warning("torchscript", message)])
    if f"{root}.data/extern_modules" in by_name:
        message = f"{name} is a torch.package archive: its code and objects are not read"
        return _nothing("package", "zip", [Warning("torch-package", message)])
    if f"{root}archive_format" in by_name or f"{root}serialized_exported_program.json" in by_name:
        message = f"{name} is an exported program (torch.export.save): not read"
        return _nothing("exported-program", "zip", [Warning("exported-program", message)])
    if _pickle_entries(entries, root):
        return None
    what = (
        "NumPy arrays (.npz)"
        if any(path.endswith(".npy") for path in by_name)
        else "a zip archive without data.pkl"
    )
    return _nothing("not-a-pickle", "zip", [Warning("not-a-pickle", f"{name} is {what}, not a PyTorch file")])


def _pickle_entries(entries: list[_Entry], root: str) -> list[_Entry]:
    # torch looks names up without regard to case.
    return [entry for entry in entries if entry.name.lower() == f"{root}data.pkl".lower()]


def _inside(source: _Source, entry: _Entry, name: str, warnings: list[Warning]) -> Pickled | None:
    """The pickle in an entry of an archive."""
    try:
        raw = _content(source, entry)
    except _BadZip as error:
        warnings.append(Warning(error.code, f"{name}: data.pkl {error}"))
        return None
    local = source.read(entry.offset + _LOCAL_FIELDS.size, len(entry.name.encode()))
    if local != entry.name.encode():
        there = _short(local.decode("utf-8", "replace"))
        message = f"{name}: data.pkl has another name where it stands ({there}): readers may differ"
        warnings.append(Warning("zip-mismatch", message))
    pickled = follow(raw)
    _note_problem(pickled, entry.size, name, warnings)
    if not pickled.problem and pickled.end < len(raw):
        left = plural(len(raw) - pickled.end, "byte")
        warnings.append(Warning("trailing-data", f"{name}: {left} follow the pickle's end in data.pkl"))
    return pickled


def _content(source: _Source, entry: _Entry) -> bytes:
    """An entry's bytes, as far as MAX_PICKLE_BYTES."""
    header = source.read(entry.offset, _LOCAL_FIELDS.size)
    if len(header) < _LOCAL_FIELDS.size or not header.startswith(b"PK\x03\x04"):
        raise _BadZip("bad-zip", "is not where the zip directory says")
    *_, name_length, extra_length = _LOCAL_FIELDS.unpack(header)
    if entry.flags & 1:
        raise _BadZip("encrypted-entry", "is encrypted")
    start = entry.offset + _LOCAL_FIELDS.size + name_length + extra_length
    raw = source.read(start, min(entry.packed, MAX_PICKLE_BYTES))
    if entry.method == _STORED:
        return raw
    if entry.method != _DEFLATED:
        raise _BadZip(
            "unknown-compression", f"is compressed by method {entry.method}, which torch does not read"
        )
    import zlib

    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(raw, MAX_PICKLE_BYTES)
    except zlib.error:
        raise _BadZip("bad-zip", "cannot be decompressed") from None


def _read_without_directory(source: _Source, name: str, warnings: list[Warning]) -> PyTorchFile:
    """An archive that was cut off still begins with its pickle: torch writes that first."""
    if len(source.head) < _LOCAL_FIELDS.size:
        return _nothing("not-a-pickle", "zip", warnings)
    _, _, _, method, *_, name_length, extra_length = _LOCAL_FIELDS.unpack_from(source.head)
    start = _LOCAL_FIELDS.size + name_length
    if method != _STORED or not source.head[_LOCAL_FIELDS.size : start].endswith(b"/data.pkl"):
        return _nothing("object", "zip", warnings)
    pickled, _ = _follow(source, start + extra_length)
    _note_problem(pickled, source.size - start - extra_length, name, warnings)
    return _told(pickled.value, [pickled], "zip", name, warnings)[0]


def _check_storages(
    storages: list[_Storage], by_name: dict[str, _Entry], root: str, name: str, warnings: list[Warning]
) -> None:
    missing, wrong = [], []
    for storage in storages:
        entry = by_name.get(f"{root}data/{storage.key}")
        if entry is None:
            missing.append(storage.key)
        elif entry.size != storage.nbytes:
            wrong.append(f"{storage.key} has {entry.size:,} bytes, its tensors take {storage.nbytes:,}")
    if missing:
        keys = ", ".join(_short(key) for key in missing[:3])
        message = f"{name} lacks {plural(len(missing), 'storage')} of its tensors (data/{keys})"
        warnings.append(Warning("missing-storage", message))
    if wrong:
        message = f"{name}: {plural(len(wrong), 'storage')} of another size than the pickle says ({wrong[0]})"
        warnings.append(Warning("storage-size", message))


# --- what the pickles say -------------------------------------------------------------------------------


def _told(
    root: Any, pickles: list[Pickled], container: str, name: str, warnings: list[Warning]
) -> tuple[PyTorchFile, list[_Storage]]:
    """Everything that can be told of the object, and the storages that it needs."""
    imported = list(dict.fromkeys(path for pickled in pickles for path in pickled.globals))
    calls: dict[str, Any] = {}
    for pickled in pickles:
        calls = {**pickled.calls, **calls}
    refused = _disallowed(imported, calls, name)
    warnings += [refused] if refused else []
    # A tensor takes some 32 opcodes, and is looked at three times at most.
    tensors = _Tensors(10_000 + sum(pickled.opcodes for pickled in pickles) // 2)
    sorter = _Sorter(tensors, name, warnings)
    try:
        found = sorter.sort(root)
    except _Exhausted:
        found = sorter.best
        warnings.append(
            Warning("too-many-objects", f"{name} refers to the same objects over and over: given up")
        )
    names = found.names
    kind = found.kind
    if not names.found and any(pickled.problem for pickled in pickles):
        kind = "not-a-pickle"
    shared, tied, stored = _sharing(names.found, tensors)
    file = PyTorchFile(
        kind,
        container,
        {path: tensor.kind for path, tensor in names.found.items()},
        {path: tensor.layout for path, tensor in names.found.items()},
        found.prefix,
        _class_path(root) if kind not in ("state-dict", "checkpoint", "tensors") else None,
        shared,
        tied,
        stored,
        frozenset(names.buffers) if names.modules else None,
        found.parts,
        found.facts,
        imported,
        warnings,
    )
    return file, list(tensors.storages.values())


def _bounded(warnings: list[Warning], name: str) -> list[Warning]:
    left = len(warnings) - _MAX_WARNINGS
    if left <= 0:
        return warnings
    return [*warnings[:_MAX_WARNINGS], Warning("more-warnings", f"{name}: {left:,} more findings like these")]


def _sharing(found: dict[str, _Tensor], tensors: _Tensors) -> tuple[list[list[str]], list[list[str]], int]:
    """Groups on one storage, groups of the same elements, and the bytes of the storages."""
    by_storage: dict[str, list[str]] = {}
    by_place: dict[tuple[str, int, int], list[str]] = {}
    rest = 0
    for name, (kind, layout) in found.items():
        if layout.storage is None:
            rest += kind.nbytes
            continue
        by_storage.setdefault(layout.storage, []).append(name)
        if kind.elements:
            place = (layout.storage, layout.offset * _SIZES[kind.dtype], kind.nbytes)
            by_place.setdefault(place, []).append(name)
    return (
        [names for names in by_storage.values() if len(names) > 1],
        [names for names in by_place.values() if len(names) > 1],
        rest + sum(tensors.storages[key].nbytes for key in by_storage),
    )


# --- what it is -----------------------------------------------------------------------------------------

# Keys under which training scripts, Lightning, timm, DeepSpeed … keep the weights, most telling first.
_WEIGHT_KEYS = (
    "state_dict",
    "model_state_dict",
    "model",
    "module",
    "model_state",
    "net",
    "network",
    "weights",
)
_PART_KINDS = (
    ("optim", "optimizer-state"),
    ("sched", "scheduler"),
    ("rng", "rng-state"),
    ("random", "rng-state"),
)
# Keys that mark a dict as what it is: torch.optim.Optimizer, lr_scheduler, GradScaler; accelerate and the
# transformers Trainer for the states of random generators.
_MARKS = (
    ("optimizer-state", {"state", "param_groups"}),
    ("scheduler", {"last_epoch", "_step_count"}),
    ("scheduler", {"last_epoch", "base_lrs"}),
    ("rng-state", {"python", "numpy", "cpu"}),
    ("rng-state", {"random_state", "numpy_random_seed", "torch_manual_seed"}),
)
_OTHERS = frozenset(kind for kind, _ in _MARKS)
_ARGUMENT_CLASSES = ("Arguments", "argparse.Namespace", "omegaconf.dictconfig.DictConfig")


class _Found(NamedTuple):
    """A file's object, sorted into the weights and the rest."""

    kind: str
    prefix: str
    names: _Names
    parts: list[Part]
    facts: dict[str, str | int | float | bool]


class _Sorter:
    """Finds the weights in what a file holds."""

    def __init__(self, tensors: _Tensors, file: str, warnings: list[Warning]) -> None:
        self._tensors = tensors
        self._file = file
        self._warnings = warnings
        # What was found, where looking at the rest takes too long.
        self.best = _Found("object", "", self._names(), [], {})

    def sort(self, root: Any, depth: int = 0) -> _Found:
        entries = self._tensors.entries(root)
        kind = self._kind(root, entries)
        if kind == "dict":
            return (self._under_a_key(entries, depth) if depth < 4 else None) or self._by_name(entries)
        names = self._names()
        self.best = _Found(kind, "", names, [], {})
        names.walk(root)
        if kind == "object" and names.found:
            kind = "checkpoint"
        attributes = self._tensors.entries(_state(root.state)) if type(root) is Object else {}
        return _Found(kind, "", names, [], _facts(attributes) if kind == "object" else {})

    def _names(self) -> _Names:
        return _Names(self._tensors, self._file, self._warnings)

    def _kind(self, value: Any, entries: dict[str, Any]) -> str:
        if self._tensors.is_tensor(value):
            return "tensors"
        marked = next((kind for kind, marks in _MARKS if marks <= entries.keys()), None)
        if marked:
            return marked
        if self._tensors.module_state(value) is not None:
            return "module"
        path = _class_path(value) or ""
        if type(value) is Mapping or entries or path in _DICTS:
            return "dict"
        if path.endswith(_ARGUMENT_CLASSES):
            return "training-args"
        return "tensors" if type(value) in (list, tuple) else "object"

    def _under_a_key(self, entries: dict[str, Any], depth: int) -> _Found | None:
        """The weights under the key that scripts keep them under, where there are any."""
        for key in _WEIGHT_KEYS:
            value = entries.get(key)
            if type(value) not in (Mapping, Object) or self._tensors.is_tensor(value):
                continue
            inner = self.sort(value, depth + 1)
            if not inner.names.found:
                continue
            prefix = f"{key}.{inner.prefix}" if inner.prefix else key
            parts = [part._replace(path=f"{key}.{part.path}") for part in inner.parts]
            self.best = inner._replace(kind="checkpoint", prefix=prefix)
            parts += [
                part for name, item in entries.items() if name != key and (part := self._part(name, item))
            ]
            return self.best._replace(parts=parts, facts={**inner.facts, **_facts(entries)})
        return None

    def _by_name(self, entries: dict[str, Any]) -> _Found:
        """Tensors by name, or state dicts by name (an encoder's, a decoder's), maybe with other things."""
        names = self._names()
        self.best = _Found("checkpoint", "", names, [], {})
        parts: list[Part] = []
        tensors = 0
        for key, item in entries.items():
            if self._tensors.is_tensor(item):
                tensors += 1
                names.walk(item, key, 1)
            elif type(item) in _HOLDERS:
                kind = self._kind(item, self._tensors.entries(item))
                # A name alone is no proof beside tensors: a model may well have a module "scheduler".
                if kind in _OTHERS or (kind == "dict" and not tensors and _part_kind(key) != "weights"):
                    parts += [part] if (part := self._part(key, item)) else []
                else:
                    names.walk(item, key, 1)
        kind = "state-dict" if tensors else "checkpoint" if names.found else "object"
        return _Found(kind, "", names, parts, _facts(entries))

    def _part(self, key: str, value: Any) -> Part | None:
        """A summary of the tensors under a key that is not the weights."""
        if type(value) not in _HOLDERS:
            return None
        kind = self._kind(value, self._tensors.entries(value))
        names = self._names()
        names.walk(value, key, 1)
        if not names.found:
            return None
        kinds = [tensor.kind for tensor in names.found.values()]
        kind = kind if kind in _OTHERS else _part_kind(key)
        return Part(
            _short(key), kind, len(kinds), sum(k.elements for k in kinds), sum(k.nbytes for k in kinds)
        )


def _class_path(value: Any) -> str | None:
    function = value.function if type(value) is Object else None
    if type(function) is Persistent and type(function.id) is tuple and len(function.id) == 4:
        # Legacy files name a module's class so: ("module", class, source file, source).
        function = function.id[1]
    return function.path if type(function) is Global else None


def _part_kind(key: str) -> str:
    return next((kind for word, kind in _PART_KINDS if word in key.lower()), "weights")


def _facts(entries: dict[str, Any]) -> dict[str, str | int | float | bool]:
    """The plain values among the entries: ``epoch``, ``global_step``, a version …"""
    plain = (
        (key, value)
        for key, value in entries.items()
        if type(value) in (int, float, bool) or (type(value) is str and len(value) <= 200)
    )
    return {_short(key): value for (key, value), _ in zip(plain, range(50), strict=False)}


# --- names ----------------------------------------------------------------------------------------------


class _Names:
    """Walks through dicts, lists and modules and gives every tensor its name."""

    def __init__(self, tensors: _Tensors, file: str, warnings: list[Warning]) -> None:
        self.found: dict[str, _Tensor] = {}
        self.buffers: set[str] = set()
        self.modules = False
        self._tensors = tensors
        self._file = file
        self._warnings = warnings
        self._open: set[int] = set()
        self._characters = 0

    def walk(self, value: Any, name: str = "", depth: int = 0) -> None:
        kind = type(value)
        if kind is not Object and kind is not Mapping and kind is not list and kind is not tuple:
            return
        self._tensors.spend(1)
        if len(name) > _MAX_NAME_CHARACTERS:
            self._warn("name-too-long", f"a name has more than {_MAX_NAME_CHARACTERS:,} characters: left out")
            return
        if kind is Object and self._take(value, name):
            return
        if depth > _MAX_DEPTH:
            self._warn("nested-too-deeply", f"nested deeper than {_MAX_DEPTH} levels: not looked at further")
            return
        if id(value) in self._open:
            self._warn("cyclic-object", f"{_short(name)} holds itself")
            return
        self._open.add(id(value))
        state = self._tensors.module_state(value)
        if state is not None:
            self._walk_module(state, name, depth)
        else:
            for key, item in self._children(value):
                self.walk(item, f"{name}.{key}" if name else key, depth + 1)
        self._open.discard(id(value))

    def _children(self, value: Any) -> Iterable[tuple[str, Any]]:
        if type(value) in (list, tuple):
            self._tensors.spend(len(value) // 8)
            return ((str(index), item) for index, item in enumerate(value) if type(item) in _HOLDERS)
        entries = self._tensors.entries(value)
        if not entries and type(value) is Object:
            # An object of an unknown class: its attributes, as an EMA or a config keeps tensors.
            entries = self._tensors.entries(_state(value.state))
        return entries.items()

    def _walk_module(self, state: dict[str, Any], name: str, depth: int) -> None:
        self.modules = True
        transient = _members(state.get("_non_persistent_buffers_set"))
        for group in ("_parameters", "_buffers", "_modules"):
            for key, item in self._tensors.entries(state.get(group)).items():
                path = f"{name}.{key}" if name else key
                if group == "_modules":
                    self.walk(item, path, depth + 1)
                elif type(item) is Object and not (group == "_buffers" and key in transient):
                    if not self._take(item, path):
                        self._warn("bad-tensor", f"{_short(path)} is no tensor that is known here")
                    elif group == "_buffers":
                        self.buffers.add(path)

    def _take(self, value: Object, name: str) -> bool:
        """Notes the tensor if it is one."""
        try:
            found = self._tensors.tensor(value)
        except _BadTensor as error:
            self._warn("bad-tensor", f"tensor {_short(name)} {error}")
            return True
        if found is None:
            function = value.function
            if type(function) is Global and function.name.startswith("_rebuild"):
                self._warn(
                    "unknown-tensor", f"{_short(name)} is made by {_short(function.path)}: not known here"
                )
                return True
            return False
        self._characters += len(name)
        if self._characters > _MAX_NAMES_CHARACTERS:
            raise _Exhausted
        self.found[name or "tensor"] = found
        return True

    def _warn(self, code: str, message: str) -> None:
        if len(self._warnings) < _MAX_KEPT_WARNINGS:
            self._warnings.append(Warning(code, f"{self._file}: {message}"))


_HOLDERS = (Object, Mapping, list, tuple)
_DICTS = ("collections.OrderedDict", "collections.defaultdict", "collections.Counter")


def _listed_pairs(arguments: Any) -> list[Any]:
    """Python 2 pickles an OrderedDict as a call with ``[[key, value], …]``."""
    if type(arguments) is not tuple or not arguments or type(arguments[0]) is not list:
        return []
    return [part for pair in arguments[0] if type(pair) in (list, tuple) and len(pair) == 2 for part in pair]


def _key(key: Any, position: int) -> str:
    if type(key) is str:
        return key[: _MAX_NAME_CHARACTERS + 1]
    if type(key) in (int, bytes):
        return str(_plain(key))
    return f"[{position}]"


def _members(value: Any) -> set[str]:
    """The texts in a set."""
    if type(value) is not Object or type(value.arguments) is not tuple:
        return set()
    listed = value.arguments[0] if value.arguments and type(value.arguments[0]) is list else []
    return {item for item in (*listed, *value.elements) if type(item) is str}


def _state(state: Any) -> Any:
    """The attributes: a state is a dict, or a pair of it and the attributes in slots."""
    return state[0] if type(state) is tuple and len(state) == 2 and type(state[0]) is Mapping else state


def _short(text: str) -> str:
    return text if len(text) <= 100 else text[:99] + "…"


# --- tensors --------------------------------------------------------------------------------------------


class _Storage(NamedTuple):
    """A storage as a persistent id names it. ``shift`` is where a view of it begins (legacy files)."""

    key: str
    dtype: str
    elements: int
    shift: int

    @property
    def nbytes(self) -> int:
        return self.elements * _SIZES[self.dtype]


class _Tensor(NamedTuple):
    kind: TensorKind
    layout: Layout


class _BadTensor(Exception):
    pass


class _Exhausted(Exception):
    pass


class _Tensors:
    """Understands the calls that make tensors, and remembers the storages that they name.

    A pickle of a few bytes can describe an object that refers to another a million times, and so on: what is
    looked at is counted in ``steps`` and ends, by _Exhausted, at a multiple of what an honest pickle needs.
    """

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.storages: dict[str, _Storage] = {}
        self._kinds: dict[tuple[str, tuple[int, ...]], TensorKind] = {}

    def spend(self, steps: int) -> None:
        self.steps -= steps
        if self.steps < 0:
            raise _Exhausted

    def entries(self, value: Any) -> dict[str, Any]:
        """The entries of a dict, or of an object that entries were put into; {} for anything else."""
        if type(value) is Mapping:
            pairs = value.pairs
        elif type(value) is Object:
            pairs = value.pairs
            if not pairs and type(value.function) is Global and value.function.path in _DICTS:
                pairs = _listed_pairs(value.arguments)
        else:
            return {}
        self.spend(len(pairs) // 8)
        return {
            _key(key, at): item for at, (key, item) in enumerate(zip(pairs[::2], pairs[1::2], strict=False))
        }

    def module_state(self, value: Any) -> dict[str, Any] | None:
        """The attributes of what is an ``nn.Module`` by what it holds, whatever its class."""
        if type(value) is not Object:
            return None
        arguments = value.arguments if type(value.arguments) is tuple else ()
        # torch.fx hands the attributes over as an argument (``reduce_graph_module``).
        for state in (_state(value.state), *arguments[:1]):
            attributes = self.entries(state) if type(state) is Mapping else {}
            if "_parameters" in attributes and "_modules" in attributes:
                return attributes
        return None

    def is_tensor(self, value: Any) -> bool:
        return type(value) is Object and type(value.function) is Global and value.function in _REBUILD

    def tensor(self, value: Any, depth: int = 0) -> _Tensor | None:
        """The tensor that ``value`` is, None if it is none. Raises _BadTensor for one that cannot be."""
        if type(value) is not Object or type(value.function) is not Global:
            return None
        rebuild = _REBUILD.get(value.function)
        if rebuild is None:
            return self._of_class(value, depth)
        self.spend(1)
        if depth > _MAX_WRAPPING:
            raise _BadTensor("is wrapped too often")
        if type(value.arguments) is not tuple or len(value.arguments) > 16:
            raise _BadTensor(f"does not have the arguments of {value.function.name}")
        try:
            return rebuild(self, value.arguments, depth)
        except (IndexError, ValueError):
            # Too few arguments, or a wrong number to unpack.
            raise _BadTensor(f"does not have the arguments of {value.function.name}") from None

    def _of_class(self, value: Object, depth: int) -> _Tensor | None:
        """Tensors and Parameters as torch < 0.4 saved them: a class, and a state put into it."""
        module, name = value.function
        if module != "torch" and not module.startswith(("torch.", "__torch__")):
            return None
        if name == "Parameter" or name == "Buffer":
            state = value.state if type(value.state) is tuple else value.arguments
            if type(state) is not tuple or not state or depth > _MAX_WRAPPING:
                return None
            self.spend(1)
            found = self.tensor(state[0], depth + 1)
            return found and found._replace(layout=found.layout._replace(parameter=name == "Parameter"))
        if name.endswith("Tensor") and type(value.state) is tuple and len(value.state) >= 4:
            return self.strided(value.state)
        return None

    def strided(self, arguments: tuple[Any, ...], dtype: str | None = None) -> _Tensor:
        """``_rebuild_tensor(storage, storage_offset, size, stride)``; v2 adds what does not matter here."""
        storage = self.storage(arguments[0])
        offset, shape, stride = _count(arguments[1]), _sizes(arguments[2]), _sizes(arguments[3])
        dtype = dtype or storage.dtype
        kind = self.kind(dtype, shape)
        if len(stride) != len(shape):
            raise _BadTensor(f"has {plural(len(shape), 'dimension')} but {plural(len(stride), 'stride')}")
        if dtype in _PACKED:
            needed = kind.nbytes
        else:
            reach = sum((size - 1) * step for size, step in zip(shape, stride, strict=True))
            needed = (offset + reach + 1) * _SIZES[dtype] if kind.elements else 0
        if needed > storage.nbytes:
            raise _BadTensor(
                f"takes {needed:,} bytes of storage {storage.key!r}, which has {storage.nbytes:,}"
            )
        return _Tensor(kind, Layout(storage.key, storage.shift + offset, stride, "strided"))

    def storage(self, value: Any) -> _Storage:
        identifier = value.id if type(value) is Persistent else None
        if (
            type(identifier) is not tuple
            or not 5 <= len(identifier) <= 6
            or _plain(identifier[0]) != "storage"
        ):
            raise _BadTensor("has no storage that the file keeps")
        _, cls, key, _, elements, *view = identifier
        if type(cls) is not Global or type(key) not in (str, int, bytes):
            raise _BadTensor("has a storage without a class or a key")
        dtype = _STORAGE_DTYPES.get(cls.name)
        if dtype is None:
            raise _BadTensor(f"has a storage of unknown class {cls.path[:80]}")
        found = _Storage(str(_plain(key))[:200], dtype, _count(elements), 0)
        self.storages.setdefault(found.key, found)
        if view and type(view[0]) is tuple and len(view[0]) == 3:
            # (key of the view, where it begins, its size): its elements are still those of the root.
            begin, size = _count(view[0][1]), _count(view[0][2])
            if begin + size > found.elements:
                raise _BadTensor(f"is a view beyond its storage {found.key!r}")
            return found._replace(elements=size, shift=begin)
        return found

    def kind(self, dtype: str, shape: tuple[int, ...]) -> TensorKind:
        kind = self._kinds.get((dtype, shape))
        if kind is None:
            elements = prod(shape)
            if elements >= _MAX_COUNT // 16:
                raise _BadTensor(f"has more elements than 64 bits can count bytes of: {shape!r}"[:200])
            packed = _PACKED.get(dtype)
            if packed and shape:
                nbytes = prod(shape[:-1]) * -(-shape[-1] // packed)
            else:
                nbytes = elements * _SIZES[dtype]
            kind = self._kinds[dtype, shape] = TensorKind(dtype, shape, elements, nbytes)
        return kind

    def inner(self, value: Any, depth: int) -> _Tensor:
        found = self.tensor(value, depth + 1)
        if found is None:
            raise _BadTensor("is made of something that is no tensor")
        return found


def _plain(value: Any) -> Any:
    return value.decode("utf-8", "replace") if type(value) is bytes else value


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value < _MAX_COUNT:
        what = value if type(value) is int else f"a {type(value).__name__}"
        raise _BadTensor(f"has {what} for a size, stride or offset")
    return value


def _sizes(value: Any) -> tuple[int, ...]:
    if type(value) is Object and value.function == _SIZE and type(value.arguments) is tuple:
        value = value.arguments[0] if value.arguments else ()
    # Torch's own limit is 64 dimensions.
    if type(value) not in (tuple, list) or len(value) > 64:
        raise _BadTensor("has a shape or stride that is no list of sizes")
    return tuple(map(_count, value))


def _dtype(value: Any) -> str:
    if type(value) is Global and value.module == "torch" and value.name in _SIZES:
        return value.name
    raise _BadTensor(f"has an unknown dtype {value.path[:60] if type(value) is Global else ''}".rstrip())


# Each is given the arguments of the function of the same name in torch/_utils.py.


def _tensor_v2(tensors: _Tensors, arguments: tuple[Any, ...], depth: int) -> _Tensor:
    return tensors.strided(arguments)


def _tensor_v3(tensors: _Tensors, arguments: tuple[Any, ...], depth: int) -> _Tensor:
    return tensors.strided(arguments, _dtype(arguments[6]))


def _qtensor(tensors: _Tensors, arguments: tuple[Any, ...], depth: int) -> _Tensor:
    found = tensors.strided(arguments)
    return found._replace(layout=found.layout._replace(form="quantized"))


def _parameter(tensors: _Tensors, arguments: tuple[Any, ...], depth: int) -> _Tensor:
    found = tensors.inner(arguments[0], depth)
    return found._replace(layout=found.layout._replace(parameter=True))


def _sparse(tensors: _Tensors, arguments: tuple[Any, ...], depth: int) -> _Tensor:
    layout, data = arguments
    if type(data) is not tuple:
        raise _BadTensor("is sparse and has no indices")
    # COO: indices, values, size (since torch 2.1, whether coalesced); compressed layouts: two indices.
    form = layout.arguments[0] if type(layout) is Object and type(layout.arguments) is tuple else None
    form = form.removeprefix("torch.") if type(form) is str else "sparse"
    count = 2 if form == "sparse_coo" else 3
    parts = [tensors.inner(part, depth) for part in data[:count]]
    shape = _sizes(data[count])
    logical = tensors.kind(parts[-1].kind.dtype, shape)
    # Its elements are those of the matrix, its bytes those of what is stored of it.
    kind = logical._replace(nbytes=sum(part.kind.nbytes for part in parts))
    return _Tensor(kind, Layout(None, 0, (), form[:40]))


def _meta(tensors: _Tensors, arguments: tuple[Any, ...], depth: int) -> _Tensor:
    dtype, shape, stride, *_ = arguments
    kind = tensors.kind(_dtype(dtype), _sizes(shape))._replace(nbytes=0)
    return _Tensor(kind, Layout(None, 0, _sizes(stride), "meta"))


def _nested(tensors: _Tensors, arguments: tuple[Any, ...], depth: int) -> _Tensor:
    # The sizes of the pieces are tensor data: only the buffer's are known.
    found = tensors.inner(arguments[0], depth)
    return found._replace(layout=found.layout._replace(form="nested"))


def _from_cpu(tensors: _Tensors, arguments: tuple[Any, ...], depth: int) -> _Tensor:
    data, dtype, *_ = arguments
    found = tensors.inner(data, depth)
    return found._replace(kind=tensors.kind(_dtype(dtype), found.kind.shape))


def _wrapper(tensors: _Tensors, arguments: tuple[Any, ...], depth: int) -> _Tensor:
    cls, dtype, shape, stride, offset, *_ = arguments
    form = cls.path if type(cls) is Global else "wrapper"
    kind = tensors.kind(_dtype(dtype), _sizes(shape))._replace(nbytes=0)
    return _Tensor(kind, Layout(None, _count(offset), _sizes(stride), form[:200]))


def _from_type(tensors: _Tensors, arguments: tuple[Any, ...], depth: int) -> _Tensor:
    """``_rebuild_from_type_v2(function, type, arguments, state)``: a subclass; its state may wrap tensors."""
    function, cls, inner, state = arguments
    found = tensors.inner(Object(function, inner), depth)
    if type(cls) is not Global or cls.name in ("Tensor", "Parameter"):
        return found
    kind, layout = found
    if layout.storage is None:
        # A wrapper stores nothing itself; what it stands for is stored as the tensors that it wraps.
        kind = kind._replace(nbytes=sum(_wrapped_bytes(tensors, state, depth + 1)))
    return _Tensor(kind, layout._replace(form=cls.path[:200]))


def _wrapped_bytes(tensors: _Tensors, value: Any, depth: int) -> Iterable[int]:
    found = tensors.tensor(value, depth)
    if found:
        yield found.kind.nbytes
    elif depth < _MAX_WRAPPING:
        items: Iterable[Any] = ()
        if type(value) is Mapping:
            items = value.pairs[1::2]
        elif type(value) in (tuple, list):
            items = value
        elif type(value) is Object:
            items = (value.state, value.arguments)
        for item in items:
            tensors.spend(1)
            yield from _wrapped_bytes(tensors, item, depth + 1)


_SIZE = Global("torch", "Size")
_REBUILD: dict[Global, Callable[[_Tensors, tuple[Any, ...], int], _Tensor]] = {
    Global("torch._tensor", "_rebuild_from_type_v2"): _from_type,
    **{
        Global("torch._utils", f"_rebuild_{name}"): rebuild
        for name, rebuild in {
            "tensor": _tensor_v2,
            "tensor_v2": _tensor_v2,
            "tensor_v3": _tensor_v3,
            "qtensor": _qtensor,
            "parameter": _parameter,
            "parameter_with_state": _parameter,
            "sparse_tensor": _sparse,
            "sparse_csr_tensor": _sparse,
            "meta_tensor_no_storage": _meta,
            "nested_tensor": _nested,
            "device_tensor_from_cpu_tensor": _from_cpu,
            "wrapper_subclass": _wrapper,
        }.items()
    },
}


# --- what loading would run -----------------------------------------------------------------------------


def _allowed() -> frozenset[str]:
    """What ``torch.load(weights_only=True)`` allows: torch/_weights_only_unpickler.py of torch 2.13."""
    types = ("BFloat16", "Bool", "Byte", "Char", "Double", "Float", "Half", "Int", "Long", "Short")
    storages = (*types, "ComplexDouble", "ComplexFloat")
    sparse = tuple(name for name in types if name != "Bool")
    schemes = ("channel_affine", "channel_affine_float_qparams", "channel_symmetric", "tensor_affine")
    return frozenset(
        (
            *(f"collections.{name}" for name in ("OrderedDict", "Counter")),
            *(f"builtins.{name}" for name in ("bytearray", "set", "complex")),
            *("_codecs.encode", "torch.serialization._get_layout", "torch._tensor._rebuild_from_type_v2"),
            *(f"torch.{name}" for name in ("Size", "Tensor", "device", "nn.parameter.Parameter")),
            *(f"torch.storage.{name}" for name in ("TypedStorage", "UntypedStorage")),
            *(f"torch.{name}" for name in _SIZES),
            *(f"torch.per_{name}" for name in (*schemes, "tensor_symmetric")),
            *(f"torch.{place}{name}Tensor" for place in ("", "cuda.") for name in types),
            *(f"torch.{place}sparse.{name}Tensor" for place in ("", "cuda.") for name in sparse),
            *(f"torch.{place}{name}Storage" for place in ("", "cuda.") for name in storages),
            *(f"torch.Q{name}Storage" for name in ("Int8", "Int32", "UInt8", "UInt2x4", "UInt4x2")),
            *(f"torch._utils.{function.name}" for function in _REBUILD if function.module == "torch._utils"),
            "torch._utils._rebuild_device_tensor_from_numpy",
        )
    ) - {"torch._utils._rebuild_sparse_csr_tensor"}


# First in the warning, since what they do is no part of making a model.
_DANGEROUS = (
    *("os.", "posix.", "nt.", "sys.", "subprocess.", "pty.", "shutil.", "socket.", "runpy.", "importlib."),
    *("ctypes.", "pickle.", "marshal.", "code.", "webbrowser.", "urllib.", "requests.", "http.", "operator."),
    *("builtins.eval", "builtins.exec", "builtins.compile", "builtins.open", "builtins.getattr"),
    *("builtins.setattr", "builtins.__import__", "builtins.breakpoint", "copyreg.extension"),
)


def _disallowed(imported: list[str], calls: dict[str, Any], name: str) -> Warning | None:
    """What loading without ``weights_only`` would import and call beyond what tensors need."""
    allowed = _allowed()
    refused = [path for path in imported if path not in allowed]
    if not refused:
        return None
    refused.sort(key=lambda path: not path.startswith(_DANGEROUS))
    shown = ", ".join(_would(path, calls) for path in refused[:5])
    more = f" and {len(refused) - 5:,} more" if len(refused) > 5 else ""
    verb = "would run" if any(path in calls for path in refused) else "would import"
    message = f"{name}: loading it {verb} {shown}{more}; torch.load(weights_only=True) refuses this file"
    return Warning("disallowed-globals", message)


def _would(path: str, calls: dict[str, Any]) -> str:
    """``os.system('rm …')``: the call, as far as its first argument is text."""
    if path not in calls:
        return _short(path)
    arguments = calls[path]
    first = arguments[0] if type(arguments) is tuple and arguments else None
    shown = (
        repr(first if len(first) <= 60 else first[:59] + "…")
        if type(first) is str
        else "…"
        if arguments
        else ""
    )
    return f"{_short(path)}({shown})"
