"""What a notebook installs before its code runs: ``%pip install accelerate``, ``!uv pip install peft``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from model_loupe.documents.shell import commands

_INSTALLERS = frozenset(["conda", "mamba", "micromamba", "pip", "pip3"])
_PACKAGE = re.compile(r"([A-Za-z0-9][\w.-]*)(?:\[.*\])?(?:[<>=!~;@ ].*)?")


class Install(NamedTuple):
    """``package`` as PyPI normalises names, installed on line ``line`` of the cell."""

    cell: int | None
    line: int
    package: str


def installs_in(shell: Sequence[tuple[int, str]], cell: int | None) -> Iterator[Install]:
    """What a text's shell lines install."""
    for line, text in shell:
        for words in commands(text, line):
            plain = [word for word in words if not word.text.startswith("-")]
            names = [word.text.lstrip("%!") for word in plain]
            at = names.index("install") if "install" in names else 0
            if _INSTALLERS.isdisjoint(names[:at]):
                continue
            for word in plain[at + 1 :]:
                package = _PACKAGE.fullmatch(word.text)
                if package is not None:
                    yield Install(cell, word.span.line, re.sub(r"[-_.]+", "-", package[1]).lower())
