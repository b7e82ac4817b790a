"""What can go wrong on the way to the Hub: each failure has its own words, and none a wrong number."""

from __future__ import annotations

import os
import random
import re
import socket
import threading
import time
from pathlib import Path

import pytest

from model_loupe.domain.errors import LoupeError
from model_loupe.inspector.description import Description
from model_loupe.sources.hub.http import HttpClient, HttpError, Wish
from model_loupe.sources.hub.hub import Hub
from model_loupe.sources.locate import ModelRequest
from tests.hub import LocalHub, faults
from tests.hub.conftest import GEMMA, SMALL, TOKEN, Asker, Inspect
from tests.hub.faults import Fault

INFO, CONFIG, HEADERS = r"^/api/models", r"config\.json", r"^/repos/"

# What fails, with the code and words of the answer when it is the repository's info that fails.
FAILURES: dict[str, tuple[Fault, str, str]] = {
    "internal server error": (faults.status(500), "hub-down", r"a fault of its own \(500\): try again later"),
    "bad gateway": (faults.status(502), "hub-down", r"\(502\)"),
    "unavailable, for long": (faults.status(503, {"Retry-After": "3600"}), "hub-down", r"\(503\)"),
    "rate limit": (faults.rate_limited(120), "rate-limited", r"asks to wait 1[12]\d s .*; with a token"),
    "no answer": (faults.stalled(), "hub-timeout", r"does not answer in time"),
    "hung up": (faults.hung_up(), "hub-cut-off", r"broke off, more than once"),
    "cut off": (faults.cut_off(40), "hub-cut-off", r"broke off"),
    "captive portal": (faults.captive_portal(), "not-the-hub", r"web page instead of data"),
    "portal elsewhere": (faults.portal_redirect(), "hub-unreachable", r"portal\.invalid cannot be reached"),
    "half of the JSON": (faults.malformed(), "hub-bad-answer", r"makes no sense"),
    "other JSON": (faults.other_json(b"[1, 2]"), "hub-bad-answer", r"makes no sense"),
    "empty": (faults.other_json(b""), "hub-bad-answer", r"makes no sense"),
    "deep JSON": (faults.other_json(b"[" * 200_000), "hub-bad-answer", r"makes no sense"),
    "endless": (faults.endless(), "hub-bad-answer", r"far more than was asked for"),
    "a bomb": (faults.bomb(), "hub-bad-answer", r"far more than was asked for"),
    "no gzip": (faults.not_gzip(), "hub-bad-answer", r"no HTTP \(gzip\)"),
    "a file's scheme": (faults.redirected("file:///etc/passwd"), "hub-redirect", r"to file scheme"),
    "a private address": (faults.redirected("http://10.0.0.1/"), "hub-redirect", r"to a private address"),
    "a metadata service": (faults.redirected("http://169.254.169.254/"), "hub-redirect", r"private address"),
    "an IPv6 disguise": (faults.redirected("http://[::ffff:10.0.0.1]/"), "hub-redirect", r"private address"),
    "a password": (faults.redirected("http://a:b@127.0.0.1/"), "hub-redirect", r"with a password"),
    "no address": (faults.redirected("http://[::/"), "hub-redirect", r"an address that is none"),
    "a proxy's log-in": (faults.status(407), "hub-proxy", r"the proxy before .* wants a log-in \(407\)"),
    "a teapot": (faults.status(418), "hub-bad-answer", r"status 418"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAILURES)
def test_info_fails(name: str, hub: LocalHub, asker: Asker) -> None:
    fault, code, words = FAILURES[name]
    asker.timeout = 0.3
    hub.fail(fault, where=INFO)
    remote = asker.process()
    failure = asker.failure(remote, SMALL)
    assert failure.code == code
    assert re.search(words, failure.message), failure.message
    assert "\n" not in failure.message and len(failure.message) < 300
    # It stands for a while: who asks again does not make the Hub answer again.
    asked = hub.count()
    assert asker.failure(remote, SMALL) is not None
    assert hub.count() == asked <= 6


@pytest.mark.parametrize("where", [CONFIG, HEADERS], ids=["config", "headers"])
@pytest.mark.parametrize("name", FAILURES)
def test_files_fail(name: str, where: str, hub: LocalHub, asker: Asker) -> None:
    """Without a config the failure is the answer; without headers the config is, and no number."""
    fault, code, _ = FAILURES[name]
    asker.timeout = 0.3
    hub.fail(fault, where=where)
    remote = asker.process()
    try:
        told = remote.describe(ModelRequest(SMALL))
    except LoupeError as failure:
        assert where == CONFIG
        assert failure.code in (code, "hub-bad-answer")
        return
    assert where == HEADERS
    assert told.config["model_type"] == "gemma"
    assert (told.parameters.total, told.stored_bytes, len(told.weights.table)) == (None, None, 0)
    assert told.parameters.reason == "the headers of its weights could not be read"
    assert {warning.code for warning in told.warnings} <= {code, "hub-bad-answer"}
    # As soon as the Hub is well again, so is the answer.
    hub.heal()
    assert asker.process().describe(ModelRequest(SMALL)).parameters.total == 661_824


@pytest.mark.parametrize(
    "fault",
    [faults.shorter(), faults.wrong_range(), faults.cut_off(100)],
    ids=["shorter", "other range", "cut"],
)
def test_ranges_that_are_not_what_was_asked_for(fault: Fault, hub: LocalHub, asker: Asker) -> None:
    hub.fail(fault, where=HEADERS)
    told = asker.process().describe(ModelRequest(SMALL))
    assert told.parameters.total is None
    assert len(told.warnings) == 1


def test_a_server_without_ranges_is_not_read_to_the_end(hub: LocalHub, asker: Asker) -> None:
    hub.fail(faults.whole_file(), where=HEADERS)
    told = asker.process().describe(ModelRequest(GEMMA))
    assert told.parameters.total == 2_506_172_416
    # Of the five gigabytes that it starts to send, what fits into the buffers on the way.
    until = time.monotonic() + 5
    while hub.nbytes("cdn") > 20_000_000:
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.mark.parametrize(
    "fault",
    [faults.status(500), faults.status(503), faults.hung_up(), faults.cut_off(30), faults.rate_limited(0)],
    ids=["500", "503", "hung up", "cut off", "rate limit"],
)
@pytest.mark.parametrize("where", [INFO, CONFIG, HEADERS], ids=["info", "config", "headers"])
def test_what_passes_is_tried_again(fault: Fault, where: str, hub: LocalHub, asker: Asker) -> None:
    hub.fail(fault, where=where, times=2)
    assert asker.process().describe(ModelRequest(SMALL)).parameters.total == 661_824


def test_a_short_wait_is_waited_for(hub: LocalHub, asker: Asker) -> None:
    hub.fail(faults.rate_limited(1), where=INFO, times=1)
    before = time.monotonic()
    assert asker.process().describe(ModelRequest(SMALL)).parameters.total == 661_824
    assert time.monotonic() - before >= 1


def test_while_it_asks_to_wait_it_is_left_in_peace(hub: LocalHub, asker: Asker) -> None:
    hub.fail(faults.rate_limited(120), where=INFO, times=1)
    remote = asker.process()
    failure = asker.failure(remote, SMALL)
    assert failure.seconds == 120
    other = asker.failure(remote, GEMMA)
    assert other.code == "rate-limited"
    assert other.seconds is not None and 115 <= other.seconds <= 120
    assert hub.count() == 1


@pytest.mark.parametrize("fault", [faults.dripping_headers(0.02), faults.slow(0.02)], ids=["headers", "body"])
def test_what_drips_is_given_up(fault: Fault, hub: LocalHub) -> None:
    """No single wait is long, but together they would be."""
    hub.repositories[SMALL].card = {"text": "a" * 1_000_000}
    hub.compresses = False
    hub.fail(fault)
    client = HttpClient(hub.endpoint, timeout=5, deadline=0.5)
    with pytest.raises(HttpError) as raised:
        client.get(Wish(f"{hub.endpoint}/api/models/{SMALL}", {}, 10_000_000), {})
    assert raised.value.kind == "timeout"
    # The same client goes on with whoever answers.
    hub.heal()
    assert client.get(Wish(f"{hub.endpoint}/api/models/{SMALL}", {}, 10_000_000), {}).status == 200
    client.close()


def test_nobody_listens(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{free.getsockname()[1]}"
    hub = Hub(endpoint, timeout=1)
    with pytest.raises(LoupeError) as raised:
        hub.repository(SMALL)
    assert raised.value.code == "hub-unreachable"
    assert "is there a network?" in raised.value.message
    hub.close()


def test_a_name_that_has_no_address() -> None:
    hub = Hub("https://hub.invalid", timeout=1)
    with pytest.raises(LoupeError) as raised:
        hub.repository(SMALL)
    assert raised.value.code == "hub-unreachable"
    hub.close()


def test_no_tls_where_it_should_be(hub: LocalHub) -> None:
    broken = Hub(hub.endpoint.replace("http:", "https:"), timeout=1)
    with pytest.raises(LoupeError) as raised:
        broken.repository(SMALL)
    assert raised.value.code in ("hub-tls", "hub-cut-off")
    broken.close()


def test_a_proxy_is_used_and_its_failures_are_told(hub: LocalHub, inspect: Inspect) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{free.getsockname()[1]}"
    refused = inspect(SMALL, HTTP_PROXY=dead, http_proxy=dead)
    assert "cannot be reached" in refused.stderr
    # The local Hub serves as the proxy of a Hub that has another name: it is asked with the whole address.
    through = inspect("a/b", http_proxy=hub.endpoint, HF_ENDPOINT="http://hub.example")
    assert through.returncode == 1
    assert [request.target for request in hub.log] == ["http://hub.example:80/api/models/a/b?blobs=true"]
    assert hub.log[0].headers["Host"] == "hub.example:80"


@pytest.mark.parametrize(
    ("token", "code", "words"),
    [
        (None, "gated-repository", "accept its conditions at {page}, then `hf auth login`"),
        (TOKEN, "gated-repository", "your account has no access yet: ask for it at {page}"),
        ("hf_unknown", "bad-token", "does not accept the token of this machine"),
    ],
    ids=["without a token", "with a token", "with a bad token"],
)
def test_gated(token: str | None, code: str, words: str, hub: LocalHub, asker: Asker) -> None:
    hub.tokens.add(TOKEN)
    hub.repositories[SMALL].gated = "manual"
    hub.repositories[SMALL].card = {"license": "gemma"}
    asker.token = token
    failure = asker.failure(asker.process(), SMALL)
    assert failure.code == code
    assert words.format(page=f"{hub.endpoint}/{SMALL}") in failure.message
    # The info is told to everybody; who cannot log in is told nothing.
    public = ". This much is public: GemmaForCausalLM, gemma, 3 safetensors files of 1.28 MiB, licence gemma"
    assert failure.message.endswith(public) is (code == "gated-repository")
    hub.repositories[SMALL].readers.add(TOKEN)
    asker.token = TOKEN
    assert asker.process().describe(ModelRequest(SMALL)).parameters.total == 661_824


def test_private_or_missing(hub: LocalHub, asker: Asker) -> None:
    hub.tokens.add(TOKEN)
    hub.repositories[SMALL].private = True
    anonymous = asker.failure(asker.process(), SMALL)
    assert anonymous.code == "repository-not-found"
    assert "if it is private, `hf auth login` first" in anonymous.message
    asker.token = TOKEN
    known = asker.failure(asker.process(), SMALL)
    assert "the token of this machine may have no access to it" in known.message
    hub.repositories[SMALL].readers.add(TOKEN)
    remote = asker.process()
    assert remote.describe(ModelRequest(SMALL)).parameters.total == 661_824
    # A call that says token=False would not get it.
    refused = asker.failure(remote, SMALL, token=False)
    assert refused.code == "repository-not-found"


def test_names_that_may_have_been_meant(
    hub: LocalHub, asker: Asker, environment: dict[str, str], inspect: Inspect, models: Path
) -> None:
    asker.process().describe(ModelRequest(SMALL))
    remote = asker.process()
    assert asker.failure(remote, "google/gema-small").message.endswith(f"Did you mean {SMALL}?")
    assert asker.failure(remote, "gemma-small").message.endswith(f"Did you mean {SMALL}?")
    assert "Did you mean" not in asker.failure(remote, "somebody/else").message
    # A name that is known only later, as of a request that was on its way.
    hub.add("openai/clip", models / "small")
    failure = asker.failure(remote, "openai/klip")
    assert failure.nearest == () and "Did you mean" not in failure.message
    remote.describe(ModelRequest("openai/clip"))
    assert failure.nearest == ("openai/clip",) and failure.message.endswith("Did you mean openai/clip?")
    # What is in the Hugging Face cache is known, too.
    (Path(environment["HF_HOME"]) / "hub" / "models--openai--whisper-tiny").mkdir(parents=True)
    assert "Did you mean openai/whisper-tiny?" in inspect("openai/wisper-tiny").stderr


def test_no_such_revision_and_a_disabled_repository(hub: LocalHub, asker: Asker) -> None:
    failure = asker.failure(asker.process(), SMALL, revision="no-such-branch")
    assert failure.code == "revision-not-found"
    assert "no branch, tag or commit no-such-branch" in failure.message
    hub.repositories[SMALL].disabled = True
    assert asker.failure(asker.process(), SMALL).code == "repository-disabled"


def test_the_branch_cannot_be_checked(hub: LocalHub, asker: Asker) -> None:
    """What was told before is still shown, and that it may be old is said."""
    asker.process().describe(ModelRequest(SMALL))
    hub.fail(faults.status(503), where=INFO)
    remote = asker.process()
    repository = remote.hub.repository(SMALL, max_age=-1)
    assert repository.stale is not None and repository.stale.code == "hub-down"


# --- at random --------------------------------------------------------------------------------------------

ROUNDS = int(os.environ.get("MODEL_LOUPE_FAULT_REQUESTS", "400"))
"""About how many requests are made; ``MODEL_LOUPE_FAULT_REQUESTS=10000`` is the long run."""

SLOW = ("no answer", "a bomb", "unavailable, for long", "rate limit")
ANY: list[Fault] = [
    *(fault for name, (fault, *_) in FAILURES.items() if name not in SLOW),
    faults.rate_limited(0),
    faults.shorter(),
    faults.wrong_range(),
    faults.whole_file(),
    faults.slow(0.001),
]  # fmt: skip


def test_random_faults_end_in_the_right_card_or_the_right_words(hub: LocalHub, asker: Asker) -> None:
    """Some threads ask a Hub of which a third of the answers is bad."""
    chance = random.Random(20250601)
    lock = threading.Lock()

    def sometimes(target: str) -> Fault | None:
        with lock:
            return chance.choice(ANY) if chance.random() < 0.3 else None

    hub.fault_for = sometimes  # type: ignore[method-assign]
    right = {SMALL: 661_824, GEMMA: 2_506_172_416}
    seen: set[str] = set()
    wrong: list[object] = []

    def ask(number: int) -> None:
        repo = (SMALL, GEMMA)[number % 2]
        asker.store = _NoStore()  # type: ignore[assignment]
        remote = asker.process()
        try:
            told: Description | LoupeError = remote.describe(ModelRequest(repo))
        except LoupeError as error:
            told = error
        except BaseException as error:
            wrong.append(error)
            return
        finally:
            remote.close()
        if isinstance(told, LoupeError):
            seen.add(told.code)
        elif told.parameters.total is None:
            seen.update(warning.code for warning in told.warnings)
            if not told.warnings:
                wrong.append(told)
        else:
            seen.add("right")
            if told.parameters.total != right[repo]:
                wrong.append(told.parameters)

    asked = 0
    while hub.count() < ROUNDS:
        threads = [threading.Thread(target=ask, args=(asked + number,)) for number in range(8)]
        asked += len(threads)
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
            assert not thread.is_alive(), "a request is stuck"
    assert wrong == []
    assert "right" in seen
    assert seen - {"right"} <= {
        "file-not-found", "hub-bad-answer", "hub-cut-off", "hub-down", "hub-proxy", "hub-redirect",
        "hub-unreachable", "not-the-hub", "rate-limited",
    }  # fmt: skip
    # A thread of the server notices that its client is gone a moment later.
    until = time.monotonic() + 5
    while hub.open_connections and time.monotonic() < until:
        time.sleep(0.02)
    assert hub.open_connections == 0


class _NoStore:
    """No disk: each asker begins anew."""

    def get(self, key: str) -> bytes | None:
        return None

    def put(self, key: str, value: bytes) -> None:
        return None
