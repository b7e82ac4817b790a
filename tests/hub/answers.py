"""What the Hub answers to a path: its API and its files, without HTTP's details."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

from tests.hub.reply import FileRange, Reply, error_reply, json_reply
from tests.hub.repository import HubFile, Repository

if TYPE_CHECKING:
    from tests.hub.server import LocalHub

_API = re.compile(
    r"/api/models/(?P<id>[^/]+(?:/[^/]+)?)(?:/(?P<what>revision|tree)/(?P<revision>[^/]+)(?P<path>/.*)?)?"
)
_RESOLVE = re.compile(
    r"/(?:api/resolve-cache/models/)?(?P<id>[^/]+(?:/[^/]+)?)/resolve/(?P<revision>[^/]+)/(?P<path>.+)"
)
_CACHED = re.compile(
    r"/api/resolve-cache/models/(?P<id>[^/]+/[^/]+)/(?P<revision>[0-9a-f]{40})/(?P<path>[^?]+)"
)
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")
_PAGE = 1000


def answer(hub: LocalHub, method: str, target: str, headers: Mapping[str, str]) -> Reply:
    """The Hub's own answer to a request."""
    url = urlsplit(target)
    token = headers.get("Authorization", "").removeprefix("Bearer ")
    if token and token not in hub.tokens:
        return error_reply(401, "Invalid credentials in Authorization header")
    if url.path == "/api/whoami-v2":
        return json_reply({"name": "somebody", "type": "user"}) if token else error_reply(401, "Unauthorized")
    if cached := _CACHED.fullmatch(url.path):
        return _file(hub, cached, token, headers, redirect=False)
    if found := _RESOLVE.fullmatch(url.path):
        return _file(hub, found, token, headers, redirect=True)
    if found := _API.fullmatch(url.path):
        return _api(hub, found, parse_qs(url.query), token)
    return error_reply(404, "Sorry, we can't find the page you are looking for.")


def _api(hub: LocalHub, found: re.Match[str], query: dict[str, list[str]], token: str) -> Reply:
    repository = hub.repositories.get(found["id"])
    if repository is None or (repository.private and token not in repository.readers):
        return _no_repository(token)
    revision = unquote(found["revision"] or "main")
    sha = repository.resolve(revision)
    if sha is None:
        return error_reply(404, f"Invalid rev id: {revision}", "RevisionNotFound")
    if repository.disabled:
        return error_reply(403, "Access to this resource is disabled.")
    if found["what"] == "tree":
        return _tree(hub, repository, sha, query)
    return json_reply(
        repository.info(sha, blobs=query.get("blobs") == ["true"]), headers={"X-Repo-Commit": sha}
    )


def _tree(hub: LocalHub, repository: Repository, sha: str, query: dict[str, list[str]]) -> Reply:
    entries = [file.tree_entry(name) for name, file in repository.commits[sha].items()]
    start = int(query.get("cursor", ["0"])[0])
    headers = {"X-Repo-Commit": sha}
    if len(entries) > start + _PAGE:
        following = (
            f"{hub.endpoint}/api/models/{repository.id}/tree/{sha}?recursive=true&cursor={start + _PAGE}"
        )
        headers["Link"] = f'<{following}>; rel="next"'
    return json_reply(entries[start : start + _PAGE], headers=headers)


def _no_repository(token: str) -> Reply:
    # Without a token nobody is told whether there is such a repository.
    if token:
        return error_reply(404, "Repository not found", "RepoNotFound")
    refused = error_reply(401, "Invalid username or password.")
    refused.headers["WWW-Authenticate"] = 'Bearer realm="Authentication required"'
    return refused


def _file(
    hub: LocalHub, found: re.Match[str], token: str, headers: Mapping[str, str], *, redirect: bool
) -> Reply:
    repository = hub.repositories.get(found["id"])
    if repository is None or (repository.private and token not in repository.readers):
        return _no_repository(token)
    if repository.gated and token not in repository.readers:
        return _gated(hub, repository, token)
    revision, name = unquote(found["revision"]), unquote(found["path"])
    sha = repository.resolve(revision)
    if sha is None:
        return error_reply(404, f"Invalid rev id: {revision}", "RevisionNotFound")
    file = repository.commits[sha].get(name)
    if file is None:
        missing = error_reply(404, "Entry not found", "EntryNotFound")
        missing.headers["X-Repo-Commit"] = sha
        return missing
    if redirect and file.sha256 and hub.redirects:
        return _to_cdn(hub, file, sha)
    if redirect and not file.sha256 and hub.resolve_cache:
        location = f"/api/resolve-cache/models/{repository.id}/{sha}/{found['path']}"
        return Reply(307, {"Location": location, "X-Repo-Commit": sha, "ETag": f'"{file.oid}"'})
    return file_reply(file, sha, headers)


def _gated(hub: LocalHub, repository: Repository, token: str) -> Reply:
    if token:
        message = (
            f"Access to model {repository.id} is restricted and you are not in the authorized list. "
            f"Visit {hub.endpoint}/{repository.id} to ask for access."
        )
        return error_reply(403, message, "GatedRepo")
    message = (
        f"Access to model {repository.id} is restricted. You must have access to it and be authenticated to "
        "access it. Please log in."
    )
    return error_reply(401, message, "GatedRepo")


def _to_cdn(hub: LocalHub, file: HubFile, sha: str) -> Reply:
    hub.cdn_files[file.sha256 or ""] = file
    return Reply(
        302,
        {
            "Location": f"{hub.cdn_endpoint}/repos/{file.sha256}?Expires=1893456000&Signature=c2lnbmVk",
            "X-Repo-Commit": sha,
            "X-Linked-Size": str(file.nbytes),
            "X-Linked-ETag": f'"{file.sha256}"',
        },
    )


def cdn_answer(hub: LocalHub, target: str, headers: Mapping[str, str]) -> Reply:
    """The second host's answer: files by their hash, to whoever has the signed address."""
    url = urlsplit(target)
    file = hub.cdn_files.get(url.path.removeprefix("/repos/"))
    if file is None or "Signature=" not in url.query:
        return Reply(403, {"Content-Type": "application/xml"}, b"<Error><Code>AccessDenied</Code></Error>")
    return file_reply(file, None, headers)


def file_reply(file: HubFile, sha: str | None, headers: Mapping[str, str]) -> Reply:
    """A file, or the range of it that is asked for."""
    answers = {"Content-Type": "application/octet-stream", "Accept-Ranges": "bytes"}
    answers["ETag"] = f'"{file.sha256 or file.oid}"'
    if file.path.name.endswith(".json"):
        answers["Content-Type"] = "application/json"
    if sha:
        answers["X-Repo-Commit"] = sha
    wanted = _RANGE.fullmatch(headers.get("Range", ""))
    if not wanted:
        return Reply(200, answers, FileRange(file.path, 0, file.nbytes))
    start, end = int(wanted[1]), min(int(wanted[2] or file.nbytes), file.nbytes - 1)
    if start > end:
        return Reply(416, {"Content-Range": f"bytes */{file.nbytes}"})
    answers["Content-Range"] = f"bytes {start}-{end}/{file.nbytes}"
    return Reply(206, answers, FileRange(file.path, start, end - start + 1))
