"""The one façade: a reference to a model becomes its description, card, summary, tree and JSON.

The command line and the language server both ask here and nowhere else. Values are plain; nothing knows LSP.
"""

from __future__ import annotations

from model_loupe.domain.lean_typing import TYPE_CHECKING

if TYPE_CHECKING:
    from model_loupe.domain.loading import LoadOptions
    from model_loupe.inspector.built_parts import source_of
    from model_loupe.inspector.description import Description
    from model_loupe.inspector.explained import Asked
    from model_loupe.inspector.inspect import Inspector
    from model_loupe.inspector.markdown import (
        card,
        cast_line,
        others_line,
        others_text,
        short_summary,
        summary,
    )
    from model_loupe.inspector.parts import (
        Completion,
        completions,
        config_card,
        config_completions,
        part_card,
    )
    from model_loupe.inspector.rows import TreeNode, architecture_id
    from model_loupe.inspector.tokenizer_hover import attribute_card, tokenizer_card, tokens_card
    from model_loupe.sources.locate import ModelRequest
    from model_loupe.sources.store import user_store

__all__ = [
    "Asked",
    "Completion",
    "Description",
    "Inspector",
    "LoadOptions",
    "ModelRequest",
    "TreeNode",
    "architecture_id",
    "attribute_card",
    "card",
    "cast_line",
    "completions",
    "config_card",
    "config_completions",
    "others_line",
    "others_text",
    "part_card",
    "short_summary",
    "source_of",
    "summary",
    "tokenizer_card",
    "tokens_card",
    "user_store",
]

# Which module each name is from: it is imported when the name is asked for, as the command line asks for few.
_HOMES = {
    "Asked": "inspector.explained",
    "Completion": "inspector.parts",
    "Description": "inspector.description",
    "Inspector": "inspector.inspect",
    "LoadOptions": "domain.loading",
    "ModelRequest": "sources.locate",
    "TreeNode": "inspector.rows",
    "source_of": "inspector.built_parts",
    "architecture_id": "inspector.rows",
    "attribute_card": "inspector.tokenizer_hover",
    "card": "inspector.markdown",
    "cast_line": "inspector.markdown",
    "completions": "inspector.parts",
    "config_card": "inspector.parts",
    "config_completions": "inspector.parts",
    "others_line": "inspector.markdown",
    "others_text": "inspector.markdown",
    "part_card": "inspector.parts",
    "short_summary": "inspector.markdown",
    "summary": "inspector.markdown",
    "tokenizer_card": "inspector.tokenizer_hover",
    "tokens_card": "inspector.tokenizer_hover",
    "user_store": "sources.store",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    from importlib import import_module

    value: object = getattr(import_module(f"model_loupe.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
