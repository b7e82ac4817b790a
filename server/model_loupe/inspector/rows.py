"""A row of the sidebar's tree, and the place that its id names.

An id says all that is needed to find the row's children again (model, call, section, place), so nothing is
kept between requests, and ids outlive a restart of the server.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, NamedTuple

from model_loupe.domain.errors import LoupeError
from model_loupe.domain.loading import LoadOptions
from model_loupe.inspector.markdown import escape
from model_loupe.sources.locate import ModelRequest

_REQUEST_KEYS = ModelRequest._fields
_PLAIN_CALL = LoadOptions()
_MAX_TEXT = 400
PAGE = 200


class TreeNode(NamedTuple):
    """A row as both editors show it; field names are those of the protocol (``modelLoupe/children``)."""

    id: str
    label: str
    description: str
    tooltip: str
    icon: str
    collapsible: bool
    contextValue: str


class Place(NamedTuple):
    """Where a row stands: the model, one of its sections, a path in it, and from which child on.

    ``options`` are those of the call that loads the model, where it is not the first one of the workspace.
    """

    request: ModelRequest
    section: str = ""
    path: str = ""
    shown: str = ""
    offset: int = 0
    options: LoadOptions = _PLAIN_CALL

    def id(self) -> str:
        """The row's id: JSON of what differs from the defaults."""
        fields: dict[str, Any] = {
            key: value for key, value in zip(_REQUEST_KEYS, self.request, strict=True) if value is not None
        }
        fields.update(
            (key, value)
            for key, value in zip(("section", "path", "shown", "offset"), self[1:5], strict=True)
            if value
        )
        if self.options != _PLAIN_CALL:
            fields["options"] = {
                name: value
                for name, value in self.options._asdict().items()
                if value != getattr(_PLAIN_CALL, name)
            }
        return json.dumps(fields, separators=(",", ":"), ensure_ascii=False)

    @classmethod
    def parse(cls, node: str) -> Place:
        """The place of an id; raises LoupeError("bad-node") for any other text."""
        try:
            fields = json.loads(node)
            request = ModelRequest(*(fields.get(key) for key in _REQUEST_KEYS))
            place = cls(
                request,
                fields.get("section", ""),
                fields.get("path", ""),
                fields.get("shown", ""),
                fields.get("offset", 0),
                _options(fields.get("options")),
            )
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise LoupeError("bad-node", "not the id of a tree row: ask modelLoupe/models again") from error
        texts = [request.model, place.section, place.path, place.shown]
        flags = (request.use_safetensors, request.local_files_only, request.token)
        texts_alone = request._replace(use_safetensors=None, local_files_only=None, token=None)
        optional = [text for text in texts_alone[1:] if text is not None]
        chosen = all(flag is None or isinstance(flag, bool) for flag in flags)
        whole = type(place.offset) is int and place.offset >= 0
        if not (whole and chosen) or not all(isinstance(text, str) for text in texts + optional):
            raise LoupeError("bad-node", "not the id of a tree row: ask modelLoupe/models again")
        return place


def _options(given: object) -> LoadOptions:
    """The options of an id; raises TypeError, ValueError or AttributeError for what are none."""
    if given is None:
        return _PLAIN_CALL
    if not isinstance(given, dict):
        raise TypeError
    named = dict(given)
    if "overrides" in named:
        named["overrides"] = tuple((name, value) for name, value in named["overrides"])
    if "unknown" in named:
        named["unknown"] = tuple(named["unknown"])
    options = LoadOptions(**named)
    texts = (options.dtype, options.builder, options.task, options.device_map, *options.unknown)
    names = (name for name, _ in options.overrides)
    flags = (options.dtype_known, options.quantized, options.takes_any_shape)
    if not all(text is None or isinstance(text, str) for text in (*texts, *names)):
        raise TypeError
    if not all(isinstance(flag, bool) for flag in flags):
        raise TypeError
    hash(options)
    return options


def architecture_id(request: ModelRequest, options: LoadOptions) -> str:
    """The id of the row of what a call with ``options`` builds."""
    return Place(request, "architecture", options=options).id()


def item(place: Place, name: str) -> Place:
    """The place of a row without children: its section and name, so that its id occurs once."""
    return place._replace(section="item", path=f"{place.section}/{name}", offset=0)


def page(place: Place, found: Iterator[TreeNode]) -> list[TreeNode]:
    """The rows from ``place.offset`` on, at most ``PAGE`` and then a ``more`` row."""
    return _ended(place, list(islice(found, place.offset, place.offset + PAGE + 1)))


def lazy_page(place: Place, found: Iterator[Callable[[], TreeNode]]) -> list[TreeNode]:
    """As ``page``, but no row is made that is not shown: of 100,000 the last ones are there at once, too."""
    return _ended(place, [make() for make in islice(found, place.offset, place.offset + PAGE + 1)])


def _ended(place: Place, rows: list[TreeNode]) -> list[TreeNode]:
    if len(rows) <= PAGE:
        return rows
    following = place._replace(offset=place.offset + PAGE)
    return [
        *rows[:PAGE],
        row(following, "More …", f"from {following.offset + 1:,}", "more", collapsible=True),
    ]


def row(
    place: Place,
    label: str,
    details: str,
    icon: str,
    *,
    collapsible: bool = False,
    tooltip: str | None = None,
) -> TreeNode:
    label, details = _one_line(label), _one_line(details)
    if tooltip is None:
        tooltip = escape(f"{label}: {details}" if details else label)
    return TreeNode(place.id(), label, details, tooltip, icon, collapsible, icon)


def _one_line(text: str) -> str:
    flat = "".join(char if char.isprintable() else " " for char in text)
    return flat if len(flat) <= _MAX_TEXT else flat[: _MAX_TEXT - 1] + "…"
