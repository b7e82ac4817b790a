"""Which files of a model on the Hub a call needs, and their download."""

from __future__ import annotations

from model_loupe.checkpoints.files import format_of
from model_loupe.domain.errors import LoupeError
from model_loupe.inspector.description import Description
from model_loupe.sources.hub.download import Download, Wanted

# What a repository shows to people.
_FOR_PEOPLE = (".md", ".gitattributes", ".png", ".jpg", ".jpeg", ".gif", ".svg", ".pdf", ".webp", ".mp4")


def wanted_files(description: Description) -> Wanted:
    """The files that the call which was described loads: its weights, and what stands beside them.

    Raises LoupeError if the model is none of the Hub.
    """
    request = description.request
    if description.source != "hub":
        raise LoupeError("not-on-hub", f"{request.model} is on this machine: there is nothing to download")
    taken = {shard.name for shard in description.weights.shards}
    files = [
        file
        for file in description.files
        if file.name in taken
        or (format_of(file.name) is None and not file.name.lower().endswith(_FOR_PEOPLE))
    ]
    prefix = f"{request.subfolder.strip('/')}/" if request.subfolder else ""
    return Wanted(
        request.model,
        request.revision,
        tuple(prefix + file.name for file in files),
        sum(file.nbytes or 0 for file in files),
        request.cache_dir,
        request.token is False,
    )


def start_download(description: Description) -> Download:
    """Begins to download what ``wanted_files`` lists; raises LoupeError."""
    return Download(wanted_files(description))
