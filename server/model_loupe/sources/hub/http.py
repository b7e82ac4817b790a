"""One GET after the other over few connections: bounded in time and bytes, careful about where it is sent.

huggingface_hub's own client is another library in each of its major versions, takes a fifth of a second to
import, reads whole bodies and follows redirects anywhere; so this one stands on ``http.client``.
"""

from __future__ import annotations

import io
import socket
import threading
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection, IncompleteRead
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import SplitResult, urljoin, urlsplit

from model_loupe.sources.hub.addresses import Audience, RefusedAddress

if TYPE_CHECKING:
    import ssl

_MAX_REDIRECTS = 5
_CHUNK = 64 * 1024
# Servers close connections that are idle for longer than some time of theirs, often a minute.
_IDLE_SECONDS = 20.0
_MAX_IDLE = 32
_REDIRECTS = (301, 302, 303, 307, 308)


class HttpError(Exception):
    """Why there is no answer. ``kind`` is one of those below, ``host`` what was asked.

    ``timeout`` · ``unreachable`` (no address, or nobody listens) · ``cut`` (ended too early) · ``tls`` ·
    ``proxy`` · ``redirect`` (to where we do not go) · ``too-large`` · ``damaged`` (no HTTP, bad gzip) ·
    ``closed``
    """

    def __init__(self, kind: str, host: str, detail: str = "") -> None:
        super().__init__(f"{kind}: {host} {detail}".rstrip())
        self.kind = kind
        self.host = host
        self.detail = detail


