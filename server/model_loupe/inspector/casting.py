"""Cast previews: the plan at once, then what the worker measures on the real weights, which is remembered."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

from model_loupe.checkpoints.files import format_of
from model_loupe.domain.casts.numerics import Sums, sums_of
from model_loupe.domain.casts.plan import CastFacts, CastPlan, plans, targets_by_name
from model_loupe.domain.casts.targets import Target
from model_loupe.domain.errors import LoupeError
from model_loupe.inspector.cast_kept import Kept
from model_loupe.inspector.cast_places import placed
from model_loupe.inspector.description import Description
from model_loupe.inspector.environment import can_run, installed_version
from model_loupe.inspector.kept_modules import kept_in_float32
from model_loupe.inspector.worker_process import Worker

SECONDS = 120.0
"""Between two messages of the worker; the first waits for torch to be imported."""

_SETTLED_NS = 2_000_000_000


class Progress(NamedTuple):
    """Bytes of weights that are done, of all that there are to do."""

    done: int
    total: int


class Network(NamedTuple):
    """What a sample reads from the Hub: ``nbytes`` in ``requests`` (0: it is known), of the ``budget``."""

    nbytes: int
    requests: int
    budget: int


class Preview:
    """Casts of one model. ``sums`` are by target and tensor, and grow while a measurement runs.

    ``complete`` says that they are all there; ``unmeasured`` says for each target without them why, and
    ``network`` what they take where the weights are not on this machine.
    """

    def __init__(self, description: Description, plans: list[CastPlan], *, exact: bool) -> None:
        self.description = description
        self.plans = plans
        self.exact = exact
        self.sums: dict[str, dict[str, Sums]] = {each.target.name: {} for each in plans}
        self.complete = False
        self.unmeasured: dict[str, LoupeError] = {}
        self.network: Network | None = None

    def add(self, rows: Sequence[Sequence[Any]]) -> None:
        """``rows``: tensor, target and sums, as the worker sends them."""
        for name, target, sums in rows:
            self.sums[target][name] = sums_of(sums)

    def finish(self, answer: Mapping[str, Any]) -> None:
        """The last of what the worker sends."""
        self.add(answer["tensors"])
        for name in answer["unknown"]:
            self.unmeasured[name] = LoupeError("unknown-dtype", f"the installed torch has no {name}")
        self.complete = True

    def give_up(self, why: LoupeError) -> None:
        for each in self.plans:
            self.unmeasured.setdefault(each.target.name, why)


def preview(
    description: Description,
    targets: Sequence[Target],
    interpreter: str,
    *,
    exact: bool = False,
    skip: tuple[str, ...] = (),
) -> Preview:
    """The plans alone; ``skip`` are ``llm_int8_skip_modules``. Raises LoupeError if there are no weights."""
    weights = description.weights
    if not len(weights.table):
        raise LoupeError("no-weights", f"{description.request.model} has no weights here that could be cast")
    scheme = description.quantization
    kept = kept_in_float32(description.architecture, description.model_type, interpreter)
    facts = CastFacts(
        tied=tuple(map(tuple, description.parameters.tied)),
        packed=scheme is not None,
        overhead=scheme.overhead if scheme else (),
        keep_in_fp32=kept.plain,
        keep_in_fp32_strict=kept.strict,
        skip=skip,
    )
    return Preview(description, plans(weights.table, targets, facts), exact=exact)


def measure(
    found: Preview,
    worker: Worker,
    *,
    cancelled: threading.Event | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> None:
    """Fills ``found`` with numbers, or with why there are none; raises Cancelled.

    ``progress`` is called, in the calling thread, whenever there is more to show.
    """
    missing = missing_for(found, worker.interpreter, "measured", formats=("safetensors", "pickle"))
    if missing:
        found.give_up(missing)
        return
    try:
        _Measurement(found, worker.interpreter).run(worker, cancelled, progress)
    except LoupeError as why:
        found.give_up(why)


def recall(found: Preview, interpreter: str) -> bool:
    """Fills ``found`` with what was measured of these very files before; whether that is all it needs."""
    try:
        found.complete = not _Measurement(found, interpreter).asked()
    except LoupeError:
        return False
    return found.complete


def missing_for(
    found: Preview,
    interpreter: str,
    done: str,
    *,
    on_hub: bool = False,
    formats: tuple[str, ...] = ("safetensors",),
) -> LoupeError | None:
    """Why the values cannot be ``done`` ("measured"), those of models ``on_hub`` too; None if they can.

    ``formats`` are those of files of which they can.
    """
    if found.description.source == "hub" and not on_hub:
        message = f"the weights of {found.description.request.model} are not on this machine: not {done}"
        return LoupeError("not-downloaded", message)
    others = [name for name in found.description.weights.table.by_file if format_of(name) not in formats]
    if others:
        message = f"{others[0]} is no {' or '.join(map(_title, formats))} file: its values are not {done}"
        return LoupeError("not-safetensors", message)
    if not can_run(interpreter):
        message = f"{interpreter} is no Python interpreter that can be started"
        return LoupeError("no-interpreter", message)
    if installed_version("torch", interpreter) is None:
        message = f"torch is not installed in {interpreter}: the values are not {done}"
        return LoupeError("torch-missing", f"{message} ({interpreter} -m pip install torch)")
    return None


def _title(format_name: str) -> str:
    return "PyTorch" if format_name == "pickle" else format_name


class Source(NamedTuple):
    """A file of weights on this machine; ``mark``: bytes, time of modification (ns), inode.

    ``prefix`` is what stands before its own names where it is a part of a model in several folders.
    """

    path: str
    mark: tuple[int, int, int]
    prefix: str


def source_of(description: Description, name: str) -> Source:
    """The file ``name`` of the weights; raises LoupeError if it cannot be looked at."""
    path = os.path.join(folder_of(description), name)
    try:
        found = os.stat(path)
    except OSError as error:
        raise LoupeError("unreadable-file", f"{name} cannot be read: {error.strerror}") from error
    return Source(path, (found.st_size, found.st_mtime_ns, found.st_ino), _prefix(description, name))


def folder_of(description: Description) -> str:
    """The folder in which a model on this machine lies."""
    path = description.path
    return path if os.path.isdir(path) else os.path.dirname(path)


def _prefix(description: Description, name: str) -> str:
    tensors = description.weights.table.by_file[name]
    for part in description.parts if description.pipeline else ():
        prefix = f"{part.name}."
        if part.folder == os.path.dirname(name) and all(each.startswith(prefix) for each in tensors):
            return prefix
    return ""


def sampled_plans(found: Preview) -> list[CastPlan]:
    """The plans of which a sample tells something; of the others the preview says why it does not."""
    for each in found.plans:
        if not each.target.samples:
            message = f"{each.target.name}: a few values scale all others, so that only every value can tell"
            found.unmeasured[each.target.name] = LoupeError("needs-exact", message)
    return [each for each in found.plans if each.target.samples]


def ask(
    found: Preview,
    worker: Worker,
    files: list[dict[str, Any]],
    targets: list[str],
    cancelled: threading.Event | None,
    progress: Callable[[Progress], None] | None,
) -> None:
    """Has the worker measure ``files``: each a ``Source`` and its ``tensors``, as the request ``cast`` wants.

    What comes is added to ``found``. Raises LoupeError, or Cancelled.
    """

    def partial(part: dict[str, Any]) -> None:
        found.add(part["tensors"])
        if progress:
            progress(Progress(part["done"], part["total"]))

    params = {"files": [placed(each) for each in files], "targets": targets, "exact": found.exact, "seed": 0}
    found.finish(worker.call("cast", params, seconds=SECONDS, cancelled=cancelled, partial=partial))


class _Measurement:
    """One request to the worker: for what is not in the store, file by file."""

    def __init__(self, found: Preview, interpreter: str) -> None:
        self._found = found
        self._interpreter = interpreter
        self._plans = found.plans if found.exact else sampled_plans(found)
        self._targets = targets_by_name(self._plans)
        self._unknown: list[Kept] = []

    def asked(self) -> list[dict[str, Any]]:
        """What has to be measured, by file; what is known of the files is taken over."""
        by_file = self._found.description.weights.table.by_file
        return [asked for name in by_file if (asked := self._file(name))]

    def run(
        self,
        worker: Worker,
        cancelled: threading.Event | None,
        progress: Callable[[Progress], None] | None,
    ) -> None:
        found = self._found
        files = self.asked()
        if not files:
            found.complete = True
            return
        names = [each.target.name for each in self._plans]
        ask(found, worker, files, names, cancelled, progress)
        for kept in self._unknown:
            kept.save()

    def _file(self, name: str) -> dict[str, Any] | None:
        """What to ask about a file; None if all of it is known."""
        source = source_of(self._found.description, name)
        inside = self._found.description.weights.table.by_file[name]
        is_settled = source.mark[1] < time.time_ns() - _SETTLED_NS
        groups: dict[tuple[str, ...], list[str]] = {}
        for tensor in inside:
            groups.setdefault(self._targets.get(tensor, ()), []).append(tensor)
        unknown: set[str] = set()
        for target in dict.fromkeys(chain.from_iterable(groups)):
            names = [name for targets, names in groups.items() if target in targets for name in names]
            kept = Kept(self._found, self._interpreter, source, target)
            if not kept.load(names):
                unknown.add(target)
                if is_settled:
                    self._unknown.append(kept)
        tensors = [
            {"targets": left, "names": names}
            for targets, names in groups.items()
            if (left := [target for target in targets if target in unknown])
        ]
        return {**source._asdict(), "tensors": tensors} if tensors else None
