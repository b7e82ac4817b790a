"""PyTorch files made opcode by opcode: what is told of honest ones, and what stops hostile ones."""

from __future__ import annotations

import io
import pickle
import struct
import time
import tracemalloc
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from model_loupe.checkpoints.pickle_opcodes import Mapping, Object, follow
from model_loupe.checkpoints.pytorch.reader import read_pytorch
from model_loupe.checkpoints.pytorch.results import PyTorchFile
from tests.support.pickles import (
    HONEST,
    MAGIC,
    STATE,
    archive,
    call,
    legacy,
    mapping,
    number,
    pickled,
    sizes,
    storage,
    tensor,
    text,
)


def read(content: bytes, name: str = "x.pt") -> PyTorchFile:
    return read_pytorch(lambda offset, length: content[offset : offset + length], len(content), name)


def codes(found: PyTorchFile) -> list[str]:
    return [warning.code for warning in found.warnings]


# --- honest files -------------------------------------------------------------------------------------


def test_a_zip_file() -> None:
    found = read(HONEST)
    assert (found.kind, found.container, found.warnings) == ("state-dict", "zip", [])
    assert found.tensors == {"a": ("float32", (2, 3), 6, 24), "b": ("float32", (3,), 3, 12)}
    assert found.layouts["a"] == ("0", 0, (3, 1), "strided", False)
    assert (found.shared, found.tied, found.stored_nbytes) == ([["a", "b"]], [], 24)
    assert found.globals == [
        *("torch._utils._rebuild_tensor_v2", "torch.FloatStorage", "collections.OrderedDict"),
    ]


def test_a_legacy_file() -> None:
    found = read(legacy(STATE, ["0"], struct.pack("<q", 6) + bytes(24)))
    assert (found.kind, found.container, found.warnings) == ("state-dict", "legacy", [])
    assert found.tensors == {"a": ("float32", (2, 3), 6, 24), "b": ("float32", (3,), 3, 12)}


def test_a_compressed_zip_file() -> None:
    assert (
        read(archive(pickled(STATE), {"0": 24}, compression=zipfile.ZIP_DEFLATED)).tensors
        == read(HONEST).tensors
    )


def test_a_zip64_file() -> None:
    """Sizes and offsets in the extra field, as for an archive beyond 4 GiB."""
    body = pickled(STATE)
    name = b"x/data.pkl"
    local = (
        struct.pack("<4s5H3L2H", b"PK\x03\x04", 45, 0, 0, 0, 0, 0, len(body), len(body), len(name), 0)
        + name
        + body
    )
    extra = struct.pack("<2H3Q", 1, 24, len(body), len(body), 0)
    wide = 0xFFFFFFFF
    central = (
        struct.pack(
            "<4s6H3L5H2L", b"PK\x01\x02", 45, 45, 0, 0, 0, 0, 0, wide, wide, len(name), 28, 0, 0, 0, 0, wide
        )
        + name
        + extra
    )
    end64 = b"PK\x06\x06" + struct.pack("<Q2H2L4Q", 44, 45, 45, 0, 0, 1, 1, len(central), len(local))
    locator = b"PK\x06\x07" + struct.pack("<LQL", 0, len(local) + len(central), 1)
    end = b"PK\x05\x06" + struct.pack("<4H2LH", 0, 0, 0xFFFF, 0xFFFF, wide, wide, 0)
    found = read(local + central + end64 + locator + end)
    assert found.tensors == read(HONEST).tensors
    assert codes(found) == ["missing-storage"]


def test_views_in_the_legacy_format_begin_inside_their_storage() -> None:
    view = b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text("7") + text("cpu") + number(10)
    view += b"(" + text("8") + number(4) + number(6) + b"t" + b"tQ"
    found = read(legacy(mapping(("a", tensor(held=view))), ["7"], struct.pack("<q", 10) + bytes(40)))
    assert found.layouts["a"] == ("7", 4, (3, 1), "strided", False)
    assert found.stored_nbytes == 40
    assert found.warnings == []


def test_tensors_and_parameters_of_torch_before_0_4() -> None:
    old = b"ctorch\nFloatTensor\n)\x81(" + storage() + number(0) + sizes((2, 3)) + sizes((3, 1)) + b"tb"
    parameter = b"ctorch.nn.parameter\nParameter\n(" + old + b"\x88t\x81"
    found = read(archive(pickled(mapping(("a", old), ("p", parameter))), {"0": 24}))
    assert found.tensors == dict.fromkeys("ap", ("float32", (2, 3), 6, 24))
    assert found.layouts["p"].parameter
    assert found.tied == [["a", "p"]]


