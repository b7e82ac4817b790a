"""Hovers on a tokenizer, on its attributes, and on texts that it is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from model_loupe.checkpoints.tokenizer.settings import ROLES
from model_loupe.domain.units import plural
from model_loupe.inspector.description import Description
from model_loupe.inspector.markdown import escape
from model_loupe.inspector.tokenizer_facts import Known, facts_of, rows_text

_MOST_CHAT = 1_500


def tokenizer_card(known: Known) -> str | None:
    """The hover on a tokenizer; None if the model's files hold none."""
    if known.description.tokenizer is None:
        return None
    lines = [f"**{escape(known.class_name)}** · {escape(known.description.request.model)}", ""]
    rows = facts_of(known)
    lines += ["| | |", "|:--|:--|"] if rows else []
    lines += [f"| {escape(fact.label)} | {escape(fact.value)} |" for fact in rows]
    for problem in known.facts.problems if known.facts else ():
        lines += ["", f"⚠ {escape(problem)}"]
    if known.told and known.told["chat"]:
        lines += [
            "",
            "A conversation by its chat template:",
            "",
            *fenced(str(known.told["chat"])[:_MOST_CHAT]),
        ]
    return "\n".join(lines)


def fenced(text: str) -> list[str]:
    """Lines of literal text: the fence is longer than any in it."""
    fence = "```"
    while fence in text:
        fence += "`"
    shown = "".join(char if char.isprintable() or char == "\n" else "\ufffd" for char in text)
    return [f"{fence}text", *shown.split("\n"), fence]


def attribute_card(known: Known, name: str) -> str | None:
    """The hover on ``tokenizer.<name>``, or ``len`` of it (``__len__``); None where nothing is known."""
    if name in ("chat_template", "apply_chat_template"):
        return _chat_card(known, name)
    value = _attribute(known, name)
    if value is None:
        return None
    asked = "len(tokenizer)" if name == "__len__" else f"tokenizer.{escape(name)}"
    return f"**{asked}** {value}{_of(known)}"


def _of(known: Known) -> str:
    return f" · {escape(known.class_name)} of {escape(known.description.request.model)}"


def _chat_card(known: Known, name: str) -> str | None:
    """The template at work on a sample conversation."""
    title = f"**tokenizer.{escape(name)}**"
    if not known.told:
        return None
    if known.told["chat_error"]:
        return f"{title} fails: {escape(str(known.told['chat_error']))}{_of(known)}"
    if known.told["chat"] is None:
        return f"{title} has no template to go by{_of(known)}"
    rendered = fenced(str(known.told["chat"])[:_MOST_CHAT])
    return "\n".join([f"{title} of a sample conversation{_of(known)}", "", *rendered])


def _attribute(known: Known, name: str) -> str | None:
    role = name.removesuffix("_id")
    if role in ROLES:
        return _special_token(known, role, wants_id=name.endswith("_id"))
    simple = _ATTRIBUTES.get(name)
    return simple(known) if simple else None


def _limit(known: Known) -> str | None:
    if known.max_length is not None:
        return f"= {known.max_length:,}"
    return "is not set: int(1e30), no limit" if known.told or known.facts else None


def _vocab_size(known: Known) -> str | None:
    size, length = known.vocab_size, known.length
    if size is None:
        return None
    added = f", without the {length - size:,} that were added" if length is not None and length > size else ""
    return f"= {size:,} tokens{added}"


def _length(known: Known) -> str | None:
    rows = rows_text(known)
    size = f"= {known.length:,} tokens" if known.length is not None else None
    return f"{size} · embedding: {rows}" if size and rows else size


def _side(name: str) -> Callable[[Known], str | None]:
    def told(known: Known) -> str | None:
        side = known.side(name)
        return f'= "{escape(side)}"' if side else None

    return told


def _all_special(known: Known) -> str | None:
    tokens = dict.fromkeys(text for text, _ in known.special.values())
    return f"= {escape(', '.join(tokens))}" if tokens else None


_ATTRIBUTES: dict[str, Callable[[Known], str | None]] = {
    "__len__": _length,
    "all_special_tokens": _all_special,
    "is_fast": lambda known: f"= {known.told['fast']}" if known.told else None,
    "model_max_length": _limit,
    "padding_side": _side("padding_side"),
    "truncation_side": _side("truncation_side"),
    "vocab_size": _vocab_size,
}


def _special_token(known: Known, role: str, *, wants_id: bool) -> str | None:
    if not known.told and not known.facts:
        return None
    if role not in known.special:
        # Only its class knows whether it has a default.
        return "is None: there is no such token" if known.told else None
    text, number = known.special[role]
    if wants_id:
        return f"= {number:,} ({escape(text)})" if number is not None else None
    return f"= {escape(text)}" + (f" (id {number:,})" if number is not None else "")


def tokens_card(description: Description, found: dict[str, Any]) -> str:
    """The hover on a text that a tokenizer is given: how many tokens it is, and which.

    Every second one is bold, text and id alike, so that their boundaries are seen.
    """
    special = f", {plural(found['special'], 'special one')} among them" if found["special"] else ""
    tokens = found["tokens"]
    more = " …" if found["count"] > len(tokens) else ""
    return "\n\n".join(
        [
            f"**{plural(found['count'], 'token')}**{special} · {escape(found['class'])} of "
            f"{escape(description.request.model)}",
            " ".join(_marked(f"`{_literal(token['text'])}`", at) for at, token in enumerate(tokens)) + more,
            " ".join(_marked(str(token["id"]), at) for at, token in enumerate(tokens)) + more,
        ]
    )


def _marked(text: str, number: int) -> str:
    return f"**{text}**" if number % 2 else text


def _literal(text: str) -> str:
    """Inside a code span nothing is markup but the backtick, and a line break ends it."""
    shown = text.replace("`", "ˋ").replace("\n", "⏎").replace("|", "¦")
    # A carriage return ends the line, and the span with it, as a line feed does.
    return "".join(char if char.isprintable() else "\ufffd" for char in shown) or " "
