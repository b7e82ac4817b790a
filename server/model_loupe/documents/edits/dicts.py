"""A dict literal as text: with an item more, less or replaced."""

from __future__ import annotations

import ast

from model_loupe.documents.edits.items import Items, tokens_of


class DictText:
    """The text of a dict literal. Immutable: what changes it gives another one.

    Raises SyntaxError or ValueError where the text is none that parses.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        node = ast.parse(f"({text})", mode="eval").body
        if not isinstance(node, ast.Dict):
            raise ValueError("no dict literal")
        self.keys = [key.value if isinstance(key, ast.Constant) else None for key in node.keys]
        self._tokens = tokens_of(text)
        self._items = Items(text, self._tokens)
        if len(self._items) != len(self.keys):
            raise ValueError("a lambda's commas")

    def with_item(self, key: str, value: str) -> DictText:
        """With ``value`` under ``key``, in place of what was there, else behind the others."""
        if key not in self.keys:
            return DictText(self._items.appended(f'"{key}": {value}'))
        start, end = self._items.range(self.keys.index(key))
        inside = [token for token in self._tokens if start <= token.start < end and not token.is_comment]
        # A constant is one token, and the colon another.
        return DictText(f"{self.text[: inside[2].start]}{value}{self.text[end:]}")

    def without_item(self, key: str) -> DictText:
        """Without what is under ``key``, if anything is."""
        return DictText(self._items.removed(self.keys.index(key))) if key in self.keys else self
