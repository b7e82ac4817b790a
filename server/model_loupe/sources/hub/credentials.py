"""The token of this machine, as huggingface_hub has it, and never kept here."""

from __future__ import annotations

import os

_ENVIRONMENT = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_OIDC_RESOURCE", "COLAB_RELEASE_TAG")


def stored_token() -> str | None:
    """The token that huggingface_hub would send; None if there is none, or none is to be sent unasked.

    ``get_token`` knows environment, file, refreshed log-ins and notebooks' vaults, but imports for a fifth of
    a second: where there is no trace of a token it need not be asked.
    """
    from huggingface_hub import constants

    if getattr(constants, "HF_HUB_DISABLE_IMPLICIT_TOKEN", False):
        return None
    if not any(map(os.environ.get, _ENVIRONMENT)) and not os.path.exists(constants.HF_TOKEN_PATH):
        return None
    from huggingface_hub import get_token

    try:
        token = get_token()
    except Exception:
        # Its reasons are many (a vault, a refused refresh) and may hold secrets: then without a token.
        return None
    # What cannot stand in a header is none.
    return token if token and token.isascii() and token.isprintable() and " " not in token else None
