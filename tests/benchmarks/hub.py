"""What is asked of the Hub, and how long that takes, over a local Hub that takes 50 ms for each answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.hub import LocalHub

LATENCY = 0.05


class Asked(NamedTuple):
    """Requests (redirects to the second host among them) and bytes of answers."""

    requests: int
    nbytes: int


@contextmanager
def local_hub(models: dict[str, str]) -> Iterator[LocalHub]:
    """A Hub with the folders ``models`` by their ids."""
    with LocalHub() as hub:
        for repo_id, folder in models.items():
            hub.add(repo_id, Path(folder))
        hub.latency = LATENCY
        yield hub


def asked_by(hub: LocalHub, run: Callable[[], float]) -> Asked:
    """What one run asks."""
    hub.forget()
    run()
    # huggingface_hub asks for a list of its own that has nothing to do with the model.
    of_model = [request for request in hub.log if "agent-harnesses" not in request.target]
    return Asked(len(of_model), sum(request.nbytes for request in of_model))
