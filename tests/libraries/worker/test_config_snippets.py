"""Every diagnostic of a checkpoint's JSON, on configs that deserve it and on some that do not."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from model_loupe.diagnostics.config_files import problems
from model_loupe.diagnostics.rules import RULES
from model_loupe.inspector.config_files import ConfigFile
from tests.libraries.worker.config_snippets import IS_4_38, IS_5, MARKED, UNMARKED

FOLDERS = tuple(sys.path)
# The tokenizer beside each config has ids up to 9.
TOKENIZER = {"added_tokens_decoder": {"9": {"content": "<last>"}}}


def codes(folder: Path, code: str, config: dict[str, Any]) -> set[str]:
    name = "generation_config.json" if code.startswith("generation") else "config.json"
    (folder / "tokenizer_config.json").write_text(json.dumps(TOKENIZER))
    return {problem.code for problem in problems(FOLDERS, ConfigFile(str(folder / name), config))}


def test_every_diagnostic_has_three_of_both() -> None:
    known = {code for code in RULES if code.startswith(("config-", "generation-"))}
    untold = set() if IS_5 else {"config-type"}
    untold |= {"config-superseded"} if IS_4_38 else set()
    assert {code for code in MARKED if len(MARKED[code]) >= 3} == known - untold
    assert {code for code in UNMARKED if len(UNMARKED[code]) >= 3} == known


@pytest.mark.parametrize(("code", "config"), [(code, each) for code, rows in MARKED.items() for each in rows])
def test_marked(code: str, config: dict[str, Any], tmp_path: Path) -> None:
    assert code in codes(tmp_path, code, config)


@pytest.mark.parametrize(
    ("code", "config"), [(code, each) for code, rows in UNMARKED.items() for each in rows]
)
def test_unmarked(code: str, config: dict[str, Any], tmp_path: Path) -> None:
    assert code not in codes(tmp_path, code, config)
