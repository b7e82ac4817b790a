"""A chat template is a program of the model's author: it ends, and takes no more than it is given."""

from __future__ import annotations

import json
import resource
import signal
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models

from model_loupe.worker.tokenizers import tokenizer


def rendered(folder: Path, template: str) -> tuple[str | None, str | None]:
    Tokenizer(models.WordLevel({"a": 0, "[UNK]": 1}, "[UNK]")).save(str(folder / "tokenizer.json"))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "chat_template": template}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    (folder / "config.json").write_text('{"model_type": "llama"}')
    told = tokenizer({"folder": str(folder), "mark": template})
    assert told["length"] == 2
    return told["chat"], told["chat_error"]


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}", "2 seconds"),
        ("{{ 'x' * 10**10 }}", "256 MiB"),
        ("{% for i in range(99999) %}{{ 'x' * 10**5 }}{% endfor %}", "256 MiB"),
    ],
)
def test_a_template_is_bounded(template: str, says: str, tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_AS), signal.getsignal(signal.SIGPROF)
    text, problem = rendered(tmp_path, template)
    assert text is None
    assert problem is not None and says in problem
    assert (resource.getrlimit(resource.RLIMIT_AS), signal.getsignal(signal.SIGPROF)) == before
    assert rendered(tmp_path, "{{ messages[0].content }}") == ("What is a loupe?", None)
