"""What people type in cells, made parseable without moving a character that matters.

IPython's magics, ``!shell`` lines and bare ``pip install`` become ``pass`` on the same line; what still does
not parse is given up statement by statement, so that a half-typed line loses only itself.
"""

from __future__ import annotations

import ast
import bisect
import re
import warnings
from typing import NamedTuple

from model_loupe.documents.source import SURROGATES

# ``"\d"`` in somebody's code is theirs to mend; parsing it here must not print a warning.
for _category in (SyntaxWarning, DeprecationWarning):
    warnings.filterwarnings("ignore", category=_category, module=r"<unknown>|<string>")

_MAX_REPAIRS = 8
# Beyond so many, each statement is parsed alone: parsing the rest anew after each error would be quadratic.
_MAX_ERRORS = 24
# Up to here a piece is put on its line by empty lines before it, which cost less than renumbering its nodes.
_MAX_PADDING = 400

_SUSPECT = re.compile(r"[%!?]|install|download|serve")
_SHELL = re.compile(
    r"(\s*)(?:[%!?]|(?:pip3?|conda|mamba|uv|apt-get)\s+(?:install|pip|uninstall)\b"
    r"|(?:hf|huggingface-cli)\s+download\s|vllm\s+serve\s)"
)
_HELP = re.compile(r"(\s*)[\w.]+\?\??\s*$")
_ASSIGNED_SHELL = re.compile(r"(\s*[\w, ]+=\s*)[!%].*$")
# Line magics that run the Python after them.
_TIMED = re.compile(r"(\s*)(%(?:time|timeit|prun|memit)\s+)(?!-)(?=\S)")
_SHELL_CELL = re.compile(r"\s*%%(?:bash|sh|script|cmd|system|sx|!)[^\n]*\n|\s*%%!")
_WRITTEN_FILE = re.compile(
    r"\s*%%(?:writefile|file)(?:[ \t]+-a)?[ \t]+[\"']?([^\s\"']+\.py)[\"']?[ \t]*(?=\n)"
)
_NOT_PYTHON = re.compile(
    r"\s*%%(?:bash|sh|script|cmd|system|sx|!|html|HTML|javascript|js|latex|markdown|md|svg|SVG|perl|ruby|R|sql"
    r"|writefile|file|bigquery|cython|cu|julia|bat|powershell|pwsh)\b"
)
# Strings and comments hold no brackets and begin no statements; an open one ends with its line.
_OPAQUE = re.compile(
    r'"""(?:[^\\]|\\.)*?"""'
    r"|'''(?:[^\\]|\\.)*?'''"
    r'|"(?:[^"\\\n]|\\.)*"?'
    r"|'(?:[^'\\\n]|\\.)*'?"
    r"|\#[^\n]*|[()\[\]{}]|\n",
    re.DOTALL,
)
_CLOSING = {"(": ")", "[": "]", "{": "}"}
# Behind these a value is still to come.
_WAITING = frozenset("=.+-*/%|&<>")
_CONTINUED = re.compile(r"(?:[)\]}#]|(?:else|elif|except|finally)\b)")


class Parsed(NamedTuple):
    """What a text holds: Python ``statements`` with the positions that they have in it; lines of ``shell``,
    each with the number of its first; the name of the ``file`` that the cell is the content of."""

    statements: list[ast.stmt]
    shell: list[tuple[int, str]]
    file: str | None = None


