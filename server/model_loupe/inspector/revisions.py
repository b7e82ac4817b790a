"""Other revisions of a model that the Hugging Face cache has, as conversions to safetensors come."""

from __future__ import annotations

from model_loupe.domain.errors import LoupeError
from model_loupe.inspector.description import Description
from model_loupe.inspector.reading import read_description
from model_loupe.sources.hf_cache import cached_revisions
from model_loupe.sources.locate import locate


def revision_with_safetensors(description: Description) -> str | None:
    """A revision in the cache with as many parameters in safetensors files; None if there is none.

    The Hub's bot offers these as pull requests (``refs/pr/5``), which transformers itself downloads.
    """
    if description.source != "cache" or description.path is None:
        return None
    for name, commit in cached_revisions(description.path):
        if commit == description.commit:
            continue
        request = description.request._replace(revision=name)
        try:
            found = read_description(request, locate(request), disk=True)
        except LoupeError:
            continue
        shards = [file.name for file in found.weights.shards]
        is_converted = shards and all(shard.endswith(".safetensors") for shard in shards)
        if is_converted and found.weights.complete and found.parameters.total == description.parameters.total:
            return name
    return None
