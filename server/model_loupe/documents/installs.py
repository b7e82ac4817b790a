"""What a notebook installs before its code runs: ``%pip install accelerate``, ``!uv pip install peft``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from model_loupe.documents.shell import commands

_INSTALLERS = frozenset(["conda", "mamba", "micromamba", "pip", "pip3"])
# A distribution as pip takes it, and a repository of one, which is called like it.
_NAMED = re.compile(r"([A-Za-z0-9][\w.-]*)(?:\[(.*)\])?(?:[<>=!~;@ ].*)?")
_REPOSITORY = re.compile(r"git\+\S+/([\w.-]+?)(?:\.git)?(?:[@#]\S*)?")
_FROM_FILE = frozenset(["-r", "--requirement"])


class Install(NamedTuple):
    """``package`` as PyPI normalises names, installed on line ``line`` of the cell, with ``extras``.

    None of what the text does not tell: a file of requirements, a folder, a variable.
    """

    cell: int | None
    line: int
    package: str | None
    extras: tuple[str, ...] = ()


def installs_in(shell: Sequence[tuple[int, str]], cell: int | None) -> Iterator[Install]:
    """What a text's shell lines install."""
    for line, text in shell:
        for words in commands(text, line):
            names = [word.text.lstrip("%!") for word in words]
            at = names.index("install") if "install" in names else 0
            if _INSTALLERS.isdisjoint(names[:at]):
                continue
            for before, word in pairwise(words[at:]):
                if not word.text.startswith("-"):
                    wanted = (None, ()) if before.text in _FROM_FILE else _wanted(word.text)
                    yield Install(cell, word.span.line, *wanted)


def _wanted(word: str) -> tuple[str | None, tuple[str, ...]]:
    """The distribution and the extras that an argument of ``pip install`` asks for."""
    named = _NAMED.fullmatch(word)
    if named is not None and not word.endswith((".whl", ".zip", ".gz")):
        name, extras = named[1], named[2] or ""
        return _normalised(name), tuple(_normalised(each.strip()) for each in extras.split(",") if each)
    repository = _REPOSITORY.fullmatch(word)
    return (_normalised(repository[1]), ()) if repository else (None, ())


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
