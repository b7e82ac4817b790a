"""The edits that have code load a model in another format, and cast it no more afterwards."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from model_loupe.documents.casts import DTYPE_ARGUMENTS, Cast
from model_loupe.documents.cells import parse
from model_loupe.documents.edits.calls import CallText, call_at, change_of
from model_loupe.documents.edits.change import Edit, slice_of
from model_loupe.documents.edits.dicts import DictText
from model_loupe.documents.edits.imports import imported, library_of
from model_loupe.documents.edits.uncast import without_casts
from model_loupe.documents.reference import Reference, Span
from model_loupe.documents.source import Source
from model_loupe.domain.casts.applying import Way
from model_loupe.domain.errors import LoupeError

_CONFIG = "quantization_config"
_SHORT = ("load_in_8bit", "load_in_4bit")
_KWARGS = "model_kwargs"
# They give what is in ``model_kwargs`` to transformers.
_OF_SENTENCES = ("SentenceTransformer", "CrossEncoder", "SparseEncoder")
# Unsloth's, TensorFlow's, JAX's, ONNX Runtime's, OpenVINO's.
_OTHERS_LOADING = ("Fast", "TF", "Flax", "ORT", "OV")


def recast(texts: Sequence[str], reference: Reference, casts: Sequence[Cast], way: Way) -> list[Edit]:
    """The edits of ``texts`` (a file's, or the code cells of a notebook) that make ``way`` of a call.

    ``casts`` are the document's; those of what the call loads go. Raises LoupeError with the reason where no
    edit does it, as with a later cast to a dtype that the text does not tell.
    """
    part = reference.cell or 0
    library = library_of(texts, reference.callee.partition(".")[0], part, reference.call.line)
    _refuse_others(reference, way, library)
    call = call_at(texts[part], reference.call)
    if call is None or _is_in_f_string(texts[part], reference.call):
        raise _cannot("it does not parse by itself")
    _refuse_unpacked(reference, call)
    ours = [cast for cast in casts if cast.method and reference.is_same_call(cast.reference)]
    _refuse_unknown(texts, ours, part)
    wanted = () if _names_dtypes(call, way) else way.imports
    found = imported(texts, wanted, part, reference.call.line)
    names = {want.rpartition(".")[2]: name for want, name in found.names.items()}
    if way.config:
        new = _with_config(call, reference, way.config.format_map(names))
    else:
        value = f"{names['torch']}.{way.dtype}" if wanted else f'"{way.dtype}"'
        new = _with_dtype(call, reference, _keyword(call, reference, way, library), value)
    changed = [change_of(texts[part], reference.call, new, part)] if new.text != call.text else []
    return [*found.edits, *changed, *without_casts(texts, ours)] if changed or ours else []


def _is_in_f_string(text: str, call: Span) -> bool:
    """There quotes are not free, and Python before 3.12 does not tell where things are."""
    source = Source(text)
    return any(
        isinstance(node, ast.JoinedStr) and source.span(node).contains(*call[:2])
        for statement in parse(text).statements
        if source.span(statement).contains(*call[:2])
        for node in ast.walk(statement)
    )


def _is_diffusers(reference: Reference, library: str | None) -> bool:
    owner = reference.callee.rpartition(".")[0]
    return library == "diffusers" or owner.endswith("Pipeline")


def _refuse_others(reference: Reference, way: Way, library: str | None) -> None:
    owner, _, name = reference.callee.rpartition(".")
    owner = owner.rpartition(".")[2]
    if reference.role == "adapter":
        raise _cannot("an adapter takes the dtype of the model that it is put on: cast that")
    if reference.role == "pipeline" and reference.model is None and reference.argument != "task-only":
        raise _cannot("it may be given a model that is loaded already: cast that")
    if reference.role == "pipeline" or name in _OF_SENTENCES:
        return
    if reference.role != "model" or name != "from_pretrained":
        raise _cannot(f"{name or reference.callee} is not known to take a dtype")
    if owner.startswith(_OTHERS_LOADING) or library == "unsloth":
        raise _cannot(f"{owner} has ways of its own to load")
    if way.config and _is_diffusers(reference, library):
        raise _cannot("diffusers quantises with settings of its own")


def _refuse_unpacked(reference: Reference, call: CallText) -> None:
    """Arguments that come out of ``**settings`` may not be given twice."""
    for name in (*DTYPE_ARGUMENTS, _CONFIG, *_SHORT, _KWARGS):
        if name in reference.kwargs and not call.has_keyword(name):
            raise _cannot(f"{name} comes out of a dict that the call unpacks: change it there")


def _refuse_unknown(texts: Sequence[str], casts: Sequence[Cast], part: int) -> None:
    """Casts to what may be one of several dtypes: somebody means to choose."""
    for cast in casts:
        if cast.dtype is None:
            text = texts[cast.cell or 0]
            written = " ".join(text[slice_of(text, cast.span)].split())
            cell = "" if (cast.cell or 0) == part else " of another cell"
            raise _cannot(
                f"line {cast.span.line + 1}{cell} casts the model, too: {written} may mean several dtypes, "
                "change it there"
            )


def _names_dtypes(call: CallText, way: Way) -> bool:
    """Whether the call already gives a dtype by its name, so that it needs no torch."""
    given = call.argument("dtype") if way.dtype and way.keyword == "dtype" else None
    return given is not None and given[0] in "'\"" and given.strip("'\"") != "auto"


def _keyword(call: CallText, reference: Reference, way: Way, library: str | None) -> str:
    """What the dtype's argument is called. Most versions of diffusers have kept the old name."""
    keeps = _is_diffusers(reference, library) and not call.has_keyword("dtype")
    return "torch_dtype" if keeps else way.keyword


def _with_dtype(call: CallText, reference: Reference, keyword: str, value: str) -> CallText:
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