class Answer(NamedTuple):
    """An answer, whatever its status; names of ``headers`` are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    host: str


class Wish(NamedTuple):
    """A GET: ``limit`` is how many bytes of body are taken; a longer one is an error, or cut if ``cuts``."""

    url: str
    headers: dict[str, str]
    limit: int
    cuts: bool = False


class _Origin(NamedTuple):
    scheme: str
    host: str
    port: int


class HttpClient:
    """Thread-safe; keeps connections open for the next request to the same host.

    ``secret`` headers of a request go to the origin of ``endpoint`` alone, wherever redirects lead.
    ``timeout`` bounds each wait for the network, ``deadline`` a whole request, in seconds.
    """

    def __init__(self, endpoint: str, timeout: float = 10.0, deadline: float = 60.0) -> None:
        self._home = _origin(urlsplit(endpoint))
        self._audience = Audience(self._home.host)
        self._timeout = timeout
        self._deadline = deadline
        self._lock = threading.Lock()
        self._idle: dict[_Origin, list[tuple[float, HTTPConnection]]] = {}
        self._busy: set[HTTPConnection] = set()
        self._tls: ssl.SSLContext | None = None
        self._proxies: dict[str, str] | None = None
        self._closed = False

    def get(self, wish: Wish, secret: Mapping[str, str]) -> Answer:
        """The answer, redirects followed; raises HttpError. ``secret`` headers are for the endpoint only."""
        until = time.monotonic() + self._deadline
        url = wish.url
        for _ in range(_MAX_REDIRECTS + 1):
            parts = urlsplit(url)
            origin = _origin(parts)
            own = secret if origin == self._home else {}
            answer = self._once(origin, parts, wish, {**wish.headers, **own}, until)
            location = answer.headers.get("location")
            if answer.status not in _REDIRECTS or not location:
                return answer
            url = self._follow(url, location)
        raise HttpError("redirect", urlsplit(url).hostname or "", "again and again")

    def close(self) -> None:
        """Closes all connections; who waits on one gets an HttpError."""
        with self._lock:
            self._closed = True
            idle = [connection for kept in self._idle.values() for _, connection in kept]
            self._idle.clear()
            busy = tuple(self._busy)
        for connection in idle:
            connection.close()
        for connection in busy:
            with suppress(OSError, AttributeError):
                connection.sock.shutdown(socket.SHUT_RDWR)

    # Redirects

    def _follow(self, url: str, location: str) -> str:
        try:
            target = urljoin(url, location)
            before, after = urlsplit(url), urlsplit(target)
            host, _ = after.hostname or "", after.port
        except ValueError as error:
            raise HttpError("redirect", "", "to an address that is none") from error
        allowed = ("https",) if before.scheme == "https" else ("https", "http")
        if after.scheme not in allowed or not host:
            raise HttpError("redirect", host, f"to {after.scheme or 'no'} scheme")
        if after.username is not None:
            raise HttpError("redirect", host, "to an address with a password")
        return target

    # One request

    def _once(
        self, origin: _Origin, parts: SplitResult, wish: Wish, headers: dict[str, str], until: float
    ) -> Answer:
        target = parts._replace(scheme="", netloc="", fragment="").geturl() or "/"
        reused, connection = self._connection(origin)
        try:
            try:
                return self._exchange(origin, connection, target, wish, headers, until)
            except HttpError as error:
                # The server closed a kept connection just when it was used again.
                if not reused or error.kind != "cut" or time.monotonic() >= until:
                    raise
            connection.close()
            with self._lock:
                self._busy.discard(connection)
            connection = self._open(origin)
            return self._exchange(origin, connection, target, wish, headers, until)
        finally:
            self._give_back(origin, connection)

    def _exchange(
        self,
        origin: _Origin,
        connection: HTTPConnection,
        target: str,
        wish: Wish,
        headers: dict[str, str],
        until: float,
    ) -> Answer:
        whole = False
        # mypy knows no instance's own class of responses.
        connection.response_class = partial(_Response, until=until, timeout=self._timeout)  # type: ignore[assignment]
        try:
            connection.request("GET", target, headers=headers)
            response = connection.getresponse()
            body, whole = _read(response, wish, origin.host)
            found = {name.lower(): value for name, value in response.getheaders()}
            answer = Answer(response.status, found, body, origin.host)
            whole = whole and not response.will_close
            return answer._replace(body=_unpacked(answer, wish.limit))
        except HttpError as error:
            raise HttpError(error.kind, error.host or origin.host, error.detail) from error
        except RefusedAddress as error:
            raise HttpError("redirect", origin.host, "to a private address") from error
        except (OSError, HTTPException, ValueError, AttributeError) as error:
            raise self._failure(error, origin) from error
        finally:
            if not whole:
                connection.close()

    def _failure(self, error: Exception, origin: _Origin) -> HttpError:
        if self._closed:
            return HttpError("closed", origin.host)
        if isinstance(error, TimeoutError):
            return HttpError("timeout", origin.host)
        if isinstance(error, OSError) and "Tunnel connection failed" in str(error):
            return HttpError("proxy", origin.host, str(error).removeprefix("Tunnel connection failed: "))
        if type(error).__module__ == "ssl":
            return HttpError("tls", origin.host, str(getattr(error, "verify_message", "") or error))
        # RemoteDisconnected is both an HTTPException and a ConnectionResetError.
        if (
            isinstance(error, ConnectionRefusedError)
            or type(error) is OSError
            or isinstance(error, socket.gaierror)
        ):
            return HttpError("unreachable", origin.host, str(getattr(error, "strerror", "") or error))
        if isinstance(error, (OSError, AttributeError, IncompleteRead)):
            return HttpError("cut", origin.host)
        return HttpError("damaged", origin.host, type(error).__name__)

    # Connections

    def _connection(self, origin: _Origin) -> tuple[bool, HTTPConnection]:
        oldest = time.monotonic() - _IDLE_SECONDS
        with self._lock:
            kept = self._idle.get(origin, [])
            while kept:
                since, connection = kept.pop()
                if since >= oldest:
                    self._busy.add(connection)
                    return True, connection
                connection.close()
        return False, self._open(origin)

    def _open(self, origin: _Origin) -> HTTPConnection:
        proxy = self._proxy(origin)
        connection: HTTPConnection
        if proxy:
            connection = self._through(proxy, origin)
        elif origin.scheme == "https":
            connection = _TlsConnection(origin, self._context(), self._timeout, self._audience)
        else:
            connection = _PlainConnection(origin, self._timeout, self._audience)
        with self._lock:
            if self._closed:
                raise HttpError("closed", origin.host)
            self._busy.add(connection)
        return connection

    def _give_back(self, origin: _Origin, connection: HTTPConnection) -> None:
        with self._lock:
            self._busy.discard(connection)
            kept = self._idle.setdefault(origin, [])
            if connection.sock is not None and not self._closed and len(kept) < _MAX_IDLE:
                kept.append((time.monotonic(), connection))
                return
        connection.close()

    def _proxy(self, origin: _Origin) -> str | None:
        """The proxy for ``origin``, as ``HTTPS_PROXY``, ``NO_PROXY`` and the system's settings have it."""
        from urllib.request import getproxies, proxy_bypass

        if self._proxies is None:
            self._proxies = getproxies()
        proxy = self._proxies.get(origin.scheme) or self._proxies.get("all")
        return proxy if proxy and not proxy_bypass(origin.host) else None

    def _through(self, proxy: str, origin: _Origin) -> HTTPConnection:
        # The proxy looks names up itself: what can be told of an address here is what is written in it.
        if not self._audience.allows_name(origin.host):
            raise HttpError("redirect", origin.host, "to a private address")
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise HttpError("proxy", origin.host, f"a proxy of kind {parts.scheme} is not supported")
        port = parts.port or (443 if parts.scheme == "https" else 8080)
        headers = _proxy_authorization(parts)
        if origin.scheme == "https":
            connection: HTTPConnection = HTTPSConnection(
                parts.hostname, port, timeout=self._timeout, context=self._context()
            )
            connection.set_tunnel(origin.host, origin.port, headers)
            return connection
        return _Forwarding(parts.hostname, port, self._timeout, origin, headers)

    def _context(self) -> ssl.SSLContext:
        with self._lock:
            if self._tls is None:
                self._tls = _tls_context()
            return self._tls


