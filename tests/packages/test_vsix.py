"""The VS Code extension as it is shipped: every file of it, and that a bare Python runs its server.

``make test-packages`` builds what is looked at here.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from tests.packages.build import ROOT, VSIX, package, rebuild
from tests.support.checkpoints import SMALL_CONFIG, small_gemma_tensors, write_checkpoint

SERVER = "extension/dist/server/"
OWN = {
    "[Content_Types].xml",
    "extension.vsixmanifest",
    "extension/LICENSE.txt",
    "extension/changelog.md",
    "extension/client/vscode/l10n/bundle.l10n.json",
    "extension/client/vscode/media/icon.png",
    "extension/client/vscode/media/loupe-dark.svg",
    "extension/client/vscode/media/loupe-light.svg",
    "extension/client/vscode/media/loupe.svg",
    "extension/client/vscode/media/walkthrough/casts.md",
    "extension/client/vscode/media/walkthrough/python.md",
    "extension/dist/casts.css",
    "extension/dist/casts.js",
    "extension/dist/connection.js",
    "extension/dist/extension.js",
    "extension/dist/model.css",
    "extension/dist/model.js",
    "extension/docs/images/casts.png",
    "extension/docs/images/jupyterlab.png",
    "extension/docs/images/print-model.png",
    "extension/docs/images/vscode.png",
    "extension/package.json",
    "extension/package.nls.json",
    "extension/readme.md",
}
# The modules that each pinned distribution brings.
MODULES = {
    "anyio": ["anyio"],
    "attrs": ["attr", "attrs"],
    "cattrs": ["cattr", "cattrs"],
    "filelock": ["filelock"],
    "h11": ["h11"],
    "httpcore2": ["httpcore2"],
    "httpx2": ["httpx2"],
    "huggingface_hub": ["huggingface_hub"],
    "idna": ["idna"],
    "lsprotocol": ["lsprotocol"],
    "pygls": ["pygls"],
    "pyyaml": ["yaml"],
    "tqdm": ["tqdm"],
    "truststore": ["truststore"],
    "typing_extensions": ["typing_extensions.py"],
}


@pytest.fixture(scope="module")
def files() -> set[str]:
    with zipfile.ZipFile(ROOT / VSIX) as archive:
        return {name for name in archive.namelist() if not name.endswith("/")}


def _pinned() -> dict[str, str]:
    lines = (ROOT / "client/vscode/server/requirements.txt").read_text("utf-8").splitlines()
    pairs = (line.split("==") for line in lines if not line.startswith("#"))
    return {name.lower(): version for name, version in pairs}


def test_the_extensions_own_files_are_these(files: set[str]) -> None:
    assert {name for name in files if not name.startswith(SERVER)} == OWN


def test_the_server_in_it_is_the_one_of_this_commit(files: set[str]) -> None:
    prefix = f"{SERVER}model_loupe/"
    packed = {name.removeprefix(SERVER) for name in files if name.startswith(prefix)}
    assert packed == package()


def test_libraries_are_the_pinned_ones_as_sources_with_their_licences(files: set[str]) -> None:
    pinned = _pinned()
    assert pinned.keys() == MODULES.keys()
    beside = {name.removeprefix(SERVER) for name in files if name.startswith(SERVER)}
    infos = {f"{name}-{version}.dist-info" for name, version in pinned.items()}
    modules = {module for names in MODULES.values() for module in names}
    assert {name.split("/")[0] for name in beside} == infos | modules | {"model_loupe", "__main__.py"}
    beside -= package()
    sources = re.compile(r".*\.py|[^/]+\.dist-info/(METADATA|licenses/.+)")
    assert [name for name in beside if not sources.fullmatch(name)] == []
    assert {name.split("/")[0] for name in beside if ".dist-info/licenses/" in name} == infos


def test_it_is_under_five_megabytes() -> None:
    assert (ROOT / VSIX).stat().st_size < 5_000_000


def test_a_bare_python_runs_its_server_for_a_folder_and_a_model_of_the_cache(tmp_path: Path) -> None:
    with zipfile.ZipFile(ROOT / VSIX) as archive:
        archive.extractall(tmp_path / "unpacked")
    venv.create(tmp_path / "bare")
    snapshot = tmp_path / "home/hub/models--tests--gemma/snapshots/0123456789012345678901234567890123456789"
    write_checkpoint(snapshot, SMALL_CONFIG, small_gemma_tensors())
    refs = snapshot.parents[1] / "refs"
    refs.mkdir()
    (refs / "main").write_text(snapshot.name, "utf-8")
    for model in (str(snapshot), "tests/gemma"):
        command = [tmp_path / "bare/bin/python", tmp_path / "unpacked" / SERVER, "inspect", "--json", model]
        environment = {"HF_HOME": str(tmp_path / "home"), "MODEL_LOUPE_NO_CACHE": "1", "PYTHONSAFEPATH": "1"}
        run = subprocess.run(
            command, env=environment, capture_output=True, text=True, cwd=tmp_path, check=False
        )
        assert run.stderr == ""
        assert json.loads(run.stdout)["parameters"]["total"] == 661_824


def test_two_builds_are_the_same_byte_by_byte() -> None:
    assert (rebuild(VSIX) / VSIX).read_bytes() == (ROOT / VSIX).read_bytes()


def test_versions_agree() -> None:
    manifest = json.loads((ROOT / "package.json").read_text("utf-8"))
    answer = subprocess.run(
        [sys.executable, "-m", "model_loupe", "--version"], capture_output=True, text=True, check=True
    )
    assert manifest["version"] in answer.stdout
