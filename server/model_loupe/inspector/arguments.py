"""Arguments of calls, explained: the words of the installed libraries, and what they do to the model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from model_loupe.inspector.argument_effects import Asked, argument_effect
from model_loupe.inspector.environment import version_on
from model_loupe.inspector.installed.callables import Callable, callable_named
from model_loupe.inspector.installed.choices import choices
from model_loupe.inspector.installed.classes import Field
from model_loupe.inspector.installed.configs import FieldDoc, config_class, field_doc
from model_loupe.inspector.installed.packages import Folders
from model_loupe.inspector.markdown import escape

# Arguments that another class explains where the call's own documentation does not.
_SAME = {"torch_dtype": "dtype", "dtype": "torch_dtype", "use_auth_token": "token"}
_QUANTISERS = "transformers.BitsAndBytesConfig"


class Signature(NamedTuple):
    """A call as it may be written: ``label`` is the whole, ``parameters`` are parts of it in order."""

    label: str
    names: tuple[str, ...]
    labels: tuple[str, ...]
    texts: tuple[str, ...]


class Suggestion(NamedTuple):
    """A keyword or value that may be written; ``detail`` is one line, ``text`` Markdown."""

    name: str
    detail: str
    text: str


class _Said(NamedTuple):
    """What is said of an argument, and where: by the call's own documentation or a config's."""

    owner: str
    type: str = ""
    default: str | None = None
    text: str = ""


def argument_card(folders: Folders, callee: str, name: str, asked: Asked | None) -> str | None:
    """The Markdown on an argument of a call; None for a call that is none of the libraries'.

    ``asked`` is the model that the call is about, where that is known.
    """
    found = callable_named(folders, callee)
    if found is None:
        return None
    said = _said(folders, found, name, asked)
    effects = argument_effect(asked) if asked else []
    version = version_on(folders, found.package)
    here = f"{found.package} {version or ''}".strip()
    notes = _notes(found, name, here, is_named=bool(said.text or said.type))
    head = [f"**{escape(name)}**", *([f"`{_code(said.type)}`"] if said.type else [])]
    head += [f"default `{_code(said.default)}`"] if said.default is not None else []
    lines = [" · ".join(head), *(f"→ {escape(line)}" for line in effects), *notes]
    lines += [said.text] if said.text else []
    return "\n\n".join([*lines, f"*{escape(said.owner)} · {here}*"]) if len(lines) > 1 else None


def _said(folders: Folders, found: Callable, name: str, asked: Asked | None) -> _Said:
    field = explained(folders, found, name)
    if field is not None:
        text = field.documented.text if field.documented else ""
        return _Said(found.name, field.type, field.default, text)
    # ``from_pretrained(…, num_labels=3)`` sets a field of the model's config.
    model_type = asked.description.model_type if asked else None
    owner = config_class(folders, model_type) if model_type and found.is_loading else None
    override = field_doc(folders, owner, name) if owner else None
    if override is None:
        return _Said(found.name)
    return _Said(f"field of {override.owner}", override.type, override.default, override.text)


def _notes(found: Callable, name: str, here: str, *, is_named: bool) -> list[str]:
    if name in found.ignored:
        return [f"{here} takes it without an error and does nothing with it."]
    newer = _SAME.get(name)
    if name in found.accepted and newer in found.parameters:
        return [f"{here} calls this `{newer}`, and still takes `{name}`."]
    if name in found.accepted and not is_named:
        return [f"{here} takes it; its documentation does not name it."]
    if not is_named and found.is_loading:
        return [f"{here} does not name it: it is passed on to the config and the model's class."]
    return []


def explained(folders: Folders, found: Callable, name: str) -> Field | None:
    """An argument with what is said of it, if need be under its other name or by the quantiser's config."""
    field = found.parameters.get(name)
    if field is not None and field.documented:
        return field
    other = found.parameters.get(_SAME.get(name, ""))
    if other is not None and other.documented and (field or name in found.accepted):
        return other._replace(name=name)
    if name.startswith(("load_in_", "bnb_4bit_", "llm_int8_")):
        quantiser = callable_named(folders, _QUANTISERS)
        return quantiser.parameters.get(name, field) if quantiser else field
    return field


def _override(folders: Folders, name: str, asked: Asked | None) -> FieldDoc | None:
    """A field of the model's config: ``from_pretrained(…, num_labels=3)`` sets it."""
    model_type = asked.description.model_type if asked else None
    owner = config_class(folders, model_type) if model_type else None
    return field_doc(folders, owner, name) if owner else None


def signature(folders: Folders, callee: str) -> Signature | None:
    """How a call may be written; None for what is none of the libraries' calls."""
    found = callable_named(folders, callee)
    if found is None or not found.parameters:
        return None
    fields = tuple(found.parameters.values())
    labels = tuple(each.name + (f"={each.default}" if each.default is not None else "") for each in fields)
    texts = tuple(each.documented.text if each.documented else "" for each in fields)
    label = f"{found.name}({', '.join(labels)})"
    return Signature(label, tuple(each.name for each in fields), labels, texts)


def keywords(folders: Folders, callee: str, given: Sequence[str]) -> list[Suggestion]:
    """The keywords that a call may still be given."""
    found = callable_named(folders, callee)
    return [
        Suggestion(field.name, _detail(field), field.documented.text if field.documented else "")
        for field in (found.parameters.values() if found else ())
        if field.name not in given and not field.name.startswith("_")
    ]


def values(folders: Folders, callee: str, name: str, *, quoted: bool) -> list[Suggestion]:
    """The values that an argument may have, as source text; inside of quotes strings alone, without these."""
    found = callable_named(folders, callee)
    field = explained(folders, found, name) if found else None
    if field is None and not (found and name in (*found.accepted, *_SAME)):
        return []
    documented = field.documented if field else None
    kind = " ".join(filter(None, (field.type if field else "", documented.type if documented else "")))
    doc = FieldDoc(name, "", kind, field.default if field else None, documented.text if documented else "")
    strings = choices(folders, name, doc)
    if quoted:
        return [Suggestion(each, name, "") for each in strings]
    if name in ("dtype", "torch_dtype") or "torch.dtype" in kind:
        return [
            Suggestion(each if each == '"auto"' else f"torch.{each}", name, "")
            for each in strings
            if each != "auto"
        ]
    if strings:
        return [Suggestion(json.dumps(each), name, "") for each in strings]
    is_flag = field is not None and (
        field.default in ("True", "False") or kind.strip("` ").startswith("bool")
    )
    return [Suggestion(each, name, "") for each in ("True", "False")] if is_flag else []


def _detail(field: Field) -> str:
    default = f"default {field.default}" if field.default is not None else ""
    return " · ".join(filter(None, (" ".join(field.type.split()), default)))


def _code(text: str) -> str:
    return " ".join(text.replace("`", "ˋ").split())
