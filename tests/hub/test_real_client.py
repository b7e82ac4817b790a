"""The local Hub is a Hub to the real huggingface_hub, unmodified and in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.hub import LocalHub, faults
from tests.hub.conftest import GEMMA, SMALL, TOKEN

_SCRIPT = """
import json, os, sys
import huggingface_hub as hf
api = hf.HfApi()
for line in sys.stdin:
    expression, token = json.loads(line)
    os.environ["HF_TOKEN"] = token
    try:
        result = eval(expression)
    except Exception as error:
        result = {"error": type(error).__name__, "message": str(error)}
    print(json.dumps(result, default=str), flush=True)
"""


class Client:
    """A process with ``huggingface_hub`` as ``hf`` and ``api``: evaluates what it is told."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def __call__(self, expression: str, token: str = "") -> Any:
        assert self._process.stdin and self._process.stdout
        print(json.dumps([expression, token]), file=self._process.stdin, flush=True)
        return json.loads(self._process.stdout.readline())


@pytest.fixture
def client(environment: dict[str, str]) -> Iterator[Client]:
    with subprocess.Popen(
        [sys.executable, "-c", _SCRIPT],
        env={**environment, "HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_OFFLINE": "0"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield Client(process)


def test_model_info(client: Client, hub: LocalHub, models: Path) -> None:
    listed = "[(file.rfilename, file.size, bool(file.lfs)) for file in info.siblings]"
    found = client(
        f"(lambda info: [info.sha, info.card_data.license, {listed}])"
        f"(api.model_info({GEMMA!r}, files_metadata=True))"
    )
    assert found[:2] == [hub.repositories[GEMMA].refs["main"], "gemma"]
    assert {name: size for name, size, _ in found[2]} == {
        path.name: path.stat().st_size for path in (models / "gemma").iterdir()
    }
    assert [name for name, _, lfs in found[2] if lfs] == ["model.safetensors"]


def test_hf_hub_download_and_the_cache(client: Client, hub: LocalHub, models: Path) -> None:
    path = Path(client(f"hf.hf_hub_download({SMALL!r}, 'config.json')"))
    assert path.read_bytes() == (models / "small" / "config.json").read_bytes()
    assert path.parent.name == hub.repositories[SMALL].refs["main"]
    # A weight file comes from the second host, and a commit that is known is not asked for again.
    shard = Path(client(f"hf.hf_hub_download({SMALL!r}, 'model-00001-of-00003.safetensors')"))
    assert shard.read_bytes() == (models / "small" / shard.name).read_bytes()
    assert hub.count("cdn") == 1
    hub.forget()
    again = client(f"hf.hf_hub_download({SMALL!r}, 'config.json', revision={path.parent.name!r})")
    assert Path(again) == path
    assert not [target for target in hub.targets() if "resolve" in target]


@pytest.mark.parametrize("redirects", [True, False])
def test_snapshot_download(client: Client, hub: LocalHub, models: Path, redirects: bool) -> None:
    hub.redirects = redirects
    hub.resolve_cache = True
    folder = Path(client(f"hf.snapshot_download({SMALL!r})"))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        path.name: path.read_bytes() for path in (models / "small").iterdir()
    }


def test_get_safetensors_metadata(client: Client) -> None:
    assert client(f"hf.get_safetensors_metadata({GEMMA!r}).parameter_count") == {"BF16": 2506172416}
    count = "(lambda found: [len(found.files_metadata), len(found.weight_map)])"
    found = client(f"{count}(hf.get_safetensors_metadata({SMALL!r}))")
    assert found == [3, 164]


def test_revisions(client: Client, hub: LocalHub, models: Path) -> None:
    first = hub.repositories[SMALL].refs["main"]
    second = hub.repositories[SMALL].commit(models / "gemma")
    assert client(f"api.model_info({SMALL!r}).sha") == second
    assert client(f"api.model_info({SMALL!r}, revision={first!r}).sha") == first
    assert client(f"api.model_info({SMALL!r}, revision='nope').sha")["error"] == "RevisionNotFoundError"


def test_gated_and_private(client: Client, hub: LocalHub) -> None:
    hub.tokens.add(TOKEN)
    repository = hub.repositories[SMALL]
    repository.gated = "manual"
    download = f"hf.hf_hub_download({SMALL!r}, 'config.json')"
    assert client(f"api.model_info({SMALL!r}).gated") == "manual"
    assert client(download)["error"] == "GatedRepoError"
    refused = client(download, token=TOKEN)
    assert refused["error"] == "GatedRepoError"
    assert "not in the authorized list" in refused["message"]
    repository.readers.add(TOKEN)
    assert Path(client(download, token=TOKEN)).name == "config.json"
    repository.private = True
    assert "401" in client(f"api.model_info({SMALL!r}).sha")["message"]
    assert client(f"api.model_info({SMALL!r}).sha", token=TOKEN) == repository.refs["main"]
    assert "Invalid credentials" in client(f"api.model_info({SMALL!r}).sha", token="hf_wrong")["message"]
    assert client("api.whoami()['name']", token=TOKEN) == "somebody"


def test_what_is_not_there(client: Client, hub: LocalHub) -> None:
    hub.tokens.add(TOKEN)
    missing = "api.model_info('google/nothing-like-it').sha"
    assert client(missing, token=TOKEN)["error"] == "RepositoryNotFoundError"
    assert "Invalid username or password" in client(missing)["message"]
    absent = client(f"hf.hf_hub_download({SMALL!r}, 'nope.json')")
    assert absent["error"] == "RemoteEntryNotFoundError"


def test_faults_pass(client: Client, hub: LocalHub) -> None:
    hub.fail(faults.status(503), where="/resolve/.*shard|/resolve/.*model-", times=1)
    hub.fail(faults.rate_limited(1), where="index", times=1)
    assert Path(client(f"hf.snapshot_download({SMALL!r})")).is_dir()
    assert {request.status for request in hub.log} >= {200, 302, 429, 503}
