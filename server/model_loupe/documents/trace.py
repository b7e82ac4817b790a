"""From an expression to the call that loaded what it is, and the part of that which it stands for."""

from __future__ import annotations

import ast
from collections.abc import Container, Mapping
from typing import NamedTuple

from model_loupe.documents.facts import ANY, EACH, Field, Path, dotted, given, keyword
from model_loupe.documents.follow import Follower
from model_loupe.documents.names import kind_of
from model_loupe.documents.reference import Reference
from model_loupe.documents.resolve import Key, Place, key_of
from model_loupe.domain.dtypes import canonical_name

Parts = tuple["str | int", ...]

_MAX_DEPTH = 24
_MAX_STEPS = 400
_KINDS = {
    "model": "model",
    "adapter": "model",
    "tokenizer": "tokenizer",
    "processor": "processor",
    "config": "config",
    "pipeline": "pipeline",
}
# Methods that give the object itself, or one with the same parts.
_SAME = frozenset(
    [
        *("to", "half", "float", "bfloat16", "double", "type", "cuda", "cpu", "xpu", "to_empty"),
        *("eval", "train", "requires_grad_", "share_memory", "compile", "to_bettertransformer"),
        *("merge_and_unload", "unload", "get_base_model"),
    ]
)
# Functions that give their first argument back, wrapped or prepared.
_WRAPPERS = frozenset(
    [
        *("get_peft_model", "prepare_model_for_kbit_training", "prepare_model_for_int8_training"),
        *("compile", "DataParallel", "DistributedDataParallel", "FullyShardedDataParallel", "DDP", "FSDP"),
        *("prepare", "prepare_model", "unwrap_model", "setup_chat_format", "clone_chat_template"),
        *("for_inference", "for_training", "dispatch_model", "load_checkpoint_and_dispatch"),
        *("PeftModel", "deepcopy", "convert_model", "simplify", "from_config", "quantize_dynamic", "dict"),
    ]
)
# Of these, those that give back as many as they were given.
_WRAPPERS_OF_SEVERAL = frozenset(["prepare", "setup_chat_format", "clone_chat_template"])
# What holds a model, and the arguments that give it its parts: by position, else by keyword.
_HOLDERS: dict[str, dict[str, tuple[int | None, tuple[str, ...]]]] = {
    "pipeline": {"model": (1, ("model",)), "tokenizer": (3, ("tokenizer",))},
    "Trainer": {
        "model": (0, ("model",)),
        "tokenizer": (None, ("tokenizer", "processing_class")),
        "processing_class": (None, ("processing_class", "tokenizer")),
    },
}
_FOLLOWED = frozenset(
    ["get", "pop", "getattr", "next", "enumerate", "zip", "list", "items", "values", "reversed"]
)
# What gives a model and its tokenizer; elsewhere a number is that of a part.
_LOADERS_OF_PAIRS = frozenset(["from_pretrained", "load"])
_PARTS_BY_NAME = frozenset(["get_submodule", "get_parameter", "get_buffer"])
_TENSORS = frozenset(["state_dict", "named_parameters", "named_modules", "named_buffers"])


CASTS = {"half": "float16", "bfloat16": "bfloat16", "float": "float32", "double": "float64"}
"""Methods of a module that cast it, and to which dtype."""


class Traced(NamedTuple):
    """``parts`` of what ``reference`` loads; ``kind`` says of what: a model, its tokenizer, its config …

    ``base`` loads the model that an adapter is put on. ``cast`` is the dtype that the last cast on the way
    gives it.
    """

    reference: Reference
    kind: str
    parts: Parts
    base: Reference | None = None
    cast: str | None = None


class _Entered(NamedTuple):
    """A call of a function of the document: where it stands ``outside``, and a place ``inside`` of that."""

    call: ast.Call
    outside: Place
    inside: Place


