"""A Hub of their own for tests: real repositories' shapes, and what asks it with a cold or a warm disk."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from model_loupe.domain.errors import LoupeError
from model_loupe.inspector.remote import Remote
from model_loupe.sources.hub.hub import Hub
from model_loupe.sources.locate import ModelRequest
from model_loupe.sources.store import Store
from tests.hub import LocalHub
from tests.server.editor import Document
from tests.server.wire import Wire
from tests.support import checkpoints

REPOSITORY = Path(__file__).parents[2]
GEMMA = "google/gemma-2b"
SMALL = "google/gemma-small"
DEEPSEEK = "deepseek-ai/DeepSeek-V3"
TOKEN = "hf_PlantedTokenThatMustNotLeak0123456789"

TOKENIZER_CONFIG = {
    "tokenizer_class": "GemmaTokenizer",
    "added_tokens_decoder": {
        str(number): {"content": f"<unused{number}>", "lstrip": False, "special": True}
        for number in range(400)
    },
}


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of models that repositories are made of; sparse files."""
    root = tmp_path_factory.mktemp("models")
    tensors = checkpoints.gemma_2b_tensors()
    gemma = checkpoints.write_checkpoint(root / "gemma", checkpoints.GEMMA_2B_CONFIG, tensors)
    (gemma / "tokenizer_config.json").write_text(json.dumps(TOKENIZER_CONFIG, indent=2))
    (gemma / "README.md").write_text("---\nlicense: gemma\n---\n# Gemma\n" + "Words. " * 2000)
    small = checkpoints.small_gemma_tensors()
    checkpoints.write_checkpoint(root / "small", checkpoints.SMALL_CONFIG, small, shards=3)
    deepseek = checkpoints.deepseek_v3_tensors()
    checkpoints.write_checkpoint(root / "deepseek", checkpoints.DEEPSEEK_V3_CONFIG, deepseek, shards=163)
    return root


@pytest.fixture
def hub(models: Path) -> Iterator[LocalHub]:
    """A Hub with Gemma 2B (one file), a small Gemma (three shards) and DeepSeek-V3 (163 shards)."""
    with LocalHub() as hub:
        hub.add(GEMMA, models / "gemma").card = {"license": "gemma"}
        hub.add(SMALL, models / "small")
        hub.add(DEEPSEEK, models / "deepseek")
        yield hub


class Asker:
    """What a process of ours would ask: each ``process`` shares the disk with the others, and no memory."""

    def __init__(self, hub: LocalHub, folder: Path) -> None:
        self.local = hub
        self.store = Store(str(folder))
        self.token: str | None = None
        self.offline: str | None = None
        self.timeout = 2.0
        self.made: list[Hub] = []

    def process(self) -> Remote:
        """The part of a new process that describes what is on the Hub."""
        remote = Remote(offline=self.offline, trees=False)
        remote._hub = Hub(
            self.local.endpoint,
            offline=self.offline,
            store=self.store,
            token=lambda: self.token,
            timeout=self.timeout,
            pause=0.01,
        )
        self.made.append(remote.hub)
        return remote

    def failure(self, remote: Remote, model: str, **more: Any) -> LoupeError:
        """The failure that asking ends in."""
        with pytest.raises(LoupeError) as raised:
            remote.describe(ModelRequest(model, **more))
        return raised.value


@pytest.fixture
def asker(hub: LocalHub, tmp_path: Path) -> Iterator[Asker]:
    asker = Asker(hub, tmp_path / "store")
    yield asker
    for made in asker.made:
        made.close()


# A hover answers after a moment with what is known by then.
_UNSETTLED = ("asking the Hub …", "are still to come from the Hub")
_HOVERS = 40


async def told(document: Document, model: str) -> str:
    """The card of a model as soon as it is whole, or says why it will not be."""
    for _ in range(_HOVERS):
        card = await document.card(model)
        if not any(words in card for words in _UNSETTLED):
            return card
    raise AssertionError(f"never told: {model}")


def told_on_wire(server: Wire, uri: str, line: int, character: int) -> str:
    """As ``told``, of what is hovered at a place, as the answer's text."""
    for identifier in range(1000 * line, 1000 * line + _HOVERS):
        card = str(server.hover(identifier, uri, line, character)["result"])
        if not any(words in card for words in _UNSETTLED):
            return card
    raise AssertionError(f"never told: line {line}")


def environment_of(hub: LocalHub, folder: Path) -> dict[str, str]:
    """The variables of a process that has this Hub, no token, and its caches in ``folder``."""
    mine = ("HF_", "MODEL_LOUPE", "HUGGING", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(mine)}
    return {
        **kept,
        "HF_ENDPOINT": hub.endpoint,
        "HF_HOME": str(folder / "huggingface"),
        "MODEL_LOUPE_CACHE_DIR": str(folder / "loupe"),
        "PYTHONPATH": str(REPOSITORY / "server"),
    }


@pytest.fixture
def environment(hub: LocalHub, tmp_path: Path) -> dict[str, str]:
    """The variables of a process that has this Hub, and no token and nothing in its caches yet."""
    return environment_of(hub, tmp_path)


Inspected = subprocess.CompletedProcess[str]
Inspect = Callable[..., Inspected]


def run_inspect(environment: dict[str, str], *arguments: str) -> Inspected:
    """``model-loupe inspect`` as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "model_loupe", "inspect", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def inspect(environment: dict[str, str]) -> Inspect:
    """``run_inspect``, with further variables as keywords."""
    return lambda *arguments, **more: run_inspect({**environment, **more}, *arguments)
