"""Cast previews: the plan at once, then what the worker measures on the real weights, which is remembered."""

from __future__ import annotations

import json
import os
import threading
import time
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from model_loupe import __version__
from model_loupe.checkpoints.files import format_of
from model_loupe.domain.casts.numerics import Sums, sums_of
from model_loupe.domain.casts.plan import CastFacts, CastPlan, plan
from model_loupe.domain.casts.targets import Target
from model_loupe.domain.errors import LoupeError
from model_loupe.inspector.description import Description
from model_loupe.inspector.environment import can_run, installed_version
from model_loupe.inspector.kept_modules import kept_in_float32
from model_loupe.inspector.worker_process import Worker
from model_loupe.sources.store import Store, user_store

_FORMAT = 1
_SETTLED_NS = 2_000_000_000
# Between two messages of the worker; the first waits for torch to be imported.
_SECONDS = 120.0


class Progress(NamedTuple):
    """Bytes of weights that are done, of all that there are to do."""

    done: int
    total: int


class Preview:
    """Casts of one model. ``sums`` are by target and tensor, and grow while a measurement runs.

    ``complete`` says that they are all there; ``unmeasured`` says for each target without them why.
    """

    def __init__(self, description: Description, plans: list[CastPlan], *, exact: bool) -> None:
        self.description = description
        self.plans = plans
        self.exact = exact
        self.sums: dict[str, dict[str, Sums]] = {each.target.name: {} for each in plans}
        self.complete = False
        self.unmeasured: dict[str, LoupeError] = {}

    def add(self, rows: Sequence[Sequence[Any]]) -> None:
        """``rows``: tensor, target and sums, as the worker sends them."""
        for name, target, sums in rows:
            self.sums[target][name] = sums_of(sums)

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
    return Preview(description, [plan(weights.table, target, facts) for target in targets], exact=exact)


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
    missing = missing_for(found, worker.interpreter, "measured")
    if missing:
        found.give_up(missing)
        return
    try:
        _Measurement(found, worker).run(cancelled, progress)
    except LoupeError as why:
        found.give_up(why)


def missing_for(found: Preview, interpreter: str, done: str) -> LoupeError | None:
    """Why the values cannot be ``done`` ("measured"); None if they can."""
    if found.description.source == "hub":
        message = f"the weights of {found.description.request.model} are not on this machine: not {done}"
        return LoupeError("not-downloaded", message)
    others = [name for name in found.description.weights.table.by_file if format_of(name) != "safetensors"]
    if others:
        message = f"{others[0]} is no safetensors file: values are only read of those"
        return LoupeError("not-safetensors", message)
    if not can_run(interpreter):
        message = f"{interpreter} is no Python interpreter that can be started"
        return LoupeError("no-interpreter", message)
    if installed_version("torch", interpreter) is None:
        message = f"torch is not installed in {interpreter}: the values are not {done}"
        return LoupeError("torch-missing", f"{message} (`{interpreter} -m pip install torch`)")
    return None


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


class _Measurement:
    """One request to the worker: for what is not in the store, file by file."""

    def __init__(self, found: Preview, worker: Worker) -> None:
        self._found = found
        self._worker = worker
        self._torch = installed_version("torch", worker.interpreter)
        self._store = user_store()
        self._plans = [each for each in found.plans if found.exact or each.target.samples]
        for each in found.plans:
            if each not in self._plans:
                message = f"{each.target.name}: a few values scale all others, so that only --exact can tell"
                found.unmeasured[each.target.name] = LoupeError("needs-exact", message)

    def run(self, cancelled: threading.Event | None, progress: Callable[[Progress], None] | None) -> None:
        found = self._found
        by_file = found.description.weights.table.by_file
        kept = {name: _FileResults(self, name) for name in by_file}
        files = [each for name in by_file if (each := self._file(name, kept[name]))]
        if files:
            names = [each.target.name for each in self._plans]
            params = {"files": files, "targets": names, "exact": found.exact, "seed": 0}

            def partial(part: dict[str, Any]) -> None:
                found.add(part["tensors"])
                if progress:
                    progress(Progress(part["done"], part["total"]))

            answer = self._worker.call("cast", params, seconds=_SECONDS, cancelled=cancelled, partial=partial)
            found.add(answer["tensors"])
            for name in answer["unknown"]:
                message = f"torch {self._torch} has no {name}"
                found.unmeasured[name] = LoupeError("unknown-dtype", message)
            for results in kept.values():
                results.save()
        found.complete = True

    def _file(self, name: str, kept: _FileResults) -> dict[str, Any] | None:
        """What to ask about a file; None if all of it is known."""
        inside = self._found.description.weights.table.by_file[name]
        targets_of: dict[str, list[str]] = {}
        for each in self._plans:
            names = [tensor.name for tensor in each.cast if tensor.name in inside]
            if names and not kept.load(each.target.name, names):
                for tensor in names:
                    targets_of.setdefault(tensor, []).append(each.target.name)
        groups: dict[tuple[str, ...], list[str]] = {}
        for tensor, targets in targets_of.items():
            groups.setdefault(tuple(targets), []).append(tensor)
        if not groups:
            return None
        tensors = [{"targets": list(targets), "names": names} for targets, names in groups.items()]
        return {**kept.source._asdict(), "tensors": tensors}

    @property
    def store(self) -> Store | None:
        return self._store

    @property
    def found(self) -> Preview:
        return self._found

    def key(self, source: Source, target: str) -> str:
        code = _FORMAT, __version__, _newest_code(), self._torch
        return json.dumps(["cast", code, source, target, self._found.exact])


class _FileResults:
    """What is known of one file's tensors, by target: an entry of the store each."""

    def __init__(self, owner: _Measurement, name: str) -> None:
        self._owner = owner
        self._missing: dict[str, list[str]] = {}
        self.source = source_of(owner.found.description, name)

    def load(self, target: str, names: list[str]) -> bool:
        """Whether the store had all of ``names``; if not, ``save`` keeps them once they are there."""
        store = self._owner.store
        raw = store.get(self._owner.key(self.source, target)) if store else None
        with suppress(ValueError, TypeError, zlib.error, AttributeError):
            kept = json.loads(zlib.decompress(raw)) if raw else {}
            if all(name in kept for name in names):
                self._owner.found.add([[name, target, kept[name]] for name in names])
                return True
        self._missing[target] = names
        return False

    def save(self) -> None:
        store = self._owner.store
        if store is None or self.source.mark[1] > time.time_ns() - _SETTLED_NS:
            return
        for target, names in self._missing.items():
            sums = self._owner.found.sums[target]
            if all(name in sums for name in names):
                kept = {name: _plain(sums[name]) for name in names}
                value = zlib.compress(json.dumps(kept, separators=(",", ":")).encode(), 1)
                store.put(self._owner.key(self.source, target), value)


def _plain(sums: Sums) -> dict[str, Any]:
    exponents = ("exponents_before", "exponents_after")
    return {
        **sums._asdict(),
        **{field: [list(pair) for pair in getattr(sums, field).items()] for field in exponents},
    }


def _newest_code() -> int:
    """When the code that measures was last changed: for those who work on it."""
    folder = os.path.join(os.path.dirname(os.path.dirname(__file__)), "worker", "casting")
    with suppress(OSError), os.scandir(folder) as entries:
        return max(entry.stat().st_mtime_ns for entry in entries if entry.name.endswith(".py"))
    return 0
