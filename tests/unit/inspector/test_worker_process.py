"""The supervisor of the worker, with real processes: those that answer, and those that do all but that."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from model_loupe.domain.errors import LoupeError
from model_loupe.inspector import worker_process
from model_loupe.inspector.builder import Builder
from model_loupe.inspector.worker_process import Cancelled, Worker

SERVER = Path(worker_process.__file__).parents[2]


@pytest.fixture
def worker() -> Iterator[Worker]:
    made = Worker(sys.executable)
    yield made
    made.stop()


@pytest.fixture
def torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A torch whose import does what the test writes into the file: libraries do stranger things."""
    folder = tmp_path / "libraries"
    for name in ("torch-9.0.0", "transformers-9.0.0"):
        (folder / f"{name}.dist-info").mkdir(parents=True)
        library, _, version = name.partition("-")
        (folder / f"{name}.dist-info" / "METADATA").write_text(f"Name: {library}\nVersion: {version}\n")
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return folder / "torch.py"


def installed(worker: Worker) -> dict[str, object]:
    return worker.call("installed", {})


def failure(worker: Worker, method: str = "warm_up", **options: float) -> LoupeError:
    with pytest.raises(LoupeError) as raised:
        worker.call(method, {}, **options)
    return raised.value


def is_alive(pid: object) -> bool:
    try:
        os.kill(int(str(pid)), 0)
    except ProcessLookupError:
        return False
    return True


def wait_until_dead(pid: object) -> None:
    deadline = time.monotonic() + 20
    while is_alive(pid):
        assert time.monotonic() < deadline, "the process lives on"
        time.sleep(0.02)


def test_one_process_answers_again_and_again(worker: Worker) -> None:
    first = installed(worker)
    assert first["executable"] == sys.executable
    assert installed(worker) == first


def test_two_hundred_kills_in_a_row_lose_nothing(worker: Worker) -> None:
    seen = set()
    for _ in range(200):
        pid = int(str(installed(worker)["pid"]))
        seen.add(pid)
        os.kill(pid, signal.SIGKILL)
    assert installed(worker)["pid"] not in seen
    assert len(seen) == 200


def test_a_kill_during_a_request_is_one_clear_message(worker: Worker, torch: Path) -> None:
    torch.write_text("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")
    error = failure(worker)
    assert error.code == "worker-died"
    assert "ended by signal 9" in error.message
    assert "\n" not in error.message
    assert installed(worker)["executable"] == sys.executable


def test_one_that_hangs_is_ended(worker: Worker, torch: Path) -> None:
    torch.write_text("import time\ntime.sleep(60)\n")
    pid = installed(worker)["pid"]
    error = failure(worker, seconds=0.5)
    assert error.code == "worker-hangs"
    wait_until_dead(pid)
    assert installed(worker)["pid"] != pid


def test_one_that_dies_again_and_again_gets_a_pause(worker: Worker, torch: Path) -> None:
    torch.write_text("import os\nos._exit(3)\n")
    codes = [failure(worker).code for _ in range(4)]
    assert codes == ["worker-died", "worker-died", "worker-died", "worker-pauses"]
    time.sleep(1.1)
    assert installed(worker)["executable"] == sys.executable


def test_what_libraries_print_is_none_of_ours(worker: Worker, torch: Path) -> None:
    torch.write_text(
        "import os\nprint('x' * 100000)\nos.write(1, b'garbage' * 1000)\nraise OSError('no GPU')\n"
    )
    (torch.parent / "sitecustomize.py").write_text(
        "import os\nos.write(1, b'\\x00model-loupe:hello' * 500)\n"
    )
    error = failure(worker)
    assert error.code == "torch-broken"
    assert error.message.endswith("cannot be imported: OSError: no GPU")
    assert installed(worker)["executable"] == sys.executable


def test_one_that_takes_too_much_memory_is_ended(torch: Path) -> None:
    torch.write_text("held = bytearray(1)\nwhile True: held += b'x' * 10_000_000\n")
    worker = Worker(sys.executable, memory_limit=150 * 2**20)
    try:
        error = failure(worker)
        assert error.code == "worker-out-of-memory"
        assert "150.00 MiB" in error.message
        assert installed(worker)["executable"] == sys.executable
    finally:
        worker.stop()


def test_who_cancels_does_not_wait(worker: Worker, torch: Path) -> None:
    torch.write_text("import time\ntime.sleep(60)\n")
    pid = installed(worker)["pid"]
    cancelled = threading.Event()
    threading.Timer(0.3, cancelled.set).start()
    with pytest.raises(Cancelled):
        worker.call("warm_up", {}, cancelled=cancelled)
    wait_until_dead(pid)
    assert installed(worker)["pid"] != pid


def test_who_cancels_while_another_is_served_leaves_that_alone(worker: Worker, torch: Path) -> None:
    torch.write_text("import time\ntime.sleep(1)\nraise OSError('at last')\n")
    errors: list[LoupeError] = []
    other = threading.Thread(target=lambda: errors.append(failure(worker)))
    other.start()
    cancelled = threading.Event()
    threading.Timer(0.2, cancelled.set).start()
    with pytest.raises(Cancelled):
        worker.call("installed", {}, cancelled=cancelled)
    other.join()
    assert errors[0].message.endswith("OSError: at last")


def test_an_idle_process_ends_and_the_next_request_has_another() -> None:
    worker = Worker(sys.executable, idle_seconds=0.2)
    try:
        pid = installed(worker)["pid"]
        wait_until_dead(pid)
        assert installed(worker)["pid"] != pid
    finally:
        worker.stop()


@pytest.mark.parametrize(
    ("interpreter", "code"),
    [("/nowhere/python", "no-interpreter"), ("/bin/true", "worker-died"), ("/", "no-interpreter")],
)
def test_an_interpreter_that_is_none(interpreter: str, code: str) -> None:
    worker = Worker(interpreter)
    error = failure(worker, "installed")
    assert error.code == code
    assert interpreter in error.message
    missing = Builder(worker).missing()
    assert missing is not None
    assert missing.code == "no-interpreter"
    assert interpreter in missing.message


def test_no_token_reaches_it(worker: Worker, torch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    torch.write_text(
        "import os\nraise OSError(sorted(k for k, v in os.environ.items() if v == 'hf_secret'))\n"
    )
    assert failure(worker).message.endswith("OSError: []")


def test_it_ends_with_the_server_that_started_it() -> None:
    program = (
        "import os, sys\nfrom model_loupe.inspector.worker_process import Worker\n"
        "print(Worker().call('installed', {})['pid'], flush=True)\nos._exit(0)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(SERVER)},
    )
    wait_until_dead(ran.stdout.strip())


@pytest.mark.parametrize(
    ("version", "code", "says"),
    [("2.3.1", "torch-too-old", "torch 2.3.1"), ("9.0.0", "torch-broken", "cannot be imported")],
)
def test_a_stack_that_cannot_be_used(worker: Worker, torch: Path, version: str, code: str, says: str) -> None:
    torch.write_text("raise ImportError('libcudart.so.12: cannot open shared object file')\n")
    (torch.parent / "torch-9.0.0.dist-info" / "METADATA").write_text(f"Name: torch\nVersion: {version}\n")
    error = failure(worker)
    assert error.code == code
    assert says in error.message
