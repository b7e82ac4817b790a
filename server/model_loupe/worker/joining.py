"""What a checkpoint has for each parameter of a model, what it lacks, and what it has too much."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any, NamedTuple

from .renaming import renaming, without_ignored

_MOST_NAMES = 1000
# How quantised formats call what stands for a parameter: ``q_proj.qweight``, ``gate_up_proj_blocks``.
_PACKED = re.compile(r"(_blocks|_scales?|_scale_inv|_bias|_packed|_shape|_zero_point|_global_scale)$")


class Tensor(NamedTuple):
    """A stored tensor: its dtype by name, its shape and its size in bytes."""

    dtype: str
    shape: tuple[int, ...]
    nbytes: int


class Checkpoint(NamedTuple):
    """The tensors of a checkpoint by name; ``packed``: of quantised weights, whose shapes are their own."""

    tensors: dict[str, Tensor]
    packed: bool

    @classmethod
    def parse(cls, given: Any) -> Checkpoint | None:
        """From ``{"kinds": [[dtype, shape, bytes, "name\\nname…"]], "packed"}``; None from None."""
        if not given:
            return None
        tensors: dict[str, Tensor] = {}
        for dtype, shape, nbytes, names in given["kinds"]:
            tensor = Tensor(dtype, tuple(shape), nbytes)
            tensors.update(dict.fromkeys(names.split("\n"), tensor))
        return cls(tensors, bool(given.get("packed")))


class Join(NamedTuple):
    """``stored``: dtype and bytes that the checkpoint has for a parameter. ``missing`` parameters will be
    initialised anew, ``unexpected`` tensors dropped; ``mismatched`` have another shape: loading fails.
    """

    stored: dict[str, tuple[str, int]]
    missing: list[str]
    unexpected: list[str]
    mismatched: list[tuple[str, tuple[int, ...], tuple[int, ...]]]
    renamed: int

    def report(self) -> dict[str, Any]:
        """As JSON-ready values, lists cut at 1,000 names with their counts beside them."""
        return {
            "missing": self.missing[:_MOST_NAMES],
            "missing_count": len(self.missing),
            "unexpected": self.unexpected[:_MOST_NAMES],
            "unexpected_count": len(self.unexpected),
            "mismatched": [
                {"name": name, "checkpoint": stored, "model": wanted}
                for name, stored, wanted in self.mismatched[:_MOST_NAMES]
            ],
            "mismatched_count": len(self.mismatched),
            "renamed": self.renamed,
        }


def join(model: Any, checkpoint: Checkpoint, quantizer: Any = None) -> Join:
    """Finds for each tensor of ``checkpoint`` where ``model``, as ``quantizer`` left it, takes it."""
    expected: dict[str, Any] = model.state_dict()
    names = list(checkpoint.tensors)
    rename = renaming(model, names, expected, quantizer)
    sources: dict[str, list[str]] = {}
    homeless: dict[str, str] = {}
    renamed = 0
    for name in names:
        targets = rename(name)
        found = [target for target in targets if target in expected]
        if not found:
            homeless[name] = targets[0] if targets else name
        renamed += bool(found) and found != [name]
        for target in found:
            sources.setdefault(target, []).append(name)
    if checkpoint.packed:
        _house_packed(expected, homeless, sources)
    missing, unexpected = without_ignored(
        model, _missing(model, expected, sources), _unexpected(model, homeless)
    )
    return Join(
        {target: _stored(checkpoint, found, sources, expected[target]) for target, found in sources.items()},
        sorted(missing),
        sorted(name for name in homeless if homeless[name] in unexpected),
        [] if checkpoint.packed else _mismatched(checkpoint, sources, expected),
        renamed,
    )


def _house_packed(expected: dict[str, Any], homeless: dict[str, str], sources: dict[str, list[str]]) -> None:
    """Gives packed integers, scales and zero points to the parameter that they are unpacked to."""
    for name, new in list(homeless.items()):
        for candidate in _parameters_of(new):
            if candidate in expected:
                sources.setdefault(candidate, []).append(name)
                del homeless[name]
                break


def _parameters_of(name: str) -> list[str]:
    candidates = [_PACKED.sub("", name)]
    owner = name
    for _ in range(3):
        owner, dot, _ = owner.rpartition(".")
        if not dot:
            break
        candidates += [f"{owner}.weight", owner]
    return candidates


def _missing(model: Any, expected: dict[str, Any], sources: dict[str, list[str]]) -> set[str]:
    """Less those that are tied to what is there."""
    missing = set(expected) - set(sources)
    if not missing:
        return missing
    groups: dict[int, list[str]] = {}
    for name, value in model.named_parameters(remove_duplicate=False):
        groups.setdefault(id(value), []).append(name)
    for group in groups.values():
        if not missing.issuperset(group):
            missing.difference_update(group)
    return missing


def _unexpected(model: Any, homeless: dict[str, str]) -> set[str]:
    """Less buffers that the model computes itself."""
    return set(homeless.values()) - {name for name, _ in model.named_buffers()}


def _stored(
    checkpoint: Checkpoint, found: list[str], sources: dict[str, list[str]], target: Any
) -> tuple[str, int]:
    """The dtype that has most of the bytes, and all bytes; of a tensor that is split, its share."""
    by_dtype: Counter[str] = Counter()
    for name in found:
        tensor = checkpoint.tensors[name]
        by_dtype[tensor.dtype] += tensor.nbytes
    nbytes = sum(by_dtype.values())
    if len(found) == 1 and not checkpoint.packed:
        elements = _elements(checkpoint.tensors[found[0]].shape)
        if elements > target.numel() > 0:
            nbytes = nbytes * target.numel() // elements
    return (by_dtype.most_common(1)[0][0], nbytes)


def _mismatched(
    checkpoint: Checkpoint, sources: dict[str, list[str]], expected: dict[str, Any]
) -> list[tuple[str, tuple[int, ...], tuple[int, ...]]]:
    found = []
    for target, names in sources.items():
        wanted = tuple(expected[target].shape)
        stored = checkpoint.tensors[names[0]].shape
        # A conversion changes shapes: of those only that no element is lost can be said.
        loses = len(names) == 1 and _elements(stored) % max(1, _elements(wanted)) != 0
        if (stored != wanted) if names == [target] else loses:
            found.append((target, stored, wanted))
    return sorted(found)


def _elements(shape: tuple[int, ...]) -> int:
    product = 1
    for size in shape:
        product *= size
    return product
