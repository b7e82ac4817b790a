"""``textDocument/hover``: the card of the model whose name is under the cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types

from model_loupe.domain.errors import LoupeError
from model_loupe.lsp.cursor import cursor_of
from model_loupe.lsp.features import arguments, cast_hover, config_files

if TYPE_CHECKING:
    from model_loupe.documents import Mention, Object, Reference
    from model_loupe.inspector import Description, Inspector
    from model_loupe.lsp.cursor import Cursor
    from model_loupe.lsp.requests import Ask
    from model_loupe.lsp.session import Outcome, Session

_MAYBE_NO_MODEL = ("placeholder", "unknown")
# After it the card tells what is here by now, and a later hover the rest.
_HUB_PATIENCE_SECONDS = 1.5


async def hover(session: Session, params: types.HoverParams) -> types.Hover | None:
    """The card; nothing outside a model's name, or if the document is not open or has changed meanwhile."""
    cursor = cursor_of(session, params)
    if cursor is None:
        return await config_files.hover(session, params)
    found = await session.run(_look, session.inspector, cursor)
    if found is None:
        told = await _hover_object(session, cursor) or await arguments.hover(session, cursor)
        return told or await cast_hover.hover(session, cursor)
    mention, ask, known = found
    if known is not None:
        session.renew(ask.request, known)
    outcome = known or await _describe(session, ask, mention.reference)
    contents = _contents(session, mention, ask, outcome)
    if contents is None or not session.is_current(cursor.snapshot):
        return None
    return types.Hover(contents, session.encoding.to_range(cursor.lines, mention.span))


async def _describe(session: Session, ask: Ask, reference: Reference | None) -> Outcome:
    """What is asked for. Where the Hub takes its time, what is known by then."""
    if reference is None or reference.kind != "hub":
        return await session.describe(ask.request)
    # Somebody looks at it: now the Hub may be asked.
    session.want_of_hub([ask.request])
    outcome = await session.describe_within(ask.request, _HUB_PATIENCE_SECONDS)
    if outcome is not None:
        return outcome
    return LoupeError("still-asking", f"{ask.request.model}: asking the Hub …")


async def _hover_object(session: Session, cursor: Cursor) -> types.Hover | None:
    """On what a call loads, or a part of it: ``model``, ``model.layers[3].mlp``, ``model.config.x``."""
    found = await session.run(look_for_object, cursor)
    if found is None:
        return None
    thing, ask = found
    outcome = await _describe(session, ask, thing.reference)
    if not isinstance(outcome, LoupeError):
        outcome = session.view(outcome, ask.options)
    text = await _tokenizer_text(session, thing, outcome)
    if text is None:
        text = await session.run(_object_text, session, thing, ask, outcome)
    if text is None or not session.is_current(cursor.snapshot):
        return None
    kind = types.MarkupKind.Markdown if session.client.renders_markdown else types.MarkupKind.PlainText
    where = session.encoding.to_range(cursor.lines, thing.span)
    return types.Hover(types.MarkupContent(kind, text), where)


async def _tokenizer_text(session: Session, thing: Object, outcome: Outcome) -> str | None:
    """On a tokenizer, ``tokenizer.pad_token``, or ``tokenizer("…")``: how many tokens its text is."""
    if thing.kind != "tokenizer" or isinstance(outcome, LoupeError) or len(thing.parts) > 1:
        return None
    from model_loupe.inspector import attribute_card, tokenizer_card, tokens_card

    if thing.text is not None and (tokens := await session.tokens(outcome, thing.text)):
        return tokens_card(outcome, tokens)
    told = await session.tokenizer(outcome)
    known = await session.run(session.inspector.tokenizer, outcome, told)
    return attribute_card(known, str(thing.parts[0])) if thing.parts else tokenizer_card(known)


def look_for_object(cursor: Cursor) -> tuple[Object, Ask] | None:
    """The object of the code at a place, and what its loading asks. Slow the first time."""
    from model_loupe.lsp import requests

    thing = cursor.snapshot.object(*cursor.place)
    if thing is None:
        return None
    # The modules of an adapted model are those of its base; what is loaded itself is the adapter.
    named = thing.base if thing.base is not None and thing.parts else thing.reference
    asked = requests.ask(named, cursor.snapshot.folders)
    return (thing, asked) if asked else None


def _object_text(session: Session, thing: Object, ask: Ask, outcome: Outcome) -> str | None:
    if isinstance(outcome, LoupeError):
        return None
    from model_loupe.inspector import (
        Asked,
        LoadOptions,
        card,
        cast_line,
        config_card,
        others_line,
        part_card,
    )

    if thing.kind == "config":
        from model_loupe.inspector.config_cards import code_card

        return code_card(session.library_folders, outcome, thing.parts) or config_card(outcome, thing.parts)
    if thing.kind == "tokenizer" or (thing.kind != "model" and thing.parts):
        return None
    wanted = session.settings.wanted
    text = (
        part_card(outcome, thing.parts, Asked(wanted, lambda: session.inspector.tokenizer(outcome)))
        if thing.parts
        else card(outcome, ask.options, requested=ask.request.model, wanted=wanted)
    )
    if text is None:
        return None
    cast = cast_line(outcome, LoadOptions(thing.cast), whole=not thing.parts) if thing.cast else None
    return "\n\n".join(filter(None, (text, cast, others_line(thing.reference.others))))


def _look(inspector: Inspector, cursor: Cursor) -> tuple[Mention, Ask, Description | None] | None:
    """The mention, what it asks, and the answer where that is at hand: most hovers are not the first."""
    from model_loupe.lsp import requests

    snapshot = cursor.snapshot
    mention = snapshot.mention(*cursor.place)
    if mention is None:
        return None
    asked = (
        requests.ask_by_name(mention.model, snapshot.folders)
        if mention.reference is None
        else requests.ask(mention.reference, snapshot.folders)
    )
    return (mention, asked, inspector.fresh(asked.request)) if asked else None


def _contents(session: Session, mention: Mention, ask: Ask, outcome: Outcome) -> types.MarkupContent | None:
    if isinstance(outcome, LoupeError):
        # What no call uses, or what stands for the reader's own model, need not be there.
        if mention.reference is None or mention.reference.kind in _MAYBE_NO_MODEL:
            return None
        from model_loupe.inspector import others_text

        text = outcome.message + others_text(mention.others)
        if mention.reference.kind == "hub":
            text += _token_note(ask)
        return types.MarkupContent(types.MarkupKind.PlainText, text)
    text = session.card(session.view(outcome, ask.options), ask.options, mention.model)
    if ask.unknown:
        arguments = ", ".join(f"`{name}=`" for name in ask.unknown)
        text += f"\n\nShown for the default of {arguments}: the value is not a literal."
    if outcome.source == "hub":
        text += _token_note(ask)
    if mention.others:
        from model_loupe.inspector import others_line

        text += f"\n\n{others_line(mention.others)}"
    kind = types.MarkupKind.Markdown if session.client.renders_markdown else types.MarkupKind.PlainText
    return types.MarkupContent(kind, text)


def _token_note(ask: Ask) -> str:
    """That the token of the code was not what the Hub was asked with."""
    if ask.token is None:
        return ""
    return (
        f"\n\nShown without the token of `{ask.token}=`, which never leaves the code: "
        "the Hub is asked with the stored one (`hf auth login`), if there is one."
    )
