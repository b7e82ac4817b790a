"""What can be told of a model on the Hub before its headers are here: what it is, not yet how large."""

from __future__ import annotations

from model_loupe.domain.errors import LoupeError
from model_loupe.domain.warnings import Warning
from model_loupe.inspector.description import Description, describe
from model_loupe.sources.hub.files import HubFiles
from model_loupe.sources.locate import Location, ModelRequest

_CONFIG = "config.json"
COMING = "the headers of its weights are still to come from the Hub"


def outline(request: ModelRequest, location: Location) -> Description | None:
    """The model by its config alone; None if it has none. Raises LoupeError if the config cannot be read."""
    files = location.files
    if not isinstance(files, HubFiles):
        return None
    listing = files.entries()
    if _CONFIG not in listing:
        return None
    # What decides between files of weights is of no matter yet.
    plain = ModelRequest(request.model, request.revision, request.subfolder)
    found = describe(plain, location._replace(files=files.only(_CONFIG)), disk=False)
    return found._replace(
        request=request,
        files=list(listing.values()),
        parameters=found.parameters._replace(reason=COMING, exact=False),
    )


def unfinished(outlined: Description, failure: LoupeError) -> Description:
    """An outline that will not become more for now, and why."""
    parameters = outlined.parameters._replace(reason="the headers of its weights could not be read")
    warnings = [*outlined.warnings, Warning(failure.code, failure.message)]
    return outlined._replace(parameters=parameters, warnings=warnings)