def test_a_python_2_ordered_dict() -> None:
    body = call("collections.OrderedDict", b"](](" + b"U\x01a" + tensor() + b"ee")
    assert list(read(archive(pickled(body), {"0": 24})).tensors) == ["a"]


@pytest.mark.parametrize("protocol", range(6))
def test_the_machine_reads_every_protocol_as_pickle_does(protocol: int) -> None:
    value: dict[Any, Any] = {
        "numbers": [0, 1, 255, 256, -1, 65536, 2**31, -(2**40), 0.5, True, False, None],
        "text": ["", "a", "ü" * 300, "\n\\'"],
        "bytes": [b"", b"a", b"b" * 300],
        "tuples": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)],
        "ordered": OrderedDict(a=1),
        3: {"deep": {"deeper": []}},
    }
    value["again"] = value["text"]
    found = follow(pickle.dumps(value, protocol))
    assert found.problem is None
    assert plain(found.value, protocol) == value


def plain(value: Any, protocol: int) -> Any:
    """The Python object that a description stands for."""
    if isinstance(value, Mapping):
        keys, items = value.pairs[::2], value.pairs[1::2]
        return {plain(key, protocol): plain(item, protocol) for key, item in zip(keys, items, strict=True)}
    if isinstance(value, Object):
        path, arguments = value.function.path, [plain(item, protocol) for item in value.arguments]
        if path == "_codecs.encode":
            return arguments[0].encode(arguments[1])
        if path == "builtins.bytes":
            return b""
        assert path == "collections.OrderedDict"
        return OrderedDict(zip(value.pairs[::2], value.pairs[1::2], strict=True)) or OrderedDict(*arguments)
    if isinstance(value, (list, tuple)):
        return type(value)(plain(item, protocol) for item in value)
    return value


# --- what loading would run ---------------------------------------------------------------------------


def attack(marker: Path) -> bytes:
    return call("os.system", text(f"touch {marker}"))


@pytest.mark.parametrize(
    "container", ["zip", "legacy", "pickle", "protocol 0", "in the magic number", "keys"]
)
def test_nothing_is_executed_and_what_would_be_is_named(container: str, tmp_path: Path) -> None:
    marker = tmp_path / "executed"
    body = attack(marker)
    content = {
        "zip": lambda: archive(pickled(mapping(("a", tensor()), ("b", body))), {"0": 24}),
        "legacy": lambda: legacy(mapping(("b", body)), [], b""),
        "pickle": lambda: pickled(body),
        "protocol 0": lambda: f"cos\nsystem\n(S'touch {marker}'\ntR.".encode(),
        "in the magic number": lambda: pickled(body) + legacy(STATE, ["0"], b""),
        "keys": lambda: legacy(STATE, [], b"").removesuffix(pickle.dumps([], 2)) + pickled(body),
    }[container]()
    found = read(content)
    assert "os.system" in found.globals
    (warning,) = [warning for warning in found.warnings if warning.code == "disallowed-globals"]
    assert f"os.system('touch {marker}"[:40] in warning.message
    assert not marker.exists()


def test_the_attack_is_a_real_one(tmp_path: Path) -> None:
    """Otherwise the test above would prove nothing."""
    marker = tmp_path / "executed"
    pickle.loads(pickled(attack(marker)))
    assert marker.exists()


