"""The Hub as this program asks it: infos of repositories and ranges of files, politely and within bounds."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from model_loupe.domain.units import plural
from model_loupe.sources.hub import errors
from model_loupe.sources.hub.contents import Contents
from model_loupe.sources.hub.errors import Asked, HubError
from model_loupe.sources.hub.http import Answer, HttpClient, HttpError, Wish
from model_loupe.sources.hub.info import (
    MAX_BYTES,
    RepositoryInfo,
    in_words,
    is_commit,
    pack,
    parse_info,
    unpack,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from concurrent.futures import ThreadPoolExecutor

    from model_loupe.sources.store import Store

FRESH_SECONDS = 300.0
"""A branch may move: what it means is asked again after this time, at the earliest."""

_ATTEMPTS = 3
# A longer wait that the Hub asks for is told, not waited for.
_PATIENCE_SECONDS = 3.0
# How long failures stand before the Hub is asked again: of the network, and of the repository.
_PASSING_SECONDS = 15.0
_LASTING_SECONDS = 60.0
# At once. The Hub allows thousands of requests in five minutes, and each takes mostly waiting.
_PARALLEL = 24
_REMEMBERED = 32
_MAX_SEEN = 200
_RETRIED_STATUS = (408, 500, 502, 503, 504)
_MAX_BYTES_REMEMBERED = 64 * 1024 * 1024
_FORMAT = 1


class _Wanted(NamedTuple):
    """A repository at a revision, asked with or without the token."""

    repo_id: str
    revision: str | None
    anonymous: bool


class _Known(NamedTuple):
    info: RepositoryInfo
    at: float


class Repository(NamedTuple):
    """A repository at a commit. ``stale`` says why the Hub could not be asked whether it is still that."""

    hub: Hub
    asked: Asked
    info: RepositoryInfo
    contents: Contents
    anonymous: bool
    stale: HubError | None

    def read(self, name: str, start: int, length: int) -> bytes:
        """A range of a file, from what is known or from the Hub; raises HubError."""
        found = self.contents.get(name, start, length)
        if found is None:
            with self.contents.lock(name):
                found = self.contents.get(name, start, length)
                if found is None:
                    self._fetch(name, start, length)
                    found = self.contents.get(name, start, length)
        return b"" if found is None else found

    def _fetch(self, name: str, start: int, length: int) -> None:
        known = self.contents.known_from(name, start)
        start, length = start + known, length - known
        self.contents.add(name, start, self.hub.fetch(self, name, start, length))

    def read_all(self, ranges: Iterable[tuple[str, int, int]]) -> None:
        """Has many ranges fetched, several at a time; raises the first HubError when all is over."""
        missing = [each for each in ranges if self.contents.get(*each) is None]
        futures = [self.hub.pool.submit(self.read, *each) for each in missing]
        failures = [error for future in futures if (error := future.exception())]
        if failures:
            raise failures[0]

    def keep(self) -> None:
        """Puts on disk what was read."""
        self.hub.keep(self)


class Hub:
    """Thread-safe; may wait for the network for up to half a minute. All failures are HubErrors.

    ``offline`` is why the Hub must not be asked (then what is remembered has to do), ``store`` where answers
    are kept, ``token`` what gives the token: it is asked for each request and never kept. ``timeout`` is for
    each wait for the network, ``pause`` comes before the second try and twice that before the third, in
    seconds.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        offline: str | None = None,
        store: Store | None = None,
        token: Callable[[], str | None] = lambda: None,
        timeout: float = 10.0,
        pause: float = 0.25,
        agent: str = "model-loupe",
    ) -> None:
        self.endpoint = endpoint.rstrip("/")
        self.offline = offline
        self._store = store
        self._token = token
        self._agent = agent
        self._pause = pause
        self._http = HttpClient(self.endpoint, timeout)
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._asking: dict[_Wanted, threading.Lock] = {}
        self._known: OrderedDict[_Wanted, _Known] = OrderedDict()
        self._failed: dict[_Wanted, tuple[float, HubError]] = {}
        self._contents: OrderedDict[tuple[str, str], Contents] = OrderedDict()
        self._quiet_until = 0.0
        self._down: tuple[float, HubError] | None = None
        self._pool: ThreadPoolExecutor | None = None
        self.cached_names: Callable[[], list[str]] = list

    @property
    def pool(self) -> ThreadPoolExecutor:
        """The threads that fetch, made when first needed."""
        with self._lock:
            if self._pool is None:
                from concurrent.futures import ThreadPoolExecutor

                self._pool = ThreadPoolExecutor(_PARALLEL, thread_name_prefix="hub")
            return self._pool

    def close(self) -> None:
        """Ends all requests; who waits for one gets a HubError."""
        self._closing.set()
        self._http.close()
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    # Repositories

    def repository(
        self,
        repo_id: str,
        revision: str | None = None,
        *,
        anonymous: bool = False,
        max_age: float = FRESH_SECONDS,
    ) -> Repository:
        """A repository at the commit that ``revision`` means, as the Hub told within ``max_age`` seconds."""
        wanted = _Wanted(repo_id, revision, anonymous)
        with self._lock_of(wanted):
            known, stale = self._look_up(wanted), None
            if known is None or (not is_commit(revision) and time.time() - known.at > max_age):
                known, stale = self._renew(wanted, known)
        has_token = bool(self._secret(anonymous))
        asked = Asked(known.info.repo_id, revision, self.endpoint, has_token)
        return Repository(self, asked, known.info, self._contents_of(known.info), anonymous, stale)

    def known_commit(self, repo_id: str, revision: str | None, *, anonymous: bool = False) -> str | None:
        """The commit that ``revision`` last meant, as far as this process has heard."""
        known = self._known.get(_Wanted(repo_id, revision, anonymous))
        return known.info.commit if known else None

    def is_due(self, repo_id: str, revision: str | None, *, anonymous: bool = False) -> bool:
        """Whether it is time to ask again what ``revision`` means."""
        known = self._known.get(_Wanted(repo_id, revision, anonymous))
        if self.offline or is_commit(revision):
            return False
        return known is None or time.time() - known.at > FRESH_SECONDS

    def forget(self) -> None:
        """All is asked again."""
        with self._lock:
            self._contents.clear()
            self._known.clear()
            self._failed.clear()
            self._down = None
            # With another token another limit holds.
            self._quiet_until = 0.0

    def _renew(self, wanted: _Wanted, known: _Known | None) -> tuple[_Known, HubError | None]:
        try:
            fresh = _Known(self._ask_info(wanted), time.time())
        except HubError as error:
            if known is not None and error.passing:
                return known, error
            raise
        self._remember(wanted, fresh)
        return fresh, None

    def _ask_info(self, wanted: _Wanted) -> RepositoryInfo:
        if self.offline:
            raise errors.offline(wanted.repo_id, self.offline)
        until, error = self._failed.get(wanted, (0.0, None))
        if error is not None and time.monotonic() < until:
            raise error
        token = self._secret(wanted.anonymous)
        asked = Asked(wanted.repo_id, wanted.revision, self.endpoint, bool(token))
        path = f"{self.endpoint}/api/models/{quote(wanted.repo_id)}"
        if wanted.revision:
            path += f"/revision/{quote(wanted.revision, safe='')}"
        try:
            answer = self._get(
                asked, Wish(f"{path}?blobs=true", {"Accept-Encoding": "gzip"}, MAX_BYTES), token
            )
            found = parse_info(answer.body, wanted.repo_id)
            if isinstance(found, str):
                raise errors.bad_answer(asked, found)
        except HubError as error:
            if error.code == "repository-not-found":
                error.find_nearest = self._finder(wanted.repo_id)
            self._note_failure(wanted, error)
            raise error from None
        return found

    def _finder(self, repo_id: str) -> Callable[[], tuple[str, ...]]:
        """What finds names that are like ``repo_id``: of now on this disk, and of any time in this process.

        Which of two requests ends first does not matter then.
        """
        from model_loupe.sources.hub.nearest import nearest

        kept = (*self._kept_names(), *self.cached_names())
        return lambda: nearest(repo_id, (*self._known_names(), *kept))

    def _note_failure(self, wanted: _Wanted, error: HubError) -> None:
        seconds = error.seconds or (_PASSING_SECONDS if error.passing else _LASTING_SECONDS)
        with self._lock:
            if len(self._failed) >= 1000:
                self._failed.clear()
            self._failed[wanted] = time.monotonic() + seconds, error

    # What is remembered

    def _lock_of(self, wanted: _Wanted) -> threading.Lock:
        with self._lock:
            if len(self._asking) >= 1000:
                self._asking = {key: lock for key, lock in self._asking.items() if lock.locked()}
            return self._asking.setdefault(wanted, threading.Lock())

    def _look_up(self, wanted: _Wanted) -> _Known | None:
        known = self._known.get(wanted)
        if known is not None or self._store is None:
            return known
        raw = self._store.get(self._ref_key(wanted))
        try:
            at, commit = json.loads(raw) if raw else (0.0, wanted.revision)
            known = self._stored(wanted.repo_id, str(commit), float(at))
        except (ValueError, TypeError):
            known = None
        if known is not None:
            self._keep_known(wanted, known)
        return known

    def _stored(self, repo_id: str, commit: str, at: float) -> _Known | None:
        packed = (
            self._store.get(self._key("info", repo_id, commit)) if self._store and is_commit(commit) else None
        )
        info = unpack(packed) if packed else None
        return _Known(info, min(at, time.time())) if info else None

    def _known_names(self) -> list[str]:
        """The names that the Hub knew since this process began, the last first."""
        with self._lock:
            return [known.info.repo_id for known in reversed(self._known.values())]

    def _kept_names(self) -> list[str]:
        """The names that the Hub knew lately, by the store."""
        raw = self._store.get(self._key("seen")) if self._store else None
        try:
            kept = json.loads(raw) if raw else []
        except ValueError:
            kept = []
        return list(map(str, kept))

    def _remember(self, wanted: _Wanted, known: _Known) -> None:
        self._keep_known(wanted, known)
        if self._store is None:
            return
        names = list(dict.fromkeys([*self._known_names(), *self._kept_names()]))
        self._store.put(self._key("seen"), json.dumps(names[:_MAX_SEEN]).encode())
        self._store.put(self._key("info", wanted.repo_id, known.info.commit), pack(known.info))
        self._store.put(self._ref_key(wanted), json.dumps([known.at, known.info.commit]).encode())

    def _keep_known(self, wanted: _Wanted, known: _Known) -> None:
        with self._lock:
            self._known[wanted] = known
            self._failed.pop(wanted, None)
            while len(self._known) > 2 * _REMEMBERED:
                self._known.popitem(last=False)

    def _contents_of(self, info: RepositoryInfo) -> Contents:
        key = (info.repo_id, info.commit)
        with self._lock:
            contents = self._contents.get(key)
            if contents is not None:
                self._contents.move_to_end(key)
                return contents
            contents = self._contents[key] = Contents()
            raw = self._store.get(self._key("bytes", *key)) if self._store else None
            if raw:
                contents.unpack(raw)
            self._make_room()
            return contents

    def _make_room(self) -> None:
        total = sum(contents.nbytes for contents in self._contents.values())
        while len(self._contents) > 1 and (
            total > _MAX_BYTES_REMEMBERED or len(self._contents) > _REMEMBERED
        ):
            total -= self._contents.popitem(last=False)[1].nbytes

    def keep(self, repository: Repository) -> None:
        """Puts on disk what is known of a repository's files, if that became more."""
        if self._store is None or not repository.contents.changed:
            return
        key = self._key("bytes", repository.info.repo_id, repository.info.commit)
        packed = repository.contents.pack()
        if packed is not None:
            self._store.put(key, packed)

    def _ref_key(self, wanted: _Wanted) -> str:
        return self._key("ref", wanted.repo_id, wanted.revision or "main", str(wanted.anonymous))

    def _key(self, kind: str, *names: str) -> str:
        return json.dumps(["hub", _FORMAT, kind, self.endpoint, *names])

    # Requests

    def fetch(self, repository: Repository, name: str, start: int, length: int) -> bytes:
        """A range of a file from the Hub, or the whole of it if that is small."""
        try:
            return self._fetch(repository, name, start, length)
        except HubError as error:
            if error.code in ("gated-repository", "access-denied"):
                raise errors.with_public_facts(error, in_words(repository.info)) from None
            raise

    def _fetch(self, repository: Repository, name: str, start: int, length: int) -> bytes:
        if self.offline:
            raise errors.offline(repository.info.repo_id, self.offline)
        asked = repository.asked._replace(file=name)
        size = repository.info.files.get(name)
        token = self._secret(repository.anonymous)
        url = (
            f"{self.endpoint}/{quote(repository.info.repo_id)}/resolve/{repository.info.commit}/{quote(name)}"
        )
        if start == 0 and size is not None and length >= size:
            # Some bytes more, as gzip may be longer than what it holds.
            wish = Wish(url, {"Accept-Encoding": "gzip"}, size + 1024)
            return _checked_whole(self._get(asked, wish, token), asked, name, size)
        last = start + length - 1
        headers = {"Range": f"bytes={start}-{last}", "Accept-Encoding": "identity"}
        answer = self._get(asked, Wish(url, headers, length, cuts=True), token)
        return _checked_range(answer, asked, name, start, length, size)

    def _secret(self, anonymous: bool) -> str | None:
        return None if anonymous else self._token()

    def _get(self, asked: Asked, wish: Wish, token: str | None) -> Answer:
        """The answer of status 200 or 206, after some tries where that may help; raises HubError."""
        headers = {"User-Agent": self._agent, "Accept": "*/*", **wish.headers}
        secret = {"Authorization": f"Bearer {token}"} if token else {}
        pause = self._pause
        for attempt in range(1, _ATTEMPTS + 1):
            self._mind(asked)
            try:
                answer = self._http.get(wish._replace(headers=headers), secret)
            except HttpError as error:
                failure = errors.of_connection(error, asked)
                may_pass = error.kind in errors.RETRIED
                self._note_state(failure if not may_pass or attempt == _ATTEMPTS else None)
            else:
                if answer.status in (200, 206):
                    self._down = None
                    return _no_web_page(answer, asked)
                failure = errors.of_status(answer, asked)
                asks = errors.wait_of(answer)
                if answer.status == 429:
                    self._quiet_until = max(self._quiet_until, time.monotonic() + (failure.seconds or 0.0))
                may_pass = answer.status == 429 or answer.status in _RETRIED_STATUS
                may_pass = may_pass and (asks or 0.0) <= _PATIENCE_SECONDS
                pause = max(pause, asks or 0.0)
            if not may_pass or attempt == _ATTEMPTS:
                raise failure
            if self._closing.wait(pause * random.uniform(1.0, 1.3)):
                raise errors.of_connection(HttpError("closed", asked.host), asked)
            pause *= 2
        raise AssertionError("the last attempt returns or raises")

    def _mind(self, asked: Asked) -> None:
        """Waits if the Hub asked to, a little; raises HubError if it asked for more, or was not there."""
        now = time.monotonic()
        if self._down is not None and now < self._down[0]:
            raise self._down[1]
        left = self._quiet_until - now
        if left > _PATIENCE_SECONDS:
            raise errors.rate_limited(asked, left)
        if left > 0:
            self._closing.wait(left)

    def _note_state(self, failure: HubError | None) -> None:
        # Without a network every request would wait as long as the first.
        if failure is not None and failure.code in ("hub-unreachable", "hub-timeout", "hub-tls", "hub-proxy"):
            self._down = time.monotonic() + _PASSING_SECONDS, failure


