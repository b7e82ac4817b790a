"""What the demo lays out, and how it fails; tests/editors/jupyterlab has it run, in a browser."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path

import pytest

from model_loupe.demo import jupyterlab, run_demo, sample_notebook
from model_loupe.documents import analyse_notebook, read_notebook
from model_loupe.domain.errors import LoupeError


def test_notebook_names_the_model_once_and_loads_it_in_later_cells(tmp_path: Path) -> None:
    text = Path(sample_notebook(str(tmp_path))).read_text(encoding="utf-8")
    assert json.loads(text)["nbformat"] == 4
    references = analyse_notebook(read_notebook(text)).references
    assert [(found.callee, found.model) for found in references] == [
        ("AutoModelForCausalLM.from_pretrained", "./small-gemma"),
        ("AutoModelForCausalLM.from_pretrained", "./small-gemma"),
        ("AutoTokenizer.from_pretrained", "./small-gemma"),
    ]
    assert text.count("./small-gemma") == 2, "the assignment, and the introduction that points at it"


def test_keeps_a_notebook_that_was_changed(tmp_path: Path) -> None:
    jupyterlab.prepare(str(tmp_path))
    notebook = tmp_path / "sample.ipynb"
    notebook.write_text("mine", encoding="utf-8")
    jupyterlab.prepare(str(tmp_path))
    assert notebook.read_text(encoding="utf-8") == "mine"
    assert (tmp_path / "small-gemma" / "model.safetensors.index.json").exists()


def test_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jupyterlab, "NEEDED_MODULES", ("json", "no_such_jupyterlab_lsp"))
    with pytest.raises(LoupeError) as raised:
        run_demo(browser=False, folder=str(tmp_path))
    assert raised.value.code == "jupyterlab-missing"
    assert "no-such-jupyterlab-lsp" in raised.value.message
    assert "pip install 'model-loupe[jupyter]'" in raised.value.message
    assert os.listdir(tmp_path) == []


def test_tells_why_jupyterlab_did_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = [sys.executable, "-c", "raise SystemExit('the port is taken')"]
    monkeypatch.setattr(jupyterlab, "_command", lambda folder, port: command)
    monkeypatch.setattr(jupyterlab, "_require_jupyterlab", lambda: None)
    with pytest.raises(LoupeError) as raised:
        run_demo(browser=False, folder=str(tmp_path))
    assert raised.value.code == "jupyterlab-failed"
    assert "the port is taken" in raised.value.message
    assert "\n" not in raised.value.message


def test_each_run_without_a_folder_gets_a_new_one_with_everything_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(jupyterlab, "_command", lambda folder, port: [sys.executable, "-c", "exit(1)"])
    monkeypatch.setattr(jupyterlab, "_require_jupyterlab", lambda: None)
    for _ in range(2):
        with pytest.raises(LoupeError):
            run_demo(browser=False)
    folders = list(tmp_path.iterdir())
    assert len(folders) == 2
    for folder in folders:
        assert {path.name for path in folder.iterdir()} == {".jupyter", "sample.ipynb", "small-gemma"}


def test_the_token_is_not_on_the_command_line() -> None:
    assert not any("token" in word.lower() for word in jupyterlab._command("/demo", 8888))


def test_ends_a_jupyterlab_that_hangs_while_it_shuts_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(9)"
    monkeypatch.setattr(jupyterlab, "_command", lambda folder, port: [sys.executable, "-c", program])
    monkeypatch.setattr(jupyterlab, "STOP_SECONDS", 0.2)
    log = tmp_path / "log"
    with jupyterlab._server(str(tmp_path), 0, "token", str(log)) as process:
        while not log.read_text(encoding="utf-8"):
            time.sleep(0.01)
    assert process.poll() is not None
