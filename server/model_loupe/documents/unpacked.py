"""``from_pretrained(name, **settings)``: the arguments that come out of a dict which the text spells out."""

from __future__ import annotations

import ast

from model_loupe.documents.facts import Facts, dotted
from model_loupe.documents.resolve import Names, place_of

UNKNOWN = "**"
"""The key under which arguments stand that are not known: they may be any."""


def items(names: Names, number: int, scope: int, node: ast.expr) -> dict[str, str]:
    """The items of ``**node`` as written where the dict is made, or ``node`` itself under ``UNKNOWN``."""
    made, text = node, number
    if isinstance(node, ast.Name) and not _is_changed(names.texts[number], node.id):
        found = names.candidates(node.id, place_of(number, scope, node))
        binding = found[0].binding if len(found) == 1 else None
        if binding is not None and binding.value is not None and binding.target and not binding.path:
            made, text = binding.value, found[0].text
    found_items = _literal_items(made)
    if found_items is None:
        return {UNKNOWN: names.texts[number].source.fragment(node)}
    source = names.texts[text].source
    return {name: source.fragment(value) for name, value in found_items}


def _literal_items(made: ast.expr) -> list[tuple[str, ast.expr]] | None:
    pairs: list[tuple[object, ast.expr]]
    if isinstance(made, ast.Call) and dotted(made.func) == "dict" and not made.args:
        pairs = [(keyword.arg, keyword.value) for keyword in made.keywords]
    elif isinstance(made, ast.Dict):
        names = (key.value if isinstance(key, ast.Constant) else None for key in made.keys)
        pairs = list(zip(names, made.values, strict=True))
    else:
        return None
    known = [(name, value) for name, value in pairs if isinstance(name, str)]
    return known if len(known) == len(pairs) else None


def _is_changed(facts: Facts, name: str) -> bool:
    """Whether a text changes items of a dict after it was made."""
    return any(bound.startswith(f"{name}[") for _, bound in facts.bindings) or facts.updates(name)
