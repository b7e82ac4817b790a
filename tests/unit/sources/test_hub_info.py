"""What a repository's info tells by itself."""

from __future__ import annotations

import json
from typing import Any

import pytest

from model_loupe.sources.hub.info import in_words, parse_info


def words(**fields: Any) -> str:
    document = {"sha": "0" * 40, "siblings": [], **fields}
    info = parse_info(json.dumps(document).encode(), "a/b")
    assert not isinstance(info, str)
    return in_words(info)


SHARDS = [{"rfilename": f"model-{number}-of-2.safetensors", "size": 512} for number in (1, 2)]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, ""),
        ({"config": {"architectures": ["BertModel"], "model_type": "bert"}}, "BertModel, bert"),
        ({"config": {"architectures": [], "model_type": "bert"}}, "bert"),
        ({"config": {"architectures": [None], "model_type": 7}}, ""),
        ({"config": {"architectures": ["a b\nc"], "model_type": "[x](y)"}}, ""),
        ({"siblings": SHARDS}, "2 safetensors files of 1.00 KiB"),
        ({"siblings": [*SHARDS, {"rfilename": "model.safetensors"}]}, "3 safetensors files"),
        ({"siblings": [*SHARDS, {"rfilename": "a.gguf", "size": 0}]},
         "2 safetensors files of 1.00 KiB, 1 gguf file of 0 B"),
        ({"siblings": [{"rfilename": "README.md", "size": 9}]}, ""),
        ({"cardData": {"license": "apache-2.0"}}, "licence apache-2.0"),
        ({"cardData": {"license": "a\nb"}}, ""),
    ],
)  # fmt: skip
def test_in_words(fields: dict[str, Any], expected: str) -> None:
    assert words(**fields) == expected
