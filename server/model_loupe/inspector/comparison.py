"""Two models side by side, as a Markdown document: facts, dtypes, tensors and config."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from model_loupe.domain.loading import LoadOptions
from model_loupe.domain.parameters import DTypeCount
from model_loupe.domain.tensors import TensorKind
from model_loupe.domain.units import format_bytes, format_shape, plural
from model_loupe.inspector.description import Description
from model_loupe.inspector.facts import facts, parameters_text, stored_text, title
from model_loupe.inspector.markdown import escape

_MOST_ROWS = 200
_INDEX = re.compile(r"(?<=\.)\d+(?=\.)|^\d+(?=\.)")


class Side(NamedTuple):
    """One of the two: a model as the call with ``options`` loads it."""

    description: Description
    options: LoadOptions


def comparison(one: Side, other: Side) -> str:
    """What two models have in common and where they differ; what is equal is counted, not listed."""
    names = [side.description.request.model for side in (one, other)]
    lines = [f"# {escape(names[0])} ↔ {escape(names[1])}", ""]
    lines += _table(["", *names], _facts(one, other))
    lines += ["", "## Parameters by dtype", "", *_table(["dtype", *names], _dtypes(one, other))]
    lines += ["", "## Tensors", "", *_tensors(one.description, other.description, names)]
    lines += ["", "## Config", "", *_config(one.description.config, other.description.config, names)]
    return "\n".join(lines) + "\n"


def _facts(one: Side, other: Side) -> Iterator[list[str]]:
    yield ["Class", title(one.description), title(other.description)]
    counts = (parameters_text(side.description, long=True) or "unknown" for side in (one, other))
    yield ["Parameters", *counts]
    yield ["Size", *(stored_text(side.description) or "unknown" for side in (one, other))]
    known = [dict(facts(side.description, side.options)) for side in (one, other)]
    for label in dict.fromkeys([*known[0], *known[1]]):
        yield [label, *(values.get(label, "–") for values in known)]


def _dtypes(one: Side, other: Side) -> Iterator[list[str]]:
    counts = [side.description.parameters.by_dtype for side in (one, other)]
    for dtype in dict.fromkeys([*counts[0], *counts[1]]):
        yield [dtype, *(_count_text(of_model.get(dtype)) for of_model in counts)]


def _count_text(count: DTypeCount | None) -> str:
    if count is None:
        return "–"
    return (
        f"{plural(count.tensors, 'tensor')} · {count.parameters:,} parameters · {format_bytes(count.bytes)}"
    )


def _tensors(one: Description, other: Description, names: list[str]) -> Iterator[str]:
    left, right = one.weights.table.tensors, other.weights.table.tensors
    both = left.keys() & right.keys()
    equal = sum(left[name][:2] == right[name][:2] for name in both)
    yield f"{plural(equal, 'tensor')} of the same name, shape and dtype."
    different = {
        name: (_kind_text(left.get(name)), _kind_text(right.get(name)))
        for name in [*left, *(name for name in right if name not in left)]
        if name not in both or left[name][:2] != right[name][:2]
    }
    if different:
        rows = ([path, *kinds] for path, kinds in _folded(different))
        yield ""
        yield from _table(["differ", *names], rows)


def _kind_text(kind: TensorKind | None) -> str:
    return f"{format_shape(kind.shape)} {kind.dtype}" if kind else "–"


def _folded(tensors: Mapping[str, tuple[str, str]]) -> Iterator[tuple[str, tuple[str, str]]]:
    """Tensors that differ in the same way and by their first index alone, as one: ``layers.0-17.mlp.…``."""
    groups: dict[tuple[str, tuple[str, str]], list[int]] = {}
    for name, kinds in tensors.items():
        index = _INDEX.search(name)
        pattern = name if index is None else f"{name[: index.start()]}\0{name[index.end() :]}"
        groups.setdefault((pattern, kinds), []).extend([] if index is None else [int(index[0])])
    for (pattern, kinds), indices in groups.items():
        yield pattern.replace("\0", _ranges(sorted(indices))), kinds


def _ranges(indices: Iterable[int]) -> str:
    """Sorted numbers as ``0-3,5``."""
    runs: list[list[int]] = []
    for index in indices:
        if runs and index == runs[-1][1] + 1:
            runs[-1][1] = index
        else:
            runs.append([index, index])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)


def _config(one: Mapping[str, Any], other: Mapping[str, Any], names: list[str]) -> Iterator[str]:
    left, right = dict(_fields(one)), dict(_fields(other))
    keys = dict.fromkeys([*left, *right])
    different = [key for key in keys if left.get(key) != right.get(key)]
    yield f"{plural(len(keys) - len(different), 'field')} with the same value."
    if different:
        yield ""
        yield from _table(
            ["differ", *names], ([key, left.get(key, "–"), right.get(key, "–")] for key in different)
        )


def _fields(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """The config's values as JSON, by dotted keys."""
    for key, value in config.items():
        if isinstance(value, dict) and value:
            yield from _fields(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", json.dumps(value, ensure_ascii=False, sort_keys=True)


def _table(head: list[str], rows: Iterable[list[str]]) -> Iterator[str]:
    yield f"| {' | '.join(map(escape, head))} |"
    yield f"|{':--|' * len(head)}"
    left = 0
    for number, cells in enumerate(rows):
        if number < _MOST_ROWS:
            yield f"| {' | '.join(map(escape, cells))} |"
        else:
            left += 1
    if left:
        yield f"| … and {left:,} more |{' |' * (len(head) - 1)}"