class Tracer:
    """Traces expressions of one document.

    ``loading`` are the calls that are references, ``written`` the places that the document writes to.
    """

    def __init__(self, follower: Follower, loading: Mapping[Key, Reference], written: Container[str]) -> None:
        self._follower = follower
        self._loading = loading
        self._written = written
        self._steps = 0
        # The calls of the document's own functions that the way leads through.
        self._entered: list[_Entered] = []

    def of(self, node: ast.expr, place: Place, path: Path = ()) -> Traced | None:
        """What ``node`` is at ``place``, or the part of it at ``path``."""
        self._steps = 0
        return self._of(node, place, path, 0)

    def _of(self, node: ast.expr, place: Place, path: Path, depth: int) -> Traced | None:
        self._steps += 1
        if depth > _MAX_DEPTH or self._steps > _MAX_STEPS:
            return None
        if isinstance(node, ast.Call):
            reference = self._loading.get(key_of(place.text, node))
            found = self._loaded(node, reference, place, path, depth) if reference is not None else None
            if found is not None:
                return found
            name = _last(node.func)
            known, found = self._through(node, name, place, path, depth)
            if known or not self._may_follow(node, name, path):
                return found
        for group in self._follower.expand(node, place, path):
            for step in group:
                if isinstance(node, ast.Call) and step.place.scope != place.scope:
                    self._entered.append(_Entered(node, place, step.place))
                    found = self._of(step.node, step.place, step.path, depth + 1)
                    self._entered.pop()
                else:
                    found = self._of(step.node, step.place, step.path, depth + 1)
                if found is not None:
                    return found
        return None

    def _as_called(self, node: ast.Call, reference: Reference, place: Place) -> Reference:
        """What a function loads when it is called as on the way here: ``load("a")`` gives no ``b``."""
        entered = next((way for way in reversed(self._entered) if way.inside[:2] == place[:2]), None)
        name = _named_by(node, reference)
        if entered is None or not isinstance(name, ast.Name):
            return reference
        function = self._follower.names.texts[place.text].scopes[place.scope]
        parameters = [parameter for parameter in function.parameters if parameter not in ("self", "cls")]
        position = parameters.index(name.id) if name.id in parameters else None
        value = given(entered.call, name.id, position) if position is not None else None
        model = self._follower.text_of(value, entered.outside) if value is not None else None
        if model is None:
            return reference
        return reference._replace(model=model, kind=kind_of(model, self._written), candidates=())

    def _loaded(
        self, node: ast.Call, reference: Reference, place: Place, path: Path, depth: int
    ) -> Traced | None:
        kind = _KINDS.get(reference.role)
        name = _last(node.func)
        if kind is None:
            return None
        if path and isinstance(path[0], int) and kind == "model" and name in _LOADERS_OF_PAIRS:
            # ``model, tokenizer = FastLanguageModel.from_pretrained(…)``
            kind, path = ("model" if path[0] == 0 else "tokenizer"), path[1:]
        reference = self._as_called(node, reference, place)
        if reference.model is None and kind == "pipeline":
            return self._held(node, "pipeline", place, path, depth)
        if name.endswith("Trainer"):
            if path[:1] != (Field("model"),):
                return None
            path = path[1:]
        parts = _parts(path)
        if parts is None:
            return None
        base = None
        if reference.role == "adapter" and node.args:
            traced = self._of(node.args[0], place, (), depth + 1)
            base = traced.reference if traced is not None else None
        return Traced(reference, *_kind_of_part(kind, parts), base)

    def _held(self, node: ast.Call, holder: str, place: Place, path: Path, depth: int) -> Traced | None:
        """What an object was given as one of its parts: ``pipe.model``, ``trainer.model``."""
        parts = _HOLDERS[holder]
        part = path[0].name if path and isinstance(path[0], Field) else None
        if not path and holder == "pipeline":
            found = self._held(node, holder, place, (Field("model"),), depth)
            return found._replace(kind="pipeline") if found is not None else None
        if part not in parts:
            return None
        position, names = parts[part]
        value = next((value for name in names if (value := given(node, name, position)) is not None), None)
        return self._of(value, place, path[1:], depth + 1) if value is not None else None

    def _through(
        self, node: ast.Call, name: str, place: Place, path: Path, depth: int
    ) -> tuple[bool, Traced | None]:
        """Methods and functions that give back what they are called on or with, or a part of it."""
        func = node.func
        owner = func.value if isinstance(func, ast.Attribute) else None
        first = node.args[0] if node.args and not isinstance(node.args[0], ast.Starred) else None
        if owner is not None and name in _PARTS_BY_NAME and first is not None:
            text = self._follower.text_of(first, place)
            if text is None:
                return True, None
            return True, self._of(owner, place, (*fields(text), *path), depth + 1)
        if owner is not None and name in _TENSORS:
            # A tensor by its name: ``model.state_dict()["a.b.weight"]``.
            key = path[0] if path else None
            rest = (*fields(key), *path[1:]) if isinstance(key, str) else None
            return True, self._of(owner, place, rest, depth + 1) if rest is not None else None
        if name in _WRAPPERS and first is not None:
            wrapped = first
            index = path[0] if path and name in _WRAPPERS_OF_SEVERAL else None
            if isinstance(index, int) and 0 <= index < len(node.args):
                wrapped, path = node.args[index], path[1:]
            found = self._of(wrapped, place, path, depth + 1)
            if found is not None:
                as_model = name == "from_config" and found.kind == "config"
                return True, found._replace(kind="model", cast=_dtype(node)) if as_model else found
        if name.endswith("Trainer"):
            return True, self._held(node, "Trainer", place, path, depth)
        if owner is not None and name in _SAME:
            found = self._of(owner, place, path, depth + 1)
            dtype = cast_of(node) if found is not None else None
            return True, found._replace(cast=dtype) if found is not None and dtype else found
        return False, None

    def _may_follow(self, node: ast.Call, name: str, path: Path) -> bool:
        """Whether the text says what a call gives: a function or class of its own, or a field set by it."""
        names = self._follower.names
        if name in _FOLLOWED or names.definitions(name, "function") or names.definitions(name, "class"):
            return True
        return bool(path) and isinstance(path[0], Field) and keyword(node, path[0].name) is not None


