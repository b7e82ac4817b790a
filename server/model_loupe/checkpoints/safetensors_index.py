"""``model.safetensors.index.json``: which shard is said to store which tensor.

The index is a claim; the shards' headers are the truth.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from model_loupe.checkpoints.config import parse_json_object
from model_loupe.domain.warnings import Warning

MAX_INDEX_BYTES = 200_000_000

# The first entries of a weight map show how all of them are spelled: "name": "file", "name"
_SPELLING = re.compile(r'"weight_map"\s*:\s*\{\s*"(?=[^"\\]*"(\s*:\s*)"[^"\\]*"(\s*,\s*)"[^"\\]*"\1")')


class Index:
    """What an index claims.

    ``shards`` are the safe file names in order of their first tensor, ``tensors`` counts their tensors. An
    index can have 100,000 entries, of which one mostly needs to know only that they are as expected:
    ``agrees`` tells that from their text, and ``weight_map`` (tensor → shard) is made when asked for.
    """

    __slots__ = ("_entries", "_middle", "_weight_map", "metadata", "name", "shards", "tensors", "total_size")

    def __init__(
        self,
        name: str,
        shards: list[str],
        metadata: Mapping[str, object],
        total_size: int | None,
        *,
        weight_map: dict[str, str] | None = None,
        entries: list[str] | None = None,
        middle: str = "",
    ) -> None:
        self.name = name
        self.shards = shards
        self.metadata = metadata
        self.total_size = total_size
        self.tensors = len(entries or weight_map or ())
        self._weight_map = weight_map
        self._entries = entries
        self._middle = middle

    @property
    def weight_map(self) -> dict[str, str]:
        if self._weight_map is None:
            parts = (entry.partition(self._middle) for entry in self._entries or ())
            self._weight_map = {tensor: file for tensor, _, file in parts}
        return self._weight_map

    def agrees(self, by_file: Mapping[str, Iterable[str]]) -> bool:
        """Whether the claims are exactly these tensors in these files."""
        if self._entries is None:
            stored = {tensor: file for file, tensors in by_file.items() for tensor in tensors}
            return stored == self.weight_map
        expected: set[str] = set()
        for file, tensors in by_file.items():
            ending = self._middle + file
            expected.update([tensor + ending for tensor in tensors])
        return len(expected) == len(self._entries) and expected == set(self._entries)


class _Spelled(NamedTuple):
    """A weight map as text: ``entries`` are ``name + middle + file``."""

    entries: list[str]
    middle: str
    shards: list[str]
    rest: bytes


def parse_index(raw: bytes, name: str, warnings: list[Warning]) -> Index | None:
    """The index in ``raw``, or None with a warning that says why there is none."""
    spelled = _spelled(raw)
    document = parse_json_object(spelled.rest if spelled else raw, name, warnings)
    if document is None:
        return None
    metadata = document.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    total_size = _total_size(metadata, name, warnings)
    if spelled:
        return Index(
            name, spelled.shards, metadata, total_size, entries=spelled.entries, middle=spelled.middle
        )
    weight_map = document.get("weight_map")
    if not isinstance(weight_map, dict):
        warnings.append(Warning("bad-index", f"{name} has no weight_map object"))
        return None
    weight_map = _safe_claims(weight_map, name, warnings)
    return Index(name, list(dict.fromkeys(weight_map.values())), metadata, total_size, weight_map=weight_map)


def _spelled(raw: bytes) -> _Spelled | None:
    """The weight map taken apart at its separators, a third of the work of parsing it as JSON.

    None wherever anything is unusual (escapes, white space that varies, unsafe names): JSON it is then.
    """
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return None
    start = _SPELLING.search(text)
    end = text.find("}", start.end()) if start else -1
    if start is None or end < 0 or "\\" in text:
        return None
    middle, separator = f'"{start.group(1)}"', f'"{start.group(2)}"'
    last_quote = text.rfind('"', 0, end)
    entries = text[start.end() : last_quote].split(separator)
    # Two quotes between name and file, two between entries, and nowhere else.
    if text.count('"', start.end(), last_quote) != 4 * len(entries) - 2 or text[last_quote + 1 : end].strip():
        return None
    # Numbered shards have names of one length: each entry then ends in one of a few texts.
    tail = len(entries[0]) - entries[0].index(middle)
    tails = dict.fromkeys([entry[-tail:] for entry in entries])
    shards = [ending.removeprefix(middle) for ending in tails]
    if not all(ending.startswith(middle) for ending in tails) or not all(map(is_safe_name, shards)):
        return None
    rest = text[: start.end() - 1] + text[end:]
    return _Spelled(entries, middle, shards, rest.encode()) if rest.count('"weight_map"') == 1 else None


def _safe_claims(weight_map: dict[str, object], name: str, warnings: list[Warning]) -> dict[str, str]:
    claims = {tensor: file for tensor, file in weight_map.items() if isinstance(file, str)}
    if len(claims) != len(weight_map):
        warnings.append(Warning("bad-index", f"{name}: weight_map must map tensor names to file names"))
    unsafe = {file for file in claims.values() if not is_safe_name(file)}
    if unsafe:
        warnings.extend(
            Warning("unsafe-path", f"{name} names {file[:120]!r}, outside the model's folder: not read")
            for file in sorted(unsafe)[:20]
        )
        claims = {tensor: file for tensor, file in claims.items() if file not in unsafe}
    if not claims:
        warnings.append(Warning("bad-index", f"{name} lists no tensors"))
    return claims


def _total_size(metadata: dict[str, object], name: str, warnings: list[Warning]) -> int | None:
    value = metadata.get("total_size")
    # Some tools write 5.0e9; the sum of byte counts is whole all the same.
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if type(value) is int and 0 <= value < 2**63:
        return value
    if value is not None:
        warnings.append(Warning("bad-index", f"{name}: metadata.total_size is not a number of bytes"))
    return None


def is_safe_name(name: str) -> bool:
    """Whether a file name from a checkpoint stays inside the model's folder on every system."""
    parts = name.replace("\\", "/").split("/")
    return (
        0 < len(name) <= 1024
        and "\0" not in name
        and ".." not in parts
        and "" not in parts
        and not (len(name) > 1 and name[1] == ":")
    )
