"""What can be wrong between a model's name and the Hub's answer, each with its own code and words."""

from __future__ import annotations

import json
from typing import NamedTuple

from model_loupe.domain.errors import LoupeError
from model_loupe.sources.hub.http import Answer, HttpError

# Worth another try at once: the next one may well succeed.
RETRIED = ("cut", "timeout")
_PASSING = (
    "hub-bad-answer",
    "hub-closed",
    "hub-cut-off",
    "hub-down",
    "hub-proxy",
    "hub-redirect",
    "hub-timeout",
    "hub-tls",
    "hub-unreachable",
    "not-the-hub",
    "offline",
    "rate-limited",
)
_MAX_WORDS = 200
# Seconds to wait where the Hub asks to, but not for how long.
_UNTOLD_WAIT = 60.0


class HubError(LoupeError):
    """The Hub cannot tell of a model."""

    def __init__(self, code: str, message: str, seconds: float | None = None) -> None:
        super().__init__(code, message, passing=code in _PASSING, seconds=seconds)


class Asked(NamedTuple):
    """What was asked for: what messages call it."""

    repo_id: str
    revision: str | None
    endpoint: str
    has_token: bool
    file: str | None = None

    @property
    def page(self) -> str:
        return f"{self.endpoint}/{self.repo_id}"

    @property
    def host(self) -> str:
        return self.endpoint.partition("://")[2]


def of_connection(error: HttpError, asked: Asked) -> HubError:
    """The failure of a request without an answer."""
    host = error.host or asked.host
    detail = f" ({_words(error.detail)})" if error.detail else ""
    code, message = {
        "timeout": ("hub-timeout", f"{host} does not answer in time: the network or the Hub is slow"),
        "unreachable": ("hub-unreachable", f"{host} cannot be reached{detail}: is there a network?"),
        "cut": ("hub-cut-off", f"the connection to {host} broke off, more than once"),
        "tls": (
            "hub-tls",
            f"{host} has no certificate that is trusted here{detail}: SSL_CERT_FILE can name your company's",
        ),
        "proxy": (
            "hub-proxy",
            f"the proxy refuses to connect to {host}{detail}: see HTTPS_PROXY and NO_PROXY",
        ),
        "redirect": (
            "hub-redirect",
            f"the Hub redirects {error.detail or 'elsewhere'} ({host}): not followed",
        ),
        "too-large": ("hub-bad-answer", f"{host} answers with {error.detail}, far more than was asked for"),
        "closed": ("hub-closed", "the question to the Hub was given up"),
    }.get(error.kind, ("hub-bad-answer", f"{host} answers with what is no HTTP{detail}"))
    return HubError(code, f"{asked.repo_id}: {message}")


def of_status(answer: Answer, asked: Asked) -> HubError:
    """The failure that an answer of status 4xx or 5xx (or an unexpected one) is."""
    code, words = answer.headers.get("x-error-code", ""), _message(answer)
    status = answer.status
    if code == "GatedRepo":
        return _gated(asked)
    if code == "RevisionNotFound":
        return HubError(
            "revision-not-found",
            f"{asked.repo_id} has no branch, tag or commit {asked.revision or 'main'} on the Hub",
        )
    if code == "EntryNotFound" or (status == 404 and asked.file and not code):
        return HubError("file-not-found", f"{asked.repo_id}: the Hub lists {asked.file}, but has it not")
    if "Access to this resource is disabled" in words:
        return HubError("repository-disabled", f"{asked.repo_id} was disabled on the Hub")
    if status == 401 and "Invalid credentials" in words:
        return HubError(
            "bad-token", "the Hub does not accept the token of this machine: `hf auth login` renews it"
        )
    if code == "RepoNotFound" or status in (401, 404):
        return _missing(asked)
    if status == 403:
        return HubError(
            "access-denied",
            f"{asked.repo_id}: the token of this machine has no access to it ({words or status})",
        )
    if status == 407:
        return HubError(
            "hub-proxy",
            f"the proxy before {asked.host} wants a log-in (407): HTTPS_PROXY can hold name and password",
        )
    if status == 429:
        seconds = wait_of(answer)
        return rate_limited(asked, _UNTOLD_WAIT if seconds is None else seconds)
    if status >= 500:
        return HubError("hub-down", f"{asked.host} has a fault of its own ({status}): try again later")
    return HubError("hub-bad-answer", f"{asked.repo_id}: {answer.host} answers with status {status}")


def rate_limited(asked: Asked, seconds: float) -> HubError:
    hint = "" if asked.has_token else "; with a token (`hf auth login`) more is allowed"
    message = f"{asked.repo_id}: the Hub asks to wait {max(1, round(seconds))} s (too many requests){hint}"
    return HubError("rate-limited", message, seconds)


def with_public_facts(error: HubError, facts: str) -> HubError:
    """The failure with what the Hub tells of a model to everybody."""
    return HubError(error.code, f"{error.message}. This much is public: {facts}") if facts else error


def not_the_hub(asked: Asked) -> HubError:
    return HubError(
        "not-the-hub",
        f"{asked.host} answers with a web page instead of data: is there a network to log in to, or a proxy?",
    )


def bad_answer(asked: Asked, what: str) -> HubError:
    return HubError("hub-bad-answer", f"{asked.repo_id}: the Hub's answer makes no sense ({what})")


def offline(repo_id: str, reason: str) -> HubError:
    message = f"{repo_id} is not in the local Hugging Face cache, and the Hub is not asked ({reason})"
    return HubError("offline", f"{message}: `hf download {repo_id}` fetches it")


def wait_of(answer: Answer) -> float | None:
    """How many seconds an answer of 429 or 503 asks to wait (Retry-After, or the RateLimit header)."""
    after = answer.headers.get("retry-after", "").strip()
    if after.isdigit() and len(after) < 7:
        return float(after)
    # `"api";r=0;t=55`: https://www.ietf.org/archive/id/draft-ietf-httpapi-ratelimit-headers-09.html
    fields = dict(
        field.strip().partition("=")[::2] for field in answer.headers.get("ratelimit", "").split(";")[1:]
    )
    reset = fields.get("t", "")
    return float(reset) if fields.get("r") == "0" and reset.isdigit() and len(reset) < 7 else None


def _missing(asked: Asked) -> HubError:
    if asked.has_token:
        hint = "the token of this machine may have no access to it"
    else:
        hint = "if it is private, `hf auth login` first"
    return HubError("repository-not-found", f"{asked.repo_id} is not on the Hub, or not for you: {hint}")


def _gated(asked: Asked) -> HubError:
    if asked.has_token:
        return HubError(
            "gated-repository",
            f"{asked.repo_id} is gated, and your account has no access yet: ask for it at {asked.page}",
        )
    return HubError(
        "gated-repository",
        f"{asked.repo_id} is gated: accept its conditions at {asked.page}, then `hf auth login`",
    )


def _message(answer: Answer) -> str:
    found = answer.headers.get("x-error-message", "")
    if not found and answer.body[:1] == b"{":
        try:
            error = json.loads(answer.body).get("error")
        except (ValueError, RecursionError):
            error = None
        found = error if isinstance(error, str) else ""
    return _words(found)


def _words(text: str) -> str:
    flat = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(flat.split())[:_MAX_WORDS]
