"""JSON with the place of each key and value, also where it is half typed.

``json`` tells no positions and stops at the first mistake; a person who asks what a field means is often in
the middle of writing the file. What cannot be read is passed over; to say that it is wrong is the editor's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import NamedTuple

_SPACE = re.compile(r"(?:[ \t\r\n\ufeff]+|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_SCALAR = re.compile(r'[^\s,:{}\[\]"]+')
_NUMBER = re.compile(r"-?\d+(?:(\.\d+)?([eE][+-]?\d+)?)$")
_WORDS = {"true": True, "false": False, "null": None}
_DEEPEST = 100
# Python refuses to read integers of thousands of digits.
_LONGEST_NUMBER = 300


class Node(NamedTuple):
    """A value and where it stands, in characters from the start of the text.

    ``value`` is what ``json`` would make of it (of what cannot be read its text); ``members`` are an
    object's, ``items`` a list's.
    """

    value: object
    start: int
    end: int
    members: tuple[Member, ...] = ()
    items: tuple[Node, ...] = ()

    def place_of(self, parts: Sequence[str | int]) -> tuple[int, int]:
        """Where the key at ``parts``, or the item, stands; what of the way is not there is left out."""
        node, place = self, (self.start, self.start + 1)
        for part in parts:
            members = [member for member in node.members if member.key == part]
            if members:
                place = members[-1].start, members[-1].end
                inner = members[-1].node
            else:
                inner = node.items[part] if isinstance(part, int) and part < len(node.items) else None
                place = (inner.start, inner.end) if inner else place
            if inner is None:
                break
            node = inner
        return place


class Member(NamedTuple):
    """A key of an object at ``start`` to ``end`` with its quotes; ``node`` is None while it has no value."""

    key: str
    start: int
    end: int
    node: Node | None


class Hit(NamedTuple):
    """What stands at a place: the keys and indexes that lead there, and the key or value that is touched.

    ``parts`` are those of the member or item itself, of an empty place those of the object around it.
    """

    parts: tuple[str | int, ...]
    member: Member | None
    node: Node | None
    on_key: bool


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0

    def peek(self) -> str:
        space = _SPACE.match(self.text, self.position)
        self.position = space.end() if space else self.position
        return self.text[self.position : self.position + 1]

    def value(self, depth: int) -> Node | None:
        """The value that begins here; None where none does."""
        opening = self.peek()
        if opening in "{[" and opening and depth < _DEEPEST:
            return self._object(depth) if opening == "{" else self._list(depth)
        if opening == '"':
            return self._string()
        return self._scalar()

    def _object(self, depth: int) -> Node:
        start = self.position
        self.position += 1
        members: list[Member] = []
        while (next_ := self.peek()) and next_ != "}":
            if next_ == '"':
                members.append(self._member(depth))
            elif next_ == "]":
                break  # it closes something outside
            elif self._scalar() is None:
                self.position += 1
        self.position += next_ == "}"
        known = {member.key: member.node.value for member in members if member.node}
        return Node(known, start, self.position, tuple(members))

    def _member(self, depth: int) -> Member:
        key = self._string()
        if self.peek() != ":":
            return Member(str(key.value), key.start, key.end, None)
        self.position += 1
        return Member(str(key.value), key.start, key.end, self.value(depth + 1))

    def _list(self, depth: int) -> Node:
        start = self.position
        self.position += 1
        items: list[Node] = []
        while (next_ := self.peek()) and next_ != "]":
            if next_ == "}":
                break
            item = self.value(depth + 1)
            if item is None:
                self.position += 1
            else:
                items.append(item)
        self.position += next_ == "]"
        return Node([item.value for item in items], start, self.position, (), tuple(items))

    def _string(self) -> Node:
        start = self.position
        try:
            value, self.position = scanstring(self.text, start + 1, True)
        except ValueError:
            # No end: whatever is on this line.
            end = self.text.find("\n", start)
            self.position = len(self.text) if end < 0 else end
            value = self.text[start + 1 : self.position].rstrip("\r, ")
        # Half characters (``\ud800``) can be escaped in JSON, and not be written in UTF-8.
        whole = value if value.isascii() else value.encode("utf-8", "replace").decode()
        return Node(whole, start, self.position)

    def _scalar(self) -> Node | None:
        found = _SCALAR.match(self.text, self.position)
        if found is None:
            return None
        self.position = found.end()
        word = found.group()
        number = _NUMBER.match(word)
        value: object = _WORDS.get(word, word)
        if number and len(word) <= _LONGEST_NUMBER:
            value = float(word) if number.group(1) or number.group(2) else int(word)
        return Node(value, found.start(), found.end())


@lru_cache(maxsize=8)
def parse_json(text: str) -> Node | None:
    """The value that a text holds; never raises."""
    return _Reader(text).value(0)


def hit(root: Node | None, offset: int) -> Hit | None:
    """What a cursor before the character at ``offset`` touches; None outside of the value."""
    if root is None or not root.start <= offset <= root.end:
        return None
    found = Hit((), None, root, False)
    while not found.on_key and found.node and (inner := _touched(found.node, offset)):
        step, member, child = inner
        found = Hit((*found.parts, step), member, child, member is not None and offset <= member.end)
    return found


def _touched(node: Node, offset: int) -> tuple[str | int, Member | None, Node | None] | None:
    for member in node.members:
        if member.start <= offset <= (member.node.end if member.node else member.end):
            return member.key, member, member.node
    for number, item in enumerate(node.items):
        if item.start <= offset <= item.end:
            return number, None, item
    return None
