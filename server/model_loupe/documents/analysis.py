"""The references of a file or notebook, and what stands under a cursor in it."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from model_loupe.documents import apis
from model_loupe.documents.facts import Binding, Call, Facts, facts_of
from model_loupe.documents.names import kind_of
from model_loupe.documents.reference import Cell, Mention, Reference, Span
from model_loupe.documents.resolve import Known, Names, Place, dotted

# Keyword arguments and methods whose text is a place that the code writes to.
_WRITING_KEYWORDS = {"output_dir", "save_directory", "save_dir", "save_path", "hub_model_id"}
_WRITING_CALLS = {"save_pretrained", "save_model", "push_to_hub", "create_repo", "save_pretrained_merged"}


class _Text:
    """One file's or cell's text with its facts; turns byte offsets of ``ast`` into code points."""

    def __init__(self, index: int | None, text: str) -> None:
        self.index = index
        self.text = text
        self.facts: Facts = facts_of(text)
        # As ast counts: form feeds and other separators of str.splitlines end no line.
        self._lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        self._ascii = text.isascii()

    def span(self, node: ast.expr) -> Span:
        end_line = node.end_lineno or node.lineno
        end_column = node.end_col_offset if node.end_col_offset is not None else node.col_offset
        return Span(
            node.lineno - 1,
            self._column(node.lineno, node.col_offset),
            end_line - 1,
            self._column(end_line, end_column),
        )

    def source(self, node: ast.expr) -> str:
        span = self.span(node)
        lines = self._lines[span.line : span.end_line + 1]
        lines[-1] = lines[-1][: span.end_column]
        lines[0] = lines[0][span.column :]
        return "\n".join(lines)

    def _column(self, line: int, offset: int) -> int:
        if self._ascii or line > len(self._lines):
            return offset
        text = self._lines[line - 1]
        return offset if text.isascii() else len(text.encode()[:offset].decode("utf-8", "replace"))


class Analysis:
    """What a document says of models. ``references`` are in document order."""

    def __init__(self, texts: Sequence[_Text]) -> None:
        self._texts = texts
        self._names = Names([text.facts for text in texts])
        written = self._written()
        self.references: list[Reference] = []
        for number, text in enumerate(texts):
            for call in text.facts.calls:
                self._add(number, text, call, written)
        order = {id(reference): position for position, reference in enumerate(self.references)}
        self.references.sort(key=lambda found: (_cell_order(found.cell), found.call, order[id(found)]))

    def mention_at(self, cell: int | None, line: int, column: int) -> Mention | None:
        """The model's name under a cursor: a literal or variable of a loading call, or one that feeds it."""
        number = next((n for n, text in enumerate(self._texts) if text.index == cell), None)
        if number is None:
            return None
        return self._argument_at(cell, line, column) or self._source_at(number, line, column)

    def _argument_at(self, cell: int | None, line: int, column: int) -> Mention | None:
        for reference in self.references:
            named = reference.model is not None and reference.cell == cell
            if named and reference.span.contains(line, column):
                return Mention(reference.span, reference.model or "", reference)
        return None

    def _source_at(self, number: int, line: int, column: int) -> Mention | None:
        """An assignment's target or literal, or a mere use, of a value that some call loads."""
        text = self._texts[number]
        by_model = {found.model: found for found in reversed(self.references) if found.model is not None}
        for binding in text.facts.bindings:
            for node in (binding.target, binding.value):
                if node is None or not text.span(node).contains(line, column):
                    continue
                known = self._bound_value(binding, number)
                if known and known.text in by_model:
                    return Mention(text.span(node), known.text, by_model[known.text])
        for use in text.facts.uses:
            if use.node.lineno - 1 == line and text.span(use.node).contains(line, column):
                known = self._names.value(use.node, _place(number, use.scope, use.node))
                if known and known.text in by_model:
                    return Mention(text.span(use.node), known.text, by_model[known.text])
        return None

    def _bound_value(self, binding: Binding, number: int) -> Known | None:
        if binding.value is None:
            return None
        return self._names.value(binding.value, Place(number, binding.scope, *binding.position))

    def _written(self) -> set[str]:
        found: set[str] = set()
        for number, text in enumerate(self._texts):
            for call, scope in text.facts.calls:
                expressions = [kw.value for kw in call.keywords if kw.arg in _WRITING_KEYWORDS]
                if isinstance(call.func, ast.Attribute) and call.func.attr in _WRITING_CALLS:
                    expressions += call.args[:1]
                for expression in expressions:
                    known = self._names.value(expression, _place(number, scope, expression))
                    if known:
                        found.add(known.text.rstrip("/"))
        return found

    def _add(self, number: int, text: _Text, call: Call, written: set[str]) -> None:
        callee = dotted(call.node.func)
        if callee is None:
            return
        found = apis.find(_with_imports(callee, text.facts.imports, self._texts))
        if found is None or self._is_other_object(callee, number, call):
            return
        name, api = found
        keywords = {kw.arg: kw.value for kw in call.node.keywords if kw.arg is not None}
        if _is_text(keywords.get("repo_type"), "dataset", "space"):
            return
        argument, expression = _argument(call.node, api, keywords)
        known = None
        if expression is not None:
            known = self._names.value(expression, _place(number, call.scope, expression))
        if known is None and (apis.needs_text(name) or (expression is None and name != "pipeline")):
            return
        kwargs = {key: text.source(value) for key, value in keywords.items() if value is not expression}
        span = text.span(call.node)
        self.references.append(
            Reference(
                cell=text.index,
                span=text.span(expression) if expression is not None else span,
                call=span,
                callee=callee,
                argument=argument,
                model=known.text if known else None,
                kind=kind_of(known.text, written) if known else "unknown",
                confidence=round(known.confidence, 3) if known else 0.0,
                kwargs=kwargs,
                role=api.role,
            )
        )

    def _is_other_object(self, callee: str, number: int, call: Call) -> bool:
        """``pipeline(…)`` after ``pipeline = …``: a call of the object, not of the library's function."""
        if "." in callee:
            return False
        bindings = self._names.bindings(callee, _place(number, call.scope, call.node))
        return bool(bindings)


