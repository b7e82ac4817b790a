"""The facts of texts, remembered: a keystroke costs the walk of one cell, the others are here."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

from model_loupe.documents.facts import Facts, Use
from model_loupe.documents.walk import uses_in, walk


class _Memory:
    """The facts of the texts seen last; bounded by their text, since a tree weighs some 50 times as much."""

    def __init__(self, most_characters: int) -> None:
        self._facts: OrderedDict[str, Facts] = OrderedDict()
        self._characters = 0
        self._most = most_characters
        self._lock = threading.Lock()

    def get(self, text: str) -> Facts | None:
        with self._lock:
            facts = self._facts.get(text)
            if facts is not None:
                self._facts.move_to_end(text)
            return facts

    def get_all(self, texts: Sequence[str]) -> list[Facts | None]:
        """The same for many texts at once, as every keystroke in a notebook asks."""
        with self._lock:
            facts = self._facts
            for text in texts:
                if text in facts:
                    facts.move_to_end(text)
            return [facts.get(text) for text in texts]

    def put(self, text: str, facts: Facts) -> None:
        with self._lock:
            if text not in self._facts:
                self._characters += len(text)
            self._facts[text] = facts
            while self._characters > self._most and len(self._facts) > 1:
                self._characters -= len(self._facts.popitem(last=False)[0])

    def clear(self) -> None:
        with self._lock:
            self._facts.clear()
            self._characters = 0


MEMORY = _Memory(most_characters=3_000_000)


def facts_of(text: str) -> Facts:
    """The facts of a text; never raises."""
    facts = MEMORY.get(text)
    if facts is None:
        facts = walk(text)
        MEMORY.put(text, facts)
    return facts


def facts_of_all(texts: Sequence[str]) -> list[Facts]:
    """The facts of several texts; never raises."""
    return [known or facts_of(text) for known, text in zip(MEMORY.get_all(texts), texts, strict=True)]


def uses_of(facts: Facts) -> list[Use]:
    """Every name that the text reads, in order. Walks the text anew: only a hover wants to know."""
    if facts.uses is None:
        facts.uses = uses_in(facts.source.text)
    return facts.uses
