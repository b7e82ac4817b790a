"""What each tensor of a checkpoint becomes under a cast, what stays and why: from headers alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from functools import wraps
from typing import Any, NamedTuple, TypeVar, cast

from model_loupe.domain.casts.targets import ELEMENT, MATRIX, Target
from model_loupe.domain.dtypes import BY_NAME
from model_loupe.domain.tensors import TensorKind, TensorTable

Found = TypeVar("Found")

_INDEX = re.compile(r"(?<![^.])\d+(?![^.])")
_EMBEDDINGS = ("embed", "wte", "wpe", "shared", "relative_attention_bias")
_HEADS = ("lm_head", "embed_out", "output", "score", "classifier")
_NORMS = ("norm", "ln_", "layernorm")
# What llama.cpp takes for rows that do not fit: type, block and bytes of one.
_FLOAT16 = ("float16", 1, 2)
_FALLBACKS = {"Q4_K": ("Q5_0", 32, 22), "Q6_K": ("Q8_0", 32, 34)}
_SOURCES = frozenset({"float64", "float32", "bfloat16", "float16"})


class CastFacts(NamedTuple):
    """What the plan needs besides the headers.

    ``tied`` are groups of names that are one parameter, ``overhead`` the endings of scales of a checkpoint
    that is quantised already, ``packed`` whether it is one. ``keep_in_fp32`` are the class'
    ``_keep_in_fp32_modules`` (float16 alone), ``keep_in_fp32_strict`` also guards bfloat16, ``skip`` is
    ``llm_int8_skip_modules``: parts of dotted names.
    """

    tied: tuple[tuple[str, ...], ...] = ()
    packed: bool = False
    overhead: tuple[str, ...] = ()
    keep_in_fp32: tuple[str, ...] = ()
    keep_in_fp32_strict: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()


class TensorPlan(NamedTuple):
    """What a tensor becomes. ``reason`` says why it is not cast; None for one that is."""

    name: str
    kind: TensorKind
    dtype: str
    nbytes: int
    reason: str | None


class Kept(NamedTuple):
    """Modules whose tensors are not cast; ``path`` has ranges in it: ``model.layers.0-17.self_attn``."""

    path: str
    dtype: str
    reason: str
    tensors: int
    nbytes: int


class CastPlan(NamedTuple):
    """``before`` and ``nbytes`` are of all tensors, ``elements`` and ``cast_nbytes`` of what is cast.

    ``remembered`` holds what was worked out from it.
    """

    target: Target
    tensors: tuple[TensorPlan, ...]
    before: int
    nbytes: int
    elements: int
    cast_nbytes: int
    remembered: dict[str, Any]

    @property
    def bits_per_parameter(self) -> float:
        """Of what is cast, scales included; the format's own where nothing is."""
        if not self.elements:
            return float(self.target.element_bits)
        return 8 * self.cast_nbytes / self.elements

    @property
    def cast(self) -> list[TensorPlan]:
        return [tensor for tensor in self.tensors if tensor.reason is None]


def plan(table: TensorTable, target: Target, facts: CastFacts) -> CastPlan:
    """The cast of every tensor of ``table``, in name order."""
    aliases = _aliases(table, facts)
    decide = _Decision(target, facts)
    tensors = []
    for name, kind in sorted(table.tensors.items()):
        if name in aliases:
            # One parameter, which is counted where it is stored first.
            dtype = decide.on(name, kind).dtype
            tensors.append(TensorPlan(name, kind, dtype, 0, f"tied: one with {aliases[name]}"))
        else:
            tensors.append(decide.on(name, kind))
    cast = [tensor for tensor in tensors if tensor.reason is None]
    return CastPlan(
        target,
        tuple(tensors),
        before=sum(tensor.kind.nbytes for tensor in tensors),
        nbytes=sum(tensor.nbytes for tensor in tensors),
        elements=sum(tensor.kind.elements for tensor in cast),
        cast_nbytes=sum(tensor.nbytes for tensor in cast),
        remembered={},
    )


def _aliases(table: TensorTable, facts: CastFacts) -> dict[str, str]:
    """Tensors that the files store a second time, each with the name of the first."""
    aliases: dict[str, str] = {}
    for group in facts.tied:
        # The embedding is what transformers keeps, whatever the order of the names.
        stored = sorted((name for name in group if name in table.tensors), key=_is_head)
        aliases.update(dict.fromkeys(stored[1:], stored[0]) if stored else {})
    return aliases


def _is_head(name: str) -> bool:
    return _has_part(name, _HEADS)