def _tls_context() -> ssl.SSLContext:
    """Certificates as the environment names them, else the system's, else certifi's."""
    import os
    import ssl

    named = next(filter(None, map(os.environ.get, ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"))), None)
    if named and not os.environ.get("SSL_CERT_FILE"):
        is_folder = os.path.isdir(named)
        return ssl.create_default_context(
            cafile=None if is_folder else named, capath=named if is_folder else None
        )
    context = ssl.create_default_context()
    if not context.cert_store_stats()["x509_ca"] and not os.environ.get("SSL_CERT_FILE"):
        with suppress(ImportError):
            import certifi

            context.load_verify_locations(certifi.where())
    return context


def _origin(parts: SplitResult) -> _Origin:
    host = parts.hostname or ""
    return _Origin(parts.scheme, host, parts.port or (443 if parts.scheme == "https" else 80))


# --- connections --------------------------------------------------------------------------------------


class _PlainConnection(HTTPConnection):
    def __init__(self, origin: _Origin, timeout: float, audience: Audience) -> None:
        super().__init__(origin.host, origin.port, timeout=timeout)
        self._audience = audience

    def connect(self) -> None:
        self.sock = self._audience.connect(self.host, self.port, self.timeout)


class _TlsConnection(HTTPSConnection):
    def __init__(self, origin: _Origin, context: ssl.SSLContext, timeout: float, audience: Audience) -> None:
        super().__init__(origin.host, origin.port, timeout=timeout, context=context)
        self._audience = audience
        self._tls = context

    def connect(self) -> None:
        plain = self._audience.connect(self.host, self.port, self.timeout)
        try:
            self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)
        except BaseException:
            plain.close()
            raise


class _Forwarding(HTTPConnection):
    """To a proxy that forwards plain HTTP: it is asked for the whole address."""

    def __init__(
        self, host: str, port: int, timeout: float, origin: _Origin, headers: dict[str, str]
    ) -> None:
        super().__init__(host, port, timeout=timeout)
        self._prefix = f"http://{origin.host}:{origin.port}"
        self._more = {"Host": f"{origin.host}:{origin.port}", **headers}

    def request(  # type: ignore[override]
        self, method: str, url: str, body: None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().request(method, self._prefix + url, body, {**(headers or {}), **self._more})


def _proxy_authorization(parts: SplitResult) -> dict[str, str]:
    if parts.username is None:
        return {}
    from base64 import b64encode
    from urllib.parse import unquote

    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {"Proxy-Authorization": f"Basic {b64encode(pair.encode()).decode()}"}


# --- answers ------------------------------------------------------------------------------------------


class _Incoming(io.RawIOBase):
    """What a socket receives, each wait no longer than ``timeout`` seconds, and all of them until ``until``.

    A time limit of the socket alone begins anew with each byte: a server that drips would never be given up.
    """

    def __init__(self, connection: socket.socket, until: float, timeout: float) -> None:
        super().__init__()
        self._connection = connection
        self._received = connection.makefile("rb", buffering=0)
        self._until = until
        self._timeout = timeout

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._connection.settimeout(min(left, self._timeout))
        return self._received.readinto(buffer)

    def close(self) -> None:
        self._received.close()
        super().close()


class _Response(HTTPResponse):
    """A response of which status line, headers and body come until ``until``, or raise TimeoutError."""

    def __init__(
        self, sock: socket.socket, *arguments: Any, until: float, timeout: float, **more: Any
    ) -> None:
        super().__init__(sock, *arguments, **more)
        self.fp.close()
        self.fp = io.BufferedReader(_Incoming(sock, until, timeout))


def _read(response: HTTPResponse, wish: Wish, host: str) -> tuple[bytes, bool]:
    """The body and whether it was read to its end; raises HttpError for one too long or short."""
    promised = response.length
    if promised is not None and promised > wish.limit and not wish.cuts:
        raise HttpError("too-large", host, f"{promised:,} bytes")
    chunks: list[bytes] = []
    taken = 0
    for chunk in _chunks(response, wish.limit + 1):
        chunks.append(chunk)
        taken += len(chunk)
    if taken > wish.limit:
        if not wish.cuts:
            raise HttpError("too-large", host, f"more than {wish.limit:,} bytes")
        return b"".join(chunks)[: wish.limit], False
    if promised is not None and taken < promised:
        raise HttpError("cut", host)
    # Read to its end, but http.client only knows it once told.
    response.close()
    return chunks[0] if len(chunks) == 1 else b"".join(chunks), True


def _chunks(response: HTTPResponse, limit: int) -> Iterator[bytes]:
    while limit > 0:
        chunk = response.read1(min(_CHUNK, limit))
        if not chunk:
            return
        limit -= len(chunk)
        yield chunk


def _unpacked(answer: Answer, limit: int) -> bytes:
    encoding = answer.headers.get("content-encoding", "identity").lower()
    if encoding == "identity" or not answer.body:
        return answer.body
    if encoding not in ("gzip", "x-gzip"):
        raise HttpError("damaged", answer.host, f"encoding {encoding[:20]}")
    try:
        unpacker = zlib.decompressobj(31)
        body = unpacker.decompress(answer.body, limit)
    except zlib.error as error:
        raise HttpError("damaged", answer.host, "gzip") from error
    if unpacker.unconsumed_tail:
        raise HttpError("too-large", answer.host, f"more than {limit:,} bytes")
    if not unpacker.eof:
        raise HttpError("cut", answer.host)
    return body