def analyse_python(text: str) -> Analysis:
    """The analysis of a Python file; never raises."""
    return Analysis([_Text(None, text)])


def analyse_notebook(cells: Sequence[Cell]) -> Analysis:
    """The analysis of a notebook: its Python code cells as one program in document order; never raises."""
    return Analysis(
        [_Text(cell.index, cell.text) for cell in cells if cell.kind == "code" and cell.language == "python"]
    )


def _cell_order(cell: int | None) -> int:
    return -1 if cell is None else cell


def _place(number: int, scope: int, node: ast.expr) -> Place:
    return Place(number, scope, node.lineno, node.col_offset)


def _argument(call: ast.Call, api: apis.Api, keywords: dict[str, ast.expr]) -> tuple[str, ast.expr | None]:
    for keyword in api.keywords:
        if keyword in keywords:
            return keyword, keywords[keyword]
    position = api.position
    if position is not None and len(call.args) > position:
        before = call.args[: position + 1]
        if not any(isinstance(argument, ast.Starred) for argument in before):
            return f"pos{position}", call.args[position]
    return "task-only", None


def _is_text(expression: ast.expr | None, *texts: str) -> bool:
    return isinstance(expression, ast.Constant) and expression.value in texts


def _with_imports(callee: str, imports: dict[str, str], texts: Sequence[_Text]) -> str:
    """The callee by its origin's name: ``AM.from_pretrained`` after ``import AutoModel as AM``."""
    head, dot, rest = callee.partition(".")
    origin = imports.get(head)
    if origin is None:
        origin = next((text.facts.imports[head] for text in texts if head in text.facts.imports), head)
    return f"{origin}{dot}{rest}"
