"""What is known of a tokenizer as label and value, for hover and tree: from its files and the worker."""

from __future__ import annotations

from typing import Any, NamedTuple

from model_loupe.domain.tokenizer import TokenizerFacts, Vocabulary
from model_loupe.domain.units import plural
from model_loupe.inspector.description import Description
from model_loupe.inspector.facts import Fact

_SHOWN = 12
_NOT_SET = "not set (transformers' 1e30: no limit)"


class Known(NamedTuple):
    """A model's tokenizer: ``facts`` by its files, and what its class ``told`` the worker, each if known."""

    description: Description
    facts: TokenizerFacts | None
    told: dict[str, Any] | None = None

    @property
    def class_name(self) -> str:
        """The class that was loaded, else the one that the files name."""
        if self.told:
            return str(self.told["class"])
        named = self.description.tokenizer.class_name if self.description.tokenizer else None
        return named or "Tokenizer"

    @property
    def vocabulary(self) -> Vocabulary | None:
        """The tokens of the files, where their ids are the tokenizer's."""
        found = self.facts.vocabulary if self.facts else None
        return found if found and found.certain else None

    @property
    def vocab_size(self) -> int | None:
        """``tokenizer.vocab_size``: tokens without those that were added."""
        if self.told:
            return int(self.told["vocab_size"])
        return self.vocabulary.size if self.vocabulary else None

    @property
    def length(self) -> int | None:
        """``len(tokenizer)``: tokens with those that were added."""
        if self.told:
            return int(self.told["length"])
        return self.facts.length if self.facts and self.vocabulary else None

    @property
    def special(self) -> dict[str, tuple[str, int | None]]:
        """Text and id of special tokens by role."""
        if self.told:
            return {role: (text, number) for role, (text, number) in self.told["special"].items()}
        facts = self.facts
        return {role: (text, facts.id_of(text)) for role, text in facts.special.items()} if facts else {}

    @property
    def max_length(self) -> int | None:
        """The longest text in tokens, None where it is not set."""
        if self.told:
            limit = self.told["max_length"]
            return int(limit) if limit is not None else None
        return self.facts.max_length if self.facts else None

    def side(self, name: str) -> str | None:
        """``padding_side`` or ``truncation_side``; the class decides where the files say nothing."""
        if self.told:
            return str(self.told[name])
        return getattr(self.facts, name, None)


def facts_of(known: Known) -> list[Fact]:
    """All that is worth a line."""
    facts = known.facts
    rows = [
        ("Class", _class(known)),
        ("Vocabulary", _vocabulary(known)),
        ("len(tokenizer)", f"{known.length:,}" if known.length is not None else ""),
        ("Embedding", rows_text(known) or ""),
        ("Special tokens", _special(known)),
        ("Added tokens", plural(len(facts.added), "token") if facts and facts.added else ""),
        ("Padding side", known.side("padding_side") or ""),
        ("Truncation side", known.side("truncation_side") or ""),
        ("model_max_length", _limit(known)),
        ("Normaliser", (facts.normalizer if facts else None) or ""),
        ("Pre-tokeniser", (facts.pre_tokenizer if facts else None) or ""),
        ("Chat template", _chat(known)),
        ("From", ", ".join(facts.sources) if facts else ""),
    ]
    return [Fact(label, value) for label, value in rows if value]


def rows_text(known: Known) -> str | None:
    """The embedding's rows against the ids that the tokenizer gives."""
    rows = known.description.dimensions.vocabulary
    by_files = known.facts.rows_needed if known.facts and known.vocabulary else None
    # A class may add tokens that no file names: T5's extra ids.
    needed = max(by_files or 0, known.length or 0)
    if rows is None or (by_files is None and known.length is None):
        return None
    if rows == needed:
        return f"{rows:,} rows, one for each id of the tokenizer"
    if rows > needed:
        return f"{rows:,} rows, {rows - needed:,} beyond the {needed:,} ids of the tokenizer"
    return f"{rows:,} rows: the tokenizer has {needed - rows:,} ids beyond them"


def _class(known: Known) -> str:
    if known.told:
        return f"{known.class_name} ({'fast' if known.told['fast'] else 'slow: Python'})"
    facts = known.facts
    form = "" if facts is None else "a fast one: tokenizer.json" if facts.fast else "no tokenizer.json"
    return f"{known.class_name} ({form})" if form else known.class_name


def _vocabulary(known: Known) -> str:
    vocabulary = known.facts.vocabulary if known.facts else None
    size = known.vocab_size
    parts = [plural(size, "token") if size is not None else "", vocabulary.kind if vocabulary else ""]
    if vocabulary and not vocabulary.certain and not known.told:
        parts.append(f"{plural(vocabulary.size, 'piece')}, whose ids the class may shift")
    return " · ".join(part for part in parts if part)


def _special(known: Known) -> str:
    shown = [
        f"{role.removesuffix('_token')} {text}" + (f" ({number:,})" if number is not None else "")
        for role, (text, number) in list(known.special.items())[:_SHOWN]
    ]
    left = len(known.special) - len(shown)
    return " · ".join(shown) + (f" · and {left:,} more" if left > 0 else "")


def _limit(known: Known) -> str:
    if known.max_length is not None:
        return plural(known.max_length, "token")
    return _NOT_SET if known.told or known.facts else ""


def _chat(known: Known) -> str:
    if known.told and known.told["chat_error"]:
        return f"fails: {known.told['chat_error']}"
    names = list(known.facts.chat_templates) if known.facts else []
    if known.told and known.told["chat"] and not names:
        names = ["default"]
    if not names:
        return "none: apply_chat_template fails" if known.told or known.facts else ""
    return "yes" if names == ["default"] else ", ".join(names)
