"""Starts JupyterLab on the demo's folder, waits for it to answer, and ends it."""

from __future__ import annotations

import http.client
import importlib.util
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from model_loupe.demo.checkpoint import write_small_gemma
from model_loupe.demo.notebook import NAME, sample_notebook
from model_loupe.domain.errors import LoupeError

MODEL_FOLDER = "small-gemma"
# What JupyterLab itself writes: settings, workspaces, run-time files, its log. Hidden in its file browser.
STATE_FOLDER = ".jupyter"
HOST = "127.0.0.1"
START_SECONDS = 60.0
STOP_SECONDS = 3.0
NEEDED_MODULES = ("jupyterlab", "jupyterlab_lsp", "jupyter_lsp")
# In the demo's own settings: no question about news, no look for updates.
NOTIFICATION_SETTINGS = ("@jupyterlab", "apputils-extension", "notification.jupyterlab-settings")
INSTALL = "pip install 'model-loupe[jupyter]'"


def run_demo(port: int | None = None, browser: bool = True, folder: str | None = None) -> int:
    """Opens JupyterLab on the sample notebook and waits until it is interrupted (Ctrl+C) or ends.

    ``port``: any free one unless given. ``folder``: a new temporary one unless given, which stays, with what
    was written in it; a notebook that is in a given one is kept as it was left. Raises ``LoupeError`` where
    JupyterLab is missing or does not start.
    """
    _require_jupyterlab()
    folder = os.path.abspath(folder or tempfile.mkdtemp(prefix="model-loupe-demo-"))
    prepare(folder)
    port = port or _free_port()
    token = secrets.token_urlsafe(24)
    log = os.path.join(folder, STATE_FOLDER, "jupyterlab.log")
    address = f"http://{HOST}:{port}/lab/tree/{NAME}?token={token}"
    with _ended_by_signals(), _server(folder, port, token, log) as process:
        try:
            _wait_until_ready(process, port, log)
            print(f"Folder:  {folder}")
            print(f"Address: {address}")
            print("Ctrl+C ends it.", flush=True)
            if browser:
                webbrowser.open(address)
            code = process.wait()
        except KeyboardInterrupt:
            return 0
    if code:
        raise LoupeError("jupyterlab-ended", f"JupyterLab ended with code {code}: see {log}")
    return 0


def prepare(folder: str) -> None:
    """Writes into ``folder`` what the demo needs; a notebook that is there already is the user's."""
    _write_settings(os.path.join(folder, STATE_FOLDER, "settings"))
    write_small_gemma(os.path.join(folder, MODEL_FOLDER))
    if not os.path.exists(os.path.join(folder, NAME)):
        sample_notebook(folder)


def _write_settings(folder: str) -> None:
    path = os.path.join(folder, *NOTIFICATION_SETTINGS)
    if not os.path.exists(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"fetchNews": "false", "checkForUpdates": False}, file)


def _require_jupyterlab() -> None:
    missing = [name for name in NEEDED_MODULES if importlib.util.find_spec(name) is None]
    if missing:
        names = ", ".join(name.replace("_", "-") for name in missing)
        raise LoupeError("jupyterlab-missing", f"The demo needs {names}: {INSTALL}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@contextmanager
def _server(folder: str, port: int, token: str, log: str) -> Iterator[subprocess.Popen[bytes]]:
    """JupyterLab as a child; ended, with its kernels and language servers, when the block is left."""
    with open(log, "wb") as output:
        process = subprocess.Popen(
            _command(folder, port),
            cwd=folder,
            env=_environment(folder, token),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            # Ctrl+C is for us alone: asked directly, Jupyter wants it confirmed on the terminal.
            start_new_session=True,
        )
    try:
        yield process
    finally:
        _stop(process)


def _command(folder: str, port: int) -> list[str]:
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        "--no-browser",
        f"--ServerApp.ip={HOST}",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={folder}",
        # Nothing is asked of the network: no news, no look for updates, no catalogue of extensions.
        "--LabApp.news_url=",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--LabApp.extension_manager=readonly",
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        # In a container there is often no other user; it listens on loopback alone and wants the token.
        command.append("--allow-root")
    return command


def _environment(folder: str, token: str) -> dict[str, str]:
    state = os.path.join(folder, STATE_FOLDER)
    return {
        **os.environ,
        "JUPYTER_TOKEN": token,  # not on the command line, where every user of the machine can read it
        # The user's own settings and workspaces stay as they are.
        "JUPYTER_CONFIG_DIR": os.path.join(state, "config"),
        "JUPYTER_RUNTIME_DIR": os.path.join(state, "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": os.path.join(state, "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": os.path.join(state, "workspaces"),
    }


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise LoupeError("jupyterlab-failed", f"JupyterLab did not start ({_last_line(log)}): see {log}")
        if _answers(port):
            return
        time.sleep(0.1)
    raise LoupeError("jupyterlab-slow", f"JupyterLab did not answer in {START_SECONDS:.0f} s: see {log}")


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", "/api")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _last_line(log: str) -> str:
    with open(log, encoding="utf-8", errors="replace") as file:
        lines = [line.strip() for line in file if line.strip()]
    return lines[-1] if lines else "no output"


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        _kill_group(process)
        process.wait()


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """The language servers, which are in JupyterLab's group, too; kernels notice by themselves."""
    if hasattr(os, "killpg"):
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """SIGTERM and SIGHUP end the demo as Ctrl+C does: the child must not outlive it.

    The first of them counts. A second one, from somebody impatient, must not interrupt the ending.
    """
    interrupted = False

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        nonlocal interrupted
        if not interrupted:
            interrupted = True
            raise KeyboardInterrupt

    # Windows has no SIGHUP.
    numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    previous = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
