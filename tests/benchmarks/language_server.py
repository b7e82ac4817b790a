"""From the start of a language server's process to its answer to ``initialize``."""

from __future__ import annotations

import json
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from typing import IO, Any

from lsprotocol.converters import get_converter
from pytest_lsp import client_capabilities

_WARM_UP, _HOVERS = 20, 200


def seconds_to_initialize(command: Sequence[str], variables: dict[str, str]) -> Callable[[], float]:
    """Times one start with VS Code's capabilities, then ends the process as the specification says."""
    params = {
        "processId": None,
        "rootUri": None,
        "capabilities": get_converter().unstructure(client_capabilities("visual_studio_code")),
    }

    def run() -> float:
        start = time.perf_counter()
        with subprocess.Popen(
            command,
            env=variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as process:
            assert process.stdin and process.stdout
            _send(process.stdin, id=1, method="initialize", params=params)
            _await_answer(process.stdout, 1)
            taken = time.perf_counter() - start
            _send(process.stdin, method="initialized", params={})
            _send(process.stdin, id=2, method="shutdown")
            _await_answer(process.stdout, 2)
            _send(process.stdin, method="exit")
        return taken

    return run


def seconds_to_hover(
    command: Sequence[str], variables: dict[str, str], uri: str, text: str, character: int
) -> Callable[[], float]:
    """Times a hover's round trip: the median of many on one open document, the first ones left out."""

    def run() -> float:
        with subprocess.Popen(
            command, env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as process:
            assert process.stdin and process.stdout
            capabilities = get_converter().unstructure(client_capabilities("visual_studio_code"))
            params = {"processId": None, "rootUri": None, "capabilities": capabilities}
            _send(process.stdin, id=1, method="initialize", params=params)
            _await_answer(process.stdout, 1)
            _send(process.stdin, method="initialized", params={})
            item = {"uri": uri, "languageId": "python", "version": 1, "text": text}
            _send(process.stdin, method="textDocument/didOpen", params={"textDocument": item})
            place = {"textDocument": {"uri": uri}, "position": {"line": 0, "character": character}}
            taken = []
            for number in range(2, 2 + _WARM_UP + _HOVERS):
                start = time.perf_counter()
                _send(process.stdin, id=number, method="textDocument/hover", params=place)
                _await_answer(process.stdout, number)
                taken.append(time.perf_counter() - start)
            _send(process.stdin, id=0, method="shutdown")
            _await_answer(process.stdout, 0)
            _send(process.stdin, method="exit")
        return statistics.median(taken[_WARM_UP:])

    return run


def _send(pipe: IO[bytes], **message: Any) -> None:
    body = json.dumps({"jsonrpc": "2.0", **message}).encode()
    pipe.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
    pipe.flush()


def _await_answer(pipe: IO[bytes], identifier: int) -> None:
    while True:
        length = 0
        while line := pipe.readline().strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        if not length:
            raise RuntimeError("the language server ended before it answered")
        message = json.loads(pipe.read(length))
        if message.get("id") == identifier and "method" not in message:
            if "error" in message:
                raise RuntimeError(f"the language server refused: {message['error']}")
            return
