"""Samples of weights that are on the Hub: a real one on loopback, whose every byte is counted."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from safetensors.torch import save_file

from model_loupe.domain.casts.numerics import Sums, sums_of, total
from model_loupe.domain.casts.sampling import Wanted, strata
from model_loupe.domain.casts.targets import target_named
from model_loupe.domain.errors import LoupeError
from model_loupe.inspector import Inspector, ModelRequest
from model_loupe.inspector.cast_json import to_json
from model_loupe.inspector.cast_remote import RemoteSample
from model_loupe.inspector.casting import Preview, measure, preview
from model_loupe.inspector.remote import Remote
from model_loupe.inspector.worker_process import Cancelled, Worker
from model_loupe.sources.hub.files import HubFiles
from model_loupe.sources.hub.hub import Hub
from model_loupe.worker.casting import exact, sample
from model_loupe.worker.casting.files import TensorFile
from model_loupe.worker.casting.formats import format_named
from model_loupe.worker.stack import one_thread
from tests.hub import LocalHub, faults
from tests.libraries.test_cast_requests import SAMPLED, populations

NAME = "google/shaped"
TARGETS = ("bfloat16", "float16", "float8_e4m3fn", "nf4", "int8")
KIB, MIB = 2**10, 2**20


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 matrices and as many vectors in two shards, 48 MiB of float32."""
    folder = tmp_path_factory.mktemp("hub") / "model"
    folder.mkdir()
    generator = torch.Generator().manual_seed(3)
    for shard in range(2):
        tensors = {}
        for layer in range(shard * 12, shard * 12 + 12):
            matrix = torch.randn(512, 1024, generator=generator) * (0.01 + layer / 100)
            tensors[f"model.layers.{layer}.fc.weight"] = matrix
            tensors[f"model.layers.{layer}.norm.weight"] = torch.rand(1024, generator=generator)
        save_file(tensors, folder / f"model-{shard + 1:05}-of-00002.safetensors")
    names = {path.name: path for path in folder.iterdir()}
    weight_map = {tensor: name for name, path in names.items() for tensor in TensorFile(str(path)).tensors()}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    (folder / "config.json").write_text('{"model_type": "gemma"}')
    return folder


@pytest.fixture(scope="module")
def hub(folder: Path) -> Iterator[LocalHub]:
    with LocalHub() as hub:
        hub.add(NAME, folder)
        yield hub


@pytest.fixture(autouse=True)
def store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MODEL_LOUPE_CACHE_DIR", str(tmp_path / "loupe"))
    monkeypatch.delenv("MODEL_LOUPE_NO_CACHE", raising=False)


class Asked(NamedTuple):
    """A model that was looked up on the Hub, and its files there."""

    found: Preview
    files: HubFiles


def asked(hub: LocalHub, *targets: str) -> Asked:
    # huggingface_hub reads the environment once a process: the Hub is made by hand.
    remote = Remote(offline=None, trees=False)
    remote._hub = Hub(hub.endpoint)
    description = remote.describe(ModelRequest(NAME))
    found = preview(description, [target_named(name) for name in targets], sys.executable)
    return Asked(found, remote.files_of(description.request))


@pytest.mark.parametrize("budget", [32 * MIB, 1 * MIB, 300 * KIB])
def test_what_is_read_is_what_was_said_and_within_the_budget(
    budget: int, hub: LocalHub, worker: Worker
) -> None:
    found, files = asked(hub, *TARGETS)
    hub.forget()
    remote = RemoteSample(found, sys.executable, budget)
    assert hub.count() == 0
    network = to_json(found)["network"]
    assert 0 < network["bytes"] <= network["budget"] == budget
    steps: list[int] = []
    remote.measure(files, worker, progress=lambda at: steps.append(at.done))
    assert hub.nbytes("cdn") == network["bytes"]
    assert len([each for each in hub.log if each.host == "cdn"]) == network["requests"]
    assert steps == sorted(steps)
    assert steps[-1] == network["bytes"]
    assert found.complete
    assert found.unmeasured.keys() == {"int8"}
    assert {len(found.sums[name]) for name in ("bfloat16", "float16")} == {48}
    told = to_json(found)["targets"][0]["numerics"]
    assert told["read_bytes"] == network["bytes"]
    assert told["mode"] == "sampled"
    assert told["elements"] == 24 * (512 * 1024 + 1024)


def test_the_figures_are_those_of_the_whole(hub: LocalHub, folder: Path, worker: Worker) -> None:
    found, files = asked(hub, *SAMPLED)
    RemoteSample(found, sys.executable).measure(files, worker)
    here = Inspector().find(ModelRequest(str(folder)))
    whole = preview(here, [each.target for each in found.plans], sys.executable, exact=True)
    measure(whole, worker)
    for sampled, read in zip(to_json(found)["targets"], to_json(whole)["targets"], strict=True):
        low, high = sampled["numerics"]["interval"]["snr_db"]
        assert low <= read["numerics"]["snr_db"] <= high
        assert high - low < 1.5


