"""Stdin as the protocol reads it: line by line, then a body of known length.

pygls asks a thread for each line and each body, which is most of what a short request costs. Here one thread
reads whatever has come, so that a message that came whole is read without waiting for threads.
"""

from __future__ import annotations

import asyncio
import os
import threading
from contextlib import suppress

_CHUNK = 1 << 16
# A line of the header is short; what comes instead of one is garbage that nobody needs whole.
_LONGEST_LINE = 1 << 20


class StdinReader:
    """What ``pygls.io_.run_async`` reads from. To be made inside the running event loop."""

    def __init__(self, descriptor: int) -> None:
        self._stream = asyncio.StreamReader(limit=_LONGEST_LINE)
        self._loop = asyncio.get_running_loop()
        self._is_new = False
        # A daemon: at the end of the process it may still wait for input that never comes.
        threading.Thread(target=self._feed, args=(descriptor,), name="stdin", daemon=True).start()

    async def readline(self) -> bytes:
        """The next line; empty at the end of input."""
        if self._is_new:
            # What the last message asked for begins before the next is read: an edit behind a request in one
            # chunk would else be made first, and the answer be for a text that its asker did not have.
            self._is_new = False
            await asyncio.sleep(0)
        while True:
            try:
                return await self._stream.readline()
            except ValueError:  # the line was too long and is gone: garbage
                continue

    async def readexactly(self, count: int) -> bytes:
        """The next ``count`` bytes, fewer where the input ends before: a message's last."""
        self._is_new = True
        try:
            return await self._stream.readexactly(count)
        except asyncio.IncompleteReadError as error:
            return error.partial

    def _feed(self, descriptor: int) -> None:
        # Not through ``sys.stdin``, whose lock this thread would hold while the interpreter ends.
        with suppress(RuntimeError):  # the loop has ended
            while chunk := self._read(descriptor):
                self._loop.call_soon_threadsafe(self._stream.feed_data, chunk)
            self._loop.call_soon_threadsafe(self._stream.feed_eof)

    @staticmethod
    def _read(descriptor: int) -> bytes:
        try:
            return os.read(descriptor, _CHUNK)
        except OSError:
            return b""
