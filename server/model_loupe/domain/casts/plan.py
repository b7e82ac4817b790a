"""What each tensor of a checkpoint becomes under a cast, what stays and why: from headers alone."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from typing import NamedTuple

from model_loupe.domain.casts.targets import ELEMENT, MATRIX, Target, is_lossless
from model_loupe.domain.dtypes import BY_NAME
from model_loupe.domain.families import Family, modules_in_ranges
from model_loupe.domain.tensors import TensorKind, TensorTable

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


class FamilyPlan(NamedTuple):
    """What each tensor of a family becomes, which takes ``nbytes``; ``reason`` as in ``TensorPlan``.

    ``falls_back``: it is packed, but as another type than the target.
    """

    family: Family
    dtype: str
    nbytes: int
    reason: str | None
    falls_back: bool = False

    @property
    def all_nbytes(self) -> int:
        """Of all its tensors."""
        return len(self.family) * self.nbytes


class Kept(NamedTuple):
    """Modules whose tensors are not cast; ``path`` has ranges in it: ``model.layers.0-17.self_attn``."""

    path: str
    dtype: str
    reason: str
    tensors: int
    nbytes: int


class CastPlan(NamedTuple):
    """``before`` and ``nbytes`` are of all tensors, ``elements`` of what is cast."""

    target: Target
    families: tuple[FamilyPlan, ...]
    before: int
    nbytes: int
    elements: int

    @property
    def bits_per_parameter(self) -> float:
        """Of what is cast or falls back, scales included; the format's own where nothing is."""
        packed = [each for each in self.families if each.reason is None or each.falls_back]
        elements = sum(len(each.family) * each.family.kind.elements for each in packed)
        if not elements:
            return float(self.target.element_bits)
        return 8 * sum(each.all_nbytes for each in packed) / elements

    @property
    def cast(self) -> list[FamilyPlan]:
        return [each for each in self.families if each.reason is None]

    @property
    def tensors(self) -> list[TensorPlan]:
        """Tensor by tensor, in name order: of a large model, many."""
        return sorted(
            TensorPlan(name, each.family.kind, each.dtype, each.nbytes, each.reason)
            for each in self.families
            for name in each.family.names
        )

    @property
    def is_lossless(self) -> bool:
        """Whether all of it keeps every value, as the formats alone tell."""
        return all(is_lossless(each.family.kind.dtype, self.target) for each in self.cast)


def plans(table: TensorTable, targets: Iterable[Target], facts: CastFacts) -> list[CastPlan]:
    """The cast of every tensor of ``table`` to each of ``targets``."""
    aliases = _aliases(table, facts)
    families = _alike(table, facts, aliases)
    return [_plan(families, target, facts, aliases) for target in targets]


def _plan(
    families: Sequence[Family], target: Target, facts: CastFacts, aliases: Mapping[str, str]
) -> CastPlan:
    decide = _Decision(target, facts)
    found = []
    for family in families:
        becomes = decide.on(family)
        if family.first in aliases:
            # One parameter, which is counted where it is stored first.
            tied = f"tied: one with {aliases[family.first]}"
            becomes = becomes._replace(nbytes=0, reason=tied, falls_back=False)
        found.append(becomes)
    return CastPlan(
        target,
        tuple(found),
        before=sum(len(family) * family.kind.nbytes for family in families),
        nbytes=sum(each.all_nbytes for each in found),
        elements=sum(len(each.family) * each.family.kind.elements for each in found if each.reason is None),
    )


def targets_by_name(plans: Iterable[CastPlan]) -> dict[str, tuple[str, ...]]:
    """Each tensor that is cast, with the names of the targets that it is cast to."""
    targets: dict[Family, list[str]] = {}
    for plan in plans:
        for each in plan.cast:
            targets.setdefault(each.family, []).append(plan.target.name)
    return {name: tuple(found) for family, found in targets.items() for name in family.names}


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


def _alike(table: TensorTable, facts: CastFacts, aliases: Mapping[str, str]) -> list[Family]:
    """The families of ``table``, parted where ``facts`` tell their members apart."""
    named = {*facts.overhead, *facts.keep_in_fp32, *facts.keep_in_fp32_strict, *facts.skip}
    numbered = [text for text in named if any(map(str.isdecimal, text.split(".")))]

    def told_apart(name: str) -> Hashable:
        return aliases.get(name), *(_has_part(name, (text,)) or name.endswith(text) for text in numbered)

    found: list[Family] = []
    for family in table.families:
        is_uniform = not numbered and aliases.keys().isdisjoint(family.names)
        found += [family] if is_uniform else family.parted(told_apart)
    return sorted(found, key=lambda family: family.first)


