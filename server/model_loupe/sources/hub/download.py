"""A download of a model's files into the Hugging Face cache, by huggingface_hub in a process of its own.

A process can be ended at any moment, whatever it waits for, and takes no memory of the server's.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from typing import NamedTuple

from model_loupe.domain.errors import LoupeError

_SCRIPT = """
import json, sys
sys.path, wanted = json.load(sys.stdin)
from huggingface_hub import snapshot_download
try:
    print(json.dumps({"path": snapshot_download(**wanted)}))
except Exception as error:
    print(json.dumps({"error": type(error).__name__}))
"""
_FAILURES = {
    "GatedRepoError": "it is gated: accept its conditions on the Hub, then `hf auth login`",
    "LocalEntryNotFoundError": "the Hub cannot be reached",
    "OSError": "the disk may be full",
    "OfflineModeIsEnabled": "HF_HUB_OFFLINE is set",
    "RepositoryNotFoundError": "it is not on the Hub, or not for you",
}


class Wanted(NamedTuple):
    """What is to be downloaded: ``names``, of ``nbytes`` together.

    ``revision`` is as the call has it: only what is downloaded by a branch's name is found by it again.
    """

    repo_id: str
    revision: str | None
    names: tuple[str, ...]
    nbytes: int
    cache_dir: str | None = None
    anonymous: bool = False


class Download:
    """A download under way."""

    def __init__(self, wanted: Wanted) -> None:
        from huggingface_hub import constants

        self.wanted = wanted
        cache = wanted.cache_dir or constants.HF_HUB_CACHE
        self._blobs = os.path.join(cache, f"models--{wanted.repo_id.replace('/', '--')}", "blobs")
        self._before = _size_of(self._blobs)
        arguments = {
            "repo_id": wanted.repo_id,
            "revision": wanted.revision,
            "allow_patterns": list(_patterns(wanted.names)),
            "cache_dir": wanted.cache_dir,
            "token": False if wanted.anonymous else None,
        }
        self._process = subprocess.Popen(
            [sys.executable, "-c", _SCRIPT],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_ENDPOINT": constants.ENDPOINT},
        )
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([sys.path, arguments]).encode())
        self._process.stdin.close()

    @property
    def nbytes(self) -> int:
        """How many bytes have come so far."""
        return min(max(0, _size_of(self._blobs) - self._before), self.wanted.nbytes)

    def wait(self, seconds: float) -> bool:
        """Whether it has ended within so many seconds."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def cancel(self) -> None:
        """Ends it. What has come stays, and the next download goes on from there."""
        self._process.kill()
        self._process.wait()
        self._close()

    def result(self) -> str:
        """The folder of the files, once it has ended; raises LoupeError if it failed."""
        assert self._process.stdout is not None
        said = self._process.stdout.read()
        self._close()
        try:
            answer = json.loads(said.splitlines()[-1])
        except (ValueError, IndexError):
            answer = {"error": "it ended by itself"}
        if "path" in answer:
            return str(answer["path"])
        why = _FAILURES.get(answer["error"], answer["error"])
        raise LoupeError("download-failed", f"{self.wanted.repo_id} could not be downloaded: {why}")

    def _close(self) -> None:
        if self._process.stdout is not None:
            self._process.stdout.close()


def _patterns(names: Iterable[str]) -> Iterable[str]:
    # Names are meant literally; fnmatch knows no other escape.
    special = {"[": "[[]", "*": "[*]", "?": "[?]"}
    return ("".join(special.get(char, char) for char in name) for name in names)


def _size_of(folder: str) -> int:
    total = 0
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                total += entry.stat().st_size
    except OSError:
        return total
    return total
