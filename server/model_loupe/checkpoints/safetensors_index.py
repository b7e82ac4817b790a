"""``model.safetensors.index.json``: which shard is said to store which tensor.

The index is a claim; the shards' headers are the truth.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import groupby
from operator import itemgetter

from model_loupe.checkpoints.config import parse_json_object
from model_loupe.domain.lean_typing import TYPE_CHECKING, NamedTuple, Protocol
from model_loupe.domain.warnings import Warning

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

MAX_INDEX_BYTES = 200_000_000

# The first entries of a weight map show how all of them are spelled: "name": "file", "name"
_SPELLING = rb'"weight_map"\s*:\s*\{\s*"(?=[^"\\]*"(\s*:\s*)"[^"\\]*"(\s*,\s*)"[^"\\]*"\1")'
# JSON of this size is parsed in less time than importing re takes.
_FEW_BYTES = 100_000
# Small enough for the allocator to use the same memory again and again.
_PORTION = 16 * 1024


class Index(NamedTuple):
    """What an index says of its checkpoint. ``shards`` are in order of their first tensor."""

    name: str
    shards: list[str]
    tensors: int
    total_size: int | None


class Claims(Protocol):
    """Which shard is said to store which tensor."""

    def weight_map(self) -> dict[str, str]:
        """Tensor → shard."""

    def agree(self, by_file: Mapping[str, Collection[str]]) -> bool:
        """Whether exactly these tensors are claimed to be in these files."""


class _ParsedClaims:
    def __init__(self, weight_map: dict[str, str]) -> None:
        self._weight_map = weight_map

    def weight_map(self) -> dict[str, str]:
        return self._weight_map

    def agree(self, by_file: Mapping[str, Collection[str]]) -> bool:
        return self._weight_map == {tensor: file for file, names in by_file.items() for tensor in names}


class _SpelledClaims:
    """Claims as the text has them: each of ``entries`` is ``name + middle + shard``.

    An index can have 100,000 entries, of which one mostly needs to know only that they are as expected:
    their text tells that, shard by shard, and only a difference needs the map.
    """

    def __init__(self, entries: list[str], middle: str, by_shard: dict[str, list[str]]) -> None:
        self._entries = entries
        self._middle = middle
        self._by_shard = by_shard

    def weight_map(self) -> dict[str, str]:
        parts = (entry.partition(self._middle) for entry in self._entries)
        return {tensor: shard for tensor, _, shard in parts}

    def agree(self, by_file: Mapping[str, Collection[str]]) -> bool:
        if sum(map(len, by_file.values())) != len(self._entries):
            return False
        for shard, names in by_file.items():
            ending, claimed = self._middle + shard, set(self._by_shard.get(shard, ()))
            if len(claimed) != len(names) or not claimed.issuperset([name + ending for name in names]):
                return False
        return True


def parse_index(raw: bytes, name: str, warnings: list[Warning]) -> tuple[Index, Claims] | None:
    """The index in ``raw`` and its claims, or None with a warning that says why there is none."""
    spelled = _spelled(raw)
    document = parse_json_object(spelled.rest if spelled else raw, name, warnings)
    if document is None:
        return None
    metadata = document.get("metadata")
    total_size = _total_size(metadata, name, warnings) if isinstance(metadata, dict) else None
    if spelled:
        claims = _SpelledClaims(spelled.entries, spelled.middle, spelled.by_shard)
        return Index(name, list(spelled.by_shard), len(spelled.entries), total_size), claims
    weight_map = document.get("weight_map")
    if not isinstance(weight_map, dict):
        warnings.append(Warning("bad-index", f"{name} has no weight_map object"))
        return None
    weight_map = _safe_claims(weight_map, name, warnings)
    shards = list(dict.fromkeys(weight_map.values()))
    return Index(name, shards, len(weight_map), total_size), _ParsedClaims(weight_map)


class _Spelled(NamedTuple):
    """A weight map taken apart, and the JSON around it."""

    entries: list[str]
    middle: str
    by_shard: dict[str, list[str]]
    rest: bytes


def _spelled(raw: bytes) -> _Spelled | None:
    """The weight map taken apart at its separators, a third of the work of parsing it as JSON.

    None where the map is small and wherever anything is unusual (escapes, white space that varies, unsafe
    names): JSON it is then.
    """
    if len(raw) < _FEW_BYTES:
        return None
    import re

    start = re.search(_SPELLING, raw)
    end = raw.find(b"}", start.end()) if start else -1
    if start is None or end < 0 or b"\\" in raw or not raw.isascii():
        return None
    middle, separator = f'"{start.group(1).decode()}"', f'"{start.group(2).decode()}"'
    last_quote = raw.rfind(b'"', 0, end)
    if raw[last_quote + 1 : end].strip():
        return None
    entries = _split(memoryview(raw)[start.end() : last_quote], separator)
    # Two quotes between name and file, two between entries, and nowhere else.
    if raw.count(b'"', start.end(), last_quote) != 4 * len(entries) - 2:
        return None
    # Numbered shards have names of one length: each entry then ends in one of a few texts.
    tail = len(entries[0]) - entries[0].index(middle)
    by_tail: defaultdict[str, list[str]] = defaultdict(list)
    # Entries of one shard mostly stand together.
    for ending, together in groupby(entries, itemgetter(slice(-tail, None))):
        by_tail[ending].extend(together)
    by_shard = {ending.removeprefix(middle): ended for ending, ended in by_tail.items()}
    if not all(ending.startswith(middle) for ending in by_tail) or not all(map(is_safe_name, by_shard)):
        return None
    rest = raw[: start.end() - 1] + raw[end:]
    return _Spelled(entries, middle, by_shard, rest) if rest.count(b'"weight_map"') == 1 else None


def _split(text: memoryview, separator: str) -> list[str]:
    # In portions: a copy of the whole text would touch megabytes of new memory, which takes longer than this.
    entries: list[str] = []
    unfinished = ""
    for start in range(0, len(text), _PORTION):
        found = (unfinished + str(text[start : start + _PORTION], "ascii")).split(separator)
        unfinished = found.pop()
        entries += found
    entries.append(unfinished)
    return entries


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
