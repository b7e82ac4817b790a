"""Commands that name a model, in a notebook's shell lines: ``!hf download X``, ``vllm serve X``."""

from __future__ import annotations

import ast
import re
from collections.abc import Container, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from model_loupe.documents.facts import MODULE
from model_loupe.documents.names import is_repo_id, kind_of, repository_of
from model_loupe.documents.reference import Reference, Span
from model_loupe.documents.resolve import Place
from model_loupe.documents.values import Options, Values

_WORD = re.compile(r"""&&|\|\||[;|&]|\#.*|(?:"[^"\n]*"|'[^'\n]*'|\\\n|[^\s"'\\;|&]|\\.)+""")
_VARIABLE = re.compile(r"\{([A-Za-z_][\w.\[\]'\"]*)\}|\$\{?([A-Za-z_]\w*)\}?")
_LEADING = re.compile(r"(?:[A-Za-z_]\w*=.*|!+|%\w+|\$|sudo|env|time|nohup)$")
# A command's words, and the role of what the first word behind them names.
_COMMANDS: dict[tuple[str, ...], str] = {
    ("hf", "download"): "file",
    ("huggingface-cli", "download"): "file",
    ("vllm", "serve"): "model",
    ("transformers", "serve"): "model",
    ("transformers", "chat"): "model",
    ("accelerate", "estimate-memory"): "model",
}
# Options whose value names a model of any command, and those that do so if it looks like one of the Hub.
_SURE = {"model_name_or_path", "pretrained_model_name_or_path", "model_id", "base_model_name_or_path"}
_LIKELY = {"model", "model_name", "model_path", "base_model", "hf_model", "repo_id"}
_NOT_THE_HUB = {"ollama", "litellm", "aider", "llm", "openai", "spacy", "modelscope", "gcloud", "aws"}
# Options without a value: the word behind one is the next argument.
_FLAGS = {"quiet", "force_download", "resume_download", "trust_remote_code", "enforce_eager", "dry_run"}


class _Word(NamedTuple):
    """A word of a command without its quotes, and where it stands with them."""

    text: str
    span: Span


class _Command(NamedTuple):
    """A command that names a model: its words and options, then what ``_named`` says."""

    words: Sequence[_Word]
    options: dict[str, _Word]
    callee: str
    argument: str
    word: _Word
    role: str
    sure: bool


def commands(text: str, line: int) -> Iterator[list[_Word]]:
    """The commands of a logical line that begins on ``line``, word by word."""
    words: list[_Word] = []
    for match in _WORD.finditer(text):
        word = match.group()
        if word.startswith("#") or word in ("&&", "||", ";", "|", "&"):
            yield words
            words = []
            continue
        before = text.rfind("\n", 0, match.start()) + 1
        row = line + text.count("\n", 0, match.start())
        bare = word.replace("\\\n", "")
        if bare.startswith("!") and not words:
            bare = bare.lstrip("!")
            start = match.end() - len(bare)
        else:
            start = match.start()
        if bare:
            span = Span(row, start - before, row, start - before + len(bare))
            words.append(_Word(bare.replace('"', "").replace("'", ""), span))
    yield words


def references(
    shell: Sequence[tuple[int, str]], number: int, cell: int | None, values: Values, written: Container[str]
) -> Iterator[Reference]:
    """The models that a text's shell lines name."""
    for line, text in shell:
        for command in _loading(text, line):
            reference = _of_command(command, number, cell, values, written)
            if reference is not None:
                yield reference


@lru_cache(maxsize=1024)
def _loading(text: str, line: int) -> tuple[_Command, ...]:
    """The commands of a logical line that may name a model. Asked for every line at every keystroke."""
    found: list[_Command] = []
    for words in commands(text, line):
        while words and _LEADING.match(words[0].text):
            words = words[1:]
        options, plain = _options(words)
        named = _named(words, options, plain) if words else None
        if named is not None and options.get("repo_type", words[0]).text not in ("dataset", "space"):
            found.append(_Command(words, options, *named))
    return tuple(found)


def _of_command(
    command: _Command, number: int, cell: int | None, values: Values, written: Container[str]
) -> Reference | None:
    words, options, callee, argument, word, role, sure = command
    known = _filled(word.text, Place(number, MODULE, word.span.line + 1, 0), values)
    model = (repository_of(known[0].text) or known[0].text) if known else None
    if not sure and not (model and "/" in model and is_repo_id(model)):
        return None
    call = Span(words[0].span.line, words[0].span.column, words[-1].span.end_line, words[-1].span.end_column)
    kwargs = {name: repr(value.text) for name, value in options.items() if value is not word}
    kind = kind_of(model, written) if model else "unknown"
    confidence = round(known[0].confidence, 3) if known else 0.0
    return Reference(cell, word.span, call, callee, argument, model, kind, confidence, kwargs, role)


def _options(words: Sequence[_Word]) -> tuple[dict[str, _Word], list[_Word]]:
    """The ``--name value`` and ``--name=value`` of a command, and its other words."""
    options: dict[str, _Word] = {}
    plain: list[_Word] = []
    name: str | None = None
    for word in words:
        if word.text.startswith("-"):
            flag, equals, value = word.text.partition("=")
            name = flag.lstrip("-").replace("-", "_")
            if equals:
                span = word.span._replace(column=word.span.end_column - len(value))
                options[name] = _Word(value, span)
            if equals or name in _FLAGS:
                name = None
        elif name is not None:
            options.setdefault(name, word)
            name = None
        else:
            plain.append(word)
    return options, plain


def _named(
    words: Sequence[_Word], options: dict[str, _Word], plain: Sequence[_Word]
) -> tuple[str, str, _Word, str, bool] | None:
    """Of a command: its name, the argument that names a model, that word, its role, whether that is sure."""
    texts = tuple(word.text for word in plain)
    for command, role in _COMMANDS.items():
        if texts[: len(command)] == command and len(plain) > len(command):
            return " ".join(command), f"pos{len(command) - 1}", plain[len(command)], role, True
    if texts[:2] == ("git", "clone"):
        clone = next((word for word in plain if repository_of(word.text)), None)
        return ("git clone", "pos0", clone, "file", True) if clone is not None else None
    program = next((text for text in texts if text not in ("python", "python3", "torchrun")), "")
    if program in _NOT_THE_HUB:
        return None
    for name, word in options.items():
        if name in _SURE or name in _LIKELY:
            return program or words[0].text, name, word, "model", name in _SURE
    return None


def _filled(text: str, place: Place, values: Values) -> Options:
    """A word with IPython's ``{name}`` and ``$name`` filled in."""
    constants = [ast.Constant(piece) for piece in _VARIABLE.split(text)[::3]]
    parts: list[ast.expr] = [constants[0]]
    for match, constant in zip(_VARIABLE.finditer(text), constants[1:], strict=True):
        try:
            parts.append(ast.parse(match.group(1) or match.group(2), mode="eval").body)
        except (SyntaxError, ValueError):
            return ()
        parts.append(constant)
    return values.of(ast.JoinedStr(parts), place)
