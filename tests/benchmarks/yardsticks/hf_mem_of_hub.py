"""hf-mem, as its command runs, on a model of the Hub that HF_ENDPOINT names: ``python hf_mem_of_hub.py ID``.

hf-mem has the Hub's address written into it; what it sends there goes to that endpoint instead. It estimates
the KV cache, too (``--experimental``), as ``inspect`` does: that takes the config.
"""

from __future__ import annotations

import os
import sys
import warnings
from functools import partial

import httpx2
from hf_mem import cli


class AtEndpoint(httpx2.AsyncHTTPTransport):
    """A transport to the endpoint instead of the Hub."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.host == "huggingface.co":
            there = httpx2.URL(os.environ["HF_ENDPOINT"])
            request.url = request.url.copy_with(scheme=there.scheme, host=there.host, port=there.port)
        return await super().handle_async_request(request)


httpx2.AsyncClient = partial(httpx2.AsyncClient, transport=AtEndpoint())  # type: ignore[misc]
warnings.simplefilter("ignore")
sys.argv = ["hf-mem", "--model-id", sys.argv[1], "--experimental", "--json-output"]
cli.main()
