"""Finds the weights in what a file holds, and says what the rest is."""

from __future__ import annotations

from typing import Any, NamedTuple

from model_loupe.checkpoints.pickle_opcodes import Mapping, Object
from model_loupe.checkpoints.pytorch.names import HOLDERS, Names
from model_loupe.checkpoints.pytorch.objects import DICTS, attributes_of, class_path, shortened
from model_loupe.checkpoints.pytorch.results import Part
from model_loupe.checkpoints.pytorch.tensors import Tensors
from model_loupe.domain.warnings import Warning

# Keys under which training scripts, Lightning, timm, DeepSpeed … keep the weights, most telling first.
_WEIGHT_KEYS = (
    "state_dict",
    "model_state_dict",
    "model",
    "module",
    "model_state",
    "net",
    "network",
    "weights",
)
_PART_KINDS = (
    ("optim", "optimizer-state"),
    ("sched", "scheduler"),
    ("rng", "rng-state"),
    ("random", "rng-state"),
)
# Keys that mark a dict as what it is: torch.optim.Optimizer, lr_scheduler, GradScaler; accelerate and the
# transformers Trainer for the states of random generators.
_MARKS = (
    ("optimizer-state", {"state", "param_groups"}),
    ("scheduler", {"last_epoch", "_step_count"}),
    ("scheduler", {"last_epoch", "base_lrs"}),
    ("rng-state", {"python", "numpy", "cpu"}),
    ("rng-state", {"random_state", "numpy_random_seed", "torch_manual_seed"}),
)
_OTHERS = frozenset(kind for kind, _ in _MARKS)
_ARGUMENT_CLASSES = ("Arguments", "argparse.Namespace", "omegaconf.dictconfig.DictConfig")


class _Found(NamedTuple):
    """A file's object, sorted into the weights and the rest."""

    kind: str
    prefix: str
    names: Names
    parts: list[Part]
    facts: dict[str, str | int | float | bool]


class Sorter:
    """Finds the weights in what a file holds."""

    def __init__(self, tensors: Tensors, file: str, warnings: list[Warning]) -> None:
        self._tensors = tensors
        self._file = file
        self._warnings = warnings
        # What was found, where looking at the rest takes too long.
        self.best = _Found("object", "", self._names(), [], {})

    def sort(self, root: Any, depth: int = 0) -> _Found:
        entries = self._tensors.entries(root)
        kind = self._kind(root, entries)
        if kind == "dict":
            return (self._under_a_key(entries, depth) if depth < 4 else None) or self._by_name(entries)
        names = self._names()
        self.best = _Found(kind, "", names, [], {})
        names.walk(root)
        if kind == "object" and names.found:
            kind = "checkpoint"
        attributes = self._tensors.entries(attributes_of(root.state)) if type(root) is Object else {}
        return _Found(kind, "", names, [], _facts(attributes) if kind == "object" else {})

    def _names(self) -> Names:
        return Names(self._tensors, self._file, self._warnings)

    def _kind(self, value: Any, entries: dict[str, Any]) -> str:
        if self._tensors.is_tensor(value):
            return "tensors"
        marked = next((kind for kind, marks in _MARKS if marks <= entries.keys()), None)
        if marked:
            return marked
        if self._tensors.module_state(value) is not None:
            return "module"
        path = class_path(value) or ""
        if type(value) is Mapping or entries or path in DICTS:
            return "dict"
        if path.endswith(_ARGUMENT_CLASSES):
            return "training-args"
        return "tensors" if type(value) in (list, tuple) else "object"

    def _under_a_key(self, entries: dict[str, Any], depth: int) -> _Found | None:
        """The weights under the key that scripts keep them under, where there are any."""
        for key in _WEIGHT_KEYS:
            value = entries.get(key)
            if type(value) not in (Mapping, Object) or self._tensors.is_tensor(value):
                continue
            inner = self.sort(value, depth + 1)
            if not inner.names.found:
                continue
            prefix = f"{key}.{inner.prefix}" if inner.prefix else key
            parts = [part._replace(path=f"{key}.{part.path}") for part in inner.parts]
            self.best = inner._replace(kind="checkpoint", prefix=prefix)
            parts += [
                part for name, item in entries.items() if name != key and (part := self._part(name, item))
            ]
            return self.best._replace(parts=parts, facts={**inner.facts, **_facts(entries)})
        return None

    def _by_name(self, entries: dict[str, Any]) -> _Found:
        """Tensors by name, or state dicts by name (an encoder's, a decoder's), maybe with other things."""
        names = self._names()
        self.best = _Found("checkpoint", "", names, [], {})
        parts: list[Part] = []
        tensors = 0
        for key, item in entries.items():
            if self._tensors.is_tensor(item):
                tensors += 1
                names.walk(item, key, 1)
            elif type(item) in HOLDERS:
                kind = self._kind(item, self._tensors.entries(item))
                # A name alone is no proof beside tensors: a model may well have a module "scheduler".
                if kind in _OTHERS or (kind == "dict" and not tensors and _part_kind(key) != "weights"):
                    parts += [part] if (part := self._part(key, item)) else []
                else:
                    names.walk(item, key, 1)
        kind = "state-dict" if tensors else "checkpoint" if names.found else "object"
        return _Found(kind, "", names, parts, _facts(entries))

    def _part(self, key: str, value: Any) -> Part | None:
        """A summary of the tensors under a key that is not the weights."""
        if type(value) not in HOLDERS:
            return None
        kind = self._kind(value, self._tensors.entries(value))
        names = self._names()
        names.walk(value, key, 1)
        if not names.found:
            return None
        kinds = [tensor.kind for tensor in names.found.values()]
        kind = kind if kind in _OTHERS else _part_kind(key)
        return Part(
            shortened(key), kind, len(kinds), sum(k.elements for k in kinds), sum(k.nbytes for k in kinds)
        )


def _part_kind(key: str) -> str:
    return next((kind for word, kind in _PART_KINDS if word in key.lower()), "weights")


def _facts(entries: dict[str, Any]) -> dict[str, str | int | float | bool]:
    """The plain values among the entries: ``epoch``, ``global_step``, a version …"""
    plain = (
        (key, value)
        for key, value in entries.items()
        if type(value) in (int, float, bool) or (type(value) is str and len(value) <= 200)
    )
    return {shortened(key): value for (key, value), _ in zip(plain, range(50), strict=False)}
