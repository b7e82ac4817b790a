"""What people type in cells, made parseable without moving a character that matters.

IPython's magics, ``!shell`` lines and bare ``pip install`` become ``pass`` on the same line; what still does
not parse is given up statement by statement, so that a half-typed line loses only itself.
"""

from __future__ import annotations

import ast
import re
import warnings
from functools import lru_cache

# ``"\d"`` in somebody's code is theirs to mend; parsing it here must not print a warning.
warnings.filterwarnings("ignore", category=SyntaxWarning, module=r"<unknown>|<string>")

_MAX_REPAIRS = 8
_SHELL = re.compile(r"^(\s*)(?:[%!?]|(?:pip3?|conda|mamba|uv|apt-get)\s+(?:install|pip|uninstall)\b)")
_HELP = re.compile(r"^(\s*)[\w.]+\?\??\s*$")
_ASSIGNED_SHELL = re.compile(r"^(\s*[\w, ]+=\s*)[!%].*$")
# Cell magics whose body is Python all the same.
_PYTHON_MAGICS = {"time", "timeit", "capture", "prun", "python", "python3", "memit", "mprun", "debug"}
_CELL_MAGIC = re.compile(r"^\s*%%(\w+)")


@lru_cache(maxsize=512)
def statements(text: str) -> tuple[ast.stmt, ...]:
    """The statements of a cell or file, with the positions that they have in ``text``; never raises."""
    magic = _CELL_MAGIC.match(text)
    if magic and magic.group(1) not in _PYTHON_MAGICS:
        return ()
    body = _parse(text)
    if body is None:
        text = _without_ipython(text)
        body = _parse(text)
    return tuple(body if body is not None else _recovered(text))


def _parse(text: str) -> list[ast.stmt] | None:
    try:
        return ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _without_ipython(text: str) -> str:
    lines = text.split("\n")
    previous_continues = False
    for number, line in enumerate(lines):
        shell = _SHELL.match(line) or _HELP.match(line)
        if previous_continues:
            lines[number] = ""
        elif shell:
            lines[number] = shell.group(1) + "pass"
        else:
            lines[number] = _ASSIGNED_SHELL.sub(r"\1None", line)
        # ``!cmd \`` goes on in the next line.
        previous_continues = bool(shell or previous_continues) and line.rstrip().endswith("\\")
    return "\n".join(lines)


def _recovered(text: str) -> list[ast.stmt]:
    """The statements that parse, one top-level statement at a time."""
    body: list[ast.stmt] = []
    lines = text.split("\n")
    for start, end in _blocks(lines):
        body.extend(_repaired(lines[start:end], start))
    return body


def _blocks(lines: list[str]) -> list[tuple[int, int]]:
    """Ranges of lines that begin with an unindented line: a statement, or the pieces of one."""
    starts = [
        number
        for number, line in enumerate(lines)
        if line[:1].strip() and not line.startswith((")", "]", "}", "#", "else", "elif", "except", "finally"))
    ]
    if not starts or starts[0] != 0:
        starts.insert(0, 0)
    return list(zip(starts, [*starts[1:], len(lines)], strict=True))


def _repaired(lines: list[str], offset: int) -> list[ast.stmt]:
    lines = list(lines)
    for _ in range(_MAX_REPAIRS):
        try:
            return ast.parse("\n" * offset + "\n".join(lines)).body
        except SyntaxError as error:
            number = (error.lineno or 0) - 1 - offset
            if not 0 <= number < len(lines) or lines[number].strip() in ("", "pass"):
                break
            indent = len(lines[number]) - len(lines[number].lstrip())
            lines[number] = " " * indent + "pass"
        except (ValueError, RecursionError, MemoryError):
            break
    return []
