"""What a tokenizer is, as its files tell it: its vocabulary, special tokens and settings."""

from __future__ import annotations

from typing import NamedTuple

# int(1e30) is what transformers takes for "no limit was given" (VERY_LARGE_INTEGER).
_NO_LIMIT = 10**29


class AddedToken(NamedTuple):
    """A token beside the model of the vocabulary; ``special`` ones are left out when text is decoded."""

    number: int
    text: str
    special: bool


class Vocabulary(NamedTuple):
    """Tokens by id; None where an id has none. ``kind`` is that of the model: ``BPE``, ``Unigram`` …

    ``certain`` is False where the class may shift the ids (SentencePiece models without tokenizer.json).
    """

    kind: str
    tokens: tuple[str | None, ...]
    certain: bool = True

    @property
    def size(self) -> int:
        """How many tokens there are: ``tokenizer.vocab_size``."""
        return sum(token is not None for token in self.tokens)


class TokenizerFacts(NamedTuple):
    """A tokenizer by its files. ``special`` is text by role (``bos_token``); None: the files do not say.

    ``sources`` are the files that were read, ``problems`` what was wrong with them. ``max_length`` is in
    tokens; None where it is not set (1e30). ``chat_templates`` are Jinja sources by name.
    """

    class_name: str | None
    fast: bool
    vocabulary: Vocabulary | None
    added: tuple[AddedToken, ...]
    special: dict[str, str]
    normalizer: str | None
    pre_tokenizer: str | None
    padding_side: str | None
    truncation_side: str | None
    max_length: int | None
    chat_templates: dict[str, str]
    sources: tuple[str, ...]
    problems: tuple[str, ...]

    @property
    def length(self) -> int | None:
        """``len(tokenizer)``: the vocabulary with all added tokens; None without a vocabulary."""
        if self.vocabulary is None:
            return None
        return len(self._numbered(self.vocabulary) | set(self.special.values()))

    @property
    def rows_needed(self) -> int | None:
        """Rows that an embedding needs for the highest id; None without a vocabulary.

        Special tokens that have no id yet get the next ones on loading.
        """
        if self.vocabulary is None:
            return None
        added = max((token.number + 1 for token in self.added), default=0)
        without_id = set(self.special.values()) - self._numbered(self.vocabulary)
        return max(len(self.vocabulary.tokens), added) + len(without_id)

    def _numbered(self, vocabulary: Vocabulary) -> set[str]:
        """The tokens that the files give an id."""
        return set(filter(None, vocabulary.tokens)) | {token.text for token in self.added}

    def id_of(self, text: str) -> int | None:
        """The id of a token, which is rarely asked: added tokens are looked at first."""
        found = next((token.number for token in self.added if token.text == text), None)
        if found is None and self.vocabulary and text in self.vocabulary.tokens:
            return self.vocabulary.tokens.index(text)
        return found


def max_length_of(value: object) -> int | None:
    """``model_max_length`` in tokens; None for one that is not set."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < _NO_LIMIT:
        return None
    return int(value)