def cast_of(call: ast.Call) -> str | None:
    """The dtype that ``x.half()``, ``x.to(torch.float16)``, ``x.to(dtype=…)`` gives, if any."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    if name in CASTS:
        return CASTS[name]
    return _dtype(call, *call.args) if name in ("to", "type") else None


def _dtype(call: ast.Call, *others: ast.expr) -> str | None:
    """The dtype that a call is given by keyword, else the first of ``others`` that is one."""
    named = keyword(call, "dtype") or keyword(call, "torch_dtype")
    for node in (named,) if named is not None else others:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            dtype = canonical_name(node.attr)
            if dtype is not None:
                return dtype
    return None


def fields(dotted_name: str) -> Path:
    """``layers.3.mlp`` as the path that attributes and indexes would make."""
    return tuple(int(part) if part.isdecimal() else Field(part) for part in dotted_name.split(".") if part)


def _named_by(node: ast.Call, reference: Reference) -> ast.expr | None:
    """The argument of a loading call that names the model."""
    position = int(reference.argument[3:]) if reference.argument[3:].isdecimal() else None
    return given(node, reference.argument, position)


def _last(func: ast.expr) -> str:
    return func.attr if isinstance(func, ast.Attribute) else (dotted(func) or "")


def _parts(path: Path) -> Parts | None:
    """A path as parts; ``*`` for one that the text does not single out."""
    found: list[str | int] = []
    for step in path:
        if step is EACH or step is ANY:
            found.append("*")
        elif isinstance(step, Field):
            found.append(step.name)
        elif isinstance(step, (str, int)):
            found.append(step)
        else:
            return None
    return tuple(found)


def _kind_of_part(kind: str, parts: Parts) -> tuple[str, Parts]:
    """``model.config.x`` is a part of the config, ``pipe.model.x`` one of the model."""
    if kind == "pipeline" and parts[:1] in (("model",), ("tokenizer",)):
        return _kind_of_part(str(parts[0]), parts[1:])
    if kind == "model" and parts[:1] == ("config",):
        return "config", parts[1:]
    # ``.tokenizer`` of a SentenceTransformer too.
    if kind in ("pipeline", "processor", "model") and parts[:1] in (("tokenizer",), ("processing_class",)):
        return "tokenizer", parts[1:]
    return kind, parts
