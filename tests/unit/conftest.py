"""Fixtures of the unit tests: no process, no network."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import checkpoints


@pytest.fixture
def gemma(tmp_path: Path) -> Path:
    """gemma-2b-it in two sparse shards."""
    return checkpoints.write_checkpoint(
        tmp_path / "gemma-2b-it", checkpoints.GEMMA_2B_CONFIG, checkpoints.gemma_2b_tensors(), shards=2
    )


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A small Gemma in one file."""
    return checkpoints.write_checkpoint(
        tmp_path / "small-gemma", checkpoints.SMALL_CONFIG, checkpoints.small_gemma_tensors()
    )
