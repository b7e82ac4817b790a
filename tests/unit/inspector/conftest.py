"""Every model that these tests describe is described once more, from the disk: the answers must be equal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from model_loupe.checkpoints import weights
from model_loupe.inspector import Inspector, LoadOptions, ModelRequest, card, remembered
from model_loupe.inspector.description import Description
from model_loupe.inspector.schema import to_json


@pytest.fixture(autouse=True)
def same_from_disk(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """With small models and new files on the disk, too, which are else not worth it or too new."""
    describe = Inspector.describe

    def twice(self: Inspector, request: ModelRequest) -> Description:
        description = describe(self, request)
        with monkeypatch.context() as patch:
            patch.setenv("MODEL_LOUPE_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
            patch.setattr(weights, "_LONG", 0)
            patch.setattr(remembered, "_SETTLED_NS", -(10**18))
            for _ in ("written", "read"):
                assert_same(description, describe(Inspector(trees=False, disk=True), request))
        return description

    monkeypatch.setattr(Inspector, "describe", twice)


def assert_same(cold: Description, warm: Description) -> None:
    # In the order in which an answer asks: first what needs no names.
    for tree in (False, True):
        assert to_json(warm, tree=tree) == to_json(cold, tree=tree)
    assert card(warm, LoadOptions(), requested="m") == card(cold, LoadOptions(), requested="m")
    mine, theirs = warm.weights.table, cold.weights.table
    assert in_order(mine.by_file) == in_order(theirs.by_file)
    assert in_order(mine.tensors) == in_order(theirs.tensors)
    assert in_order(mine.names_by_kind) == in_order(theirs.names_by_kind)
    assert in_order(mine.kinds) == in_order(theirs.kinds)
    mine.prepare()
    theirs.prepare()
    assert mine.names == theirs.names
    everything = (0, len(mine.names))
    assert mine.sums(*everything) == theirs.sums(*everything)
    assert plain(warm) == plain(cold)


def in_order(value: Any) -> Any:
    """Dictionaries as lists: their order counts, too."""
    if not isinstance(value, dict):
        return value
    return [(key, in_order(item)) for key, item in value.items()]


def plain(description: Description) -> Any:
    """All of it but the table, and the rules of a scheme, which are functions."""
    base = plain(description.base) if description.base else None
    scheme = description.quantization and description.quantization._replace(packings=())
    rest = description._replace(weights=None, quantization=scheme, base=None)  # type: ignore[arg-type]
    return in_order(rest._asdict()), in_order(description.weights._replace(table=None)._asdict()), base  # type: ignore[arg-type]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder."""
    monkeypatch.setenv("MODEL_LOUPE_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"
