"""``modelLoupe/models``: the models that open documents and the workspace's files mention."""

from __future__ import annotations

import os
from collections import Counter
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, NamedTuple

from model_loupe.lsp.uris import real_path, to_uri

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from model_loupe.documents import Reference, Span
    from model_loupe.inspector import LoadOptions, ModelRequest
    from model_loupe.lsp.positions import PositionEncoding
    from model_loupe.lsp.protocol import ModelsParams
    from model_loupe.lsp.session import Session
    from model_loupe.lsp.snapshot import Snapshot
    from model_loupe.lsp.workspace_scan import FoundCall

_TYPING_SECONDS = 0.3
# As many as the inspector remembers: more would push each other out.
_DESCRIBED = 64
_BUILDING = ("model", "pipeline")
_DISTINGUISHING = ("base", "revision", "subfolder", "variant", "gguf_file")
# More classes of one model would fill the tree.
_WAYS = 5


class Use(NamedTuple):
    """One place that names a model. ``cell`` is given for notebooks on disk, whose cells have no URI yet."""

    request: ModelRequest
    options: LoadOptions
    reference: Reference
    uri: str
    lines: tuple[str, ...]
    cell: int | None


async def models(session: Session, params: ModelsParams) -> list[dict[str, Any]]:
    """One entry a distinct request, those of open documents first."""
    if not session.client.watches_files:
        session.scan_workspace()  # nobody tells of changed files: look, and tell if there were any
    snapshots = tuple(session.documents.snapshots())
    scanned = tuple(session.workspace_scan.calls())
    folders = session.documents.workspace_folders
    grouped = await session.run(_by_request, snapshots, scanned, folders)
    session.inspector.calls = {request: _ways(group) for request, group in grouped.items()}
    # A row tells sizes once its model is described: have that done, and the client asks again.
    session.describe_in_background(islice(grouped, _DESCRIBED))
    distinctions = await session.run(_distinctions, grouped)
    return [
        _entry(session, request, group, params.filter, distinctions[request])
        for request, group in grouped.items()
    ]


def _distinctions(requests: Iterable[ModelRequest]) -> dict[ModelRequest, str]:
    """What tells a request from those that name a model alike: its folder, or what its call names besides."""
    alike: dict[str, list[ModelRequest]] = {}
    for request in requests:
        alike.setdefault(request.model, []).append(request)
    found: dict[ModelRequest, str] = {}
    for group in alike.values():
        ends = _ends({request.base for request in group if request.base is not None})
        found.update((request, _distinction(request, group, ends)) for request in group)
    return found


def _distinction(request: ModelRequest, alike: list[ModelRequest], ends: dict[str, str]) -> str:
    told = []
    for field in _DISTINGUISHING:
        value = getattr(request, field)
        if value is not None and any(getattr(other, field) != value for other in alike):
            told.append(ends[value] if field == "base" else value)
    return " · ".join(told)


def _ends(folders: set[str]) -> dict[str, str]:
    """Of each folder's path as many of its last parts as no other ends with."""
    split = {folder: folder.split(os.sep) for folder in folders}
    counts = Counter(tuple(end) for parts in split.values() for end in _tails(parts))
    return {
        folder: os.sep.join(next((end for end in _tails(parts) if counts[tuple(end)] == 1), parts))
        for folder, parts in split.items()
    }


def _tails(parts: list[str]) -> Iterator[list[str]]:
    return (parts[-n:] for n in range(1, len(parts)))


def _ways(uses: list[Use]) -> list[LoadOptions]:
    """The ways in which a model is built, each with the options of its first call."""
    ways: dict[object, LoadOptions] = {}
    for use in uses:
        if use.reference.role in _BUILDING:
            ways.setdefault(use.options.way(), use.options)
    return list(islice(ways.values(), _WAYS))


def notice(session: Session, uri: str) -> None:
    """A document changed: tell the client if it now mentions other models."""
    session.later(f"models {uri}", _TYPING_SECONDS, lambda: session.start(_notice(session, uri)))


async def _notice(session: Session, uri: str) -> None:
    snapshot = session.documents.snapshot(uri)
    mentioned = await session.run(_requests, snapshot) if snapshot else frozenset()
    if mentioned == session.mentioned.get(uri, frozenset()):
        return
    session.mentioned[uri] = mentioned
    if snapshot and snapshot.is_notebook:
        # A name that one cell sets is loaded by another, which the editor does not know to ask for again.
        session.changed()
    else:
        session.client.models_changed()


def _requests(snapshot: Snapshot) -> frozenset[tuple[str, ModelRequest]]:
    return frozenset((call.part.uri, call.ask.request) for call in snapshot.calls() if call.ask)


def uses(
    snapshots: tuple[Snapshot, ...], scanned: tuple[FoundCall, ...], workspace_folders: tuple[str, ...]
) -> Iterator[Use]:
    """The places that name models, in open documents and in the workspace's files. Looks at the disk."""
    for use in chain(_open_uses(snapshots), _file_uses(scanned, snapshots, workspace_folders)):
        if _is_listed(use):
            yield use


def _by_request(
    snapshots: tuple[Snapshot, ...], scanned: tuple[FoundCall, ...], workspace_folders: tuple[str, ...]
) -> dict[ModelRequest, list[Use]]:
    grouped: dict[ModelRequest, list[Use]] = {}
    for use in uses(snapshots, scanned, workspace_folders):
        grouped.setdefault(use.request, []).append(use)
    return grouped


def _open_uses(snapshots: tuple[Snapshot, ...]) -> Iterable[Use]:
    for snapshot in snapshots:
        for part, reference, ask in snapshot.calls():
            if ask:
                yield Use(ask.request, ask.options, reference, part.uri, part.lines, None)


def _file_uses(
    scanned: tuple[FoundCall, ...], snapshots: tuple[Snapshot, ...], workspace_folders: tuple[str, ...]
) -> Iterable[Use]:
    from model_loupe.lsp.requests import ask

    open_files = {real_path(snapshot.uri) for snapshot in snapshots}
    for call in scanned:
        asked = ask(call.reference, (os.path.dirname(call.path), *workspace_folders))
        if asked and call.path not in open_files:
            yield Use(
                asked.request,
                asked.options,
                call.reference,
                to_uri(call.path),
                call.lines,
                call.reference.cell,
            )


def _is_listed(use: Use) -> bool:
    """Models that are meant, not placeholders; of those that the code writes, those written by now."""
    request = use.request
    if use.reference.kind == "written_here":
        return os.path.exists(os.path.join(request.base or "", os.path.expanduser(request.model)))
    return use.reference.kind in ("hub", "local")


def _entry(
    session: Session, request: ModelRequest, uses: list[Use], filtered: str, distinction: str
) -> dict[str, Any]:
    references: list[dict[str, Any]] = []
    for use in uses:
        place = {"uri": use.uri, "range": _range(use.lines, use.reference.span, session.encoding)}
        references.append(place if use.cell is None else {**place, "cell": use.cell})
    node = session.inspector.root(request, filtered)
    node = node._replace(description=" · ".join(part for part in (distinction, node.description) if part))
    return {
        **node._asdict(),
        "model": request.model,
        "kind": uses[0].reference.kind,
        "references": references,
    }


def _range(lines: tuple[str, ...], span: Span, encoding: PositionEncoding) -> dict[str, Any]:
    found = encoding.to_range(lines, span)
    return {
        end: {"line": position.line, "character": position.character}
        for end, position in (("start", found.start), ("end", found.end))
    }
