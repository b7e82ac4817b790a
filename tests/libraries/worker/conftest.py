"""A worker that the tests of a file share; both import the transformers that PYTHONPATH names."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.worker_process import WorkerProcess


@pytest.fixture(scope="module")
def worker() -> Iterator[WorkerProcess]:
    with WorkerProcess() as process:
        yield process
