"""Settings of all tests: what a test has Model Loupe remember on disk, it forgets when the tests end.

No test asks the real Hub; those about the Hub bring one of their own (``tests.hub``).
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="session")
def cache_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Of this process and of those that it starts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODEL_LOUPE_CACHE_DIR", str(tmp_path_factory.mktemp("model-loupe-cache")))
        patch.delenv("MODEL_LOUPE_NO_CACHE", raising=False)
        patch.setenv("HF_HUB_OFFLINE", "1")
        yield
