"""hf-mem, as its command runs, on a folder: ``python hf_mem_of_folder.py FOLDER``.

hf-mem takes Hub ids alone. Its requests are answered in its own process from the folder's files: that
spares it sockets, TLS and the wait for a network, so what is left is its own work.
"""

from __future__ import annotations

import json
import os
import re
import sys
from functools import partial

import httpx2
from hf_mem import cli

_RANGE = re.compile(r"bytes=(\d+)-(\d+)")


class FolderAsHub(httpx2.AsyncBaseTransport):
    """Answers what hf-mem asks the Hub for: the list of files, files, and ranges of them."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.path
        if path.startswith("/api/models/"):
            files = [{"type": "file", "path": name} for name in sorted(os.listdir(self._folder))]
            return httpx2.Response(200, content=json.dumps(files).encode(), request=request)
        name = path.rpartition("/")[2]
        asked = _RANGE.fullmatch(request.headers.get("Range", ""))
        # What is in the page cache is there at once: a thread to read it would only cost time.
        with open(os.path.join(self._folder, name), "rb") as file:  # noqa: ASYNC230
            if not asked:
                return httpx2.Response(200, content=file.read(), request=request)
            first, last = map(int, asked.groups())
            file.seek(first)
            return httpx2.Response(206, content=file.read(last - first + 1), request=request)


folder = sys.argv[1]
httpx2.AsyncClient = partial(httpx2.AsyncClient, transport=FolderAsHub(folder))  # type: ignore[misc]
sys.argv = ["hf-mem", "--model-id", "local/model", "--json-output"]
cli.main()
