"""Models of several parts: diffusers' pipelines, sentence-transformers, PEFT adapters, composite configs.

The parts of a pipeline become one table of tensors, each part under its own name, so that tree, dtypes and
sums hold for the whole as they do for a model in one piece.
"""

from __future__ import annotations

from model_loupe.checkpoints.adapter import adapter_of
from model_loupe.checkpoints.pipelines import Component, pipeline_components, sentence_modules
from model_loupe.checkpoints.weights import Weights
from model_loupe.domain.errors import LoupeError
from model_loupe.domain.lean_typing import TYPE_CHECKING, NamedTuple
from model_loupe.domain.modules import children
from model_loupe.domain.parameters import DTypeCount, ParameterCount
from model_loupe.domain.tensors import TensorTable
from model_loupe.domain.warnings import Warning
from model_loupe.inspector.description import Description, Part, describe, read_object
from model_loupe.sources.locate import Location, ModelRequest, locate

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

# Components that hold no weights, by how their classes are called.
_WITHOUT_WEIGHTS = ("Scheduler", "Tokenizer", "Fast", "Processor", "FeatureExtractor")
_COMPOSITE = ("text_config", "vision_config", "audio_config", "llm_config", "encoder", "decoder")
_WRAPPERS = ("model", "transformer", "base_model")


class _Described(NamedTuple):
    component: Component
    description: Description | None


def with_parts(description: Description, location: Location, disk: bool) -> Description:
    """The description of a model with the parts that its folder has or names."""
    if location.file is not None:
        return _with_composite_parts(description)
    names = {file.name for file in description.files}
    if "model_index.json" in names:
        return _pipeline(description, location, disk)
    if "modules.json" in names:
        return _sentence_transformer(description, location, disk)
    if "adapter_config.json" in names:
        return _adapter(description, location, disk)
    return _with_composite_parts(description)


# --- pipelines ------------------------------------------------------------------------------------------


def _pipeline(description: Description, location: Location, disk: bool) -> Description:
    warnings = list(description.warnings)
    index = read_object(location.files, location.files.entries(), "model_index.json", warnings)
    if not index:
        return description._replace(warnings=warnings)
    found = [_describe_below(each, description, location, disk) for each in pipeline_components(index)]
    for component, below in found:
        if below is None:
            message = f"{component.name} ({component.class_name}) is not here: {component.folder}/ is missing"
            warnings.append(Warning("missing-component", message))
        elif _lacks_weights(component, below):
            message = f"{component.name} ({component.class_name}) has no weights here"
            warnings.append(Warning("missing-weights", message))
    complete = all(below is not None and not _lacks_weights(component, below) for component, below in found)
    name = index.get("_class_name")
    combined = _combined(description, found, complete=complete, warnings=warnings)
    return combined._replace(
        config=description.config or index,
        architecture=name if isinstance(name, str) else "DiffusionPipeline",
        model_type=None,
        kv_cache=None,
        pipeline="diffusers",
    )


def _lacks_weights(component: Component, below: Description) -> bool:
    return not len(below.weights.table) and not component.class_name.endswith(_WITHOUT_WEIGHTS)


def _describe_below(
    component: Component, description: Description, location: Location, disk: bool
) -> _Described:
    files = location.files.below(component.folder)
    if files is None:
        return _Described(component, None)
    request = description.request._replace(subfolder=component.folder, gguf_file=None)
    below = Location(files, location.source, files.root, location.commit, None)
    return _Described(component, describe(request, below, disk))


# --- sentence-transformers ------------------------------------------------------------------------------


def _sentence_transformer(description: Description, location: Location, disk: bool) -> Description:
    warnings = list(description.warnings)
    try:
        raw = location.files.read("modules.json", 0, 1_000_000)
    except OSError:
        return description
    found = []
    for component in sentence_modules(raw, warnings):
        if not component.folder:
            found.append(_Described(component, description))
        else:
            found.append(_describe_below(component, description, location, disk))
    if sum(bool(below and len(below.weights.table)) for _, below in found) > 1:
        complete = all(below is None or below.weights.complete for _, below in found)
        combined = _combined(description, found, complete=complete, warnings=warnings)
    else:
        parts = tuple(_part(*each) for each in found)
        combined = description._replace(parts=parts, warnings=warnings)
    return combined._replace(pipeline="sentence-transformers")


# --- adapters -------------------------------------------------------------------------------------------


def _adapter(description: Description, location: Location, disk: bool) -> Description:
    warnings = list(description.warnings)
    config = read_object(location.files, location.files.entries(), "adapter_config.json", warnings)
    adapter = adapter_of(config)
    if adapter is None:
        warnings.append(Warning("bad-adapter", "adapter_config.json names no peft_type"))
        return description._replace(warnings=warnings)
    description = description._replace(warnings=warnings)
    of_adapter = any(shard.name.startswith("adapter_model") for shard in description.weights.shards)
    if len(description.weights.table) and not of_adapter:
        message = f"a {adapter.name} adapter lies beside these weights (adapter_config.json)"
        warnings.append(Warning("adapter-beside-weights", message))
        return description
    base = None
    if adapter.base:
        wanted = ModelRequest(adapter.base, adapter.revision, base=description.request.base)
        try:
            base = describe(wanted, locate(wanted), disk)
        except (LoupeError, OSError):
            base = None
    return description._replace(
        adapter=adapter, base=base, config=description.config or config, kv_cache=None, tokenizer=None
    )


