"""The facts of a description as label and value, for the card and the terminal alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from model_loupe.checkpoints.files import FORMAT_TITLES, format_of
from model_loupe.checkpoints.weights import Weights
from model_loupe.domain.loading import LoadOptions
from model_loupe.domain.memory import Estimate, Usage, Wanted
from model_loupe.domain.model_names import name_meanings
from model_loupe.domain.units import format_bytes, format_count, format_shape, plural
from model_loupe.inspector.description import Description
from model_loupe.inspector.memory import cache_of, estimates, usage_of

_MODULES_SHOWN = 4
_PARTS_SHOWN = 8
_FEW_TENSORS = 4


class Fact(NamedTuple):
    label: str
    value: str


def title(description: Description) -> str:
    """What to call the model in one word: its class, else its type, else its format."""
    if description.adapter:
        return f"{description.adapter.name} adapter"
    if description.tokenizer and not description.config and not len(description.weights.table):
        return "Tokenizer"
    if description.built:
        return description.built.class_name
    named = description.architecture or description.model_type
    return named or _unread_title(description) or "Checkpoint"


def _unread_title(description: Description) -> str | None:
    """What a file is called that is known and not read."""
    if len(description.weights.table):
        return None
    if any(warning.code == "torchscript" for warning in description.warnings):
        return FORMAT_TITLES["torchscript"]
    forms = {format_of(file.name) for file in description.files} & FORMAT_TITLES.keys()
    return FORMAT_TITLES[forms.pop() or ""] if len(forms) == 1 else None


def parameters_text(description: Description, *, long: bool) -> str | None:
    """``2,506,172,416 parameters (2.51 B)`` or short ``2.51 B params``; None if not known."""
    total = description.total
    if total is None:
        return None
    mark = "" if description.is_exact else "≈ "
    if not long:
        return f"{mark}{format_count(total)} params"
    exact = f"{mark}{plural(total, 'parameter')}"
    return exact if total < 1000 else f"{exact} ({format_count(total)})"


def stored_text(description: Description) -> str | None:
    """``bfloat16 4.67 GiB`` (several dtypes: ``float8_e4m3fn + bfloat16 642.00 GiB``)."""
    if description.stored_bytes is None:
        return None
    dtypes = description.stored_dtypes
    shown = " + ".join(dtypes[:2]) + (" + …" if len(dtypes) > 2 else "")
    return f"{shown} {format_bytes(description.stored_bytes)}".strip()


def missing_text(description: Description) -> str | None:
    """``both weight files are missing``, or None if all are there."""
    shards = description.weights.shards
    missing = [shard for shard in shards if not shard.present]
    if not missing:
        return None
    return f"{len(missing)} of {plural(len(shards), 'weight file')} missing"


_NO_WISHES = Wanted()


def facts(description: Description, options: LoadOptions, wanted: Wanted = _NO_WISHES) -> list[Fact]:
    """All facts worth a line, most asked first; memory for the context and batch ``wanted``."""
    found = estimates(description, options, wanted)
    rows = [
        ("Name", _name(description)),
        ("Adapter", _adapter(description)),
        ("Base", _base(description)),
        ("Parts", _parts(description)),
        ("Stored", _stored(description)),
        ("Index claims", _claims(description)),
        ("Loads as", _loads(description, options)),
        ("Placed", _placed(description)),
        ("Of another shape", _mismatched(description)),
        ("Initialised anew", _missing(description)),
        ("Not loaded", _unexpected(description)),
        ("Classes", " · ".join(description.built.notes) if description.built else ""),
        ("Quantised", _quantised(description)),
        ("Active", _active(description)),
        ("Prediction", _mtp(description)),
        ("Not parameters", _not_parameters(description)),
        ("Layers", _layers(description)),
        ("Attention", _attention(description)),
        ("Context", _context(description)),
        ("KV cache", _kv_cache(description, options)),
        ("Runs in", _runs(found, usage_of(description, wanted))),
        ("Trains in", _trains(found)),
        ("Largest", _largest(description)),
        ("Tied", " · ".join(" = ".join(group) for group in _tied(description))),
        ("Tokenizer", description.tokenizer.class_name or "present" if description.tokenizer else ""),
        ("Licence", description.license or ""),
        ("From", _origin(description)),
        ("Classes", _not_built(description)),
    ]
    return [Fact(label, value) for label, value in rows if value]


def _name(description: Description) -> str:
    found = name_meanings(
        description.request.model, description.model_type, has_experts=description.experts is not None
    )
    return " · ".join(f"{word}: {meaning}" for word, meaning in found)


def _adapter(description: Description) -> str:
    adapter = description.adapter
    if adapter is None:
        return ""
    more = ", …" if len(adapter.targets) > _MODULES_SHOWN else ""
    shown = ", ".join(adapter.targets[:_MODULES_SHOWN]) + more
    return _joined(
        adapter.name,
        adapter.rank and f"rank {adapter.rank}" + (" (some modules differ)" if adapter.varies else ""),
        f"alpha {adapter.alpha:g}" if adapter.alpha else "",
        f"scaling {adapter.scaling:.4g}" if adapter.scaling else "",
        shown and f"on {shown}",
        f"trains {', '.join(adapter.saved)} whole" if adapter.saved else "",
    )


def _base(description: Description) -> str:
    adapter, base = description.adapter, description.base
    if adapter is None or adapter.base is None:
        return ""
    if base is None:
        return f"{adapter.base} · not on this machine"
    own, total = description.parameters.total, base.parameters.total
    counted = parameters_text(base, long=False)
    share = f"the adapter is {100 * own / total:.3g} % of it" if own is not None and total else ""
    merged = f"{own + total:,} parameters together, {total:,} merged" if own is not None and total else ""
    return _joined(adapter.base, title(base), counted, share, merged)


def _parts(description: Description) -> str:
    shown = [_part(part.name, part.class_name, part.parameters) for part in description.parts[:_PARTS_SHOWN]]
    left = len(description.parts) - len(shown)
    return " · ".join(shown) + (f" · and {left} more" if left > 0 else "")


def _part(name: str, class_name: str | None, parameters: int | None) -> str:
    called = class_name if name.isdigit() and class_name else name
    if parameters == 0:
        return called
    return f"{called} {format_count(parameters)}" if parameters is not None else f"{called} (unknown)"


def _stored(description: Description) -> str:
    weights = description.weights
    if not len(weights.table):
        return ""
    table = weights.table
    by_dtype = description.parameters.by_dtype
    dtypes = " + ".join(
        dtype if len(by_dtype) == 1 else f"{dtype} {format_bytes(count.bytes)}"
        for dtype, count in by_dtype.items()
    )
    parts = [
        dtypes,
        format_bytes(table.nbytes),
        plural(len(table), "tensor"),
        plural(sum(shard.present for shard in weights.shards), f"{_format(weights)} file"),
    ]
    if not weights.complete:
        parts.append("incomplete: " + (missing_text(description) or "not all could be read"))
    return " · ".join(parts)


def _format(weights: Weights) -> str:
    form = format_of(weights.shards[0].name) or "weight"
    return "GGUF" if form == "gguf" else form


def _claims(description: Description) -> str:
    index = description.weights.shard_index
    # The headers say it better as soon as they are all there.
    if index is None or description.weights.complete:
        return ""
    size = (
        ""
        if index.total_size is None
        else f" · {index.total_size:,} bytes ({format_bytes(index.total_size)})"
    )
    missing = missing_text(description)
    return f"{plural(index.tensors, 'tensor')} over {plural(len(index.shards), 'shard')}{size}" + (
        f" · {missing}" if missing else ""
    )


def _loads(description: Description, options: LoadOptions) -> str:
    if not description.config and not len(description.weights.table):
        return ""
    if description.fails:
        return f"fails: {description.fails}"
    found, nbytes = description.loaded(options)
    if found.dtype is not None:
        size = "" if nbytes is None else f" · {loaded_text(description, nbytes)}"
        return f"{found.dtype}{size} ({found.rule})"
    if description.transformers is not None or not options.dtype_known or description.quantization:
        return ""
    return _loads_by_version(description, options)


def _loads_by_version(description: Description, options: LoadOptions) -> str:
    """Without transformers here, what its two living major versions would do."""
    outcomes: dict[str, list[str]] = {}
    for major in ("4", "5"):
        found, nbytes = description._replace(transformers=major).loaded(options)
        if found.dtype:
            size = "" if nbytes is None else f" {loaded_text(description, nbytes)}"
            outcomes.setdefault(f"{found.dtype}{size}", []).append(major)
    return " · ".join(f"{what} under transformers {' and '.join(which)}" for what, which in outcomes.items())


def loaded_text(description: Description, nbytes: int) -> str:
    """Bytes of the loaded parameters, ≈ where their number rests on an assumption."""
    return format_bytes(nbytes) if description.is_exact else f"≈ {format_bytes(nbytes)}"


def _placed(description: Description) -> str:
    placement = description.placement
    if placement is None:
        return ""
    counts = Counter(device for _, device, _ in placement.modules)
    return " · ".join(
        f"{device_name(device)}: {plural(counts[device], 'module')}, {format_bytes(nbytes)}"
        for device, nbytes in placement.nbytes.items()
    )


def device_name(device: str) -> str:
    """``GPU 0`` for ``0``; ``cpu`` and ``disk`` as they are."""
    return f"GPU {device}" if device.isdecimal() else device


def _mismatched(description: Description) -> str:
    join = description.built.join if description.built else None
    if join is None or not join.mismatched:
        return ""
    first = join.mismatched[0]
    shapes = f"{format_shape(first.stored)} stored, {format_shape(first.wanted)} in the model"
    unknown = description.built_for.unknown if description.built_for else ()
    then = "; loading fails" if description.fails else ""
    if unknown:
        then = f" with the default of {', '.join(f'{name}=' for name in unknown)}"
    return f"{plural(join.mismatched_count, 'parameter')}: {first.name} is {shapes}{then}"


def _missing(description: Description) -> str:
    join = description.built.join if description.built else None
    return _named(join.missing, join.missing_count, "parameter") if join else ""


def _unexpected(description: Description) -> str:
    join = description.built.join if description.built else None
    return _named(join.unexpected, join.unexpected_count, "tensor") if join else ""


def _named(names: tuple[str, ...], count: int, noun: str) -> str:
    if not count:
        return ""
    more = ", …" if count > _MODULES_SHOWN else ""
    return f"{plural(count, noun)} ({', '.join(names[:_MODULES_SHOWN])}{more})"


def _not_built(description: Description) -> str:
    """What keeps the classes from being known; a call that fails is told of elsewhere."""
    return description.not_built.message if description.not_built and not description.fails else ""


def _tied(description: Description) -> Iterable[Iterable[str]]:
    return description.built.tied if description.built else description.parameters.tied


def _quantised(description: Description) -> str:
    scheme = description.quantization
    if scheme is None:
        return ""
    named = f"{scheme.name} ({scheme.form})" if scheme.form else scheme.name
    parts = [f"{named}, {scheme.bits} bits" if scheme.bits else named]
    count = description.parameters.quantized
    if count and description.parameters.total is not None:
        mark = "" if description.parameters.exact else "≈ "
        parts.append(f"{mark}{count.bits_per_parameter:.2f} bits per weight with scales")
        left = description.parameters.total - count.parameters
        # The largest, by far: what a reader expects to find, or is surprised by.
        modules = ", ".join(list(count.unquantized)[:_MODULES_SHOWN])
        more = ", …" if len(count.unquantized) > _MODULES_SHOWN else ""
        parts.append(
            f"{format_count(left)} parameters left as they are" + (f" ({modules}{more})" if modules else "")
        )
    return " · ".join(parts)


def _active(description: Description) -> str:
    active = description.parameters.active
    if active is None:
        return ""
    experts = description.experts
    chosen = f" ({experts.per_token} of {experts.total} experts)" if experts else ""
    return f"{active:,} parameters per token ({format_count(active)}){chosen}"


def _mtp(description: Description) -> str:
    count = description.parameters
    if not count.mtp or count.total is None:
        return ""
    return (
        f"{count.mtp:,} parameters of layers for multi-token prediction, which transformers does not load; "
        f"{count.total - count.mtp:,} without them"
    )


def _not_parameters(description: Description) -> str:
    count = description.parameters
    parts = []
    if count.buffers:
        parts.append(f"{plural(count.buffers, 'element')} in buffers")
    if count.overhead:
        parts.append(f"{plural(count.overhead, 'element')} of quantisation scales")
    return " · ".join(parts)


def _layers(description: Description) -> str:
    sizes = description.dimensions
    return _joined(
        sizes.layers and f"{sizes.layers:,}",
        sizes.hidden and f"hidden {sizes.hidden:,}",
        sizes.intermediate and f"intermediate {sizes.intermediate:,}",
    )


def _attention(description: Description) -> str:
    sizes = description.dimensions
    return _joined(
        sizes.heads and plural(sizes.heads, "head"),
        sizes.kv_heads and plural(sizes.kv_heads, "KV head"),
        sizes.head_dim and f"head dim {sizes.head_dim:,}",
    )


def _context(description: Description) -> str:
    sizes = description.dimensions
    return _joined(
        sizes.context and f"{sizes.context:,} tokens",
        sizes.vocabulary and f"vocabulary {sizes.vocabulary:,}",
    )


def _joined(*parts: str | int | None) -> str:
    return " · ".join(str(part) for part in parts if part)


def _kv_cache(description: Description, options: LoadOptions) -> str:
    cache = cache_of(description, options)
    if cache is None:
        return ""
    parts = [
        f"{cache.bytes_per_token:,} bytes per token at {cache.dtype}" + (" (latent)" if cache.latent else "")
    ]
    windows = [group.window for group in cache.groups if group.window is not None]
    if windows:
        parts.append(f"{cache.bytes_per_token_beyond:,} beyond {max(windows):,} tokens")
    context = description.dimensions.context
    if context:
        parts.append(f"{format_bytes(cache.bytes_at(context))} at {context:,} tokens")
    if cache.cross_bytes_per_token:
        parts.append(f"{cache.cross_bytes_per_token:,} bytes per token of the encoder's output")
    if cache.constant_state and cache.state_bytes is None:
        parts.append("and a state that does not grow")
    if cache.constant_bytes:
        parts.append(f"of it {format_bytes(cache.constant_bytes)} whatever the context")
    return " · ".join(parts)


def _runs(found: list[Estimate], usage: Usage) -> str:
    each = next((each for each in found if each.key == "inference"), None)
    if each is None or "kv_cache" not in each.parts:
        return ""
    size = f"{format_bytes(each.nbytes)} with the cache of {usage.batch} × {usage.context:,} tokens"
    return f"{size} (without activations)"


def _trains(found: list[Estimate]) -> str:
    names = {"training_mixed": "AdamW, mixed precision", "lora": "LoRA", "qlora": "QLoRA"}
    parts = [f"{format_bytes(each.nbytes)} {names[each.key]}" for each in found if each.key in names]
    return " · ".join(parts) + " (without activations)" if parts else ""


def _largest(description: Description) -> str:
    found = description.weights.table.largest(1)
    if not found or len(description.weights.table) < _FEW_TENSORS:
        return ""
    name, kind = found[0]
    share = 100 * kind.nbytes / max(description.weights.table.nbytes, 1)
    return f"{name} {format_shape(kind.shape)} {kind.dtype} {format_bytes(kind.nbytes)} ({share:.0f} %)"


def _origin(description: Description) -> str:
    if description.commit:
        where = "the Hub" if description.source == "hub" else "Hugging Face cache"
        newer = f" · the Hub has a newer one, {description.latest[:10]}" if description.latest else ""
        return f"{where}, commit {description.commit[:10]}{newer}"
    return description.path