def parse(text: str) -> Parsed:
    """What a cell or file holds; never raises."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    start = text.lstrip()[:1]
    if start == "%":
        written = _WRITTEN_FILE.match(text)
        if written:
            inner = "\n" * text.count("\n", 0, written.end()) + text[written.end() :]
            return Parsed(_statements(inner, inner.lstrip()[:1], []), [], written.group(1))
        if _NOT_PYTHON.match(text):
            shell = _SHELL_CELL.match(text)
            first = text.count("\n", 0, shell.end()) if shell else 0
            lines = text.split("\n")[first:] if shell else []
            return Parsed([], [(first + number, line) for number, line in _joined(lines)])
    commands: list[tuple[int, str]] = []
    return Parsed(_statements(text, start, commands), commands)


def _joined(lines: list[str]) -> list[tuple[int, str]]:
    """Lines of shell, those that go on in the next with it."""
    found: list[tuple[int, str]] = []
    continued = False
    for number, line in enumerate(lines):
        if continued:
            found[-1] = (found[-1][0], f"{found[-1][1]}\n{line}")
        else:
            found.append((number, line))
        continued = line.endswith("\\")
    return found


def _statements(text: str, start: str, shell: list[tuple[int, str]]) -> list[ast.stmt]:
    # What begins as IPython cannot parse as Python: that attempt is saved.
    body = None if start in ("%", "!", "?") else _parse(text)
    if body is not None:
        return body
    # No source can hold these; what replaces them has as many bytes, so that columns hold.
    lines = text.replace("\0", " ").translate(SURROGATES).split("\n")
    if _without_ipython(lines, shell):
        body = _parse("\n".join(lines))
    return body if body is not None else _recovered(lines)


def _parse(text: str) -> list[ast.stmt] | None:
    try:
        return ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _without_ipython(lines: list[str], commands: list[tuple[int, str]]) -> bool:
    """Replaces, in place, what is IPython's, and adds shell lines to ``commands``; whether there was any."""
    changed = continued = False
    for number, line in enumerate(lines):
        if not continued and not _SUSPECT.search(line):
            continue
        ends_open = line.rstrip().endswith("\\")
        timed = _TIMED.match(line)
        shell = None if timed else _SHELL.match(line) or _HELP.match(line)
        if continued:
            replaced = ""
            commands[-1] = (commands[-1][0], f"{commands[-1][1]}\n{line}")
        elif timed:
            # ``%time x = f()`` becomes ``0;    x = f()``: the statement stays in its column.
            replaced = timed.group(1) + "0;".ljust(len(timed.group(2))) + line[timed.end() :]
        elif shell:
            replaced = shell.group(1) + "pass"
            commands.append((number, line))
        else:
            replaced = _ASSIGNED_SHELL.sub(r"\1None", line)
        # ``!cmd \`` goes on in the next line.
        continued = ends_open and bool(shell or continued)
        changed = changed or replaced != line
        lines[number] = replaced
    return changed


def _recovered(lines: list[str]) -> list[ast.stmt]:
    """The statements that parse. After an error the text up to it and the text behind it are parsed apart."""
    body: list[ast.stmt] = []
    starts = _starts(lines)
    done, errors = 0, 0
    while done < len(starts):
        begin = starts[done]
        if errors < _MAX_ERRORS:
            found, broken_line = _attempt(lines[begin:], begin)
            if found is not None:
                return body + found
            broken = max(_index(starts, broken_line), done)
            before = _attempt(lines[begin : starts[broken]], begin)[0] if broken > done else []
        else:
            broken, before = done, []
        if before is None:
            # The error began earlier than where it showed: try what is before it one by one.
            before = [
                found
                for number in range(done, broken)
                for found in _repaired(lines[starts[number] : starts[number + 1]], starts[number])
            ]
        body += before
        end = starts[broken + 1] if broken + 1 < len(starts) else len(lines)
        body += _split(lines[starts[broken] : end], starts[broken])
        done, errors = broken + 1, errors + 1
    return body


def _starts(lines: list[str]) -> list[int]:
    """The lines on which a top-level statement begins, as far as brackets and triple quotes tell."""
    text = "\n".join(lines)
    inside: set[int] = set()
    depth = line = 0
    for match in _OPAQUE.finditer(text):
        token = match.group()
        if token == "\n":
            line += 1
            if depth > 0:
                inside.add(line)
        elif token in "([{":
            depth += 1
        elif token in ")]}":
            depth = max(0, depth - 1)
        elif "\n" in token:
            inside.update(range(line + 1, line + token.count("\n") + 1))
            line += token.count("\n")
    starts = [number for number in _unindented(lines) if number not in inside]
    if not starts or starts[0] != 0:
        starts.insert(0, 0)
    return starts


