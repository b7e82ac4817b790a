"""A Hugging Face Hub on this machine, for tests: real HTTP, as the real clients speak it.

Start one, put folders on it, and point any program there with ``HF_ENDPOINT``::

    with LocalHub() as hub:
        hub.add("google/gemma-2b", folder)
        hub.latency = 0.05
        hub.fail(faults.status(503), where="/resolve/", times=2)
        run(["hf", "download", "google/gemma-2b"], env={"HF_ENDPOINT": hub.endpoint})
        assert hub.count() == 12

It answers what ``huggingface_hub`` asks to look up and download models: repository info, file trees,
``resolve`` with ranges and redirects of large files to a second host (another port, as the Hub's CDN is
another host), gated and private repositories. It keeps a list of all requests with headers and bytes.
``python -m tests.hub FOLDER`` serves the folders of a folder (``FOLDER/google/gemma-2b``).
"""

from tests.hub.repository import Repository
from tests.hub.server import LocalHub, Request

__all__ = ["LocalHub", "Repository", "Request"]
