"""Where a model's files are found: folders, files, the Hugging Face cache as huggingface_hub lays it out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from model_loupe.domain.errors import LoupeError
from model_loupe.sources.hf_cache import is_repo_id
from model_loupe.sources.locate import ModelRequest, locate
from tests.support import checkpoints as made

COMMIT = "96988410cbdaeb8d5093d1ebdc5a8fb563e02bad"
OTHER = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A cache with one model at two commits, files as links into ``blobs``."""
    cache = tmp_path / "hub"
    repo = cache / "models--google--gemma-small"
    plain = made.write_checkpoint(tmp_path / "plain", made.SMALL_CONFIG, made.small_gemma_tensors())
    for commit in (COMMIT, OTHER):
        snapshot = repo / "snapshots" / commit
        snapshot.mkdir(parents=True)
        (repo / "blobs").mkdir(exist_ok=True)
        for file in plain.iterdir():
            blob = repo / "blobs" / f"{file.name}-{commit}"
            blob.write_bytes(file.read_bytes())
            (snapshot / file.name).symlink_to(os.path.relpath(blob, snapshot))
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text(COMMIT)
    (repo / "refs" / "v1").write_text(OTHER)
    return cache


def test_cache_dir_of_the_call(cache: Path) -> None:
    found = locate(ModelRequest("google/gemma-small", cache_dir=str(cache)))
    assert (found.source, found.commit) == ("cache", COMMIT)
    assert "model.safetensors" in found.files.entries()
    # Links into the repository's own blobs are how a cache is made: nothing to say about them.
    assert found.files.warnings == []


@pytest.mark.parametrize(("revision", "commit"), [("main", COMMIT), ("v1", OTHER), (OTHER, OTHER)])
def test_revisions(revision: str, commit: str, cache: Path) -> None:
    found = locate(ModelRequest("google/gemma-small", revision=revision, cache_dir=str(cache)))
    assert found.commit == commit


@pytest.mark.parametrize(
    ("model", "revision"), [("google/gemma-small", "nope"), ("google/other", None), ("gemma-small", None)]
)
def test_what_is_not_there(model: str, revision: str | None, cache: Path) -> None:
    with pytest.raises(LoupeError) as raised:
        locate(ModelRequest(model, revision=revision, cache_dir=str(cache)))
    assert raised.value.code == "not-in-cache"
    assert model in raised.value.message


@pytest.mark.parametrize("variable", ["HF_HOME", "HF_HUB_CACHE"])
def test_environment_variables(variable: str, cache: Path) -> None:
    value = cache.parent if variable == "HF_HOME" else cache
    ran = subprocess.run(
        [sys.executable, "-m", "model_loupe", "inspect", "google/gemma-small", "--json"],
        env={**os.environ, variable: str(value)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    answer = json.loads(ran.stdout)
    assert answer["model"]["source"] == "cache"
    assert answer["model"]["revision"] == COMMIT
    assert (
        answer["parameters"]["total"] == 18 * (64 * 64 * 2 + 16 * 64 * 2 + 3 * 64 * 128 + 128) + 512 * 64 + 64
    )


def test_an_interrupted_download_into_the_cache(cache: Path) -> None:
    repo = cache / "models--google--gemma-small"
    (repo / "snapshots" / COMMIT / "model.safetensors").unlink()
    (repo / "blobs" / "abc.incomplete").write_bytes(b"x" * 2048)
    from model_loupe.inspector import Inspector

    description = Inspector().describe(ModelRequest("google/gemma-small", cache_dir=str(cache)))
    assert [warning.code for warning in description.warnings] == ["incomplete-download"]
    assert "2.00 KiB" in description.warnings[0].message


def test_a_folder_wins_over_the_cache(cache: Path, tmp_path: Path) -> None:
    folder = made.write_checkpoint(tmp_path / "work" / "google" / "gemma-small", {}, [("w", "F32", [3])])
    found = locate(ModelRequest("google/gemma-small", cache_dir=str(cache), base=str(tmp_path / "work")))
    assert (found.source, found.path) == ("folder", str(folder))


def test_without_a_base_a_hub_id_is_no_folder(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(small.parent)
    with pytest.raises(LoupeError) as raised:
        locate(ModelRequest("small-gemma", cache_dir=str(small.parent / "no-cache")))
    assert raised.value.code == "not-in-cache"
    assert locate(ModelRequest("./small-gemma")).path == str(small)


def test_relative_names_start_at_the_base(small: Path) -> None:
    for name in ("small-gemma", "./small-gemma", "../" + small.parent.name + "/small-gemma"):
        assert locate(ModelRequest(name, base=str(small.parent))).path == str(small)
    file = locate(ModelRequest("small-gemma/model.safetensors", base=str(small.parent)))
    assert file.file == "model.safetensors"


@pytest.mark.parametrize(
    ("model", "code"),
    [
        ("", "bad-model-name"),
        ("a\0b", "bad-model-name"),
        ("x" * 5000, "bad-model-name"),
        ("./nope", "model-not-found"),
        ("/nope/at/all", "model-not-found"),
        ("a/b/c", "model-not-found"),
        ("gone.safetensors", "model-not-found"),
        ("two words", "model-not-found"),
        ("../../../../../../nope", "model-not-found"),
        ("/dev/null", "not-a-file"),
    ],
)
def test_names_that_are_none(model: str, code: str, tmp_path: Path) -> None:
    with pytest.raises(LoupeError) as raised:
        locate(ModelRequest(model, base=str(tmp_path)))
    assert raised.value.code == code
    assert "\n" not in raised.value.message


@pytest.mark.parametrize("text", ["gpt2", "google/gemma-2b-it", "a/b.c_d-e", "1bitLLM/x"])
def test_repo_ids(text: str) -> None:
    assert is_repo_id(text)


@pytest.mark.parametrize("text", ["", "a/b/c", "a--b", "a..b", "-a", "a b", "a/b.git", "x" * 97, "a/", "é/b"])
def test_no_repo_ids(text: str) -> None:
    assert not is_repo_id(text)
