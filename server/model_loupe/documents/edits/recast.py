"""The edits that have code load a model in another format, and cast it no more afterwards."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from model_loupe.documents.casts import DTYPE_ARGUMENTS, Cast
from model_loupe.documents.cells import parse
from model_loupe.documents.edits.calls import CallText, call_at, change_of, without_call
from model_loupe.documents.edits.change import Edit
from model_loupe.documents.edits.dicts import DictText
from model_loupe.documents.edits.imports import imported
from model_loupe.documents.edits.statements import blocks, without_statement
from model_loupe.documents.facts import dotted
from model_loupe.documents.reference import Reference, Span
from model_loupe.documents.source import Source
from model_loupe.domain.casts.applying import Way
from model_loupe.domain.errors import LoupeError

_CONFIG = "quantization_config"
_SHORT = ("load_in_8bit", "load_in_4bit")
_KWARGS = "model_kwargs"
# They give what is in ``model_kwargs`` to transformers.
_OF_SENTENCES = ("SentenceTransformer", "CrossEncoder", "SparseEncoder")
_OTHERS_LOADING = ("FastLanguageModel", "FastModel", "FastVisionModel")


def recast(texts: Sequence[str], reference: Reference, casts: Sequence[Cast], way: Way) -> list[Edit]:
    """The edits of ``texts`` (a file's, or the code cells of a notebook) that make ``way`` of a call.

    ``casts`` are the document's; those of what the call loads go. Raises LoupeError with the reason where no
    edit does it.
    """
    _refuse_others(reference, way)
    part = reference.cell or 0
    call = call_at(texts[part], reference.call)
    if call is None:
        raise _cannot("the call does not parse")
    _refuse_unpacked(reference, call)
    wanted = () if _names_dtypes(call, way) else way.imports
    found = imported(texts, wanted, part, reference.call.line)
    names = {want.rpartition(".")[2]: name for want, name in found.names.items()}
    if way.dtype:
        value = f"{names['torch']}.{way.dtype}" if wanted else f'"{way.dtype}"'
        new = _with_dtype(call, reference, way, value)
    else:
        new = _with_config(call, reference, (way.config or "").format_map(names))
    ours = [cast for cast in casts if cast.method and _is_same(cast.reference, reference)]
    changed = [change_of(texts[part], reference.call, new, part)] if new.text != call.text else []
    return [*found.edits, *changed, *without_casts(texts, ours)] if changed or ours else []


def _is_same(one: Reference, other: Reference) -> bool:
    return (one.cell, one.call) == (other.cell, other.call)


def _refuse_others(reference: Reference, way: Way) -> None:
    owner, _, name = reference.callee.rpartition(".")
    owner = owner.rpartition(".")[2]
    if reference.role == "adapter":
        raise _cannot("an adapter takes the dtype of the model that it is put on: cast that")
    if reference.role == "pipeline" or name in _OF_SENTENCES:
        return
    if reference.role != "model" or name != "from_pretrained":
        raise _cannot(f"{name or reference.callee} is not known to take a dtype")
    if owner in _OTHERS_LOADING:
        raise _cannot(f"{owner} has ways of its own to load")
    if owner.endswith("Pipeline") and way.config:
        raise _cannot("diffusers quantises the models of a pipeline one by one, with settings of its own")


def _refuse_unpacked(reference: Reference, call: CallText) -> None:
    """Arguments that come out of ``**settings`` may not be given twice."""
    for name in (*DTYPE_ARGUMENTS, _CONFIG, *_SHORT, _KWARGS):
        if name in reference.kwargs and not call.has_keyword(name):
            raise _cannot(f"{name} comes out of a dict that the call unpacks: change it there")


def _names_dtypes(call: CallText, way: Way) -> bool:
    """Whether the call already gives a dtype by its name, so that it needs no torch."""
    given = call.argument("dtype") if way.dtype and way.keyword == "dtype" else None
    return given is not None and given[0] in "'\"" and given.strip("'\"") != "auto"


def _with_dtype(call: CallText, reference: Reference, way: Way, value: str) -> CallText:
    keyword = _dtype_keyword(reference, way)
    other = next(name for name in DTYPE_ARGUMENTS if name != keyword)
    by_kwargs = _callee(reference) in _OF_SENTENCES
    before = _dict_of(call, needed=by_kwargs)
    after = _without(before, [_CONFIG, *_SHORT])
    if by_kwargs or any(name in before.keys for name in DTYPE_ARGUMENTS):
        after = after.without_item(other).with_item(keyword, value)
    else:
        call = call.without_keyword(other) if call.has_keyword(keyword) else call.renamed(other, keyword)
        call = call.with_keyword(keyword, value)
    for name in (_CONFIG, *_SHORT):
        call = call.without_keyword(name)
    return _with_dict(call, before, after)


def _dtype_keyword(reference: Reference, way: Way) -> str:
    # diffusers has kept the name.
    owner = reference.callee.rpartition(".")[0]
    return "torch_dtype" if owner.endswith("Pipeline") else way.keyword


def _with_config(call: CallText, reference: Reference, value: str) -> CallText:
    by_kwargs = reference.role == "pipeline" or _callee(reference) in _OF_SENTENCES
    before = _dict_of(call, needed=by_kwargs)
    after = _without(before, _SHORT)
    for name in _SHORT:
        call = call.without_keyword(name)
    if by_kwargs:
        after = after.with_item(_CONFIG, value)
    else:
        call = call.with_keyword(_CONFIG, value)
    return _with_dict(call, before, after)


def _callee(reference: Reference) -> str:
    return reference.callee.rpartition(".")[2]


def _dict_of(call: CallText, *, needed: bool) -> DictText:
    """``model_kwargs``; an empty one where there is none, or where it is no literal and not ``needed``."""
    try:
        return DictText(call.argument(_KWARGS) or "{}")
    except (SyntaxError, ValueError):
        if needed:
            raise _cannot(f"{_KWARGS} is no dict that is written out in the call") from None
        return DictText("{}")


def _without(kwargs: DictText, names: Sequence[str]) -> DictText:
    for name in names:
        kwargs = kwargs.without_item(name)
    return kwargs


def _with_dict(call: CallText, before: DictText, after: DictText) -> CallText:
    if after.text == before.text:
        return call
    return call.with_keyword(_KWARGS, after.text) if after.keys else call.without_keyword(_KWARGS)


def _cannot(why: str) -> LoupeError:
    return LoupeError("cannot-apply", f"no edit of this call: {why}")


# --- casts that go ---


def without_casts(texts: Sequence[str], casts: Sequence[Cast]) -> list[Edit]:
    """Takes method calls that cast away: from their chain, or with the statement where that does no more."""
    return [
        edit
        for part, text in enumerate(texts)
        for edit in _without_casts_of(text, [cast.call for cast in casts if (cast.cell or 0) == part], part)
    ]


def _without_casts_of(text: str, calls: Sequence[Span], part: int) -> Iterator[Edit]:
    reduced = {span: edit for span in calls if (edit := _less(text, span, part))}
    whole = [span for span in calls if span not in reduced]
    done: set[Span] = set()
    for span in _casting_alone(text, whole) if whole else ():
        done |= {call for call in whole if span.contains(*call[:2])}
        edit = without_statement(text, span.line, span.column, part)
        if edit is not None:
            yield edit
    yield from reduced.values()
    for span in whole:
        edit = without_call(text, span, part) if span not in done else None
        if edit is not None:
            yield edit


def _less(text: str, span: Span, part: int) -> Edit | None:
    """``x.to(device, torch.half)`` as ``x.to(device)``; None where nothing else is given."""
    call = call_at(text, span)
    if call is None or len(call.node.args) + len(call.node.keywords) < 2:
        return None
    if call.has_keyword("dtype"):
        return change_of(text, span, call.without_keyword("dtype"), part)
    last = len(call.node.args) - 1
    is_dtype_last = last > 0 and dotted(call.node.args[last]) is not None
    return change_of(text, span, call.without_positional(last), part) if is_dtype_last else None


def _casting_alone(text: str, calls: Sequence[Span]) -> Iterator[Span]:
    """The statements that do nothing but cast: ``model.half()``, ``model = model.half()``."""
    source = Source(text)
    for statement in _statements(parse(text).statements):
        if not isinstance(statement, (ast.Expr, ast.Assign)):
            continue
        node = statement.value
        while (
            isinstance(node, ast.Call) and source.span(node) in calls and isinstance(node.func, ast.Attribute)
        ):
            node = node.func.value
        name = dotted(node) if node is not statement.value else None
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        if name is not None and all(dotted(target) == name for target in targets):
            yield source.span(statement)


def _statements(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    for statement in body:
        yield statement
        for block in blocks(statement):
            yield from _statements(block)
