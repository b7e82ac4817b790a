"""What a worker told once is known to the next process, for the same question alone."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from model_loupe.inspector import told_before
from model_loupe.inspector.told_before import ToldBefore
from model_loupe.sources.store import Store

QUESTION = {"config": {"model_type": "gemma"}, "builder": "AutoModel"}
ANSWER: dict[str, Any] = {"class": "GemmaModel", "notes": []}


def told(folder: Path, interpreter: str = sys.executable) -> ToldBefore:
    return ToldBefore(Store(str(folder)), interpreter)


def test_another_process_knows_it(tmp_path: Path) -> None:
    told(tmp_path).put(QUESTION, ANSWER)
    assert told(tmp_path).get(QUESTION) == ANSWER


def test_another_question_is_another(tmp_path: Path) -> None:
    told(tmp_path).put(QUESTION, ANSWER)
    assert told(tmp_path).get({**QUESTION, "builder": "AutoModelForCausalLM"}) is None
    assert told(tmp_path, "/other/python").get(QUESTION) is None


def test_other_versions_are_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {"torch": "2.9.0", "transformers": "5.0.0"}
    monkeypatch.setattr(told_before, "installed_version", lambda name, _: versions.get(name))
    told(tmp_path).put(QUESTION, ANSWER)
    assert told(tmp_path).get(QUESTION) == ANSWER
    versions["transformers"] = "5.1.0"
    assert told(tmp_path).get(QUESTION) is None
    versions["transformers"] = "5.2.0.dev0"
    told(tmp_path).put(QUESTION, ANSWER)
    assert told(tmp_path).get(QUESTION) is None


def test_what_was_missing_may_be_there_the_next_time(tmp_path: Path) -> None:
    told(tmp_path).put(QUESTION, {**ANSWER, "notes": ["no triton"]})
    assert told(tmp_path).get(QUESTION) is None


def test_damage_and_no_store_are_no_answer(tmp_path: Path) -> None:
    told(tmp_path).put(QUESTION, ANSWER)
    (entry,) = tmp_path.iterdir()
    entry.write_bytes(entry.read_bytes()[:-3])
    assert told(tmp_path).get(QUESTION) is None
    nothing = ToldBefore(None, sys.executable)
    nothing.put(QUESTION, ANSWER)
    assert nothing.get(QUESTION) is None
