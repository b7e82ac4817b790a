"""One description read from its files, wherever they are, and what it means that they hold none."""

from __future__ import annotations

import gc

from model_loupe.domain.errors import LoupeError
from model_loupe.domain.lean_typing import TYPE_CHECKING
from model_loupe.inspector.description import describe

if TYPE_CHECKING:
    from model_loupe.inspector.description import Description
    from model_loupe.sources.locate import Location, ModelRequest

# Files that say that a model has parts in other folders.
_NAMES_PARTS = ("model_index.json", "modules.json", "adapter_config.json")
# Files that are not read, but known: what they are is an answer.
_SAID_TO_BE = frozenset({"exported-program", "format-not-read", "no-weights", "torch-package", "torchscript"})


def read_description(request: ModelRequest, location: Location, disk: bool) -> Description:
    """The description; raises LoupeError if the files cannot be read or are no model.

    ``disk``: what large headers tell is looked up in the user's store first, and kept there.
    """
    collecting = gc.isenabled()
    # A description is built of many small objects that all live on: collecting meanwhile finds nothing.
    gc.disable()
    try:
        description = _whole(request, location, disk)
    except OSError as error:
        raise unreadable(location, error) from error
    finally:
        if collecting:
            gc.enable()
    if not description.config and not len(description.weights.table) and not description.tokenizer:
        _require_something(description)
    return description


def _whole(request: ModelRequest, location: Location, disk: bool) -> Description:
    description = describe(request, location, disk)
    config = description.config
    nested = config.get("is_encoder_decoder") is True or any(
        isinstance(each, dict) for each in config.values()
    )
    if not nested and not any(file.name in _NAMES_PARTS for file in description.files):
        return description
    # Imported here: most models are in one piece.
    from model_loupe.inspector.components import with_parts

    return with_parts(description, location, disk)


def _require_something(description: Description) -> None:
    named = description.warnings
    if any(warning.code in _SAID_TO_BE for warning in named):
        return
    if named:
        raise LoupeError(named[0].code, named[0].message)
    if not description.weights.shards:
        message = f"{description.request.model} holds no config.json and no weights: it is no model"
        raise LoupeError("not-a-model", message)


def unreadable(location: Location, error: OSError) -> LoupeError:
    """The failure of a folder that the system would not let us read."""
    return LoupeError("unreadable-folder", f"{location.path} cannot be read: {error.strerror or error}")
