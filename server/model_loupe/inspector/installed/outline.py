"""A module's text cut at its top-level statements, so that one class of it can be parsed alone.

To parse the whole of transformers' ``modeling_utils.py`` takes a fifth of a second, in which no other thread
of the process runs; one method of it takes a few milliseconds.
"""

from __future__ import annotations

import ast
import re
from typing import TypeVar

_Statement = TypeVar("_Statement", bound=ast.stmt)

_STARTS = re.compile(r"^(?=[A-Za-z_@])", re.MULTILINE)
_HEAD = re.compile(r"(?:class|def|async\s+def)\s+(\w+)|(\w+)[ \t]*(?::[^=\n]+)?=(?!=)")
_MEMBERS = re.compile(r"^    (?=[A-Za-z_@])", re.MULTILINE)
_METHOD = re.compile(r"    (?:@|def |async def )")


class Outline:
    """Finds statements by the name that they give: of classes and functions the last, else the first."""

    __slots__ = ("_spans", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._spans: dict[str, tuple[int, int]] = {}
        starts = [match.start() for match in _STARTS.finditer(text)]
        for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
            head = _HEAD.match(text, start)
            if head and head.group(1):
                # What overloads come before.
                self._spans[head.group(1)] = start, end
            elif head:
                self._spans.setdefault(head.group(2), (start, end))

    def defines(self, name: str) -> bool:
        """Whether a class, function or variable of this name is defined at the top level."""
        return name in self._spans

    def names(self) -> tuple[str, ...]:
        """Everything that is defined at the top level."""
        return tuple(self._spans)

    def texts(self) -> list[str]:
        """The texts of variables such as ``RAG_CONFIG_DOC``, which decorators put into docstrings."""
        values = [self.value(name) for name in self._spans if name.isupper() and "DOC" in name]
        return [
            each.value for each in values if isinstance(each, ast.Constant) and isinstance(each.value, str)
        ]

    def source(self, name: str) -> str:
        """The text of a statement; empty where there is none."""
        start, end = self._spans.get(name, (0, 0))
        return self.text[start:end]

    def class_(self, name: str) -> ast.ClassDef | None:
        """A class with its docstring, its variables and ``__init__``: its other methods are left out."""
        text = self.source(name)
        if not text.startswith("class "):
            return None
        starts = [match.start() for match in _MEMBERS.finditer(text)]
        kept = [text[: starts[0]]] if starts else [text]
        for start, end in zip(starts, [*starts[1:], len(text)], strict=False):
            member = text[start:end]
            if not _METHOD.match(member) or member.startswith("    def __init__("):
                kept.append(member)
        return _parsed("".join(kept), ast.ClassDef) or _parsed(text, ast.ClassDef)

    def method(self, owner: str, name: str) -> ast.FunctionDef | None:
        """A method that the class itself defines."""
        text = self.source(owner)
        match = re.search(rf"^    def {name}\b", text, re.MULTILINE)
        if match is None:
            return None
        following = _MEMBERS.search(text, match.end())
        member = text[match.start() : following.start() if following else len(text)]
        return _parsed("\n".join(line[4:] for line in member.split("\n")), ast.FunctionDef)

    def function(self, name: str) -> ast.FunctionDef | None:
        """A function of the module."""
        return _parsed(self.source(name), ast.FunctionDef)

    def value(self, name: str) -> ast.expr | None:
        """What a variable of the module is first given."""
        found = _parsed(self.source(name), ast.Assign) or _parsed(self.source(name), ast.AnnAssign)
        return found.value if found else None


def _parsed(text: str, kind: type[_Statement]) -> _Statement | None:
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return body[0] if body and isinstance(body[0], kind) else None
