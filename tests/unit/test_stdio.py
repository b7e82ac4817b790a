"""Messages read from a pipe, however they are cut into chunks."""

from __future__ import annotations

import asyncio
import os

import pytest

from model_loupe.lsp.stdio import StdinReader

MESSAGE = b"Content-Length: 4\r\n\r\nbody"


def written(*chunks: bytes) -> int:
    """The end of a pipe to read ``chunks`` from."""
    reading, writing = os.pipe()
    for chunk in chunks:
        os.write(writing, chunk)
    os.close(writing)
    return reading


@pytest.mark.asyncio
@pytest.mark.parametrize("size", [1, 5, 22, 1000])
async def test_lines_and_bodies_come_whole_whatever_the_chunks(size: int) -> None:
    data = MESSAGE * 3
    reader = StdinReader(written(*(data[start : start + size] for start in range(0, len(data), size))))
    for _ in range(3):
        assert [await reader.readline(), await reader.readline()] == [b"Content-Length: 4\r\n", b"\r\n"]
        assert await reader.readexactly(4) == b"body"
    assert await reader.readline() == b""


@pytest.mark.asyncio
async def test_what_a_message_asked_for_begins_before_the_next_message_is_read() -> None:
    reader = StdinReader(written(MESSAGE * 2))
    seen: list[str] = []

    async def ask() -> None:
        seen.append("asked")

    tasks = []
    for _ in range(2):
        await reader.readline()
        seen.append("read")
        await reader.readline()
        await reader.readexactly(4)
        tasks.append(asyncio.create_task(ask()))
    await asyncio.gather(*tasks)
    assert seen == ["read", "asked", "read", "asked"]


@pytest.mark.asyncio
async def test_a_body_that_is_cut_off_is_what_there_is_of_it() -> None:
    reader = StdinReader(written(b"Content-Length: 9\r\n\r\nbody"))
    await reader.readline()
    await reader.readline()
    assert await reader.readexactly(9) == b"body"
    assert await reader.readline() == b""


@pytest.mark.asyncio
async def test_a_line_without_end_is_passed_over() -> None:
    reading, writing = os.pipe()
    reader = StdinReader(reading)
    for _ in range(40):
        await asyncio.to_thread(os.write, writing, b"x" * 60_000)
    await asyncio.to_thread(os.write, writing, b"\n" + MESSAGE)
    os.close(writing)
    line = await reader.readline()
    while b"Content" not in line:
        line = await reader.readline()
    assert line == b"Content-Length: 4\r\n"
