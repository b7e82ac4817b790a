"""Settings that name a model: keys of dicts in code, and of YAML, JSON and TOML files.

Nothing says that a program loads what they name, so their references are less sure, and their role is
``setting``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Container, Iterator

from model_loupe.documents.apis import SETTINGS
from model_loupe.documents.facts import Facts
from model_loupe.documents.names import is_repo_id, kind_of
from model_loupe.documents.reference import Reference, Span
from model_loupe.documents.resolve import place_of
from model_loupe.documents.values import Values

_CERTAINTY = 0.5
_OF_FILE = 0.4
# A line of YAML, JSON or TOML with a key that names a model and a scalar beside it.
_LINE = re.compile(
    r"""^[ \t]*(?:-[ \t]+)?["']?(?P<key>[\w.-]+)["']?[ \t]*[:=][ \t]*"""
    r"""(?:"(?P<double>[^"\\\n]*)"|'(?P<single>[^'\n]*)'|(?P<plain>(?!(?i:null|none|true|false)\b)[A-Za-z_][^\s#,]*))"""
    r"""[ \t]*(?:,|\#.*)?[ \t]*$""",
    re.MULTILINE,
)
# Only in files, and only with an owner: in code these are too often another service's.
_IN_FILES = {
    **SETTINGS,
    "model": False,
    "base_model_name": False,
    "model_path": False,
    "adapter_name_or_path": True,
}


def in_dicts(
    facts: Facts,
    number: int,
    cell: int | None,
    values: Values,
    written: Container[str],
    loaded: Container[str],
) -> Iterator[Reference]:
    """The settings in a text's dicts; ``loaded`` are the models that the document loads anyway."""
    for use in facts.dicts:
        if not isinstance(use.node, ast.Dict):
            continue
        for key, value in zip(use.node.keys, use.node.values, strict=True):
            if not isinstance(key, ast.Constant) or key.value not in SETTINGS:
                continue
            options = values.of(value, place_of(number, use.scope, value))
            name = str(key.value)
            kind = kind_of(options[0].text, written) if options else "unknown"
            span = facts.source.span(value)
            start = facts.source.span(key)
            call = Span(start.line, start.column, span.end_line, span.end_column)
            if options and kind == "hub" and (_is_model(options[0].text, name) or options[0].text in loaded):
                text, confidence = options[0].text, round(options[0].confidence * _CERTAINTY, 3)
            elif not options and name == "HF_MODEL_ID":
                text, confidence = None, 0.0
            else:
                continue
            texts = tuple(option.text for option in options) if len(options) > 1 else ()
            callee = f"{{{name!r}: …}}"
            yield Reference(cell, span, call, callee, name, text, kind, confidence, {}, "setting", texts)


def in_file(text: str) -> list[Reference]:
    """The settings of a YAML, JSON or TOML file that look like models of the Hub; never raises."""
    text = text.replace("\r\n", "\n")
    found: list[Reference] = []
    line = start = 0
    for match in _LINE.finditer(text):
        key = match["key"].rpartition(".")[2]
        if key not in _IN_FILES:
            continue
        group = next(name for name in ("double", "single", "plain") if match[name] is not None)
        value = match[group]
        if not is_repo_id(value) or kind_of(value, ()) != "hub" or not _is_model(value, key):
            continue
        line += text.count("\n", start, match.start())
        start = match.start()
        first = text.rfind("\n", 0, start) + 1
        # The quotes belong to the value, as they do in Python.
        quote = 0 if group == "plain" else 1
        span = Span(line, match.start(group) - quote - first, line, match.end(group) + quote - first)
        call = Span(line, match.start("key") - first, line, span.end_column)
        found.append(Reference(None, span, call, match["key"], key, value, "hub", _OF_FILE, {}, "setting"))
    return found


def _is_model(name: str, key: str) -> bool:
    return "/" in name or _IN_FILES[key]
