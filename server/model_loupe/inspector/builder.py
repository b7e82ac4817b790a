"""What calls build, asked of the worker once for each model and call, and remembered."""

from __future__ import annotations

import sys
import threading
import time
from collections import OrderedDict
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from model_loupe.domain.errors import LoupeError
from model_loupe.inspector.building import (
    MANY_TENSORS,
    architecture_of,
    can_be_built,
    can_be_joined,
    placement_of,
    question,
)
from model_loupe.inspector.environment import can_run, installed_version
from model_loupe.inspector.told_before import ToldBefore
from model_loupe.inspector.worker_process import Worker

if TYPE_CHECKING:
    from model_loupe.domain.architecture import Placement
    from model_loupe.domain.loading import LoadOptions
    from model_loupe.inspector.description import Description
    from model_loupe.sources.locate import ModelRequest
    from model_loupe.sources.store import Store

    Key = tuple[ModelRequest, LoadOptions]

# More than one document has of calls: what is forgotten while it is shown would be asked for again and again.
_REMEMBERED = 1024
# A worker that died or hung may do better the next time; not at once, or an editor that refreshes would ask
# for ever.
_PASSING = ("worker-",)
_RETRY_SECONDS = 15.0
# The largest of models takes three; others wait meanwhile.
_SECONDS = 60.0
_TOKENIZER_SECONDS = 30.0


class _Known(NamedTuple):
    """``view`` is the description with what is built. ``again_at`` is when a failure may be tried again."""

    description: Description
    view: Description
    is_final: bool
    again_at: float | None


class Builder:
    """Builds models under one interpreter, or finds in ``store`` what was built before.

    Thread-safe; ``view`` and ``wants`` never wait. ``devices`` can be set: the memory that models may take of
    each (``{"0": "24GiB"}``; empty: what there is).
    """

    def __init__(self, worker: Worker, store: Store | None = None) -> None:
        self.worker = worker
        self._told = ToldBefore(store, worker.interpreter)
        self.devices: dict[str, str] = {}
        self._known: OrderedDict[Key, _Known] = OrderedDict()
        self._lock = threading.Lock()
        self._missing: LoupeError | None = None
        self._looked = False

    def view(self, description: Description, options: LoadOptions) -> Description:
        """``description`` with what ``options`` build of it, as far as that is known; never waits."""
        known = self._known.get((description.request, options))
        if known and known.description is description:
            return known.view
        missing = self._missing_at_once()
        if missing and can_be_built(description):
            return self._keep(description, options, description._replace(not_built=missing), True, None)
        return description

    def wants(self, description: Description, options: LoadOptions) -> bool:
        """Whether ``build`` may have something to add; never waits."""
        if not can_be_built(description) or (self._looked and self._missing):
            return False
        known = self._known.get((description.request, options))
        if known is None or known.description is not description:
            return True
        if known.again_at is not None:
            return time.monotonic() >= known.again_at
        return not known.is_final

    def build(
        self, description: Description, options: LoadOptions, cancelled: threading.Event | None = None
    ) -> Description:
        """One step more: first what is built, then, where the checkpoint is large, what it has for that.

        Returns the new view. What keeps a model from being built is part of it, never raised.
        """
        missing = self.missing()
        if missing:
            return self._keep(description, options, description._replace(not_built=missing), True, None)
        known = self.view(description, options)
        large = len(description.weights.table) > MANY_TENSORS
        joined = can_be_joined(description) and (not large or known.built is not None)
        asked = question(description, options, joined=joined)
        try:
            answer = self._told.get(asked)
            if answer is None:
                answer = self.worker.call("architecture", asked, seconds=_SECONDS, cancelled=cancelled)
                self._told.put(asked, answer)
        except LoupeError as error:
            passing = error.code.startswith(_PASSING)
            again = time.monotonic() + _RETRY_SECONDS if passing else None
            view = known if known.built else description._replace(not_built=error, built_for=options)
            return self._keep(description, options, view, True, again)
        built = architecture_of(answer)
        view = description._replace(built=built, built_for=options, not_built=None)
        if options.device_map:
            with suppress(LoupeError):  # a table less
                view = view._replace(placement=self.placement(description, options))
        return self._keep(description, options, view, joined or not can_be_joined(description), None)

    def build_wholly(self, description: Description, options: LoadOptions) -> Description:
        """All steps of ``build``."""
        view = self.view(description, options)
        while self.wants(description, options):
            view = self.build(description, options)
        return view

    def placement(self, description: Description, options: LoadOptions) -> Placement:
        """Where ``device_map`` ("auto" if the call has none) puts what is built; raises LoupeError."""
        missing = self.missing()
        if missing:
            raise missing
        strategy = options.device_map or "auto"
        asked = {**question(description, options, joined=False), "device_map": strategy}
        return placement_of(strategy, self.worker.call("placement", {**asked, "max_memory": self.devices}))

    def tokens(self, description: Description, text: str) -> dict[str, Any]:
        """How the model's tokenizer splits ``text`` (``worker/tokens.py``); raises LoupeError."""
        return self._of_tokenizer("tokens", description, text=text)

    def tokenizer(self, description: Description) -> dict[str, Any]:
        """What the model's tokenizer says of itself (``worker/tokenizers.py``); raises LoupeError."""
        return self._of_tokenizer("tokenizer", description)

    def _of_tokenizer(self, method: str, description: Description, **more: str) -> dict[str, Any]:
        missing = self.missing()
        if missing:
            raise missing
        marks = [(file.name, file.nbytes) for file in description.files if "token" in file.name]
        asked = {"folder": description.path, "mark": marks, **more}
        # A chat template may be written to run for ever.
        return self.worker.call(method, asked, seconds=_TOKENIZER_SECONDS)

    def warm_up(self, model_type: str | None = None) -> None:
        """Has the libraries imported, so that the first question need not wait for that."""
        if self.missing() is None:
            try:
                self.worker.call("warm_up", {"model_type": model_type})
            except LoupeError as error:
                self._missing = error if error.code.endswith(("-broken", "-too-old", "-missing")) else None

    def _missing_at_once(self) -> LoupeError | None:
        """``missing``, where that takes no time: another interpreter has to be started to be asked."""
        is_own = self.worker.interpreter == sys.executable
        return self.missing() if is_own or self._looked else None

    def missing(self) -> LoupeError | None:
        """What the interpreter lacks; looks at its folders the first time."""
        if not self._looked:
            interpreter = self.worker.interpreter
            if not can_run(interpreter):
                message = f"{interpreter} is no Python interpreter that can be started"
                self._missing = LoupeError("no-interpreter", message)
            for name in ("torch", "transformers"):
                if self._missing is None and installed_version(name, interpreter) is None:
                    needed = f"{name} is not installed in {interpreter}: it tells what the code builds"
                    install = f"{interpreter} -m pip install {name}"
                    self._missing = LoupeError(f"{name}-missing", f"{needed} ({install})")
            self._looked = True
        return self._missing

    def _keep(
        self,
        description: Description,
        options: LoadOptions,
        view: Description,
        is_final: bool,
        again_at: float | None,
    ) -> Description:
        view = view._replace(transformers=installed_version("transformers", self.worker.interpreter))
        with self._lock:
            self._known.pop((description.request, options), None)
            self._known[description.request, options] = _Known(description, view, is_final, again_at)
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return view
