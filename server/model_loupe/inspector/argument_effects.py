"""What an argument of a call does to the model that the call is about, in figures."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from model_loupe.domain.casts.targets import target_named
from model_loupe.domain.dtypes import canonical_name
from model_loupe.domain.errors import LoupeError
from model_loupe.domain.loading import LoadOptions
from model_loupe.domain.units import format_bytes, plural
from model_loupe.inspector.cast_lines import cast_lines, kept_lines
from model_loupe.inspector.casting import preview
from model_loupe.inspector.description import Description
from model_loupe.inspector.facts import device_name, loaded_text
from model_loupe.inspector.installed.choices import default_targets
from model_loupe.inspector.installed.model_classes import attention_of
from model_loupe.inspector.installed.packages import Folders
from model_loupe.inspector.memory import cache_of

_MOST_NAMED = 4


class Asked(NamedTuple):
    """An argument ``name`` with its ``value`` as source text, in a call that loads with ``options``.

    ``beside`` are the call's other arguments; ``inside`` those of the call that makes the value.
    """

    description: Description
    options: LoadOptions
    name: str
    value: str
    folders: Folders
    interpreter: str
    beside: Mapping[str, str] = {}
    inside: Mapping[str, str] = {}

    @property
    def literal(self) -> Any:
        """The value, or Ellipsis where it is no literal."""
        return _literal(self.value)


def _literal(source: str) -> Any:
    try:
        return ast.literal_eval(source)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return ...


def argument_effect(asked: Asked) -> list[str]:
    """One line a consequence; none where the value is not known or nothing can be worked out."""
    rule = _RULES.get(asked.name)
    return [line for line in rule(asked) if line] if rule else []


def _dtype(asked: Asked) -> list[str]:
    found, nbytes = asked.description.loaded(asked.options)
    if found.dtype is None:
        return [found.rule[:1].upper() + found.rule[1:]]
    size = f", {loaded_text(asked.description, nbytes)}" if nbytes is not None else ""
    stored = asked.description.stored_bytes
    before = f" · stored: {format_bytes(stored)}" if stored is not None else ""
    line = f"The parameters are {found.dtype}{size} ({found.rule}){before}"
    named = canonical_name(asked.value)
    # The first of the others tells bytes too.
    return [line, *(cast_lines(asked.description, named, asked.interpreter)[1:] if named else [])]


def _quantized(asked: Asked) -> list[str]:
    """Of a quantiser's arguments: those of its own call, else those of the config that is given."""
    scheme = asked.description.quantization
    if scheme:
        return [f"The checkpoint itself is quantised already: {scheme.name}"]
    given = {**asked.beside, asked.name: asked.value, **asked.inside}
    if given.get("load_in_8bit") == "True":
        return _as_target(asked, "int8")
    if given.get("load_in_4bit") == "True":
        kind = given.get("bnb_4bit_quant_type", "fp4").strip("'\"")
        nested = given.get("bnb_4bit_use_double_quant") == "True"
        return _as_target(asked, f"{kind}_double" if nested else kind)
    return []


def _as_target(asked: Asked, target: str) -> list[str]:
    """Bytes under a quantiser, and what it leaves as it is."""
    try:
        found = preview(asked.description, [target_named(target)], asked.interpreter).plans[0]
    except LoupeError:
        return []
    return [
        f"{found.target.name}: {format_bytes(found.before)} become {format_bytes(found.nbytes)}, "
        f"{found.bits_per_parameter:.2f} bits for each parameter that is quantised",
        *kept_lines(found, _MOST_NAMED),
    ]


def _placed(asked: Asked) -> list[str]:
    placement = asked.description.placement
    if placement is None:
        missing = asked.description.not_built
        return [f"Where it puts the modules is not known: {missing.message}"] if missing else []
    shown = [f"{device_name(device)}: {format_bytes(size)}" for device, size in placement.nbytes.items()]
    return [f"device_map={placement.strategy!r} puts here: " + " · ".join(shown)]


def _offloaded(asked: Asked) -> list[str]:
    placement = asked.description.placement
    if placement is None:
        return []
    size = placement.nbytes.get("disk")
    return [f"{format_bytes(size)} go there" if size else "Nothing is placed on disk: it stays empty"]


