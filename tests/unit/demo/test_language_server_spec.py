"""jupyter-lsp finds the server and still prefers a general Python server (tests/editors run it for real)."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

from model_loupe.lsp.jupyter import SERVER_KEY, language_server_spec

# The Python servers that jupyter-lsp finds by itself.
GENERAL_SERVERS = ["basedpyright", "jedi-language-server", "pylsp", "pyls", "pyrefly", "pyright"]


def test_starts_with_the_interpreter_of_the_jupyter_server() -> None:
    spec = language_server_spec(None)[SERVER_KEY]
    assert spec["argv"] == [sys.executable, "-m", "model_loupe", "serve"]
    assert spec["languages"] == ["python"]
    assert spec["version"] == 2


def test_does_not_push_a_general_python_server_aside() -> None:
    # JupyterLab takes the first key where ranks are equal.
    assert all(other < SERVER_KEY for other in GENERAL_SERVERS)


def test_is_declared_where_jupyter_lsp_looks() -> None:
    project = Path(__file__).parents[3] / "pyproject.toml"
    declared = tomllib.loads(project.read_text(encoding="utf-8"))["project"]["entry-points"][
        "jupyter_lsp_spec_v1"
    ]
    assert declared == {"model-loupe": "model_loupe.lsp.jupyter:language_server_spec"}


def test_is_light_to_import() -> None:
    heavy = "{'pygls', 'lsprotocol', 'asyncio', 'huggingface_hub'}"
    check = f"import sys, model_loupe.lsp.jupyter; print({heavy} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"
