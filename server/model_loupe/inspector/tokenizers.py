"""Tokenizers as their files tell them, remembered in memory and, large ones, in the store on disk."""

from __future__ import annotations

import json
import zlib
from collections import OrderedDict
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING, Any

from model_loupe.checkpoints.tokenizer.reading import read_tokenizer
from model_loupe.domain.errors import LoupeError
from model_loupe.domain.tokenizer import AddedToken, TokenizerFacts, Vocabulary
from model_loupe.inspector.remembered import version_of_rooms
from model_loupe.sources.locate import locate

if TYPE_CHECKING:
    from model_loupe.inspector.description import Description
    from model_loupe.inspector.remote import Remote
    from model_loupe.sources.store import Store

_FORMAT = 1
# Of some megabytes each.
_REMEMBERED = 4
_LARGE = 1_000_000
_A_LINE = 4096


class Tokenizers:
    """The tokenizers of models that were described. Thread-safe; ``of`` reads files and so may wait."""

    def __init__(self, store: Store | None = None) -> None:
        self._store = store
        self._known: OrderedDict[str, TokenizerFacts | None] = OrderedDict()
        self._lock = Lock()

    def of(self, description: Description, remote: Remote | None = None) -> TokenizerFacts | None:
        """What the files tell of a model's tokenizer; None if they tell nothing.

        ``remote`` reads those of a model on the Hub: the small ones, which leave its vocabulary unknown.
        """
        if description.tokenizer is None:
            return None
        if description.source == "hub":
            return _on_hub(description, remote) if remote else None
        try:
            files = locate(description.request).files
            listing = files.entries()
            key = _key(files.root, [mark for mark in files.fingerprint() if _is_side_file(mark[0])])
        except (LoupeError, OSError):
            return None
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
        is_large = sum(file.nbytes or 0 for file in listing.values() if _is_side_file(file.name)) > _LARGE
        store = self._store if is_large else None
        facts = _kept(store, key) if store else None
        if facts is None:
            facts = read_tokenizer(files, listing)
            if store and facts and not facts.problems:
                store.put(key, _encoded(facts))
        with self._lock:
            self._known[key] = facts
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return facts


def _on_hub(description: Description, remote: Remote) -> TokenizerFacts | None:
    try:
        files = remote.files_of(description.request)
        return read_tokenizer(files, files.entries(), large=False)
    except (LoupeError, OSError):
        return None


def _is_side_file(name: str) -> bool:
    words = ("token", "vocab", "merges", "chat_template", "spiece", "sentencepiece")
    return any(word in name for word in words) and not name.endswith(".safetensors")


def _key(root: str, marks: list[Any]) -> str:
    return json.dumps(["tokenizer", _FORMAT, *version_of_rooms("checkpoints", "domain"), root, marks])


def _encoded(facts: TokenizerFacts) -> bytes:
    """A line of JSON with all but the tokens, then some thousands of these a line.

    In one piece they would hold the interpreter for half a second.
    """
    tokens = facts.vocabulary.tokens if facts.vocabulary else ()
    vocabulary = facts.vocabulary._replace(tokens=()) if facts.vocabulary else None
    parts: list[object] = [facts._replace(vocabulary=vocabulary)]
    parts += [tokens[start : start + _A_LINE] for start in range(0, len(tokens), _A_LINE)]
    return zlib.compress(b"\n".join(json.dumps(part).encode() for part in parts), 1)


def _kept(store: Store, key: str) -> TokenizerFacts | None:
    value = store.get(key)
    if value is None:
        return None
    with suppress(ValueError, TypeError, zlib.error):
        head, *lines = zlib.decompress(value).split(b"\n")
        facts = TokenizerFacts(*json.loads(head))
        tokens = tuple(token for line in lines for token in json.loads(line))
        vocabulary = facts.vocabulary
        return facts._replace(
            vocabulary=Vocabulary(vocabulary[0], tokens, vocabulary[2]) if vocabulary else None,
            added=tuple(AddedToken(*token) for token in facts.added),
            sources=tuple(facts.sources),
            problems=tuple(facts.problems),
        )
    return None
