"""Describes one damaged file as a user would see it, and says what is wrong with the answer."""

from __future__ import annotations

import json
import random
import resource
import time
import traceback
from pathlib import Path

from model_loupe.domain.errors import LoupeError
from model_loupe.domain.memory import Wanted
from model_loupe.domain.warnings import Warning
from model_loupe.inspector import (
    Description,
    Inspector,
    LoadOptions,
    ModelRequest,
    card,
    summary,
    tokenizer_card,
)
from model_loupe.inspector.rows import Place
from model_loupe.inspector.schema import to_json
from model_loupe.inspector.terminal import table
from model_loupe.inspector.tokenizer_tree import rows
from tests.fuzz.seeds import Format

MAX_SECONDS = 1.0
"""Processor time for one file, so that a busy machine makes no findings."""

MAX_GROWTH = 256 * 1024 * 1024
"""By how much one file may raise the most memory that the process ever had."""


class Folder:
    """A model's folder in which one file is damaged again and again; one answer may take ``seconds``."""

    def __init__(self, path: Path, form: Format, seconds: float = MAX_SECONDS) -> None:
        self._seconds = seconds
        self._form = form
        self._path = path
        for name, content in form.beside.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(content)

    def check(self, content: bytes, *, deep: bool = True) -> str | None:
        """What is wrong with how ``content`` is answered; None if nothing is.

        ``deep``: all that the tree shows is looked at too.
        """
        (self._path / self._form.file).write_bytes(content)
        target = self._path / self._form.file if self._form.alone else self._path
        most = _most_memory()
        problem, seconds = _timed(target, deep)
        growth = _most_memory() - most
        if problem is None and seconds > self._seconds:
            # Neighbours on the machine slow even processor time down: the better of two counts.
            problem, again = _timed(target, deep)
            seconds = min(seconds, again)
        if problem is None and seconds > self._seconds:
            problem = f"took {seconds:.2f} s"
        if problem is None and growth > MAX_GROWTH:
            problem = f"took {growth:,} more bytes of memory"
        return problem


def mutant(form: Format, seed: int, number: int) -> bytes:
    """The file that ``seed`` and ``number`` stand for: always the same."""
    chance = random.Random(f"{seed}/{number}")
    return form.mutate(chance.choice(form.seeds), form.seeds, chance)


def _most_memory() -> int:
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _timed(target: Path, deep: bool) -> tuple[str | None, float]:
    began = time.process_time()
    problem = _problem(target, deep)
    return problem, time.process_time() - began


def _problem(target: Path, deep: bool) -> str | None:
    try:
        return _wrong(target, deep)
    except Exception:
        return traceback.format_exc(limit=-8)


def _wrong(target: Path, deep: bool) -> str | None:
    inspector = Inspector()
    request = ModelRequest(str(target))
    try:
        description = inspector.describe(request)
    except LoupeError as error:
        return _wrong_text(str(error))
    # What the editors and the command line make of it.
    json.dumps(to_json(description, tree=True), allow_nan=False).encode()
    shown = [card(description, LoadOptions(), requested="x"), summary(description, LoadOptions())]
    shown.append(table(description, Wanted()))
    known = inspector.tokenizer(description)
    shown.append(tokenizer_card(known) or "")
    tokens = rows(Place(request, "vocabulary"), known)
    json.dumps([token.label for token in tokens], ensure_ascii=False).encode()
    for row in inspector.children(inspector.root(request).id):
        if deep and row.collapsible:
            inspector.children(row.id)
    for text in shown:
        text.encode()
    for text in (shown[0], shown[-1]):
        if "<script" in text or "](command:" in text:
            return "text from the file is Markdown in the card"
    for problem in known.facts.problems if known.facts else ():
        if wrong := _wrong_text(problem):
            return wrong
    return _wrong_counts(description) or next(filter(None, map(_wrong_warning, description.warnings)), None)


def _wrong_counts(description: Description) -> str | None:
    count = description.parameters
    numbers = [count.buffers, count.overhead, description.stored_bytes or 0, count.total or 0]
    numbers += [number for row in count.by_dtype.values() for number in row]
    if min(numbers) < 0:
        return f"counts less than nothing: {count}"
    return None


def _wrong_warning(warning: Warning) -> str | None:
    return _wrong_text(warning.message)


def _wrong_text(message: str) -> str | None:
    message.encode()
    if "Traceback" in message or len(message) > 2000:
        return f"is no clear message: {message[:300]!r}"
    return None
