"""Two servers and a command line at once on one cold cache, told apart by the tokens they send."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.hub import LocalHub, Request
from tests.hub.conftest import DEEPSEEK, SMALL, Inspect, told_on_wire
from tests.hub.reply import Reply
from tests.hub.test_requests import total_of
from tests.server.wire import Wire, wire

PROCESSES = ("hf_first_server", "hf_second_server", "hf_command")
FOLDERS = {SMALL: "small", DEEPSEEK: "deepseek"}


@pytest.fixture
def machine(environment: dict[str, str], hub: LocalHub) -> dict[str, str]:
    """The variables that all three have in common: one cold cache, and a Hub that takes its time."""
    hub.latency = 0.05
    hub.tokens.update(PROCESSES)
    # A wait at the starting line is no slow network.
    return {**environment, "HF_HUB_OFFLINE": "0", "HF_HUB_ETAG_TIMEOUT": "60"}


@pytest.fixture
def servers(machine: dict[str, str], tmp_path: Path) -> Iterator[list[Wire]]:
    """The two servers."""
    with ExitStack() as stack:
        started = []
        for token in PROCESSES[:2]:
            home = tmp_path / token
            home.mkdir()
            server = stack.enter_context(wire(home, environment={**machine, "HF_TOKEN": token}))
            server.initialize(rootUri=home.as_uri())
            started.append(server)
        yield started


def starting_lines(hub: LocalHub) -> list[threading.Barrier]:
    """Nobody is told of a model until all three have asked: each has found the cache cold."""
    return [_starting_line(hub, f"^/api/models/{model}") for model in FOLDERS]


def _starting_line(hub: LocalHub, where: str) -> threading.Barrier:
    line = threading.Barrier(len(PROCESSES), timeout=30)

    def wait(reply: Reply) -> Reply:
        line.wait()
        return reply

    hub.fail(wait, where, times=len(PROCESSES))
    return line


def cards(server: Wire, home: Path) -> list[str]:
    """The cards of both models in a document that loads them, as soon as they are whole."""
    uri = (home / "a.py").as_uri()
    calls = "".join(f'AutoModel.from_pretrained("{model}")\n' for model in FOLDERS)
    server.open(uri, "from transformers import AutoModel\n" + calls)
    return [told_on_wire(server, uri, line, 35) for line, _ in enumerate(FOLDERS, 1)]


def asked_by(request: Request) -> tuple[str, str, str]:
    """Which process asked for which bytes."""
    return request.headers["Authorization"], request.target, request.headers.get("Range", "")


def test_one_cold_cache(
    servers: list[Wire],
    machine: dict[str, str],
    hub: LocalHub,
    inspect: Inspect,
    models: Path,
    tmp_path: Path,
) -> None:
    lines = starting_lines(hub)
    told: dict[str, list[str]] = {}

    def edit(token: str, server: Wire) -> None:
        told[token] = cards(server, tmp_path / token)

    def command() -> None:
        variables = {**machine, "HF_TOKEN": PROCESSES[2]}
        told[PROCESSES[2]] = [inspect(model, "--json", **variables).stdout for model in FOLDERS]

    threads = [threading.Thread(target=edit, args=each) for each in zip(PROCESSES, servers, strict=False)]
    threads.append(threading.Thread(target=command))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not any(line.broken for line in lines)
    totals = [total_of(models / folder) for folder in FOLDERS.values()]
    for token in PROCESSES[:2]:
        for card, total in zip(told[token], totals, strict=True):
            assert f"{total:,} parameters (" in card
    reports = [json.loads(text) for text in told[PROCESSES[2]]]
    assert [report["parameters"]["total"] for report in reports] == totals
    assert [report["warnings"] for report in reports] == [[], []]

    times = Counter(asked_by(request) for request in hub.log if request.host == "hub")
    assert {who for who, *_ in times} == {f"Bearer {token}" for token in PROCESSES}
    assert {key: count for key, count in times.items() if count > 1} == {}
    assert [server.end() for server in servers] == [0, 0]
    assert not any("Traceback" in server.log for server in servers)

    # What they left is whole: to who comes next the Hub need not say anything.
    assert not list(Path(machine["MODEL_LOUPE_CACHE_DIR"]).glob("*.unfinished"))
    hub.forget()
    again = [json.loads(inspect(model, "--json", "--offline").stdout) for model in FOLDERS]
    assert again == reports
    assert hub.count() == 0