def _unindented(lines: list[str]) -> list[int]:
    return [number for number, line in enumerate(lines) if line[:1].strip() and not _CONTINUED.match(line)]


def _index(starts: list[int], line: int) -> int:
    """The statement that ``line`` belongs to."""
    return max(bisect.bisect_right(starts, line) - 1, 0)


def _split(lines: list[str], offset: int) -> list[ast.stmt]:
    """A broken statement; where an open bracket swallowed others, each unindented line begins one."""
    body = _repaired(lines, offset)
    if body or len(lines) == 1:
        return body
    starts = _unindented(lines)
    if not starts or starts[0] != 0:
        starts.insert(0, 0)
    for begin, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        body += _repaired(lines[begin:end], offset + begin)
    return body


def _repaired(lines: list[str], offset: int) -> list[ast.stmt]:
    """A statement whose broken lines are closed or become ``pass``: a function loses only one of its own."""
    lines = list(lines)
    closed: set[int] = set()
    for _ in range(_MAX_REPAIRS):
        found, line = _attempt(lines, offset)
        if found is not None:
            return found
        number = line - offset
        if not 0 <= number < len(lines) or not lines[number].strip():
            break
        if number not in closed:
            closed.add(number)
            end = _end_of_statement(lines, number)
            ending = _missing_end("\n".join(lines[number : end + 1]))
            repaired = [*lines[:end], lines[end] + ending, *lines[end + 1 :]] if ending else lines
            if ending and _is_better(_attempt(repaired, offset), line):
                lines = repaired
                continue
        if lines[number].strip() == "pass":
            # Its indentation is what is wrong.
            lines[number] = ""
            continue
        indent = len(lines[number]) - len(lines[number].lstrip())
        lines[number] = lines[number][:indent] + "pass"
    return []


def _end_of_statement(lines: list[str], number: int) -> int:
    """The last line that, more indented, belongs to the statement of line ``number``."""
    indent = len(lines[number]) - len(lines[number].lstrip())
    end = number
    for following in range(number + 1, len(lines)):
        line = lines[following]
        if line.strip() and len(line) - len(line.lstrip()) <= indent:
            break
        end = following if line.strip() else end
    return end


def _missing_end(text: str) -> str:
    """What would end a call that is being typed: the quote, the value, the brackets that are still open."""
    opened: list[str] = []
    ending = ""
    for match in _OPAQUE.finditer(text):
        token = match.group()
        if token in _CLOSING:
            opened.append(_CLOSING[token])
        elif token in ")]}" and opened:
            opened.pop()
        elif match.end() == len(text) and token[0] in "'\"" and (len(token) == 1 or token[-1] != token[0]):
            ending = token[0]
    if not opened:
        return ""
    last = text.rstrip()[-1:]
    if not ending and last in _WAITING:
        ending = "_" if last == "." else "None"
    return ending + "".join(reversed(opened))


def _is_better(attempt: tuple[list[ast.stmt] | None, int], line: int) -> bool:
    """Whether the text parses now, or at least beyond the ``line`` of the error that it had."""
    return attempt[0] is not None or attempt[1] > line


def _attempt(lines: list[str], offset: int) -> tuple[list[ast.stmt] | None, int]:
    """The statements of a piece that begins on line ``offset``, or None and the line of the error."""
    padding = offset if offset <= _MAX_PADDING else 0
    try:
        body = ast.parse("\n" * padding + "\n".join(lines)).body
    except SyntaxError as error:
        return None, (error.lineno or 1) - 1 + offset - padding
    except (ValueError, RecursionError, MemoryError):
        return None, offset
    if padding != offset:
        for statement in body:
            ast.increment_lineno(statement, offset)
    return body, offset
