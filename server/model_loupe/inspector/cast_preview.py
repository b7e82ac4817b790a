"""A cast preview as editors ask for it: of a model or a part, with what fits and what can be applied."""

from __future__ import annotations

from typing import Any, NamedTuple

from model_loupe.domain.casts.applying import way_to_load
from model_loupe.domain.casts.plan import CastPlan
from model_loupe.domain.casts.targets import ELEMENT, TARGETS, Target, target_named
from model_loupe.domain.errors import LoupeError
from model_loupe.domain.loading import LoadOptions
from model_loupe.domain.memory import Wanted
from model_loupe.domain.tensors import TensorTable
from model_loupe.domain.units import format_bytes, parse_bytes
from model_loupe.inspector import cast_json, casting
from model_loupe.inspector.description import Description
from model_loupe.inspector.environment import can_run, installed_version
from model_loupe.inspector.facts import device_name, title
from model_loupe.inspector.memory import cache_of, usage_of

# Of the names in ``Target.library``, those under which a distribution is installed.
_DISTRIBUTIONS = {"llama.cpp (gguf)": "gguf"}


class Wish(NamedTuple):
    """What is to be previewed: names of targets (none: all), a module's path or the whole model.

    ``devices`` are sizes by device (``{"0": "24GiB"}``), ``interpreter`` runs the user's code (empty: it may
    not be started).
    """

    dtypes: tuple[str, ...] = ()
    scope: str | None = None
    exact: bool = False
    tensors: bool = False
    devices: tuple[tuple[str, str], ...] = ()
    wanted: Wanted = Wanted()
    interpreter: str = ""


class CastPreview:
    """The casts of one model as a call with ``options`` loads it."""

    def __init__(self, description: Description, options: LoadOptions, wish: Wish) -> None:
        self.wish = wish
        self._whole = description
        self._options = options
        targets = list(dict.fromkeys(map(target_named, wish.dtypes))) or list(TARGETS.values())
        scoped = _scoped(description, wish.scope) if wish.scope else description
        self.found = casting.preview(scoped, targets, wish.interpreter, exact=wish.exact)
        self._fixed: dict[str, dict[str, Any]] = {
            each.target.name: self._of_target(each) for each in self.found.plans
        }

    def to_json(self) -> dict[str, Any]:
        """What is known by now: ``cast --json`` and what editors show beside it."""
        result = cast_json.to_json(self.found, tensors=self.wish.tensors)
        loaded, _ = self._whole.loaded(self._options)
        usage = usage_of(self._whole, self.wish.wanted)
        result |= {
            "title": f"{self._whole.request.model} · {title(self._whole)}",
            "scope": self.wish.scope,
            "exact": self.wish.exact,
            "current": loaded.dtype,
            "memory": {
                "context": usage.context,
                "batch": usage.batch,
                "devices": [{"device": label, "bytes": nbytes} for label, nbytes in self._devices()],
            },
        }
        if self.found.complete:
            result["network"] = None
        for target in result["targets"]:
            target |= self._fixed[target["dtype"]]
            target.setdefault("numerics", None)
            target.setdefault("unmeasured", None)
            target.setdefault("worst", [])
        return result

    def _of_target(self, plan: CastPlan) -> dict[str, Any]:
        """What no measurement changes."""
        applicable, why = self._applicable(plan.target)
        runs, why_not = self._runs_here(plan.target)
        return {
            "fits": self._fits(plan),
            "runs_here": {"ok": runs, "why": why_not},
            "apply": applicable,
            "apply_reason": why,
            "writable": plan.target.scope == ELEMENT,
        }

    def _fits(self, plan: CastPlan) -> list[dict[str, Any]]:
        """Weights and KV cache together on each device alone."""
        usage = usage_of(self._whole, self.wish.wanted)
        cache = cache_of(self._whole, self._options)
        if cache is not None and plan.target.follows:
            cache = cache._replace(dtype=plan.target.name)
        nbytes = plan.nbytes + (usage.batch * cache.bytes_at(usage.context) if cache else 0)
        return [
            {"device": label, "context": usage.context, "bytes": nbytes, "fits": nbytes <= room}
            for label, room in self._devices()
        ]

    def _devices(self) -> list[tuple[str, int]]:
        sizes = [(device, parse_bytes(size)) for device, size in self.wish.devices]
        return [(f"{device_name(device)} · {format_bytes(n)}", n) for device, n in sizes if n is not None]

    def _applicable(self, target: Target) -> tuple[bool, str | None]:
        try:
            check_applicable(self._whole, target)
        except LoupeError as why:
            return False, why.message
        return True, None

    def _runs_here(self, target: Target) -> tuple[bool, str | None]:
        interpreter = self.wish.interpreter
        if not interpreter or not can_run(interpreter):
            return False, "no interpreter with torch was named"
        for name in ("torch", _DISTRIBUTIONS.get(target.library, target.library)):
            if installed_version(name, interpreter) is None:
                return False, f"{name} is not installed in {interpreter}"
        return True, None


def check_applicable(description: Description, target: Target) -> None:
    """Raises LoupeError where no edit has this model loaded as ``target``."""
    way = way_to_load(target, description.transformers)
    scheme = description.quantization
    if way.config and scheme is not None:
        message = f"no edit loads it as {target.name}: the checkpoint is quantised already ({scheme.name})"
        raise LoupeError("cannot-apply", message)


def _scoped(description: Description, scope: str) -> Description:
    """With the tensors under a module alone; raises LoupeError if there are none."""
    table = description.weights.table
    inside = {
        file: {name: kind for name, kind in tensors.items() if f"{name}.".startswith(f"{scope}.")}
        for file, tensors in table.by_file.items()
    }
    inside = {file: tensors for file, tensors in inside.items() if tensors}
    if not inside:
        raise LoupeError("no-such-module", f"{description.request.model} has no weights under {scope[:200]}")
    return description._replace(weights=description.weights._replace(table=TensorTable(inside)))
