"""The one façade: a reference to a model becomes its description, card, summary, tree and JSON.

The command line and the language server both ask here and nowhere else. Values are plain; nothing knows LSP.
"""

from model_loupe.domain.loading import LoadOptions
from model_loupe.inspector.card import card, cast_line, others_line, others_text, short_summary, summary
from model_loupe.inspector.description import Description
from model_loupe.inspector.inspect import Inspector
from model_loupe.inspector.parts import (
    Completion,
    completions,
    config_card,
    config_completions,
    part_card,
    tokenizer_card,
)
from model_loupe.inspector.tree import TreeNode
from model_loupe.sources.locate import ModelRequest

__all__ = [
    "Completion",
    "Description",
    "Inspector",
    "LoadOptions",
    "ModelRequest",
    "TreeNode",
    "card",
    "cast_line",
    "completions",
    "config_card",
    "config_completions",
    "others_line",
    "others_text",
    "part_card",
    "short_summary",
    "summary",
    "tokenizer_card",
]