class _Decision:
    """What becomes of a tensor under one target."""

    def __init__(self, target: Target, facts: CastFacts) -> None:
        self._target = target
        self._facts = facts

    def on(self, name: str, kind: TensorKind) -> TensorPlan:
        dtype = BY_NAME.get(kind.dtype)
        if dtype is None or kind.dtype not in _SOURCES:
            what = "already quantised" if self._facts.packed or dtype is None else "not a floating dtype"
            if dtype and dtype.is_floating:
                what = "already quantised" if dtype.bits < 16 else f"{kind.dtype} is not cast"
            return _kept(name, kind, what)
        if self._facts.packed and name.endswith(self._facts.overhead or ("\0",)):
            return _kept(name, kind, "a scale of weights that are quantised already")
        if self._target.scope == ELEMENT:
            return self._element_wise(name, kind)
        if self._facts.packed:
            return _kept(name, kind, "the checkpoint is quantised already")
        if self._target.scope == MATRIX:
            return self._gguf(name, kind)
        reason = _not_linear(name, kind, self._facts.skip) or self._target.misfit(kind.shape)
        if reason:
            return _kept(name, kind, reason)
        return TensorPlan(name, kind, self._target.name, self._target.nbytes(kind.shape), None)

    def _gguf(self, name: str, kind: TensorKind) -> TensorPlan:
        """As llama.cpp does (``llama_tensor_get_type`` with a pure type): every matrix, embeddings too."""
        if len(kind.shape) < 2:
            return TensorPlan(name, kind, "float32", 4 * kind.elements, "a vector: float32 in GGUF")
        reason = self._target.misfit(kind.shape)
        if reason is None:
            return TensorPlan(name, kind, self._target.name, self._target.nbytes(kind.shape), None)
        fallback, block, nbytes = _FALLBACKS.get(self._target.name, _FLOAT16)
        if kind.shape[-1] % block:
            fallback, block, nbytes = _FLOAT16
        return TensorPlan(name, kind, fallback, kind.elements // block * nbytes, f"{reason}: {fallback}")

    def _element_wise(self, name: str, kind: TensorKind) -> TensorPlan:
        guarded = self._guard(name)
        if guarded:
            nbytes = 4 * kind.elements
            return TensorPlan(name, kind, "float32", nbytes, f"{guarded} of the model's class")
        return TensorPlan(name, kind, self._target.name, self._target.nbytes(kind.shape), None)

    def _guard(self, name: str) -> str | None:
        facts = self._facts
        if self._target.name == "float16" and _has_part(name, facts.keep_in_fp32):
            return "_keep_in_fp32_modules"
        if self._target.name in ("float16", "bfloat16") and _has_part(name, facts.keep_in_fp32_strict):
            return "_keep_in_fp32_modules_strict"
        return None


def _not_linear(name: str, kind: TensorKind, skip: Collection[str]) -> str | None:
    """Why a quantiser of linear layers leaves a tensor alone, as far as its name and shape tell."""
    owner = name.rpartition(".")[0].lower()
    if skip and _has_part(name, skip):
        return "llm_int8_skip_modules"
    if any(word in owner.rpartition(".")[2] for word in _NORMS):
        return "a norm"
    if name.endswith("bias"):
        return "a bias"
    if any(word in owner for word in _EMBEDDINGS):
        return "an embedding"
    if _has_part(name, _HEADS) and owner.rpartition(".")[2] in _HEADS:
        return "the output layer"
    if len(kind.shape) == 3:
        return "experts in one tensor, no linear layer"
    if len(kind.shape) != 2 or not name.endswith("weight"):
        return "no linear layer"
    return None


def _has_part(name: str, parts: Collection[str]) -> bool:
    """Whether one of ``parts`` is a whole part, or several, of a dotted name (``re: (^|\\.)part($|\\.)``)."""
    dotted = f".{name}."
    return any(f".{part}." in dotted for part in parts)


def _kept(name: str, kind: TensorKind, reason: str) -> TensorPlan:
    return TensorPlan(name, kind, kind.dtype, kind.nbytes, reason)


def _once(work: Callable[[CastPlan], Found]) -> Callable[[CastPlan], Found]:
    """Of each plan it is worked out once: editors ask again whenever more figures are there."""

    @wraps(work)
    def remembered(found: CastPlan) -> Found:
        if work.__name__ not in found.remembered:
            found.remembered[work.__name__] = work(found)
        return cast("Found", found.remembered[work.__name__])

    return remembered


@_once
def kept_modules(found: CastPlan) -> list[Kept]:
    """The modules of which something is not cast, equal ones of numbered layers in one row, largest first."""
    groups: dict[tuple[str, str, str], list[TensorPlan]] = {}
    for tensor in found.tensors:
        if tensor.reason is not None:
            module = tensor.name.rpartition(".")[0] or tensor.name
            groups.setdefault((_INDEX.sub("*", module), tensor.dtype, tensor.reason), []).append(tensor)
    rows = [
        Kept(
            _ranges([tensor.name.rpartition(".")[0] or tensor.name for tensor in tensors]),
            dtype,
            reason,
            len(tensors),
            sum(tensor.nbytes for tensor in tensors),
        )
        for (_, dtype, reason), tensors in groups.items()
    ]
    return sorted(rows, key=lambda row: (-row.nbytes, row.path))


def _ranges(modules: list[str]) -> str:
    """``a.0.b``, ``a.1.b``, ``a.3.b`` → ``a.0-1,3.b``."""
    columns = [
        list(dict.fromkeys(parts)) for parts in zip(*(name.split(".") for name in modules), strict=True)
    ]
    return ".".join(
        column[0] if len(column) == 1 else _numbers(sorted(map(int, column))) for column in columns
    )


def _numbers(numbers: list[int]) -> str:
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)


@_once
def by_module(found: CastPlan) -> list[tuple[str, int, int]]:
    """Bytes before and after of each top-level block (``model.layers``, ``lm_head``), in name order."""
    sums: dict[str, list[int]] = {}
    for tensor in found.tensors:
        row = sums.setdefault(block_of(tensor.name), [0, 0])
        row[0] += tensor.kind.nbytes
        row[1] += tensor.nbytes
    return [(path, before, after) for path, (before, after) in sums.items()]


def block_of(name: str) -> str:
    """The module above the first number (or ``*`` for several); without one, the tensor's own."""
    parts = name.split(".")
    for position, part in enumerate(parts):
        if part.isdecimal() or part == "*":
            return ".".join(parts[:position]) or name
    return ".".join(parts[:-1]) or name
