"""Where classes are defined: file and line, found by name in the text, nothing imported or parsed."""

from __future__ import annotations

import re
import sys
from typing import Any

_CLASS = re.compile(r"^[ \t]*class[ \t]+(\w+)", re.MULTILINE)


class Sources:
    """The classes that a tree's nodes point at, each once."""

    def __init__(self) -> None:
        self.classes: list[dict[str, Any]] = []
        self._numbers: dict[Any, int] = {}
        self._lines: dict[str, dict[str, int]] = {}

    def of(self, kind: Any) -> int:
        """The index of a class in ``classes``."""
        number = self._numbers.get(kind)
        if number is None:
            number = self._numbers[kind] = len(self.classes)
            self.classes.append(self._found(kind))
        return number

    def _found(self, kind: Any) -> dict[str, Any]:
        module = kind.__module__
        file = getattr(sys.modules.get(module), "__file__", None)
        line = self._lines_of(file).get(kind.__name__) if file else None
        return {"name": kind.__qualname__, "module": module, "file": file, "line": line}

    def _lines_of(self, file: str) -> dict[str, int]:
        lines = self._lines.get(file)
        if lines is None:
            lines = self._lines[file] = {}
            try:
                with open(file, encoding="utf-8") as source:
                    text = source.read()
            except (OSError, UnicodeDecodeError):
                return lines
            line, before = 1, 0
            for match in _CLASS.finditer(text):
                line += text.count("\n", before, match.start(1))
                before = match.start(1)
                lines.setdefault(match.group(1), line)
        return lines