def _attention(asked: Asked) -> list[str]:
    description = asked.description
    found = attention_of(asked.folders, description.architecture, description.model_type)
    if found is None:
        return []
    lines = [f"{found.class_name} can use {', '.join(found.supported)}"]
    if found.refused:
        lines.append(f"It says of itself that it cannot use {', '.join(found.refused)}")
    return lines


def _revision(asked: Asked) -> list[str]:
    commit = asked.description.commit
    return [f"Commit {commit}"] if commit else []


def _remote_code(asked: Asked) -> list[str]:
    mapped = asked.description.config.get("auto_map")
    if not isinstance(mapped, dict) or not mapped:
        return ["The config names no code of the repository (auto_map): nothing of it would run"]
    names = sorted({str(value).rpartition("--")[2].partition(".")[0] for value in mapped.values()})
    return [f"Code of the repository is run: {', '.join(f'{name}.py' for name in names[:_MOST_NAMED])}"]


def _weight_files(asked: Asked) -> list[str]:
    shards = asked.description.weights.shards
    if not shards:
        return []
    names = [shard.name for shard in shards[:_MOST_NAMED]]
    more = f" and {len(shards) - len(names)} more" if len(shards) > len(names) else ""
    return [f"Weights are read from {', '.join(names)}{more}"]


def _length(asked: Asked) -> list[str]:
    tokens, context = asked.literal, asked.description.dimensions.context
    cache = cache_of(asked.description, asked.options)
    if type(tokens) is not int or tokens <= 0:
        return []
    lines = (
        [f"KV cache of {plural(tokens, 'token')}: {format_bytes(cache.bytes_at(tokens))} at {cache.dtype}"]
        if cache
        else []
    )
    if context and tokens > context:
        lines.append(f"More than the {context:,} positions that the model knows")
    return lines


def _compute_dtype(asked: Asked) -> list[str]:
    name = canonical_name(asked.value.rpartition(".")[2].strip("'\""))
    declared = asked.description.declared_dtype
    if name is None or declared is None:
        return []
    return [f"Matrix products are done in {name}; the checkpoint is stored in {declared}"]


def _low_rank(asked: Asked) -> list[str]:
    """Parameters of a LoRA: for each matrix that it is put on rank × (rows + columns)."""
    given = {**asked.beside, asked.name: asked.value}
    rank, targets = _literal(given.get("r", "8")), _literal(given.get("target_modules", "None"))
    targets = targets or default_targets(asked.folders, asked.description.model_type)
    if type(rank) is not int or rank <= 0 or not isinstance(targets, (list, tuple, set)):
        return []
    shapes = [
        kind.shape
        for name, kind in asked.description.weights.table.tensors.items()
        if name.removesuffix(".weight").rpartition(".")[2] in targets and len(kind.shape) == 2
    ]
    count, total = sum(rank * sum(shape) for shape in shapes), asked.description.total
    share = f", {100 * count / total:.3g} % of the model's" if total else ""
    where = f"rank {rank} on {len(shapes):,} matrices ({', '.join(map(str, targets))})"
    return [f"{plural(count, 'trainable parameter')}{share}: {where}"] if count else []


_RULES: dict[str, Callable[[Asked], list[str]]] = {
    **dict.fromkeys(("dtype", "torch_dtype"), _dtype),
    **dict.fromkeys(("r", "target_modules"), _low_rank),
    "device_map": _placed,
    **dict.fromkeys(("offload_folder", "offload_buffers", "offload_state_dict"), _offloaded),
    **dict.fromkeys(("use_safetensors", "variant", "subfolder", "gguf_file"), _weight_files),
    **dict.fromkeys(("max_length", "max_new_tokens", "model_max_length"), _length),
    **dict.fromkeys(("quantization_config", "load_in_4bit", "load_in_8bit"), _quantized),
    **dict.fromkeys(("bnb_4bit_quant_type", "bnb_4bit_use_double_quant"), _quantized),
    "attn_implementation": _attention,
    "bnb_4bit_compute_dtype": _compute_dtype,
    "revision": _revision,
    "trust_remote_code": _remote_code,
}
