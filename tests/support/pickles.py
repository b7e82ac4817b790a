"""An assembler of PyTorch files: pickles opcode by opcode, in the containers that torch.save writes."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

MAGIC = pickle.dumps(0x1950A86A20F9469CFC6C, 2)


def text(value: str) -> bytes:
    raw = value.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def number(value: int) -> bytes:
    return b"\x8a\x09" + value.to_bytes(9, "little", signed=True)


def sizes(values: tuple[int, ...]) -> bytes:
    return b"(" + b"".join(map(number, values)) + b"t"


def call(path: str, *arguments: bytes) -> bytes:
    module, _, function = path.rpartition(".")
    return f"c{module}\n{function}\n(".encode() + b"".join(arguments) + b"tR"


def storage(key: str = "0", elements: int = 6, cls: str = "torch\nFloatStorage") -> bytes:
    return b"(" + text("storage") + f"c{cls}\n".encode() + text(key) + text("cpu") + number(elements) + b"tQ"


def tensor(
    shape: tuple[int, ...] = (2, 3),
    stride: tuple[int, ...] = (3, 1),
    offset: int = 0,
    held: bytes | None = None,
) -> bytes:
    parts = (
        held or storage(),
        number(offset),
        sizes(shape),
        sizes(stride),
        b"\x89",
        call("collections.OrderedDict"),
    )
    return call("torch._utils._rebuild_tensor_v2", *parts)


def mapping(*pairs: tuple[str, bytes]) -> bytes:
    return b"}(" + b"".join(text(key) + value for key, value in pairs) + b"u"


def pickled(body: bytes) -> bytes:
    return b"\x80\x02" + body + b"."


def archive(body: bytes | None, storages: dict[str, int] | None = None, **more: Any) -> bytes:
    """A zip file as torch writes it. ``more``: other entries, ``compression``."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", more.pop("compression", zipfile.ZIP_STORED)) as file:
        if body is not None:
            file.writestr("x/data.pkl", body)
        for key, nbytes in (storages or {}).items():
            file.writestr(f"x/data/{key}", bytes(nbytes))
        for path, content in more.items():
            file.writestr(path.replace("__", "/"), content)
    return buffer.getvalue()


def zeros(shapes: Mapping[str, Sequence[int]]) -> bytes:
    """The file of a state dict of float32 zeros."""
    tensors, storages = [], {}
    for index, (name, shape) in enumerate(shapes.items()):
        key, elements = str(index), prod(shape)
        strides = tuple(prod(shape[axis + 1 :]) for axis in range(len(shape)))
        tensors.append((name, tensor(tuple(shape), strides, held=storage(key, elements))))
        storages[key] = 4 * elements
    return archive(pickled(mapping(*tensors)), storages)


def legacy(body: bytes, keys: list[str], data: bytes) -> bytes:
    parts = (MAGIC, pickle.dumps(1001, 2), pickle.dumps({"little_endian": True}, 2), pickled(body))
    return b"".join(parts) + pickle.dumps(keys, 2) + data


STATE = mapping(("a", tensor()), ("b", tensor((3,), (1,))))
HONEST = archive(pickled(STATE), {"0": 24})