class _Decision:
    """What becomes of tensors under one target: those of a family differ in nothing that matters for it."""

    def __init__(self, target: Target, facts: CastFacts) -> None:
        self._target = target
        self._facts = facts

    def on(self, family: Family) -> FamilyPlan:
        name, kind = family.first, family.kind
        dtype = BY_NAME.get(kind.dtype)
        if dtype is None or kind.dtype not in _SOURCES:
            what = "already quantised" if self._facts.packed or dtype is None else "not a floating dtype"
            if dtype and dtype.is_floating:
                what = "already quantised" if dtype.bits < 16 else f"{kind.dtype} is not cast"
            return _kept(family, what)
        if self._facts.packed and name.endswith(self._facts.overhead or ("\0",)):
            return _kept(family, "a scale of weights that are quantised already")
        if self._target.scope == ELEMENT:
            return self._element_wise(family)
        if self._facts.packed:
            return _kept(family, "the checkpoint is quantised already")
        if self._target.scope == MATRIX:
            return self._gguf(family)
        reason = _not_linear(name, kind, self._facts.skip) or self._target.misfit(kind.shape)
        return _kept(family, reason) if reason else self._cast(family)

    def _cast(self, family: Family) -> FamilyPlan:
        return FamilyPlan(family, self._target.name, self._target.nbytes(family.kind.shape), None)

    def _gguf(self, family: Family) -> FamilyPlan:
        """As llama.cpp does (``llama_tensor_get_type`` with a pure type): every matrix, embeddings too."""
        kind = family.kind
        if len(kind.shape) < 2:
            return FamilyPlan(family, "float32", 4 * kind.elements, "a vector: float32 in GGUF")
        reason = self._target.misfit(kind.shape)
        if reason is None:
            return self._cast(family)
        fallback, block, nbytes = _FALLBACKS.get(self._target.name, _FLOAT16)
        if kind.shape[-1] % block:
            fallback, block, nbytes = _FLOAT16
        nbytes *= kind.elements // block
        return FamilyPlan(family, fallback, nbytes, f"{reason}: {fallback}", falls_back=True)

    def _element_wise(self, family: Family) -> FamilyPlan:
        guarded = self._guard(family.first)
        if guarded:
            nbytes = 4 * family.kind.elements
            return FamilyPlan(family, "float32", nbytes, f"{guarded} of the model's class")
        return self._cast(family)

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


def _kept(family: Family, reason: str) -> FamilyPlan:
    return FamilyPlan(family, family.kind.dtype, family.kind.nbytes, reason)


def kept_modules(found: CastPlan) -> list[Kept]:
    """The modules of which something is not cast, equal ones of numbered layers in one row, largest first."""
    groups: dict[tuple[str, str, str], list[FamilyPlan]] = {}
    for each in found.families:
        if each.reason is not None:
            groups.setdefault((each.family.module, each.dtype, each.reason), []).append(each)
    rows = [
        Kept(
            modules_in_ranges([each.family for each in group]),
            dtype,
            reason,
            sum(len(each.family) for each in group),
            sum(each.all_nbytes for each in group),
        )
        for (_, dtype, reason), group in groups.items()
    ]
    return sorted(rows, key=lambda row: (-row.nbytes, row.path))


def by_module(found: CastPlan) -> list[tuple[str, int, int]]:
    """Bytes before and after of each top-level block (``model.layers``, ``lm_head``), in name order."""
    sums: dict[str, list[int]] = {}
    for each in found.families:
        row = sums.setdefault(block_of(each.family.first), [0, 0])
        row[0] += len(each.family) * each.family.kind.nbytes
        row[1] += each.all_nbytes
    return [(path, before, after) for path, (before, after) in sums.items()]


def block_of(name: str) -> str:
    """The module above the first number (or ``*`` for several) that has one; without, the tensor's own."""
    parts = name.split(".")
    for position, part in enumerate(parts):
        if (part.isdecimal() or part == "*") and any(parts[:position]):
            return ".".join(parts[:position])
    return ".".join(parts[:-1]) or name
