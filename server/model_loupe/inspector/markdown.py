"""The hover card and the code lens line.

A card answers in its first line, then lists facts in a short table; what is wrong stands below. Text from a
model's files is made harmless: it can form no link, no image and no HTML.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from model_loupe.domain.loading import LoadOptions
from model_loupe.domain.memory import Wanted
from model_loupe.domain.units import plural
from model_loupe.inspector.description import Description
from model_loupe.inspector.facts import facts, loaded_text, missing_text, parameters_text, stored_text, title

_MAX_WARNINGS = 4
_MAX_OTHERS = 4
_MAX_VALUE = 300
# What could begin markup inside a line or a table cell; a backslash before ASCII punctuation is just that
# character (CommonMark 2.4). A parenthesis only matters behind a bracket.
_SPECIAL = re.compile(r"([\\`*_\[\]|~@]|(?<=\])\()")
# GitHub's autolinks begin with a scheme or with "www.".
_AUTOLINK = re.compile(r"(?i)(?<=www)\.|:(?=//)")


def escape(text: str) -> str:
    """``text`` as literal Markdown in one line, cut to a sane length."""
    flat = " ".join(text.split())
    if len(flat) > _MAX_VALUE:
        flat = flat[: _MAX_VALUE - 1] + "…"
    flat = "".join(char if char.isprintable() else "\ufffd" for char in flat)
    # Within a word an underscore means nothing (CommonMark 6.2), and escaped it would be ugly in plain text.
    escaped = _SPECIAL.sub(r"\\\1", flat).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    escaped = re.sub(r"(?<=[A-Za-z0-9])\\_(?=[A-Za-z0-9])", "_", escaped)
    return _AUTOLINK.sub(r"\\\g<0>", escaped)


_NO_WISHES = Wanted()


def card(
    description: Description, options: LoadOptions, *, requested: str, wanted: Wanted = _NO_WISHES
) -> str:
    """The hover's Markdown; ``requested`` is the name as the code gives it, ``wanted`` context and batch."""
    lines = [_first_line(description), "", f"| Model | {escape(requested)} |", "|:--|:--|"]
    lines += [f"| {fact.label} | {escape(fact.value)} |" for fact in facts(description, options, wanted)]
    count = description.parameters
    unknown = description.built_for.unknown if description.built and description.built_for else ()
    if unknown:
        arguments = ", ".join(f"`{escape(name)}=`" for name in unknown)
        lines += ["", f"≈ Built with the default of {arguments}: what the call gives is not known here."]
    elif count.reason and count.total is not None and not description.built:
        lines += ["", f"≈ {escape(count.reason)}"]
    lines += _warning_lines(description)
    return "\n".join(lines)


def _first_line(description: Description) -> str:
    parts = [f"**{escape(title(description))}**"]
    parameters = parameters_text(description, long=True)
    parts.append(parameters or _why_uncounted(description))
    stored = stored_text(description)
    if stored:
        parts.append(escape(stored))
    return " · ".join(parts)


def _why_uncounted(description: Description) -> str:
    missing = missing_text(description)
    return escape(missing or description.parameters.reason or "no weights")


def _warning_lines(description: Description) -> list[str]:
    shown = description.warnings[:_MAX_WARNINGS]
    lines = [line for warning in shown for line in ("", f"⚠ {escape(warning.message)}")]
    left = len(description.warnings) - len(shown)
    if left > 0:
        lines += ["", f"⚠ and {plural(left, 'more finding')}"]
    return lines


def others_line(others: Sequence[str]) -> str | None:
    """What else the code allows a name to be, for the end of a card; None where it allows one alone."""
    listed = ", ".join(map(escape, _first(others)))
    return f"The code allows other names here too: {listed}." if others else None


def others_text(others: Sequence[str]) -> str:
    """The same for the end of a code lens: ``" · or org/b"``, or nothing."""
    return f" · or {', '.join(' '.join(name.split()) for name in _first(others))}" if others else ""


def _first(names: Sequence[str]) -> list[str]:
    left = len(names) - _MAX_OTHERS
    return [*names[:_MAX_OTHERS], *([f"{left} more"] if left > 0 else [])]


def cast_line(description: Description, options: LoadOptions, *, whole: bool) -> str | None:
    """What a cast in the code makes of the loaded model: ``Cast by the code to float16 · 4.67 GiB``.

    Without the bytes, which are those of the ``whole`` model, on a part of it.
    """
    found, nbytes = description.loaded(options)
    if found.dtype is None or nbytes is None:
        return None
    return f"Cast by the code to {found.dtype}" + (f" · {loaded_text(description, nbytes)}" if whole else "")


def short_summary(description: Description, options: LoadOptions) -> str:
    """The compact inlay hint: ``2.51 B · bfloat16 4.67 GiB``, as loaded if known, else as stored."""
    parameters = parameters_text(description, long=False) or ""
    parameters = parameters.removesuffix(" params")
    found, nbytes = description.loaded(options)
    loaded = f"{found.dtype} {loaded_text(description, nbytes)}" if found.dtype and nbytes is not None else ""
    return " · ".join(part for part in (parameters, loaded or stored_text(description)) if part)


def summary(description: Description, options: LoadOptions) -> str:
    """The code lens: ``GemmaForCausalLM · 2.51 B params · stored bfloat16 4.67 GiB · loads …``."""
    parts = [title(description)]
    parameters = parameters_text(description, long=False)
    parts.append(parameters or missing_text(description) or description.parameters.reason or "no weights")
    stored = stored_text(description)
    if stored:
        parts.append(f"stored {stored}")
    found, nbytes = description.loaded(options)
    if description.fails:
        parts.append(f"loading fails: {description.fails}")
    elif found.dtype and nbytes is not None:
        parts.append(f"loads {found.dtype} {loaded_text(description, nbytes)}")
    # A lens is one line of the editor, whatever a config calls its class.
    text = " · ".join(" ".join(part.split()) for part in parts)
    return text if len(text) <= 200 else text[:199] + "…"