# --- checks -------------------------------------------------------------------------------------------


def _no_web_page(answer: Answer, asked: Asked) -> Answer:
    kind = answer.headers.get("content-type", "").lower()
    start = answer.body[:64].lstrip().lower()
    if kind.startswith("text/html") or start.startswith((b"<!doctype html", b"<html")):
        raise errors.not_the_hub(asked)
    return answer


def _checked_whole(answer: Answer, asked: Asked, name: str, size: int) -> bytes:
    if answer.status != 200 or len(answer.body) != size:
        raise errors.bad_answer(asked, f"{name} has {plural(len(answer.body), 'byte')}, not {size:,}")
    return answer.body


def _checked_range(
    answer: Answer, asked: Asked, name: str, start: int, length: int, size: int | None
) -> bytes:
    if answer.status == 200:
        # A server without ranges sends all from the beginning; as much as was asked for has been taken.
        whole = answer.headers.get("content-length") == str(size)
        if start == 0 and whole and len(answer.body) == length:
            return answer.body
        raise errors.bad_answer(asked, f"{name} came without the range that was asked for")
    end = start + len(answer.body) - 1
    expected = f"bytes {start}-{end}/{size}" if size is not None else f"bytes {start}-{end}/"
    is_range = answer.headers.get("content-range", "").startswith(expected)
    if (
        not is_range
        or len(answer.body) != length
        or answer.headers.get("content-length") not in (None, str(length))
    ):
        raise errors.bad_answer(asked, f"{name} came with another range than was asked for")
    return answer.body
