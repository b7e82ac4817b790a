"""Fixtures shared by the tests of the language server."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from .editor import Editor, session


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def editor(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Editor]:
    """An editor of VS Code's kind, one for all tests of a module; it has no workspace folder."""
    async with session(tmp_path_factory.mktemp("home")) as started:
        yield started
