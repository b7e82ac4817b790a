"""How large a model's values are: a sample of every tensor, and what float16 would make of them.

A GGUF file's blocks are unpacked for it, as transformers does when it loads one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from model_loupe.checkpoints.files import format_of
from model_loupe.domain.casts.targets import target_named
from model_loupe.domain.errors import LoupeError
from model_loupe.inspector import cast_json, casting
from model_loupe.inspector.casting import Preview, Progress
from model_loupe.inspector.description import Description
from model_loupe.inspector.worker_process import Worker

_FLOAT16 = "float16"


def planned(description: Description, interpreter: str) -> Preview:
    """What ``sample`` fills; raises LoupeError if there are no weights."""
    return casting.preview(description, [target_named(_FLOAT16)], interpreter)


def sample(
    found: Preview,
    worker: Worker,
    *,
    cancelled: threading.Event | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> None:
    """Fills ``found``, or says there why not; raises Cancelled."""
    if not _is_gguf(found.description):
        casting.measure(found, worker, cancelled=cancelled, progress=progress)
        return
    missing = casting.missing_for(found, worker.interpreter, "read", formats=("gguf",))
    if missing:
        found.give_up(missing)
        return
    try:
        files = [_asked(found.description, name) for name in found.description.weights.table.by_file]
        casting.ask(found, worker, files, [_FLOAT16], cancelled, progress)
    except LoupeError as why:
        found.give_up(why)


def numerics(found: Preview) -> dict[str, Any]:
    """The figures as a cast preview has them, of all values; raises LoupeError if there are none."""
    for why in found.unmeasured.values():
        raise why
    [target] = cast_json.to_json(found)["targets"]
    if not target.get("numerics"):
        raise LoupeError("no-values", f"{found.description.request.model} has no floating values")
    return dict(target["numerics"])


def _is_gguf(description: Description) -> bool:
    return all(format_of(name) == "gguf" for name in description.weights.table.by_file)


def _asked(description: Description, file: str) -> dict[str, Any]:
    """All tensors of a GGUF file but those of whole numbers: its blocks too, which no cast changes."""
    inside = description.weights.table.by_file[file]
    names = [name for name, kind in inside.items() if not kind.dtype.startswith("int")]
    tensors = [{"targets": [_FLOAT16], "names": names}]
    return {**casting.source_of(description, file)._asdict(), "tensors": tensors}
