"""``tokenizer-mismatch``, ``context-too-long``, ``pad-token-missing``: what text becomes before the model."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from model_loupe.diagnostics.finding import Document, Finding, Fix
from model_loupe.diagnostics.fixes import naming, replaced
from model_loupe.documents import Pair, Reference, Use
from model_loupe.documents.edits import Edit, with_statement_before
from model_loupe.domain.tokenizer import TokenizerFacts
from model_loupe.domain.units import plural
from model_loupe.inspector import Description

# Their positions are no table and no rotation: relative ones have no end.
_WITHOUT_END = ("bloom", "longt5", "mpt", "mt5", "t5", "umt5", "xlnet")
_PADS = ("True", '"longest"', "'longest'", '"max_length"', "'max_length'")
_GIVEN = re.compile(r"\bpad_token\b(?!_id)")
# What AutoTokenizer takes where no file names a class.
_BY_MODEL_TYPE = {"codegen": "CodeGenTokenizer", "gpt2": "GPT2Tokenizer", "llama": "LlamaTokenizer"}
_TOKENIZING = ("", "__call__", "encode", "encode_plus", "batch_encode_plus", "pad")

WITHOUT_PADDING = frozenset(
    [
        *("CodeGenTokenizer", "CodeGenTokenizerFast", "GPT2Tokenizer", "GPT2TokenizerFast"),
        *("LlamaTokenizer", "LlamaTokenizerFast", "PreTrainedTokenizerFast", "TokenizersBackend"),
    ]
)
"""Classes without a padding token of their own in transformers 4.38 to 5, where files name none."""


def tokenizers(document: Document) -> Iterator[Finding]:
    """What is wrong with how text is made into tokens."""
    is_given = any(_GIVEN.search(text) for text in document.texts)
    for use in document.uses:
        description = document.description(use.reference)
        if description is not None:
            yield from _too_long(use, description)
            if not is_given:
                yield from _not_padded(use, description, document.tokenizer(description))
    for pair in document.pairs:
        yield from _mismatched(document, pair)


def _too_long(use: Use, description: Description) -> Iterator[Finding]:
    argument, context = use.argument("max_length"), description.dimensions.context
    if argument is None or not argument.text.isdecimal() or use.method not in (*_TOKENIZING, "generate"):
        return
    if context is None or int(argument.text) <= context or description.model_type in _WITHOUT_END:
        return
    yield Finding(
        "context-too-long",
        use.cell,
        argument.span,
        f"{argument.text} tokens are more than the {context:,} positions of {use.reference.model}.",
        (replaced(f"Write max_length={context}", use.cell, argument.value, str(context)),),
    )


def _not_padded(use: Use, description: Description, facts: TokenizerFacts | None) -> Iterator[Finding]:
    argument = use.argument("padding")
    if use.kind != "tokenizer" or use.method not in _TOKENIZING or argument is None:
        return
    if argument.text in _PADS and facts is not None and _lacks_padding(description, facts):
        yield Finding(
            "pad-token-missing",
            use.cell,
            argument.span,
            f"The tokenizer of {use.reference.model} has no padding token: the call fails.",
            (_pad_with_end(use),),
        )


def _lacks_padding(description: Description, facts: TokenizerFacts) -> bool:
    """Whether the tokenizer certainly has no padding token; False where that is not known."""
    named = facts.class_name or _BY_MODEL_TYPE.get(description.model_type or "")
    return named in WITHOUT_PADDING and "pad_token" not in facts.special


def _pad_with_end(use: Use) -> Fix:
    """A statement before the one that pads."""
    part, statement = use.cell or 0, f"{use.owner}.pad_token = {use.owner}.eos_token"

    def edits(texts: Sequence[str]) -> list[Edit]:
        edit = with_statement_before(texts[part], use.span.line, use.span.column, statement, part)
        return [edit] if edit else []

    return Fix(f"Pad with the end-of-text token: {statement}", edits)


def _mismatched(document: Document, pair: Pair) -> Iterator[Finding]:
    model, tokenizer = pair.model.model, pair.tokenizer.model
    if model is None or tokenizer is None or model == tokenizer:
        return
    own, other = _vocabulary(document, pair.model), _vocabulary(document, pair.tokenizer)
    if own is None or other is None:
        return
    # A copy to which tokens were added still means the same by the others.
    different = sum(number != own.get(token, number) for token, number in other.items())
    if different:
        yield Finding(
            "tokenizer-mismatch",
            pair.cell,
            pair.span,
            f"{plural(different, 'token')} of {tokenizer} have other ids in {model} "
            f"({len(other):,} and {len(own):,} tokens): the model reads another text.",
            (naming(f"Take the tokenizer of {model}", pair.tokenizer, model),),
        )


def _vocabulary(document: Document, reference: Reference) -> dict[str, int] | None:
    """The tokens and their ids, where the files tell them for certain."""
    description = document.description(reference)
    facts = document.tokenizer(description) if description is not None else None
    if facts is None or facts.vocabulary is None or not facts.vocabulary.certain:
        return None
    ids = {token: number for number, token in enumerate(facts.vocabulary.tokens) if token is not None}
    return {**ids, **{token.text: token.number for token in facts.added}}
