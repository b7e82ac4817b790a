"""The Hub of this machine's user: endpoint, token and time limits as huggingface_hub has them."""

from __future__ import annotations

from model_loupe import __version__
from model_loupe.sources.hub.credentials import stored_token
from model_loupe.sources.hub.hub import Hub
from model_loupe.sources.hub.nearest import cached_names
from model_loupe.sources.store import user_store


def configured_hub(offline: str | None = None) -> Hub:
    """``offline`` is why it must not be asked; ``HF_HUB_OFFLINE`` is another reason."""
    from huggingface_hub import constants

    if offline is None and constants.HF_HUB_OFFLINE:
        offline = "HF_HUB_OFFLINE is set"
    hub = Hub(
        constants.ENDPOINT,
        offline=offline,
        store=user_store(),
        token=stored_token,
        timeout=float(constants.HF_HUB_ETAG_TIMEOUT),
        agent=f"model-loupe/{__version__}",
    )
    hub.cached_names = lambda: cached_names(constants.HF_HUB_CACHE)
    return hub
