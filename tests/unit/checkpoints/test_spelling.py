"""Headers and indexes in the spelling of their own writers are read by short cuts: those must change nothing.

Whatever is in a file, what is told of it is what is told of the same JSON spelled otherwise.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_loupe.checkpoints import safetensors_index
from model_loupe.checkpoints.safetensors_header import parse_header
from model_loupe.checkpoints.safetensors_index import parse_index
from model_loupe.domain.warnings import Warning

HEADER = (
    '{"__metadata__":{"format":"pt"},'
    '"a.weight":{"dtype":"BF16","shape":[2,3],"data_offsets":[0,12]},'
    '"a.bias":{"dtype":"F32","shape":[],"data_offsets":[12,16]},'
    '"b.weight":{"dtype":"F8_E4M3","shape":[0,10],"data_offsets":[16,16]},'
    '"b.bias":{"dtype":"I64","shape":[5],"data_offsets":[16,56]}}'
)
DATA = 56
# What a header is made of, so that many of the changed headers are still JSON.
PIECES = [
    *'0123456789,:[]{}" \\\n\x01é',
    "a.weight",
    "dtype",
    "BF16",
    ']},"',
    '":{"dtype":"',
    '"__metadata__":{},',
]


class Twice(Exception):
    """A key that stands twice: respelled, the JSON would lose one."""


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise Twice
    return dict(pairs)


@st.composite
def changed_headers(draw: st.DrawFn) -> str:
    text = HEADER
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 4)))
        text = text[:start] + draw(st.sampled_from(["", *PIECES])) + text[end:]
    return text


@settings(max_examples=1500, deadline=None)
@given(changed_headers())
def test_a_changed_header_is_told_like_the_same_json_with_spaces(text: str) -> None:
    found = parse_header(text.encode(), 8 + len(text.encode()) + DATA, "f")
    try:
        respelled = json.dumps(json.loads(text, object_pairs_hook=once)).encode()
    except Twice:
        assert "duplicate-key" in [warning.code for warning in found.warnings]
        return
    except ValueError:
        assert [warning.code for warning in found.warnings] == ["header-not-json"]
        return
    expected = parse_header(respelled, 8 + len(respelled) + DATA, "f")
    assert list(found.tensors.items()) == list(expected.tensors.items())
    assert found.metadata == expected.metadata
    assert found.warnings == expected.warnings


FILES = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
STORED = {FILES[0]: ["a.weight", "b.weight"], FILES[1]: ["c.weight"]}
CLAIMED = {"c.weight": FILES[1], "b.weight": FILES[0], "a.weight": FILES[0]}

INDEXES: dict[str, tuple[dict[str, str], bool]] = {
    "as stored": (CLAIMED, True),
    "in another shard": ({**CLAIMED, "b.weight": FILES[1]}, False),
    "one more": ({**CLAIMED, "d.weight": FILES[1]}, False),
    "one less": ({name: file for name, file in CLAIMED.items() if name != "a.weight"}, False),
    "another name": ({"c.weights": FILES[1], "b.weight": FILES[0], "a.weight": FILES[0]}, False),
    "another shard": ({**CLAIMED, "a.weight": "model-00003-of-00002.safetensors"}, False),
    "a shard of another length": ({**CLAIMED, "a.weight": "model.safetensors"}, False),
}
SPELLINGS: dict[str, dict[str, Any]] = {
    "indented": {"indent": 2},
    "compact": {"separators": (",", ":")},
    "one line": {},
}


@pytest.fixture(params=[0, safetensors_index._FEW_BYTES], ids=["short cut", "json"])
def reader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small indexes are read by either way."""
    monkeypatch.setattr(safetensors_index, "_FEW_BYTES", request.param)


@pytest.mark.usefixtures("reader")
@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("case", INDEXES)
@pytest.mark.parametrize("metadata", [{"total_size": 1}, {"a": "b", "c": "d", "total_size": 1}], ids=len)
def test_an_index_agrees_with_just_what_it_claims(case: str, spelling: str, metadata: dict[str, Any]) -> None:
    weight_map, agrees = INDEXES[case]
    warnings: list[Warning] = []
    for document in (
        {"metadata": metadata, "weight_map": weight_map},
        {"weight_map": weight_map, "metadata": metadata},
    ):
        found = parse_index(json.dumps(document, **SPELLINGS[spelling]).encode(), "index.json", warnings)
        assert found
        index, claims = found
        assert index.shards == list(dict.fromkeys(weight_map.values()))
        assert (index.tensors, index.total_size) == (len(weight_map), 1)
        assert claims.weight_map() == weight_map
        assert claims.agree(STORED) is agrees
    assert warnings == []


@pytest.mark.usefixtures("reader")
def test_a_claim_that_stands_twice_counts_as_json_reads_it() -> None:
    text = json.dumps({"weight_map": CLAIMED}, indent=2)
    twice = text.replace('"c.weight"', f'"a.weight": "{FILES[1]}",\n    "c.weight"')
    found = parse_index(twice.encode(), "index.json", [])
    assert found
    assert found[1].weight_map() == json.loads(twice)["weight_map"] == CLAIMED
