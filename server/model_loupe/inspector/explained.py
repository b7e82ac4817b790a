"""What a part of a model does, for its hover and its row of the tree: role, matrix, share, cost, output."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from model_loupe.checkpoints.config import declared_dtype
from model_loupe.domain.architecture import Architecture, BuiltModule
from model_loupe.domain.dtypes import BY_NAME, canonical_name
from model_loupe.domain.experts import Experts
from model_loupe.domain.explain import (
    SOURCE,
    Counted,
    Explanation,
    Subject,
    attention_flops,
    convolved,
    explain,
    flops_of,
    repeated,
    scope_of,
)
from model_loupe.domain.explain.scope import Scope
from model_loupe.domain.memory import Wanted
from model_loupe.domain.modules import children
from model_loupe.domain.tensors import Tensor
from model_loupe.domain.units import format_bytes, format_count, format_shape
from model_loupe.inspector.description import Description
from model_loupe.inspector.markdown import escape
from model_loupe.inspector.memory import usage_of
from model_loupe.inspector.tokenizer_facts import Known, rows_text

_ALL_OF_THEM = Experts(1, 1)
_ONE_EXPERT = re.compile(r"\.experts\.\d")
# Of more, operations are not summed up: that takes longer than the tree has time for a row.
_MOST_TENSORS = 4096


class Asked(NamedTuple):
    """For which context and batch outputs are; how to get the model's tokenizer, whose files are large."""

    wanted: Wanted = Wanted()
    tokenizer: Callable[[], Known] | None = None


NOTHING_MORE = Asked()


class Part(NamedTuple):
    """A module (or parameter) with all modules in it that hold parameters themselves; ``elements`` in all."""

    subject: Subject
    inside: tuple[Counted, ...]
    elements: int


def config_of(description: Description) -> Mapping[str, Any]:
    """The model's config, with the defaults of its class where the worker has told them."""
    return (description.built.config if description.built else None) or description.config


def meaning(description: Description, subject: Subject) -> Explanation | None:
    """What ``subject`` does in this model, as far as that is certain."""
    return explain(subject, scope_of(config_of(description), subject.path))


def matrix_text(description: Description, subject: Subject) -> str:
    """``hidden 2,048 → 8 heads × 256``, or nothing where it is not certain."""
    found = meaning(description, subject)
    return found.matrix.text if found and found.matrix else ""


def lines(description: Description, part: Part, asked: Asked = NOTHING_MORE) -> list[str]:
    """Markdown paragraphs on a part: what it does, its matrix, its share, its operations, its output."""
    found = meaning(description, part.subject)
    told = [escape(found.sentence), _matrix_line(part.subject, found)] if found else []
    told += [_share_line(description, part), _flops_line(description, part)]
    told += [_rows_line(found, asked), _output_line(description, found, asked.wanted)] if found else []
    return [line for line in told if line]


def _matrix_line(subject: Subject, found: Explanation) -> str:
    matrix = found.matrix
    if matrix is None:
        return ""
    shape = dict(subject.parameters)[matrix.name]
    stored = ", stored transposed (Conv1D)" if matrix.transposed else ""
    notes = "".join(f"; {escape(note)}" for note in found.notes)
    return f"{escape(matrix.name)} {format_shape(shape)}{stored}: **{escape(matrix.text)}**{notes}"


def _rows_line(found: Explanation, asked: Asked) -> str:
    """A row for each token: whether the tokenizer has as many."""
    by_token = found.matrix is not None and any("vocabulary" in axis.names for axis in found.matrix.axes)
    rows = rows_text(asked.tokenizer()) if by_token and asked.tokenizer else None
    return escape(rows) if rows else ""


def _share_line(description: Description, part: Part) -> str:
    total = description.total
    # What the files hold of quantised weights is not their number.
    packed = description.quantization is not None and description.built is None
    if packed or not total or not 0 < part.elements < total:
        return ""
    share = 100 * part.elements / total
    shown = f"{share:.3g} %" if share >= 0.01 else "less than 0.01 %"
    return f"{shown} of the model's {format_count(total)} parameters"


def _flops_line(description: Description, part: Part) -> str:
    config = config_of(description)
    # An expert is asked about by itself: what it costs the tokens that it is chosen for.
    one_expert = bool(_ONE_EXPERT.search(part.subject.path))
    inside = repeated(part.inside, config, part.subject.path)
    flops = flops_of(inside, config, _ALL_OF_THEM if one_expert else description.experts)
    if not flops:
        return ""
    scope = scope_of(config, part.subject.path)
    found = explain(part.subject, scope)
    if found and found.kind == "convolution":
        return _convolution_line(found, scope, flops)
    position = scope.position + (" that is sent here" if one_expert else "")
    scores = attention_flops(inside, config) if len(inside) > 1 else 0
    more = f", and {format_count(scores)} for each {position} attended to" if scores else ""
    return f"{format_count(flops)} FLOPs per {position} in matrices{more} ({SOURCE})"


