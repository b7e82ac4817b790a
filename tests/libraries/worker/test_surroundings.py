"""Interpreters that print, break, or lack what the worker needs: each is told in one message."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.published import GEMMA_2B
from tests.support.worker_process import WorkerFailed, WorkerProcess

_NOISY = """
import os, sys
print("garbage", "{" * 1000)
os.write(1, b"\\0model-loupe:0000000000000000" + bytes(range(256)))

class Noise:
    def find_spec(self, name, path=None, target=None):
        if name in ("torch", "transformers"):
            print("importing", name)
            os.write(1, b"\\xff\\xff\\xff\\xff raw")

sys.meta_path.insert(0, Noise())
"""


def before(folder: Path) -> dict[str, str]:
    """The environment with a folder before all that can be imported."""
    return {"PYTHONPATH": os.pathsep.join([str(folder), *os.environ.get("PYTHONPATH", "").split(os.pathsep)])}


def pretend(folder: Path, name: str, version: str, code: str | None = None) -> dict[str, str]:
    """A library of this version that shadows the real one, if only in name."""
    metadata = folder / f"{name}-{version}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    if code is not None:
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text(code)
    return before(folder)


def failure(python: str = sys.executable, variables: dict[str, str] | None = None) -> WorkerFailed:
    """How the second of two equal requests fails: the first leaves nothing half done."""
    with WorkerProcess(python, variables) as process:
        for _ in range(2):
            with pytest.raises(WorkerFailed) as caught:
                process.ask("architecture", config=GEMMA_2B)
        assert process.ask("installed")["executable"]
    assert "\n" not in caught.value.message
    return caught.value


def test_interpreter_and_libraries_that_print(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(_NOISY)
    with WorkerProcess(variables=before(tmp_path)) as process:
        assert process.ask("architecture", config=GEMMA_2B)["class"] == "GemmaForCausalLM"
        assert "importing transformers" in process.printed


def test_torch_that_does_not_import(tmp_path: Path) -> None:
    variables = pretend(tmp_path, "torch", "2.9.0", "raise OSError('libcudart.so.13:\\ncannot open it')")
    error = failure(variables=variables)
    assert error.code == "torch-broken"
    assert error.message.endswith("cannot be imported: OSError: libcudart.so.13:")


def test_transformers_that_does_not_import(tmp_path: Path) -> None:
    error = failure(variables=pretend(tmp_path, "transformers", "5.0.0", "import no_such_module"))
    assert error.code == "transformers-broken"
    assert "No module named 'no_such_module'" in error.message


@pytest.mark.parametrize(
    ("name", "version"), [("torch", "1.13.1"), ("transformers", "4.30.2"), ("torch", "2.3.0+cu121")]
)
def test_too_old(name: str, version: str, tmp_path: Path) -> None:
    error = failure(variables=pretend(tmp_path, name, version))
    assert error.code == f"{name}-too-old"
    assert f"{name} {version}" in error.message


def test_nothing_installed(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "bare")], check=True)
    python = str(tmp_path / "bare" / "bin" / "python")
    error = failure(python, {"PYTHONPATH": ""})
    assert error.code == "torch-missing"
    assert python in error.message


def test_import_that_ends_the_process(tmp_path: Path) -> None:
    """sys.exit in a library is its failure, not the end of the worker."""
    error = failure(variables=pretend(tmp_path, "torch", "2.9.0", "raise SystemExit(3)"))
    assert error.code == "torch-broken"
