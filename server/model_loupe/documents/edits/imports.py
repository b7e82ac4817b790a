"""Imports that an edit needs: what is there already is used, what is not is added where the others are."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from model_loupe.documents.cells import parse
from model_loupe.documents.edits.change import Edit, replacement, slice_of
from model_loupe.documents.edits.items import Items, tokens_of
from model_loupe.documents.edits.statements import blocks
from model_loupe.documents.facts import dotted
from model_loupe.documents.reference import Span
from model_loupe.documents.source import Source

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Imported(NamedTuple):
    """``names``: what was wanted → how the text calls it; ``edits`` add the imports that are missing."""

    names: dict[str, str]
    edits: list[Edit]


class _Import(NamedTuple):
    """An import that has happened where it is needed. ``direct``: no condition is around it."""

    part: int
    node: ast.Import | ast.ImportFrom
    direct: bool


def imported(texts: Sequence[str], wanted: Sequence[str], part: int, line: int) -> Imported:
    """What is needed on ``line`` of text ``part``, given as ``torch`` or ``transformers.AutoModel``.

    ``texts`` are the document's in order: a file's one, or the code cells of a notebook.
    """
    found = [each for number in range(part + 1) for each in _imports(texts[number], number, part, line)]
    names: dict[str, str] = {}
    lines: list[str] = []
    merged: dict[_Import, list[str]] = {}
    for want in wanted:
        module, _, name = want.rpartition(".")
        local = _known(found, module, name)
        mergeable = _mergeable(found, module) if module and local is None else None
        if local is None and mergeable is None and module:
            owner = _known(found, "", module)
            local = f"{owner}.{name}" if owner else None
        if local is None and mergeable is not None:
            merged.setdefault(mergeable, []).append(name)
        elif local is None:
            lines.append(f"from {module} import {name}" if module else f"import {name}")
        names[want] = local or name
    edits = [_merged(texts[each.part], each, added) for each, added in merged.items()]
    if lines:
        edits.append(_added(texts, found, lines, part, line))
    return Imported(names, edits)


def library_of(texts: Sequence[str], name: str, part: int, line: int) -> str | None:
    """The package that ``name`` is imported from on a line of text ``part``."""
    for number in range(part, -1, -1):
        for each in reversed(list(_imports(texts[number], number, part, line))):
            module = each.node.module if isinstance(each.node, ast.ImportFrom) else None
            for alias in each.node.names:
                if name in (alias.asname or alias.name, alias.asname or alias.name.partition(".")[0]):
                    return (module or alias.name).partition(".")[0]
    return None


def _imports(text: str, number: int, part: int, line: int) -> Iterator[_Import]:
    """The imports of a text that hold on ``line`` of text ``part``."""
    parsed = parse(text)
    if parsed.file is not None:
        return  # another module's
    here = line if number == part else None
    in_function = here is not None and _in_function(parsed.statements, here)
    for node, direct in _of_block(parsed.statements, here, True):
        if here is None or node.lineno - 1 < here or (in_function and node.col_offset == 0):
            yield _Import(number, node, direct)


def _of_block(
    body: Sequence[ast.stmt], line: int | None, direct: bool
) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    for statement in body:
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            yield statement, direct
        elif isinstance(statement, (*_FUNCTIONS, ast.ClassDef)):
            if line is not None and _is_on(statement, line):
                yield from _of_block(statement.body, line, True)
        elif not _is_for_checkers(statement):
            for block in blocks(statement):
                yield from _of_block(block, line, False)


def _in_function(body: Sequence[ast.stmt], line: int) -> bool:
    """Whether what stands on ``line`` runs when a function is called, not when the text is read."""
    for statement in body:
        if _is_on(statement, line):
            inner = (_in_function(block, line) for block in blocks(statement))
            return isinstance(statement, _FUNCTIONS) or any(inner)
    return False


def _is_on(statement: ast.stmt, line: int) -> bool:
    return statement.lineno - 1 <= line <= (statement.end_lineno or 0) - 1


def _is_for_checkers(statement: ast.stmt) -> bool:
    name = dotted(statement.test) if isinstance(statement, ast.If) else None
    return name is not None and name.rpartition(".")[2] == "TYPE_CHECKING"


def _known(imports: Sequence[_Import], module: str, name: str) -> str | None:
    """What ``name`` of ``module`` (of none: the module ``name``) is called after these imports."""
    for each in reversed(imports):
        for alias in each.node.names:
            local = alias.asname or alias.name
            if isinstance(each.node, ast.Import):
                if not module and alias.name == name:
                    return local
                if not module and not alias.asname and alias.name.startswith(f"{name}."):
                    return name
            elif module and not each.node.level and f"{each.node.module}.".startswith(f"{module}."):
                if alias.name == name:
                    return local
                if alias.name == "*" and each.node.module == module:
                    return name
    return None


def _mergeable(imports: Sequence[_Import], module: str) -> _Import | None:
    """``from module import …`` that may get another name."""
    for each in imports:
        node = each.node
        is_of_module = isinstance(node, ast.ImportFrom) and node.module == module and not node.level
        if is_of_module and each.direct and node.names[0].name != "*":
            return each
    return None


def _merged(text: str, found: _Import, names: Sequence[str]) -> Edit:
    where = slice_of(text, Source(text).span(found.node))
    new = text[where]
    for name in names:
        new = Items(new, tokens_of(new)).appended(name) if new.endswith(")") else f"{new}, {name}"
    return replacement(text, where, new, found.part)


def _added(
    texts: Sequence[str], imports: Sequence[_Import], lines: Sequence[str], part: int, line: int
) -> Edit:
    """New imports behind the others; where there are none, at the beginning of the text that needs them."""
    outer = [each for each in imports if each.direct and each.node.col_offset == 0]
    counts = [sum(each.part == number for each in outer) for number in range(part + 1)]
    number = counts.index(max(counts)) if any(counts) else part
    text = texts[number]
    last = _last_of_first_run(text, [each.node for each in outer if each.part == number])
    source_lines = Source(text).lines()
    if last is None:
        last = _preamble(text)
    if last is None:
        return Edit(Span(0, 0, 0, 0), "".join(f"{each}\n" for each in lines), number)
    end = Span(last, len(source_lines[last]), last, len(source_lines[last]))
    return Edit(end, "".join(f"\n{each}" for each in lines), number)


def _last_of_first_run(text: str, imports: Sequence[ast.stmt]) -> int | None:
    """The last line of the imports at the top: before the first function or class, if there are any."""
    if not imports:
        return None
    statements = parse(text).statements
    definition = next((s.lineno for s in statements if isinstance(s, (*_FUNCTIONS, ast.ClassDef))), None)
    top = [node for node in imports if definition is None or node.lineno < definition] or imports
    # What follows on the line of the last goes with it.
    ends = [s.end_lineno or s.lineno for s in statements if s.lineno == top[-1].end_lineno]
    return max([top[-1].end_lineno or top[-1].lineno, *ends]) - 1


def _preamble(text: str) -> int | None:
    """The last line of what stands before all imports: a docstring, magics, a comment about the whole."""
    statements = parse(text).statements
    if statements and _is_docstring(statements[0]):
        return (statements[0].end_lineno or 1) - 1
    last = None
    for number, content in enumerate(Source(text).lines()):
        # A comment that no empty line follows is about the code below it.
        if content.startswith(("%", "!", "#!", "# -*-", "# %%")) or (number and not content.strip()):
            last = number
        if not content.startswith(("#", "%", "!")):
            break
    return last


def _is_docstring(statement: ast.stmt) -> bool:
    value = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)
