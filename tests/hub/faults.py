"""What can go wrong between a program and the Hub: each fault turns a good answer into a bad one."""

from __future__ import annotations

import gzip
from collections.abc import Callable

from tests.hub.reply import FileRange, Reply, error_reply

Fault = Callable[[Reply], Reply]

_HTML = {"Content-Type": "text/html; charset=utf-8"}
_PORTAL = b"<!DOCTYPE html><html><head><title>Airport Wi-Fi</title></head><body>Please log in</body></html>"


def status(code: int, headers: dict[str, str] | None = None) -> Fault:
    """An error of the server: 500, 502, 503, 504 …"""
    return lambda reply: Reply(code, {**_HTML, **(headers or {})}, b"<html><body>Error</body></html>")


def rate_limited(seconds: int) -> Fault:
    """429, as the Hub says it: with Retry-After and the RateLimit headers."""

    def answer(reply: Reply) -> Reply:
        refused = error_reply(429, "We had to rate limit your IP.")
        refused.headers["Retry-After"] = str(seconds)
        refused.headers["RateLimit"] = f'"api";r=0;t={seconds}'
        refused.headers["RateLimit-Policy"] = '"fixed window";"api";q=500;w=300'
        return refused

    return answer


def unknown() -> Fault:
    """No such repository, as the Hub tells those with a token."""
    return lambda reply: error_reply(404, "Repository not found", "RepoNotFound")


def private() -> Fault:
    """A private repository, or none: as the Hub tells those without a token."""
    return lambda reply: error_reply(401, "Invalid username or password.")


def gated() -> Fault:
    """A repository whose conditions were not accepted."""
    return lambda reply: error_reply(401, "Access to this model is restricted. Please log in.", "GatedRepo")


def hung_up() -> Fault:
    """The connection is closed without an answer."""
    return lambda reply: reply._replace(cut=-1)


def cut_off(nbytes: int) -> Fault:
    """The connection is closed after so many bytes of the body."""
    return lambda reply: reply._replace(cut=nbytes)


def slow(seconds: float) -> Fault:
    """So many seconds pass before each 1,000 bytes."""
    return lambda reply: reply._replace(pause=seconds)


def stalled() -> Fault:
    """The answer never comes; the connection stays open until the Hub is closed."""
    return lambda reply: reply._replace(stalls=True)


def dripping_headers(seconds: float) -> Fault:
    """Headers of which a byte comes every so many seconds, without an end."""
    return lambda reply: reply._replace(drips=seconds)


def captive_portal() -> Fault:
    """200, but it is a hotel's log-in page."""
    return lambda reply: Reply(200, dict(_HTML), _PORTAL)


def portal_redirect() -> Fault:
    """To the log-in page of a portal that is not there."""
    return lambda reply: Reply(302, {"Location": "https://portal.invalid/login"})


def malformed() -> Fault:
    """JSON that ends too early, with a length that fits."""
    return lambda reply: reply._replace(body=_bytes(reply)[: reply.nbytes // 2], headers=_plain(reply))


def other_json(text: bytes) -> Fault:
    """JSON, but not what was asked for."""
    return lambda reply: reply._replace(body=text, headers=_plain(reply))


def shorter() -> Fault:
    """A range of which the end is missing, although nothing says so."""

    def answer(reply: Reply) -> Reply:
        body = _bytes(reply)
        return reply._replace(body=body[: len(body) // 2])

    return answer


def whole_file() -> Fault:
    """200 instead of 206: a server that does not know ranges. (A caller must not read it to its end.)"""

    def answer(reply: Reply) -> Reply:
        if reply.status != 206 or not isinstance(reply.body, FileRange):
            return reply
        headers = {name: value for name, value in reply.headers.items() if name != "Content-Range"}
        path = reply.body.path
        return reply._replace(status=200, headers=headers, body=FileRange(path, 0, path.stat().st_size))

    return answer


def wrong_range() -> Fault:
    """A range that is not the one asked for."""

    def answer(reply: Reply) -> Reply:
        if reply.status != 206:
            return reply
        _, _, size = reply.headers["Content-Range"].partition("/")
        end = 8 + reply.nbytes - 1
        return reply._replace(headers={**reply.headers, "Content-Range": f"bytes 8-{end}/{size}"})

    return answer


def endless() -> Fault:
    """A body of a terabyte."""
    return lambda reply: reply._replace(body=b" " * 65536, length=10**12, headers=_plain(reply))


def redirected(location: str) -> Fault:
    """To wherever the test wants."""
    return lambda reply: Reply(302, {"Location": location})


def not_gzip() -> Fault:
    """Says that it is compressed, and is not."""
    return lambda reply: reply._replace(
        headers={**reply.headers, "Content-Encoding": "gzip"}, body=b"not gzip"
    )


def bomb() -> Fault:
    """A few kilobytes of gzip that become 100 MB."""
    body = gzip.compress(b" " * 100_000_000, 1)

    def answer(reply: Reply) -> Reply:
        return reply._replace(headers={**reply.headers, "Content-Encoding": "gzip"}, body=body)

    return answer


def _bytes(reply: Reply) -> bytes:
    if isinstance(reply.body, bytes):
        return reply.body
    with reply.body.path.open("rb") as file:
        file.seek(reply.body.start)
        return file.read(reply.body.length)


def _plain(reply: Reply) -> dict[str, str]:
    return {name: value for name, value in reply.headers.items() if name != "Content-Encoding"}
