"""``$/cancelRequest``, answers for old versions, and an event loop that never waits for a disk."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException, JsonRpcRequestCancelled

from .editor import Document, capabilities, session, within, write_large_model, write_model

pytestmark = pytest.mark.asyncio(loop_scope="module")

LOAD = 'model = AutoModel.from_pretrained("{}")\n'


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_large_model(tmp_path_factory.mktemp("models") / "large", 400_000)


def _ask(document: Document, method: str, identifier: str) -> asyncio.Task[object]:
    """A request under way; unlike the client's own methods it can be cancelled by its id."""
    identified = types.TextDocumentIdentifier(document.uri)
    params: object = types.HoverParams(identified, document.range('"').start)
    if method == types.TEXT_DOCUMENT_DIAGNOSTIC:
        params = types.DocumentDiagnosticParams(identified)
    if method == types.TEXT_DOCUMENT_CODE_LENS:
        params = types.CodeLensParams(identified)
    sending = document.editor.client.protocol.send_request_async(method, params, identifier)
    return asyncio.ensure_future(sending)


async def test_a_cancelled_hover_is_answered_at_once_and_harms_no_other(tmp_path: Path, large: Path) -> None:
    async with session(tmp_path) as editor:
        document = editor.open(tmp_path / "a.py", LOAD.format(large))
        cancelled = _ask(document, types.TEXT_DOCUMENT_HOVER, "cancelled")
        waiting = _ask(document, types.TEXT_DOCUMENT_HOVER, "waiting")
        await asyncio.sleep(0.1)
        editor.client.cancel_request(types.CancelParams("cancelled"))
        with pytest.raises(JsonRpcRequestCancelled):
            await within(cancelled)
        assert not waiting.done()
        hover = await within(waiting)
        assert isinstance(hover, types.Hover)


async def test_small_answers_do_not_wait_for_large_models(tmp_path: Path, large: Path) -> None:
    write_model(tmp_path / "tiny")
    async with session(tmp_path) as editor:
        other = editor.open(tmp_path / "large.py", LOAD.format(large))
        tiny = editor.open(tmp_path / "tiny.py", LOAD.format("./tiny"))
        slow = _ask(other, types.TEXT_DOCUMENT_HOVER, "slow")
        await asyncio.sleep(0.05)
        assert "GemmaForCausalLM" in await tiny.card("./tiny")
        assert not slow.done()
        await within(slow)


async def test_an_answer_for_an_old_version_is_dropped(tmp_path: Path, large: Path) -> None:
    async with session(tmp_path) as editor:
        document = editor.open(tmp_path / "a.py", LOAD.format(large))
        hover = _ask(document, types.TEXT_DOCUMENT_HOVER, "hover")
        problems = _ask(document, types.TEXT_DOCUMENT_DIAGNOSTIC, "problems")
        await asyncio.sleep(0.1)
        document.replace("model = ", "m = ")
        assert await within(hover) is None
        with pytest.raises(JsonRpcException) as dropped:
            await within(problems)
        assert dropped.value.code == types.LSPErrorCodes.ServerCancelled
        assert "GemmaForCausalLM" in await document.card(str(large))


async def test_lenses_for_an_old_version_are_dropped(tmp_path: Path, large: Path) -> None:
    async with session(tmp_path, able=capabilities(refresh=False)) as editor:
        document = editor.open(tmp_path / "a.py", LOAD.format(large))
        lenses = _ask(document, types.TEXT_DOCUMENT_CODE_LENS, "lenses")
        await asyncio.sleep(0.1)
        document.replace("model = ", "\nm = ")
        with pytest.raises(JsonRpcException) as dropped:
            await within(lenses)
        assert dropped.value.code == types.LSPErrorCodes.ContentModified
        assert [line for line, _ in await document.titles()] == [1, 1, 1]


async def test_shutdown_does_not_wait_for_a_large_model(tmp_path: Path, large: Path) -> None:
    async with session(tmp_path) as editor:
        document = editor.open(tmp_path / "a.py", LOAD.format(large))
        hover = _ask(document, types.TEXT_DOCUMENT_HOVER, "hover")
        await asyncio.sleep(0.05)
        began = time.perf_counter()
    assert time.perf_counter() - began < 1
    with pytest.raises((JsonRpcException, RuntimeError)):
        await within(hover)
