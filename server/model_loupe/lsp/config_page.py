"""An open JSON file of a checkpoint at one moment, and what stands at a place of it."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple

from model_loupe.lsp.uris import real_path

if TYPE_CHECKING:
    from model_loupe.documents import Hit, Node, Span
    from model_loupe.inspector.config_files import ConfigFile, Parts
    from model_loupe.lsp.session import Session
    from model_loupe.lsp.text import TextDocument

# Of an index only the line under the cursor is read: it may have a hundred thousand.
_INDEX = "model.safetensors.index.json"
_LONGEST = 4_000_000


class Page(NamedTuple):
    """``document`` at ``path``, of the version that it had when it was asked for."""

    document: TextDocument
    version: int
    path: str

    def span(self, start: int, end: int) -> Span:
        """Where the characters from ``start`` to ``end`` stand."""
        from model_loupe.documents import Span

        text = self.document.text
        return Span(*text.place(start), *text.place(end))

    @property
    def is_index(self) -> bool:
        """Whether it is the index of a sharded checkpoint."""
        return os.path.basename(self.path) == _INDEX

    @property
    def root(self) -> Node | None:
        """The value that the file holds, with places."""
        from model_loupe.documents import parse_json

        source = self.document.text.source
        return parse_json(source) if len(source) <= _LONGEST and not self.is_index else None

    def file(self, root: Node | None) -> ConfigFile | None:
        """What the inspector is asked about; None for a file that is none of a checkpoint's."""
        from model_loupe.inspector.config_files import ConfigFile

        value = root.value if root else None
        found = ConfigFile(self.path, value) if isinstance(value, dict) else None
        return found if found and found.is_explained else None


class Spot(NamedTuple):
    """What is being typed in a JSON file: a key of the object at ``parts``, or the value of the field there.

    ``start`` to ``end`` are the characters that a completion replaces.
    """

    parts: Parts
    on_key: bool
    start: int
    end: int


_KEY_BEFORE = re.compile(r'(?:^|[{,])[ \t]*("?[\w.-]*)$')
_VALUE_BEFORE = re.compile(r'"[ \t]*:[ \t]*("?[\w.-]*)$')
_WORD_AFTER = re.compile(r'[\w.-]*"?')


def page_of(session: Session, uri: str) -> Page | None:
    """The open file that ``uri`` names, if it is called as a checkpoint's file is."""
    document = session.documents.text(uri)
    path = real_path(uri) if document is not None and uri.endswith(".json") else None
    if document is None or path is None:
        return None
    from model_loupe.inspector.config_files import KINDS

    return Page(document, document.version, path) if os.path.basename(path) in KINDS else None


def spot(source: str, offset: int, found: Hit) -> Spot | None:
    """Where a cursor may have something completed; None where it stands in nothing of the kind."""
    line = source[source.rfind("\n", 0, offset) + 1 : offset]
    after = _WORD_AFTER.match(source, offset)
    end = after.end() if after else offset
    value = _VALUE_BEFORE.search(line)
    if value:
        key = re.search(r'"([^"\\]+)"[ \t]*:[ \t]*"?[\w.-]*$', line)
        parts = found.parts if found.member is not None else (*found.parts, key.group(1) if key else "")
        return Spot(parts, False, offset - len(value.group(1)), end)
    if found.node is not None and isinstance(found.node.value, str) and found.member is None:
        return Spot(found.parts, False, found.node.start, found.node.end)  # an item of a list
    before = _KEY_BEFORE.search(line)
    if before is None:
        return None
    is_typed = found.member is not None and found.on_key
    inside = found.parts[:-1] if is_typed else found.parts
    if not is_typed and not (found.node and isinstance(found.node.value, dict)):
        return None
    return Spot(inside, True, offset - len(before.group(1)), end)
