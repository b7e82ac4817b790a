"""Every failure at every step of a look-up: hover, lens, tree and command say it, and what came before."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import pytest_asyncio
from lsprotocol import types

from tests.hub import LocalHub, faults
from tests.hub.conftest import Inspected, environment_of, run_inspect
from tests.hub.faults import Fault
from tests.server.editor import Document, Editor, session, until, within

# All failures go through one session: a server has to get over each of them.
pytestmark = pytest.mark.asyncio(loop_scope="module")

STEPS = {
    "info": r"^/api/models/{}\?",
    "config": r"^/{}/resolve/.*/config\.json$",
    "index": r"^/{}/resolve/.*/model\.safetensors\.index\.json$",
    "header": r"^/{}/resolve/.*\.safetensors$",
}
OUTLINED = ("index", "header")
"""By these the config is known."""


class Failure(NamedTuple):
    """``words`` are a regular expression; ``stops_all``: meanwhile nothing else is asked of the Hub."""

    fault: Fault
    words: str
    steps: tuple[str, ...] = tuple(STEPS)
    stops_all: bool = False


FAILURES = {
    "unknown": Failure(faults.unknown(), r"is not on the Hub, or not for you"),
    "private": Failure(faults.private(), r"if it is private, `hf auth login` first"),
    "gated": Failure(faults.gated(), r"is gated: accept its conditions at http://.*, then `hf auth login`"),
    "rate-limited": Failure(faults.rate_limited(120), r"asks to wait 1[12]\d s", stops_all=True),
    "internal-error": Failure(faults.status(500), r"has a fault of its own \(500\): try again later"),
    "unavailable": Failure(faults.status(503), r"has a fault of its own \(503\): try again later"),
    "slow": Failure(faults.stalled(), r"does not answer in time", stops_all=True),
    "dead": Failure(faults.hung_up(), r"broke off, more than once"),
    "proxy": Failure(faults.status(407), r"wants a log-in \(407\)"),
    "captive-portal": Failure(faults.captive_portal(), r"web page instead of data"),
    "portal-elsewhere": Failure(
        faults.portal_redirect(), r"portal\.invalid cannot be reached", stops_all=True
    ),
    "elsewhere": Failure(faults.redirected("http://10.0.0.1/"), r"redirects to a private address"),
    "malformed": Failure(faults.malformed(), r"the Hub's answer makes no sense"),
    "truncated": Failure(faults.cut_off(40), r"broke off, more than once"),
    "wrong-range": Failure(faults.wrong_range(), r"another range than was asked for", steps=("header",)),
}


@pytest.fixture(scope="module")
def hub(models: Path) -> Iterator[LocalHub]:
    """A Hub with the same model once for each failure and step."""
    with LocalHub() as hub:
        # What fails is the answer that has the bytes; test_faults has failures of the second host.
        hub.redirects = False
        for name in (*FAILURES, "offline"):
            for step in STEPS:
                hub.add(f"{name}/{step}", models / "small")
        yield hub


@pytest.fixture(scope="module")
def environment(hub: LocalHub, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    more = {"HF_HUB_OFFLINE": "0", "HF_HUB_ETAG_TIMEOUT": "1"}
    return {**environment_of(hub, tmp_path_factory.mktemp("machine")), **more}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def editor(environment: dict[str, str], home: Path) -> AsyncIterator[Editor]:
    async with session(home, environment=environment) as editor:
        yield editor


@pytest.mark.parametrize("name", FAILURES)
async def test_failures(
    name: str, editor: Editor, hub: LocalHub, environment: dict[str, str], models: Path, home: Path
) -> None:
    failure = FAILURES[name]
    hub.heal()
    for step in failure.steps:
        hub.fail(failure.fault, STEPS[step].format(f"{name}/{step}"))
    commands = asyncio.gather(
        *(asyncio.to_thread(run_inspect, environment, f"{name}/{step}") for step in failure.steps)
    )
    for steps in [(step,) for step in failure.steps] if failure.stops_all else [failure.steps]:
        await _editor_says(editor, home / f"{name}.py", name, steps)
        # Who asks for a model of this machine does not notice.
        local = _open(editor, home / "local.py", [str(models / "small")])
        assert "661,824 parameters (" in await local.card("small")
        local.close()
        await _ask_again(editor)
    for step, told in zip(failure.steps, await commands, strict=True):
        _command_says(told, step, failure.words)


@pytest.mark.parametrize("step", ["info", "config"])
async def test_offline(
    step: str, hub: LocalHub, environment: dict[str, str], home: Path, tmp_path: Path
) -> None:
    """Of what was not told whole before, its info at most is on this disk."""
    model, words = f"offline/{step}", r"the Hub is not asked"
    if step == "config":
        hub.fail(faults.gated(), STEPS["config"].format(model))
        assert (await asyncio.to_thread(run_inspect, environment, model)).returncode == 1
    hub.heal()
    hub.forget()
    async with session(tmp_path, environment=environment, settings={"network": "offline"}) as editor:
        document = _open(editor, tmp_path / "a.py", [model])
        await _hover_says(document, model, step, words)
        assert [title for _, title in await document.titles()] == ["not in the local cache"]
        await _tree_says(editor, model, step, words)
    _command_says(await asyncio.to_thread(run_inspect, environment, model, "--offline"), step, words)
    # Of this model: what an earlier test has asked for slowly may only end by now.
    assert [target for target in hub.targets() if model in target] == []


# --- who says what ------------------------------------------------------------------------------------


def _open(editor: Editor, path: Path, models: list[str]) -> Document:
    calls = "".join(f'AutoModel.from_pretrained("{model}")\n' for model in models)
    return editor.open(path, "from transformers import AutoModel\n" + calls)


async def _ask_again(editor: Editor) -> None:
    params = types.ExecuteCommandParams("modelLoupe.askAgain")
    await within(editor.client.workspace_execute_command_async(params))


async def _editor_says(editor: Editor, path: Path, name: str, steps: tuple[str, ...]) -> None:
    words = FAILURES[name].words
    document = _open(editor, path, [f"{name}/{step}" for step in steps])
    await asyncio.gather(*(_hover_says(document, f"{name}/{step}", step, words) for step in steps))
    titles = [title for _, title in await document.titles() if title != "Architecture"]
    assert len(titles) == len(steps)
    for step, title in zip(steps, titles, strict=True):
        _lens_says(title, step)
        await _tree_says(editor, f"{name}/{step}", step, words)
    document.close()


async def _hover_says(document: Document, model: str, step: str, words: str) -> None:
    async def is_said() -> bool:
        card = (await document.card(model)).replace("\\", "")
        assert " parameters (" not in card
        return bool(re.search(words, card)) and card.startswith("**GemmaForCausalLM**") is (step in OUTLINED)

    await until(is_said, f"the hover of {model} says {words}")


def _lens_says(title: str, step: str) -> None:
    assert " params" not in title
    outlined = "GemmaForCausalLM · the headers of its weights could not be read"
    assert (title == outlined) is (step in OUTLINED), title


async def _tree_says(editor: Editor, model: str, step: str, words: str) -> None:
    [model_row] = [each for each in await editor.models() if each["model"] == model]
    rows = await editor.children(model_row["id"])
    if step not in OUTLINED:
        [row] = rows
        assert row["icon"] == "error"
        assert re.search(words, row["label"])
        return
    named = {row["label"]: row for row in rows}
    assert "Config" in named and "Architecture" not in named
    findings = await editor.children(named["Findings"]["id"])
    assert any(re.search(words, _text(finding)) for finding in findings)


def _text(row: dict[str, Any]) -> str:
    return f"{row['label']} {row['description']}"


def _command_says(told: Inspected, step: str, words: str) -> None:
    assert "Traceback" not in told.stderr
    if step in OUTLINED:
        assert told.returncode == 0
        assert "GemmaForCausalLM" in told.stdout
        assert "the headers of its weights could not be read" in told.stdout
        assert re.search(words, " ".join(told.stdout.split()))
    else:
        assert (told.returncode, told.stdout) == (1, "")
        assert told.stderr.count("\n") == 1
        assert re.search(words, told.stderr)
