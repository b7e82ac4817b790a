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
from model_loupe.inspector.cast_places import placed
from model_loupe.inspector.casting import SECONDS, Preview, Progress
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
    try:
        if missing:
            raise missing
        _unpack(found, worker, cancelled, progress)
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


def _unpack(
    found: Preview,
    worker: Worker,
    cancelled: threading.Event | None,
    progress: Callable[[Progress], None] | None,
) -> None:
    files = []
    for name, tensors in found.description.weights.table.by_file.items():
        names = [tensor for tensor, kind in tensors.items() if not kind.dtype.startswith("int")]
        source = casting.source_of(found.description, name)
        group = {"targets": [_FLOAT16], "names": names}
        files.append(placed({**source._asdict(), "tensors": [group]}))

    def partial(part: dict[str, Any]) -> None:
        found.add(part["tensors"])
        if progress:
            progress(Progress(part["done"], part["total"]))

    params = {"files": files, "targets": [_FLOAT16], "exact": False, "seed": 0}
    found.finish(worker.call("cast", params, seconds=SECONDS, cancelled=cancelled, partial=partial))
