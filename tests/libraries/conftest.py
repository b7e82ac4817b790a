"""A worker that the tests of a file share: each start of one imports torch."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from model_loupe.inspector.worker_process import Worker


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    """The server's side of it."""
    made = Worker(sys.executable)
    yield made
    made.stop()