def _convolution_line(found: Explanation, scope: Scope, flops: int) -> str:
    position = "position of its output" if found.runs is None else scope.position
    positions = convolved(found, scope)
    more = f", {format_count(flops * positions)} for all {positions:,}" if positions else ""
    return f"{format_count(flops)} FLOPs per {position} in its kernel{more} ({SOURCE})"


def _output_line(description: Description, found: Explanation, wanted: Wanted) -> str:
    dtype = _activation_dtype(description)
    if found.width is None or found.position != "token" or dtype is None:
        return ""
    usage = usage_of(description, wanted)
    shape = (usage.batch, usage.context, found.width)
    nbytes = shape[0] * shape[1] * shape[2] * BY_NAME[dtype].bits // 8
    size = f"{format_bytes(nbytes)} at {usage.batch} × {usage.context:,} tokens"
    return f"Output {format_shape(shape)} {dtype}: {size}"


def _activation_dtype(description: Description) -> str | None:
    """That of the loaded weights; of packed ones nothing is said, as it is the quantiser that computes."""
    declared = declared_dtype(dict(config_of(description)))
    found = description.built.dtype if description.built else canonical_name(declared) if declared else None
    if found not in BY_NAME or not BY_NAME[found].is_floating or description.quantization is not None:
        return None
    return found


# --- parts by the names of tensors ----------------------------------------------------------------------


def named_part(description: Description, path: str) -> Part:
    """The module that the checkpoint's names spell at ``path``."""
    table = description.weights.table
    inside = children(table, path)
    names = (module.name for module in inside.modules)
    subject = Subject(path, _shapes(inside.parameters, path), None, tuple(names))
    start, end = table.under(path)
    counted = tuple(_named_inside(description, path)) if end - start <= _MOST_TENSORS else ()
    return Part(subject, counted, table.sums(start, end)[0])


def tensor_part(tensor: Tensor, path: str | None = None) -> Part:
    """A parameter of a checkpoint; a ``weight`` is explained as the module that it is of."""
    name = path or tensor.name
    owner, _, own = name.rpartition(".")
    subject = Subject(owner if own == "weight" else name, ((own, tensor.kind.shape),))
    return Part(subject, (Counted(subject, 1),), tensor.kind.elements)


def _named_inside(description: Description, path: str, copies: int = 1) -> Iterator[Counted]:
    inside = children(description.weights.table, path)
    if inside.parameters:
        yield from _own(Subject(path, _shapes(inside.parameters, path)), copies)
    for module in inside.modules:
        yield from _named_inside(description, module.prefix, copies * module.copies)


def _shapes(parameters: Sequence[Tensor], path: str) -> tuple[tuple[str, tuple[int, ...]], ...]:
    cut = len(path) + 1 if path else 0
    return tuple((tensor.name[cut:], tensor.kind.shape) for tensor in parameters)


# --- parts of what is built -----------------------------------------------------------------------------


def built_part(built: Architecture, path: str, module: BuiltModule) -> Part:
    """The module at ``path`` of what a call builds."""
    return Part(
        subject_of(path, module), tuple(_built_inside(path, module, 1)), module.elements // module.copies
    )


def subject_of(path: str, module: BuiltModule) -> Subject:
    """A built module as what is to be explained."""
    shapes = tuple((parameter.name, parameter.shape) for parameter in module.parameters)
    return Subject(path, shapes, module.class_name, tuple(child.name for child in module.children))


def parameter_part(path: str, module: BuiltModule, name: str) -> Part:
    """The parameter ``name`` of a built module; a ``weight`` is explained as its module."""
    shape = next((each.shape for each in module.parameters if each.name == name), ())
    whole = name == "weight"
    subject = Subject(
        path if whole else f"{path}.{name}", ((name, shape),), module.class_name if whole else None
    )
    elements = 1
    for side in shape:
        elements *= side
    return Part(subject, (Counted(subject, 1),), elements)


def _built_inside(path: str, module: BuiltModule, copies: int) -> Iterator[Counted]:
    if module.parameters:
        yield from _own(subject_of(path, module), copies)
    for child in module.children:
        name = str(child.indices[0]) if child.indices else child.name
        yield from _built_inside(f"{path}.{name}" if path else name, child, copies * child.copies)


def _own(subject: Subject, copies: int) -> Iterator[Counted]:
    """A module with a weight as it is; of others each parameter by itself."""
    if any(name == "weight" for name, _ in subject.parameters):
        yield Counted(subject, copies)
        return
    for name, shape in subject.parameters:
        yield Counted(Subject(f"{subject.path}.{name}", ((name, shape),)), copies)
