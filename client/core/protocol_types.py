"""Writes ``src/generated.ts``: what the server's own types say of the protocol, as the clients' types.

``python client/core/protocol_types.py`` after a change of ``model_loupe/lsp/protocol.py``, or of a row or an area.
"""

from __future__ import annotations

import inspect
import re
import types
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

import attrs
from lsprotocol.types import Position

from model_loupe.inspector.rows import TreeNode
from model_loupe.inspector.sizes import Area
from model_loupe.lsp import protocol

TARGET = Path(__file__).resolve().parent / "src" / "generated.ts"
HEAD = """/** Written by client/core/protocol_types.py from the server's types: change those, and run it again. */
import type { Position } from './protocol.js';
"""
_NAMES: dict[object, str] = {str: "string", int: "number", bool: "boolean", Position: "Position"}


def generated() -> str:
    """The text of the file."""
    parts = [HEAD, _methods()]
    parts += [_interface(params, _optional_of(params)) for params in get_args(protocol.Params)]
    parts += [_interface(TreeNode, set()), _interface(Area, set(), {"children": "readonly Area[]"})]
    return "\n".join(parts)


def _methods() -> str:
    """The names of methods and of notifications."""
    names = {name: value for name, value in vars(protocol).items() if name.isupper()}
    methods = {name: value for name, value in names.items() if str(value).startswith("modelLoupe/")}
    return "".join(f"export const {name} = '{value}';\n" for name, value in methods.items())


def _optional_of(params: type[Any]) -> set[str]:
    return {field.name for field in attrs.fields(params) if field.default is not attrs.NOTHING}


def _interface(source: type[Any], optional: set[str], given: dict[str, str] | None = None) -> str:
    lines = [f"/** {_comment(source)} */", f"export interface {source.__name__} {{"]
    for name, hint in get_type_hints(source).items():
        mark = "?" if name in optional else ""
        lines.append(f"  readonly {_camel(name)}{mark}: {(given or {}).get(name) or _type(hint)};")
    return "\n".join([*lines, "}", ""])


def _comment(source: type[Any]) -> str:
    text = " ".join((inspect.getdoc(source) or "").split())
    return text.replace("``", "`").replace("*/", "")


def _camel(name: str) -> str:
    return re.sub(r"_(\w)", lambda match: match[1].upper(), name)


def _type(hint: Any) -> str:
    if hint in _NAMES:
        return _NAMES[hint]
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        # Absent rather than null: clients leave out what they do not say.
        return " | ".join(sorted({_type(each) for each in arguments if each is not type(None)}))
    if origin is tuple:
        return f"readonly {_type(arguments[0])}[]"
    raise TypeError(f"no TypeScript type is known for {hint}")


if __name__ == "__main__":
    TARGET.write_text(generated(), encoding="utf-8")
