"""The ``Args:`` of a docstring, as the libraries around transformers write them."""

from __future__ import annotations

import re
import textwrap
from typing import NamedTuple

# Some forget the colon, or write a comma before it.
_ENTRY = re.compile(
    r"^(?P<indent> *)`?\*{0,2}(?P<name>[A-Za-z_]\w*)`?:? ?\((?P<type>.+)\)(?:,? ?: ?(?P<rest>.*)|(?<=`\)))$"
)
_OPEN_ENTRY = re.compile(r"^ *`?\*{0,2}[A-Za-z_]\w*`? ?\(`")
_SECTION = re.compile(r"^ *(?:Returns?|Raises|Yields?|Examples?|Usage|Example usage|Notes?|Tips?) ?:+ *$")
_ARGUMENTS = re.compile(r"^ *(?:Args?|Arguments|Parameters|Attributes) ?: *$")
_DEFAULT = re.compile(r"[Dd]efaults? to (?:`([^`]+)`|(\S+?)[,.)]?(?:\s|$))")
_REFERENCE = re.compile(r"\[`~?(?:[\w.]*\.)?(\w+(?:\(\))?)`\](?!\()")
_RELATIVE_LINK = re.compile(r"\[([^\]]+)\]\((?!https?://)[^)]*\)")
_TAG = re.compile(r"</?(?:Tip|Added|Deprecated|p|br|b|i|hfoption|hfoptions)\b[^>]*>")
_CODE = re.compile(r"(```.*?```|`[^`]*`)", re.DOTALL)
# ``<repo>`` for what a reader is to fill in: Markdown would take it for a tag, and show nothing.
_PLACEHOLDER = re.compile(r"<(?=[A-Za-z/!?])(?!https?://)")
_MOST_JOINED = 4


class Documented(NamedTuple):
    """What a docstring says of an argument. ``default`` is source text, None where it tells none."""

    type: str
    text: str
    default: str | None = None


def documented_arguments(docstring: str | None) -> dict[str, Documented]:
    """The arguments that a docstring lists, by name; of those listed twice the first."""
    found: dict[str, Documented] = {}
    lines = _whole_heads(textwrap.dedent(docstring or "").expandtabs(4).split("\n"))
    indent: int | None = None
    is_list = True
    position = 0
    while position < len(lines):
        line = lines[position]
        position += 1
        if _ARGUMENTS.match(line):
            is_list, indent = True, None
        elif _SECTION.match(line):
            is_list = False
        entry = _ENTRY.match(line) if is_list else None
        own = len(entry["indent"]) if entry else 0
        if entry is None or (indent is not None and own > indent):
            continue
        indent = own
        end = _end_of_body(lines, position, own)
        body = [entry["rest"] or "", textwrap.dedent("\n".join(lines[position:end]))]
        found.setdefault(entry["name"], _documented(entry["type"], "\n".join(body)))
        position = end
    return found


def plain_markdown(text: str) -> str:
    """Without what only the libraries' own site understands: tags, references, relative links."""
    text = _REFERENCE.sub(r"`\1`", _TAG.sub("", text))
    text = _RELATIVE_LINK.sub(r"\1", text)
    # A list that is indented would be code, or go on with the paragraph before it.
    text = re.sub(r"^ {4,}(?=[-*] )", "", text, flags=re.MULTILINE)
    parts = _CODE.split(text)
    parts[::2] = [_PLACEHOLDER.sub(r"\\<", prose) for prose in parts[::2]]
    text = "".join(parts)
    return re.sub(r"\n\s*\n+", "\n\n", text).strip()


def quoted_values(text: str) -> tuple[str, ...]:
    """The strings that a text gives as code: ``"eager"`` between backticks, in order."""
    return tuple(dict.fromkeys(re.findall(r"`[\"']([\w./:+-]+)[\"']`", text)))


def _whole_heads(lines: list[str]) -> list[str]:
    """Entries whose type goes on in the next lines, in one."""
    whole: list[str] = []
    position = 0
    while position < len(lines):
        line = lines[position]
        position += 1
        joined = 0
        while _is_open(line) and joined < _MOST_JOINED and position < len(lines):
            line, position, joined = f"{line} {lines[position].strip()}", position + 1, joined + 1
        whole.append(line)
    return whole


def _is_open(line: str) -> bool:
    return _OPEN_ENTRY.match(line) is not None and line.count("(") > line.count(")")


def _end_of_body(lines: list[str], start: int, indent: int) -> int:
    for position in range(start, len(lines)):
        line = lines[position]
        if line.strip() and (len(line) - len(line.lstrip()) <= indent or _SECTION.match(line)):
            return position
    return len(lines)


def _documented(kind: str, text: str) -> Documented:
    default = _DEFAULT.search(kind)
    given = (default.group(1) or default.group(2)) if default else None
    shown = re.sub(r",?\s*\*?optional\*?", "", kind.partition(", default")[0].partition("defaults to")[0])
    return Documented(shown.strip(" ,"), plain_markdown(text), given)
