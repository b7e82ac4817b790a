"""``json.loads`` and ``json.dumps`` without importing ``json``, where CPython's own accelerator can be had.

json imports re and enum and compiles eight expressions: 6 ms, a quarter of ``inspect --json`` of a small
model. What it then does is to call ``_json``, in C, as is done here; wherever that is missing, is another, or
refuses a text, json itself has the word, so errors are json's.
"""

from __future__ import annotations

from model_loupe.domain.lean_typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_SPACE = " \t\n\r"


class _Decoder:
    """What ``json.JSONDecoder()`` tells the scanner."""

    strict = True
    object_hook = object_pairs_hook = None
    parse_int = int
    memo: dict[str, str] = {}  # noqa: RUF012 (the scanner has its own)

    def __init__(self, parse_float: Callable[[str], Any], parse_constant: Callable[[str], Any]) -> None:
        self.parse_float = parse_float
        self.parse_constant = parse_constant


# What the scanner raises for a text that ends too soon: the second where json, whose error it would raise, is
# not imported yet.
_REFUSED = (StopIteration, SystemError)
# float reads the names of JSON's constants, too: NaN, Infinity and -Infinity.
_number: Callable[[str], Any] = float
_scan: Any = None

try:
    from _json import encode_basestring, encode_basestring_ascii, make_encoder, make_scanner

    _scanner: Any = make_scanner  # takes anything with the attributes of a decoder
    _scan = _scanner(_Decoder(_number, _number))
except (ImportError, TypeError, AttributeError):
    pass


def loads(
    text: str,
    *,
    parse_float: Callable[[str], Any] = _number,
    parse_constant: Callable[[str], Any] = _number,
) -> Any:
    """The value of ``text``; raises ValueError (``json.JSONDecodeError``) and RecursionError."""
    if _scan is not None:
        try:
            scan = _scanner(_Decoder(parse_float, parse_constant))
            value, end = scan(text, len(text) - len(text.lstrip(_SPACE)))
            if not text[end:].strip(_SPACE):
                return value
        except _REFUSED:
            pass
    import json

    return json.loads(text, parse_float=parse_float, parse_constant=parse_constant)


def raw_decode(text: str, start: int) -> tuple[Any, int]:
    """The value that begins at ``start``, and where it ends; raises as ``loads``."""
    if _scan is not None:
        try:
            found: tuple[Any, int] = _scan(text, start)
            return found
        except _REFUSED:
            pass
    import json

    return json.JSONDecoder().raw_decode(text, start)


def dumps(value: object, *, ensure_ascii: bool) -> str:
    """``value`` in one line; raises TypeError for what is no JSON."""
    if _scan is not None:
        encode = encode_basestring_ascii if ensure_ascii else encode_basestring
        try:
            write = make_encoder({}, _refuse, encode, None, ": ", ", ", False, False, True)
            return "".join(write(value, 0))
        except TypeError:
            pass
    import json

    return json.dumps(value, ensure_ascii=ensure_ascii)


def _refuse(value: object) -> object:
    raise TypeError(f"{type(value).__name__} is no JSON")
