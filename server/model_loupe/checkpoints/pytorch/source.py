"""A PyTorch file's bytes by range, and the pickles that stand in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model_loupe.checkpoints.pickle_opcodes import MAX_STEPS, Pickled, follow
from model_loupe.domain.units import format_bytes
from model_loupe.domain.warnings import Warning

if TYPE_CHECKING:
    from collections.abc import Callable

    Read = Callable[[int, int], bytes]

MAX_PICKLE_BYTES = 64 * 1024 * 1024
"""The pickle of 100,000 tensors has 12 MB; larger ones carry data, and are read as far as this."""

_FIRST_PICKLE_BYTES = 256 * 1024
_TAIL_BYTES = 64 * 1024 + 22


class Source:
    """A file's bytes by range. The beginning and, once asked for, the end are read once.

    All of its pickles together are followed for as long as one may take.
    """

    def __init__(self, read: Read, size: int) -> None:
        self._read = read
        self.size = size
        self.head = read(0, min(size, _FIRST_PICKLE_BYTES)) if size else b""
        self._tail: bytes | None = None
        self._steps_left = MAX_STEPS

    def tail(self) -> bytes:
        if self._tail is None:
            length = min(self.size, _TAIL_BYTES)
            at_hand = self.size <= len(self.head)
            self._tail = self.head[-length:] if at_hand else self._read(self.size - length, length)
        return self._tail

    def read(self, offset: int, length: int) -> bytes:
        """At most ``length`` bytes: fewer at the end of the file."""
        length = max(0, min(length, self.size - offset))
        if offset + length <= len(self.head):
            return self.head[offset : offset + length]
        begin = self.size - len(self._tail or b"")
        if self._tail and offset >= begin:
            return self._tail[offset - begin : offset - begin + length]
        return self._read(offset, length)

    def follow(self, data: bytes, start: int = 0) -> Pickled:
        """Follows the pickle in ``data``, some of this file's bytes."""
        pickled = follow(data, start, self._steps_left)
        # What is cut is followed again, from a longer piece.
        if not _is_cut(pickled):
            self._steps_left = max(0, self._steps_left - pickled.steps)
        return pickled


def pickle_at(source: Source, start: int) -> tuple[Pickled, int]:
    """The pickle at ``start``, of which only its last opcode tells where it ends; and that end."""
    if start < len(source.head):
        pickled = source.follow(source.head, start)
        if not _is_cut(pickled) or len(source.head) == source.size:
            return pickled, pickled.end
    length = _FIRST_PICKLE_BYTES
    while True:
        length = min(8 * length, MAX_PICKLE_BYTES)
        pickled = source.follow(source.read(start, length))
        if not _is_cut(pickled) or length == MAX_PICKLE_BYTES or start + length >= source.size:
            return pickled, start + pickled.end


def _is_cut(pickled: Pickled) -> bool:
    return pickled.problem is not None and pickled.problem.code == "incomplete-pickle"


def note_problem(pickled: Pickled, left: int, name: str, warnings: list[Warning]) -> None:
    """``left`` are the bytes of the file from the beginning of the pickle."""
    if pickled.problem is None:
        return
    code, message = pickled.problem
    if code == "incomplete-pickle" and left > MAX_PICKLE_BYTES:
        code, message = "pickle-too-large", f"is not read further than {format_bytes(MAX_PICKLE_BYTES)}"
    warnings.append(Warning(code, f"{name}: its pickle {message}"))
