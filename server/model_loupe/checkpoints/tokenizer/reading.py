"""All files of a tokenizer to what they tell together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from model_loupe.checkpoints.config import parse_json_object
from model_loupe.checkpoints.files import File, Files, lfs_pointer_size
from model_loupe.checkpoints.tokenizer.sentencepiece import read_sentencepiece
from model_loupe.checkpoints.tokenizer.settings import added_tokens, chat_templates, special_tokens
from model_loupe.checkpoints.tokenizer.tokenizer_json import (
    MOST_BYTES,
    TokenizerJson,
    by_number,
    read_tokenizer_json,
)
from model_loupe.domain.tokenizer import AddedToken, TokenizerFacts, Vocabulary, max_length_of
from model_loupe.domain.warnings import Warning

T = TypeVar("T")

_SMALL = 4_000_000
_NAMED_TEMPLATES = "additional_chat_templates"
_MOST_BELOW = 32
# Classes of these add to SentencePiece's ids (``fairseq_offset``, language codes).
_SENTENCEPIECE = {"tokenizer.model": True, "spiece.model": True, "sentencepiece.bpe.model": False}
FILES = ("tokenizer_config.json", "tokenizer.json", *_SENTENCEPIECE, "vocab.txt")


class _Reader:
    """The files of one model, with what was read and what was wrong."""

    def __init__(self, files: Files, listing: Mapping[str, File]) -> None:
        self._files = files
        self._listing = listing
        self.sources: list[str] = []
        self.warnings: list[Warning] = []

    def raw(self, name: str, limit: int) -> bytes | None:
        """A file's bytes; None if it is not there, too large, or cannot be read."""
        file = self._listing.get(name)
        if file is None or not file.present:
            return None
        if (file.nbytes or 0) > limit:
            self.problem(f"{name} is too large ({file.nbytes:,} bytes)")
            return None
        try:
            raw = self._files.read(name)
        except OSError as error:
            self.problem(f"{name} cannot be read: {error.strerror or type(error).__name__}")
            return None
        if lfs_pointer_size(raw[:1024]) is not None:
            self.problem(f"{name} is a Git-LFS pointer, not the file: run `git lfs pull`")
            return None
        self.sources.append(name)
        return raw

    def texts_below(self, folder: str, suffix: str) -> dict[str, str]:
        """The texts of a subfolder's files whose names end in ``suffix``, by the name before that."""
        files = self._files.below(folder)
        if files is None:
            return {}
        try:
            listing = files.entries()
        except OSError:
            return {}
        inner = _Reader(files, listing)
        names = [name for name in listing if name.endswith(suffix)][:_MOST_BELOW]
        raws = {name.removesuffix(suffix): inner.raw(name, _SMALL) for name in names}
        self.warnings += inner.warnings
        return {name: raw.decode("utf-8", "replace") for name, raw in raws.items() if raw is not None}

    def small(self, name: str) -> dict[str, Any]:
        """A JSON object; empty if the file is none."""
        raw = self.raw(name, _SMALL)
        return (parse_json_object(raw, name, self.warnings) or {}) if raw is not None else {}

    def problem(self, message: str) -> None:
        self.warnings.append(Warning("bad-tokenizer", message))

    def parsed(self, name: str, parse: Callable[[bytes], T]) -> T | None:
        """What ``parse`` makes of a large file; None if it is none, or is not what its name says."""
        raw = self.raw(name, MOST_BYTES)
        if raw is None:
            return None
        try:
            return parse(raw)
        except ValueError as error:
            self.problem(f"{name} cannot be read: {error}")
            return None


def read_tokenizer(files: Files, listing: Mapping[str, File], *, large: bool = True) -> TokenizerFacts | None:
    """What a model's files tell of its tokenizer; None if there are none.

    ``large``: also its vocabulary, of up to 35 MB.
    """
    if not any(name in listing for name in FILES):
        return None
    reader = _Reader(files, listing)
    config = reader.small("tokenizer_config.json")
    mapped, added = reader.small("special_tokens_map.json"), reader.small("added_tokens.json")
    whole = reader.parsed("tokenizer.json", read_tokenizer_json) if large else None
    vocabulary = whole.vocabulary if whole else _vocabulary(reader) if large else None
    return TokenizerFacts(
        class_name=_string(config, "tokenizer_class"),
        fast="tokenizer.json" in listing,
        vocabulary=vocabulary,
        added=_all_added(whole, config, added),
        special=special_tokens(config, mapped),
        normalizer=whole.normalizer if whole else None,
        pre_tokenizer=whole.pre_tokenizer if whole else None,
        padding_side=_string(config, "padding_side"),
        truncation_side=_string(config, "truncation_side"),
        max_length=max_length_of(config.get("model_max_length")),
        chat_templates=_templates(reader, config),
        sources=tuple(reader.sources),
        problems=tuple(warning.message for warning in reader.warnings),
    )


def _all_added(
    whole: TokenizerJson | None, config: Mapping[str, Any], added: Mapping[str, Any]
) -> tuple[AddedToken, ...]:
    """Those of tokenizer.json first: it is what a fast tokenizer is made of."""
    found = {token.number: token for token in added_tokens(config, added)}
    found.update((token.number, token) for token in (whole.added if whole else ()))
    return tuple(found[number] for number in sorted(found))


def _vocabulary(reader: _Reader) -> Vocabulary | None:
    for name, certain in _SENTENCEPIECE.items():
        pieces = reader.parsed(name, read_sentencepiece)
        if pieces is not None:
            return pieces._replace(kind=f"SentencePiece {pieces.kind}", certain=certain)
    words = reader.parsed("vocab.txt", _lines)
    if words is not None:
        return words
    return reader.parsed("vocab.json", _merged)


def _lines(raw: bytes) -> Vocabulary:
    """A WordPiece vocabulary: a token a line (``load_vocab`` in transformers)."""
    return Vocabulary("WordPiece", tuple(raw.decode().removesuffix("\n").split("\n")))


def _merged(raw: bytes) -> Vocabulary:
    """The vocabulary of GPT-2 and RoBERTa, beside merges.txt: ids by token."""
    warnings: list[Warning] = []
    document = parse_json_object(raw, "vocab.json", warnings)
    if document is None:
        raise ValueError(warnings[0].message.removeprefix("vocab.json "))
    ids = {number: token for token, number in document.items() if type(number) is int and number >= 0}
    return Vocabulary("BPE", tuple(by_number(ids)))


def _templates(reader: _Reader, config: Mapping[str, Any]) -> dict[str, str]:
    """The files of later versions go before the config's entry: the default's, and a folder of named ones."""
    found = {**chat_templates(config), **reader.texts_below(_NAMED_TEMPLATES, ".jinja")}
    raw = reader.raw("chat_template.jinja", _SMALL)
    if raw is not None:
        found["default"] = raw.decode("utf-8", "replace")
    return found


def _string(config: Mapping[str, Any], name: str) -> str | None:
    value = config.get(name)
    return value if isinstance(value, str) and value else None