def test_it_is_read_once(hub: LocalHub, worker: Worker) -> None:
    found, files = asked(hub, "float16", "nf4")
    RemoteSample(found, sys.executable).measure(files, worker)
    again = asked(hub, "float16", "nf4").found
    hub.forget()
    RemoteSample(again, sys.executable)
    assert again.complete
    assert to_json(again)["network"]["bytes"] == 0
    assert to_json(again)["targets"] == to_json(found)["targets"]
    assert hub.count() == 0
    # Another target is read for alone.
    more = asked(hub, "float16", "bfloat16").found
    RemoteSample(more, sys.executable)
    assert to_json(more)["network"]["bytes"] > 0
    assert more.sums["float16"]


def test_what_goes_wrong_is_said(hub: LocalHub, worker: Worker) -> None:
    found, files = asked(hub, "float16")
    remote = RemoteSample(found, sys.executable)
    hub.fail(faults.status(403))
    remote.measure(files, worker)
    assert found.unmeasured["float16"].code == "access-denied"
    assert not found.complete
    hub.heal()
    with pytest.raises(LoupeError) as raised:
        RemoteSample(found, sys.executable, 10_000)
    assert raised.value.message == (
        "a sample of so many tensors takes 192.00 KiB at least: the budget is 9.77 KiB"
    )
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(Cancelled):
        remote.measure(files, worker, cancelled=cancelled)


def test_the_command_says_what_it_would_read_first(hub: LocalHub, tmp_path: Path) -> None:
    variables = {"HF_ENDPOINT": hub.endpoint, "HF_HUB_OFFLINE": "0", "HF_HOME": str(tmp_path / "huggingface")}

    def run(*arguments: str) -> str:
        command = [sys.executable, "-m", "model_loupe", "cast", NAME, "--to", "float16,nf4", *arguments]
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, env={**os.environ, **variables}
        )
        return done.stdout

    offered = run("--budget", "4MiB")
    assert (
        "! the weights of google/shaped are not on this machine: a sample reads 1.85 MiB in 624 requests "
        "(--spend does)" in offered
    )
    hub.forget()
    answer: dict[str, Any] = json.loads(run("--budget", "4MiB", "--spend", "--json"))
    assert hub.nbytes("cdn") == answer["network"]["bytes"] <= answer["network"]["budget"] == 4 * MIB
    assert answer["targets"][0]["numerics"]["interval"]


def estimated(path: Path, requests: int, seed: int) -> dict[str, Sums]:
    """What a remote sample of a file tells, by target, read from the file itself."""
    file = TensorFile(str(path))
    formats = [each for name in SAMPLED if (each := format_named(name))]
    stored = file.tensors()
    described = Inspector().find(ModelRequest(str(path))).weights.table.tensors
    wanted = [Wanted(name, kind, SAMPLED) for name, kind in described.items()]
    found: dict[str, list[Sums]] = {name: [] for name in SAMPLED}
    chance = random.Random(seed)
    for each in strata(wanted, requests=requests):
        units = [file.read(stored[name].start + at, each.unit_bytes) for name, at in each.places(chance)]
        values = torch.frombuffer(bytearray(b"".join(units)), dtype=getattr(torch, each.kind.dtype))
        taken = sample.Sample(values.view(each.taken, each.unit), each.of, each.elements, each.kind.shape[-1])
        for name, sums in sample.estimates(taken, formats).items():
            found[name].append(sums_of(sums))
    file.close()
    return {name: total(parts) for name, parts in found.items()}


def test_the_interval_holds_with_few_and_larger_units(tmp_path: Path) -> None:
    """Four units of each tensor, the least that there are."""
    with one_thread():
        held, cases = outcomes(tmp_path, requests=16)
    assert cases == 3 * 15 * len(SAMPLED)
    assert held / cases >= 0.95


def outcomes(tmp_path: Path, requests: int) -> tuple[int, int]:
    """In how many cases the interval held, and how many there were."""
    formats = [each for name in SAMPLED if (each := format_named(name))]
    held = cases = 0
    for number, tensors in enumerate(populations(tmp_path)):
        path = tmp_path / f"{number}.safetensors"
        save_file(tensors, path)
        file = TensorFile(str(path))
        truth: dict[str, list[Sums]] = {name: [] for name in SAMPLED}
        for stored in file.tensors().values():
            for name, tally in exact.ExactPass(file, stored, formats, lambda nbytes: None).run().items():
                truth[name].append(sums_of(tally.as_json()))
        file.close()
        for seed in range(15):
            for name, sums in estimated(path, requests, seed).items():
                snr, interval = total(truth[name]).snr_db, sums.snr_interval
                assert snr and interval
                cases += 1
                held += interval[0] <= snr <= interval[1]
    return held, cases
