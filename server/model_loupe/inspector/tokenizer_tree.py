"""The tree's rows below Tokenizer: facts, special and added tokens, and the vocabulary, searched if asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from model_loupe.domain.units import plural
from model_loupe.inspector.rows import Place, TreeNode, item, row
from model_loupe.inspector.tokenizer_facts import Known, facts_of

# They have rows of their own.
_OPENED = ("Special tokens", "Added tokens", "Vocabulary")


def _facts(place: Place, known: Known) -> Iterator[TreeNode]:
    facts = known.facts
    vocabulary = facts.vocabulary if facts else None
    for fact in facts_of(known):
        if fact.label not in _OPENED:
            yield row(item(place, fact.label), fact.label, fact.value, "config-field")
    if vocabulary:
        details = f"{plural(vocabulary.size, 'token')} · {vocabulary.kind}"
        yield _section(place, "vocabulary", "Vocabulary", details)
    if known.special:
        yield _section(place, "special-tokens", "Special tokens", plural(len(known.special), "token"))
    if facts and facts.added:
        yield _section(place, "added-tokens", "Added tokens", plural(len(facts.added), "token"))


def _section(place: Place, name: str, label: str, details: str) -> TreeNode:
    found = row(place._replace(section=name), label, details, "tokenizer", collapsible=True)
    # What can be done with a row hangs on its context: a vocabulary can be searched.
    return found._replace(contextValue=name)


def _special(place: Place, known: Known) -> Iterator[TreeNode]:
    for role, (text, number) in known.special.items():
        shown = text if number is None else f"{text} · {number:,}"
        yield row(item(place, role), role, shown, "config-field")


def _added(place: Place, known: Known) -> Iterator[TreeNode]:
    for token in known.facts.added if known.facts else ():
        details = f"{token.number:,}" + (" · special" if token.special else "")
        yield row(item(place, str(token.number)), token.text, details, "config-field")


def _vocabulary(place: Place, known: Known) -> Iterator[TreeNode]:
    """Tokens by id; those that ``place.path`` finds: it is in their text, or is their id."""
    vocabulary = known.facts.vocabulary if known.facts else None
    wanted = place.path.casefold()
    for number, token in enumerate(vocabulary.tokens if vocabulary else ()):
        if token is not None and (wanted in token.casefold() or str(number) == place.path):
            yield row(item(place, str(number)), token, f"{number:,}", "config-field")


SECTIONS: dict[str, Callable[[Place, Known], Iterator[TreeNode]]] = {
    "tokenizer": _facts,
    "special-tokens": _special,
    "added-tokens": _added,
    "vocabulary": _vocabulary,
}


def rows(place: Place, known: Known) -> Iterator[TreeNode]:
    """All rows below a place of one of the ``SECTIONS``."""
    return SECTIONS[place.section](place, known)