# How a pickle can get at something to call → the path that the warning must name.
WAYS: dict[str, tuple[bytes, str]] = {
    "GLOBAL": (b"cbuiltins\neval\n" + text("1") + b"\x85R", "builtins.eval"),
    "GLOBAL as Python 2 calls it": (b"c__builtin__\neval\n" + text("1") + b"\x85R", "builtins.eval"),
    "STACK_GLOBAL": (text("builtins") + text("exec") + b"\x93" + text("1") + b"\x85R", "builtins.exec"),
    "a dotted STACK_GLOBAL": (
        text("torch") + text("os.system") + b"\x93" + text("1") + b"\x85R",
        "torch.os.system",
    ),
    "STACK_GLOBAL from the memo": (
        text("posix") + b"q\x000" + text("system") + b"q\x010h\x00h\x01\x93",
        "posix.system",
    ),
    "INST": (b"(" + text("1") + b"iruntime\nrun\n", "runtime.run"),
    "OBJ": (b"(csubprocess\nPopen\n" + text("1") + b"o", "subprocess.Popen"),
    "NEWOBJ": (b"csubprocess\nPopen\n" + text("1") + b"\x85\x81", "subprocess.Popen"),
    "NEWOBJ_EX": (b"csubprocess\nPopen\n" + text("1") + b"\x85}\x92", "subprocess.Popen"),
    "getattr chains": (call("builtins.getattr", b"cos\n_wrap_close\n", text("__init__")), "builtins.getattr"),
    "EXT1": (b"\x82\x07)R", "copyreg.extension 7"),
    "EXT2": (b"\x83\x07\x01)R", "copyreg.extension 263"),
    "EXT4": (b"\x84\x07\0\0\0)R", "copyreg.extension 7"),
    "BUILD": (b"csome.module\nThing\n)\x81}(" + text("__setstate__") + b"cos\nsystem\nub", "os.system"),
    "a persistent id": (b"cos\nsystem\nQ", "os.system"),
    "thrown away again": (b"cos\nsystem\n0N", "os.system"),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_a_global_is_seen(way: str) -> None:
    body, path = WAYS[way]
    found = read(archive(pickled(mapping(("a", tensor()), ("b", body))), {"0": 24}))
    (warning,) = [warning for warning in found.warnings if warning.code == "disallowed-globals"]
    assert path in found.globals
    assert path in warning.message
    assert list(found.tensors) == ["a"]


def test_the_dangerous_come_first() -> None:
    harmless = [(f"c{index}", call(f"transformers.thing{index}.Config")) for index in range(9)]
    found = read(archive(pickled(mapping(*harmless, ("x", call("os.system", text("id")))))))
    assert "would run os.system('id')" in found.warnings[0].message
    assert "and 5 more" in found.warnings[0].message


def test_code_that_runs_before_a_pickle_breaks_is_named() -> None:
    found = read(archive(b"\x80\x02" + call("os.system", text("id")) + b"\xff"))
    assert codes(found) == ["bad-pickle", "disallowed-globals"]


def test_what_torch_allows_is_not_warned_of() -> None:
    body = mapping(("a", tensor()), ("d", b"ctorch\nbfloat16\n"), ("s", b"c__builtin__\nset\n]\x85R"))
    assert read(archive(pickled(body), {"0": 24})).warnings == []


# --- malformed and hostile files ----------------------------------------------------------------------


def named(content: bytes, old: bytes, new: bytes) -> bytes:
    """With the first ``old`` of a file replaced: for what zipfile would not write."""
    assert len(old) == len(new) and old in content
    return content.replace(old, new, 1)


def one(body: bytes) -> bytes:
    """A zip file with an honest tensor "a" before ``body``, which is the value of "b"."""
    return archive(pickled(mapping(("a", tensor()), ("b", body))), {"0": 24})


def raw(body: bytes) -> bytes:
    return archive(b"\x80\x02" + body, {"0": 24})


# A state dict with one whole tensor, and then what follows in the same pickle.
BEGUN = b"\x80\x02}(" + text("a") + tensor() + text("b")

# What is wrong → the warnings that name it, and the tensors that can still be told.
MALFORMED: dict[str, tuple[bytes, list[str], int]] = {
    "empty file": (b"", ["empty-file"], 0),
    "git-lfs pointer": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 4945242264\n",
        ["lfs-pointer"],
        0,
    ),
    "an HTML page": (b"<!DOCTYPE html><title>Sign in</title>", ["not-a-pickle"], 0),
    "JSON": (b'{"error": "Repository not found"}', ["not-a-pickle"], 0),
    "a GGUF file": (b"GGUF\x03\0\0\0" + bytes(100), ["not-a-pickle"], 0),
    "a safetensors file": (struct.pack("<Q", 2) + b'{"a":1}' + bytes(20), ["not-a-pickle"], 0),
    "an HDF5 file": (b"\x89HDF\r\n\x1a\n" + bytes(100), ["not-a-pickle"], 0),
    "a gzip archive": (b"\x1f\x8b\x08" + bytes(100), ["not-a-pickle"], 0),
    "zeros": (bytes(5000), ["not-a-pickle"], 0),
    "text": (b"hello, world\n" * 50, ["not-a-pickle"], 0),
    "tar": (b"storages".ljust(257, b"\0") + b"ustar\x0000" + bytes(300), ["old-tar-format"], 0),
    "one byte": (b"\x80", ["incomplete-pickle", "plain-pickle"], 0),
    "protocol 9": (b"\x80\x09N.", ["unsupported-protocol", "plain-pickle"], 0),
    "a plain pickle": (pickle.dumps({"epoch": 3}), ["plain-pickle"], 0),
    "only the magic number": (MAGIC, ["incomplete-pickle"], 0),
    "legacy without its storages": (legacy(STATE, ["0"], b""), ["incomplete-file"], 2),
    "legacy cut in its pickle": (
        legacy(STATE, ["0"], b"")[: legacy(STATE, ["0"], b"").index(text("b"))],
        ["incomplete-pickle"],
        1,
    ),
    "zip cut at its end": (HONEST[:-30], ["incomplete-file"], 2),
    "zip cut in its pickle": (HONEST[: HONEST.index(text("b"))], ["incomplete-file", "incomplete-pickle"], 1),
    "zip of four bytes": (b"PK\x03\x04", ["incomplete-file"], 0),
    "an empty zip": (archive(None), ["not-a-pickle"], 0),
    "a zip of something else": (archive(None, readme__txt=b"hello"), ["not-a-pickle"], 0),
    "an npz file": (archive(None, **{"a.npy": b"\x93NUMPY"}), ["not-a-pickle"], 0),
    "data.pkl of no bytes": (archive(b""), ["incomplete-pickle"], 0),
    "bytes behind STOP": (archive(pickled(STATE) + b"cos\nsystem\n.", {"0": 24}), ["trailing-data"], 2),
    "storage missing": (archive(pickled(STATE)), ["missing-storage"], 2),
    "storage too small": (archive(pickled(STATE), {"0": 20}), ["storage-size"], 2),
    "storage too large": (archive(pickled(STATE), {"0": 28}), ["storage-size"], 2),
    "data.pkl twice": (
        archive(pickled(STATE), {"0": 24}, x__data_pkl=pickled(b"cos\nsystem\n")).replace(
            b"data_pkl", b"data.pkl"
        ),
        ["duplicate-entry", "disallowed-globals"],
        2,
    ),
    "data.pkl in capitals": (HONEST.replace(b"x/data.pkl", b"x/Data.PKL"), [], 2),
    "another name in the local header": (named(HONEST, b"x/data.pkl", b"x/dota.pkl"), ["zip-mismatch"], 2),
    "entries that overlap": (
        HONEST[: (at := HONEST.rindex(b"PK\x01\x02")) + 42] + bytes(4) + HONEST[at + 46 :],
        ["overlapping-entries"],
        2,
    ),
    "names that leave their folder": (
        archive(pickled(STATE), {"0": 24}, **{"x/../../etc/passwd": b"", "/root": b""}),
        ["bad-zip-name", "bad-zip-name"],
        2,
    ),
    "a directory that lies elsewhere": (HONEST[:-6] + b"\xff\xff\xff\x00\0\0", ["bad-zip"], 2),
    "a directory of more entries than it has": (
        HONEST[: (end := HONEST.rindex(b"PK\x05\x06")) + 10] + b"\xff\xff" + HONEST[end + 12 :],
        ["bad-zip"],
        2,
    ),
    "an encrypted pickle": (
        HONEST[: (first := HONEST.index(b"PK\x01\x02")) + 8] + b"\x01" + HONEST[first + 9 :],
        ["encrypted-entry"],
        0,
    ),
    "an unknown compression": (
        HONEST[: first + 10] + b"\x63" + HONEST[first + 11 :],
        ["unknown-compression"],
        0,
    ),
    "a compressed pickle that is none": (
        HONEST[: first + 10] + b"\x08" + HONEST[first + 11 :],
        ["bad-zip"],
        0,
    ),
    "a byte that is no opcode": (raw(BEGUN[2:] + b"\xff."), ["bad-pickle"], 1),
    "STOP without a value": (raw(b"."), ["bad-pickle"], 0),
    "REDUCE without arguments": (raw(b"R" + bytes(20)), ["bad-pickle"], 0),
    "TUPLE without MARK": (raw(b"Nt" + bytes(20)), ["bad-pickle"], 0),
    "SETITEMS with a key alone": (raw(b"}(" + text("a") + b"u."), ["bad-pickle"], 0),
    "a memo entry that was never stored": (raw(BEGUN[2:] + b"h\x07su."), ["bad-pickle"], 1),
    "a memo index of 4 billion": (one(b"Nr\xff\xff\xff\xff"), [], 1),
    "text memo indexes of 35 digits": (one(b"Np" + b"9" * 35 + b"\n"), [], 1),
    "BINUNICODE beyond the file": (raw(BEGUN[2:] + b"X\xff\xff\xff\xff."), ["incomplete-pickle"], 1),
    "BINUNICODE8 of 2**63": (
        raw(BEGUN[2:] + b"\x8d" + struct.pack("<Q", 2**63) + b"a."),
        ["incomplete-pickle"],
        1,
    ),
    "BINBYTES8 of 2**64 - 1": (raw(BEGUN[2:] + b"\x8e" + b"\xff" * 8 + b"."), ["incomplete-pickle"], 1),
    "BYTEARRAY8 of 2**60": (raw(BEGUN[2:] + b"\x96" + struct.pack("<Q", 2**60)), ["incomplete-pickle"], 1),
    "LONG4 of 2 GiB": (raw(BEGUN[2:] + b"\x8b\xff\xff\xff\x7f."), ["incomplete-pickle"], 1),
    "LONG4 of negative length": (raw(BEGUN[2:] + b"\x8b\xff\xff\xff\xff" + bytes(20)), ["bad-pickle"], 1),
    "LONG4 of a megabyte": (one(b"\x8b" + struct.pack("<i", 2**20) + b"\x7f" * 2**20), [], 1),
    "LONG of a million digits": (one(b"L" + b"9" * 10**6 + b"L\n"), ["bad-pickle"], 1),
    "BINSTRING of negative length": (raw(BEGUN[2:] + b"T\xff\xff\xff\xff" + bytes(20)), ["bad-pickle"], 1),
    "INT that is no number": (one(b"Ixyz\n"), ["bad-pickle"], 1),
    "FLOAT that is no number": (one(b"Fxyz\n"), ["bad-pickle"], 1),
    "STRING without quotes": (one(b"Sxyz\n"), ["bad-pickle"], 1),
    "STACK_GLOBAL of numbers": (one(b"K\x01K\x02\x93"), ["bad-pickle"], 1),
    "GLOBAL without an end": (raw(BEGUN[2:] + b"c" + b"x" * 5000), ["bad-pickle"], 1),
    "text that is not UTF-8": (one(b"X\x02\0\0\0\xff\xfe"), [], 1),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_files_get_a_named_warning(case: str) -> None:
    content, expected, tensors = MALFORMED[case]
    found = read(content)
    assert codes(found) == expected
    assert len(found.tensors) == tensors
    assert all("\n" not in warning.message and "x.pt" in warning.message for warning in found.warnings)


# Tensors that cannot be → why.
BAD_TENSORS: dict[str, tuple[bytes, str]] = {
    "negative size": (tensor((-2, 3)), "has -2 for a size"),
    "size beyond 64 bits": (tensor((2**64, 1)), "has 18446744073709551616 for a size"),
    "product beyond 64 bits": (tensor((2**40, 2**40), (0, 0)), "more elements than 64 bits"),
    "a size that is text": (
        call("torch._utils._rebuild_tensor", storage(), b"K\0(", text("2"), b"t)"),
        "a str for a",
    ),
    "a shape that is a number": (
        call("torch._utils._rebuild_tensor", storage(), b"K\0K\2)"),
        "no list of sizes",
    ),
    "a size that is a boolean": (
        call("torch._utils._rebuild_tensor", storage(), b"K\0\x88\x85)"),
        "a bool for a size",
    ),
    "more dimensions than strides": (tensor((2, 3), (1,)), "2 dimensions but 1 stride"),
    "65 dimensions": (tensor((1,) * 65, (1,) * 65), "no list of sizes"),
    "beyond its storage": (tensor((2, 4), (4, 1)), "takes 32 bytes of storage '0', which has 24"),
    "beyond its storage by its offset": (tensor(offset=1), "takes 28 bytes"),
    "beyond its storage by its stride": (tensor((2, 3), (2**62, 1)), "takes 18"),
    "no storage": (tensor(held=b"N"), "has no storage"),
    "a storage of another library": (tensor(held=storage(cls="evil\nThing")), "unknown class evil.Thing"),
    "a storage of no known type": (tensor(held=storage(cls="torch\nFloat7Storage")), "torch.Float7Storage"),
    "a storage of negative size": (tensor(held=storage(elements=-1)), "has -1"),
    "a persistent id that is text": (tensor(held=b"P7\n"), "has no storage"),
    "too few arguments": (
        call("torch._utils._rebuild_tensor_v2", storage()),
        "arguments of _rebuild_tensor_v2",
    ),
    "no arguments": (b"ctorch._utils\n_rebuild_tensor_v2\nNR", "arguments of _rebuild_tensor_v2"),
    "a dtype that is none": (
        call("torch._utils._rebuild_meta_tensor_no_storage", b"ctorch\nfloat7\n", b")", b")", b"\x89"),
        "unknown dtype torch.float7",
    ),
    "a parameter of no tensor": (call("torch._utils._rebuild_parameter", b"K\1", b"\x88", b"N"), "no tensor"),
    "sparse without indices": (call("torch._utils._rebuild_sparse_tensor", b"N", b"N"), "no indices"),
}


@pytest.mark.parametrize("case", BAD_TENSORS)
def test_impossible_tensors_are_named_and_the_others_told(case: str) -> None:
    body, message = BAD_TENSORS[case]
    found = read(archive(pickled(mapping(("bad", body), ("a", tensor()))), {"0": 24}))
    (warning,) = [warning for warning in found.warnings if warning.code == "bad-tensor"]
    assert "tensor bad" in warning.message
    assert message in warning.message
    assert list(found.tensors) == ["a"]


def test_a_million_findings_are_summed_up() -> None:
    bad = call("torch._utils._rebuild_tensor", b"NNNN")
    found = read(archive(pickled(mapping(*((f"t{index}", bad) for index in range(5_000))))))
    assert len(found.warnings) == 21
    assert found.warnings[-1].code == "more-warnings"


def doubled(levels: int, width: int = 2) -> bytes:
    """A list of lists of … of one tensor, each ``width`` times in the next."""
    body = tensor() + b"q\0"
    for level in range(1, levels + 1):
        body += b"0](" + bytes((0x68, level - 1)) * width + b"eq" + bytes((level,))
    return body


def shared(value: bytes, times: int) -> bytes:
    return b"]q\x7f(" + value + b"q\x7e" + b"h\x7e" * times + b"e"


MODULE = b"ca\nM\n)\x81}(" + text("_parameters") + b"}" + text("_modules") + b"}"
WIDE = mapping(*((f"k{index}", b"N") for index in range(10_000)))

# Small files that describe something huge, or endless.
BOMBS: dict[str, bytes] = {
    "lists doubled 100 times": one(doubled(100)),
    "lists of 1,000 lists, six deep": one(doubled(6, 1_000)),
    "300,000 nested lists": one(b"]" * 300_000 + b"a" * 299_999),
    "300,000 nested tuples": one(b"N" + b"\x85" * 300_000),
    "300,000 nested dicts": one((b"}" + text("k")) * 300_000 + b"N" + b"s" * 300_000),
    "300,000 open marks": raw(BEGUN[2:] + b"(" * 300_000),
    "300,000 nested calls": one(b"ctorch._utils\n_rebuild_parameter\n" * 50_000 + b"N" + b"\x85R" * 50_000),
    "a dict in itself": one(b"}q\x07" + text("me") + b"h\x07s"),
    "a list in itself": one(b"]q\x07h\x07a"),
    "a module in itself": one(MODULE[: -len(b"}")] + b"}q\x07" + text("me") + b"h\x07sub"),
    "an object that is its own state": one(b"ca\nM\n)\x81q\x07h\x07b"),
    "a wide dict 10,000 times": one(shared(WIDE, 10_000)),
    "a wide module 10,000 times": one(
        shared(MODULE + b"".join(text(f"k{i}") + b"N" for i in range(999)) + b"ub", 10_000)
    ),
    "a wrapper of lists doubled": one(
        call(
            "torch._tensor._rebuild_from_type_v2",
            b"ctorch._utils\n_rebuild_wrapper_subclass\n",
            b"ca\nW\n",
            b"(ca\nW\nctorch\nfloat32\n))K\0NNNt",
            doubled(5, 1_000),
        )
    ),
    "long names in long names": one((b"}" + text("n" * 60_000)) * 60 + tensor() + b"s" * 60),
    "one long key a million times": one(shared(b"}" + text("n" * 60_000) + b"]s", 500_000)),
    "shapes of a million sizes": one(
        b"("
        + b"K\1" * 500_000
        + b"tq\x050"
        + call("torch._utils._rebuild_tensor", storage(), b"K\0", b"h\x05", b"h\x05")
    ),
    "100,000 globals": one(b"".join(b"ca\nb%d\n0" % index for index in range(100_000)) + b"N"),
    "a zip bomb of lists": archive(b"\x80\x02" + b"]" * 200_000_000, compression=zipfile.ZIP_DEFLATED),
    "a zip bomb of text": archive(
        b"\x80\x02X\0\0\0\x10" + bytes(0x10000000) + b".", compression=zipfile.ZIP_DEFLATED
    ),
}


@pytest.mark.parametrize("case", BOMBS)
def test_bombs_do_not_go_off(case: str) -> None:
    content = BOMBS[case]
    begin = time.process_time()
    found = read(content)
    assert time.process_time() - begin < 10
    # As many as the same number of opcodes could name honestly, and no more.
    assert len(found.tensors) < 10_000
    assert len(found.warnings) <= 21
    if not case.startswith("a zip bomb"):
        assert "a" in found.tensors


@pytest.mark.parametrize(
    "case", ["lists of 1,000 lists, six deep", "a wide dict 10,000 times", "a zip bomb of text"]
)
def test_bombs_do_not_fill_memory(case: str) -> None:
    content = BOMBS[case]
    tracemalloc.start()
    try:
        read(content)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 150 * 2**20


# --- anything at all ----------------------------------------------------------------------------------

SEEDS = [
    HONEST,
    archive(pickled(STATE), {"0": 24}, compression=zipfile.ZIP_DEFLATED),
    legacy(STATE, ["0"], struct.pack("<q", 6) + bytes(24)),
    archive(pickled(mapping(("state_dict", STATE), ("epoch", b"K\3"), ("model", MODULE + b"ub"))), {"0": 24}),
    archive(pickle.dumps({"a": [1, (2.5, None)], "b": {"c": b"bytes" * 9}}, 4)),
    pickle.dumps({"a": [1, (2.5, None)], "b": {"c": "text"}}, 0),
    archive(pickled(doubled(20))),
]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A file with some bytes changed, cut out, doubled, moved or inserted."""
    content = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 8))):
        at = draw(st.integers(0, len(content)))
        end = min(len(content), at + draw(st.integers(0, 40)))
        change = draw(st.sampled_from(["set", "cut", "double", "insert", "end"]))
        if change == "set" and at < len(content):
            content[at] = draw(st.integers(0, 255))
        elif change == "cut":
            del content[at:end]
        elif change == "double":
            content[at:at] = content[at:end] * draw(st.integers(1, 50))
        elif change == "insert":
            content[at:at] = draw(st.binary(max_size=12))
        elif change == "end":
            del content[at:]
    return bytes(content)


@settings(max_examples=300, deadline=None)
@given(mutated())
def test_mutated_files_neither_raise_nor_hang(content: bytes) -> None:
    begin = time.process_time()
    found = read(content)
    assert time.process_time() - begin < 1
    assert found.tensors.keys() == found.layouts.keys()
    assert all(kind.elements >= 0 and kind.nbytes >= 0 for kind in found.tensors.values())
    assert all(warning.code and warning.message for warning in found.warnings)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_as_a_pickle(body: bytes) -> None:
    """What pickle itself can load without a global is followed to the same end."""
    found = follow(body)
    if b"c" in body or b"i" in body or b"\x93" in body or any(code in body for code in b"\x82\x83\x84"):
        return
    stream = io.BytesIO(body)
    try:
        pickle.Unpickler(stream).load()
    except Exception:
        return
    assert found.problem is None
    assert found.end == stream.tell()


# --- a source that fails ------------------------------------------------------------------------------


def test_a_file_that_cannot_be_read_is_a_warning() -> None:
    def denied(offset: int, length: int) -> bytes:
        raise PermissionError(13, "Permission denied")

    found = read_pytorch(denied, 100, "x.pt")
    assert [warning.message for warning in found.warnings] == ["x.pt cannot be read: Permission denied"]


@pytest.mark.parametrize("left", [0, 10, 100, 400])
def test_a_file_that_shrinks_while_it_is_read(left: int) -> None:
    short = HONEST[:left]
    found = read_pytorch(lambda offset, length: short[offset : offset + length], len(HONEST), "x.pt")
    assert found.warnings