# --- composite configs ----------------------------------------------------------------------------------


def _with_composite_parts(description: Description) -> Description:
    config = description.config
    composite = config.get("is_encoder_decoder") is True or any(
        isinstance(config.get(key), dict) for key in _COMPOSITE
    )
    if not composite or not description.weights.complete:
        return description
    table = description.weights.table
    modules = list(children(table).modules)
    for wrapper in [each for each in modules if each.name in _WRAPPERS]:
        modules.remove(wrapper)
        modules += children(table, wrapper.prefix).modules
    parts = tuple(Part(each.prefix, None, None, "", each.elements, each.nbytes) for each in modules)
    return description._replace(parts=parts) if len(parts) > 1 else description


# --- sums -----------------------------------------------------------------------------------------------


def _part(component: Component, below: Description | None) -> Part:
    parameters = below.parameters.total if below and len(below.weights.table) else None
    nbytes = below.stored_bytes if below else None
    if below is not None and not len(below.weights.table):
        parameters, nbytes = 0, 0
    return Part(component.name, component.class_name, component.library, component.folder, parameters, nbytes)


def _combined(
    description: Description, found: list[_Described], *, complete: bool, warnings: list[Warning]
) -> Description:
    known = [(each.name, below) for each, below in found if below is not None]
    with_weights = [(name, below) for name, below in known if below.weights.shards]
    for name, below in with_weights:
        if below is not description:
            warnings.extend(each._replace(message=f"{name}: {each.message}") for each in below.warnings)
    complete = complete and all(below.weights.complete for _, below in with_weights)
    table = TensorTable(
        {
            _at(below, description, file): {f"{name}.{tensor}": kind for tensor, kind in tensors.items()}
            for name, below in with_weights
            for file, tensors in below.weights.table.by_file.items()
        }
    )
    shards = [
        shard._replace(name=_at(below, description, shard.name))
        for _, below in with_weights
        for shard in below.weights.shards
    ]
    not_taken = {
        _at(below, description, file): reason
        for _, below in known
        for file, reason in below.weights.not_taken.items()
    }
    first = next((below.weights.first_floating_dtype for _, below in with_weights), None)
    weights = Weights(table, shards, None, first, complete, [], not_taken, None, [])
    files = [
        file._replace(name=_at(below, description, file.name))
        for _, below in known
        if below is not description
        for file in below.files
    ]
    return description._replace(
        weights=weights,
        parameters=_sum([(name, below.parameters) for name, below in with_weights], complete=complete),
        declared_dtype=None,
        quantization=None,
        experts=None,
        parts=tuple(_part(*each) for each in found),
        files=sorted([*description.files, *files]),
        warnings=warnings,
    )


def _at(below: Description, whole: Description, file: str) -> str:
    return file if below is whole else f"{below.request.subfolder}/{file}"


def _sum(counts: list[tuple[str, ParameterCount]], *, complete: bool) -> ParameterCount:
    by_dtype: dict[str, DTypeCount] = {}
    for _, count in counts:
        for dtype, row in count.by_dtype.items():
            before = by_dtype.get(dtype, DTypeCount(0, 0, 0, 0))
            by_dtype[dtype] = DTypeCount(*(one + other for one, other in zip(before, row, strict=True)))
    reason = next((f"{name}: {count.reason}" for name, count in counts if count.reason), None)
    return ParameterCount(
        total=_total(count.total for _, count in counts) if complete and counts else None,
        trainable=_total(count.trainable for _, count in counts) if complete and counts else None,
        active=None,
        mtp=sum(count.mtp for _, count in counts),
        buffers=sum(count.buffers for _, count in counts),
        overhead=sum(count.overhead for _, count in counts),
        by_dtype=dict(sorted(by_dtype.items(), key=lambda item: -item[1].bytes)),
        tied=[[f"{name}.{tensor}" for tensor in group] for name, count in counts for group in count.tied],
        quantized=None,
        exact=all(count.exact for _, count in counts) and complete,
        reason=reason if complete else "not all components are here",
    )


def _total(values: Iterable[int | None]) -> int | None:
    total = 0
    for value in values:
        if value is None:
            return None
        total += value
    return total


def pooling_of(config: dict[str, Any]) -> str | None:
    """The pooling that a sentence-transformers ``Pooling`` config asks for: ``mean``, ``cls`` ..."""
    mode = config.get("pooling_mode")
    if isinstance(mode, str):
        return mode
    prefix, suffix = "pooling_mode_", "_tokens"
    modes = [
        key.removeprefix(prefix).removesuffix(suffix).removesuffix("_token")
        for key, value in config.items()
        if key.startswith(prefix) and value is True
    ]
    return " + ".join(modes) or None
