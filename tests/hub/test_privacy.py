"""The token goes to the endpoint's host alone, and addresses are refused that are nobody's business."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from model_loupe.sources.hub.addresses import Audience, RefusedAddress
from tests.hub import LocalHub, faults
from tests.hub.conftest import DEEPSEEK, GEMMA, SMALL, TOKEN, Inspect, told_on_wire
from tests.server.wire import wire


@pytest.fixture(params=["environment", "file"])
def secret(request: pytest.FixtureRequest, environment: dict[str, str], hub: LocalHub) -> dict[str, str]:
    """The variables of a machine with a token, which private and gated repositories are open to."""
    hub.tokens.add(TOKEN)
    for repository in hub.repositories.values():
        repository.readers.add(TOKEN)
    hub.repositories[SMALL].private = True
    hub.repositories[GEMMA].gated = "auto"
    if request.param == "environment":
        environment["HF_TOKEN"] = TOKEN
    else:
        home = Path(environment["HF_HOME"])
        home.mkdir(parents=True)
        (home / "token").write_text(TOKEN + "\n")
    return environment


def files_below(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def says_the_token(text: str | bytes) -> bool:
    return TOKEN.encode() in (text.encode() if isinstance(text, str) else text)


def test_it_is_found_nowhere(secret: dict[str, str], hub: LocalHub, inspect: Inspect, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    models = (SMALL, GEMMA, DEEPSEEK, "google/nothing")
    code = "".join(f'AutoModel.from_pretrained("{model}")\n' for model in models)
    settings = {"HF_HUB_OFFLINE": "0", "MODEL_LOUPE_DEBUG": "1", "HF_DEBUG": "1"}
    # One answer each goes wrong, so that failures are told, too.
    hub.fail(faults.status(500), where=f"/api/models/{DEEPSEEK}")
    hub.fail(
        faults.redirected(f"{hub.cdn_endpoint}/repos/elsewhere?Signature=x"), where="gemma-2b/.*config.json"
    )
    with wire(home, environment={**secret, **settings}) as server:
        server.initialize(rootUri=home.as_uri())
        uri = (home / "a.py").as_uri()
        server.open(uri, "from transformers import AutoModel\n" + code)
        answers = [told_on_wire(server, uri, line, 35) for line in range(1, 5)]
        assert "661,824 parameters" in answers[0]
        assert "a fault of its own" in answers[2]
        assert "is not on the Hub" in answers[3]
        server.send(id=50, method="modelLoupe/models", params={})
        for row in server.answer(50)["result"]:
            server.send(id=51, method="modelLoupe/children", params={"node": row["id"]})
            server.answer(51)
        assert server.end() == 0
        assert not says_the_token(server.said)
        assert not says_the_token(server.log)
    command = [inspect(model, "--json", **settings) for model in models]
    assert [ran.returncode for ran in command] == [0, 1, 1, 1]
    assert not any(says_the_token(ran.stdout + ran.stderr) for ran in command)
    kept = list(files_below(Path(secret["MODEL_LOUPE_CACHE_DIR"])))
    assert kept
    assert not any(says_the_token(path.read_bytes()) for path in kept)
    # It went to the Hub, or this test says nothing, and not to the other host.
    bearers = {request.host for request in hub.log if "Authorization" in request.headers}
    assert bearers == {"hub"}
    assert hub.count("cdn") > 0
    assert not any(says_the_token(str(request.headers)) for request in hub.log if request.host == "cdn")
    assert not any(says_the_token(request.target) for request in hub.log)


def test_it_is_not_sent_unasked_where_that_is_forbidden(
    environment: dict[str, str], hub: LocalHub, inspect: Inspect
) -> None:
    hub.tokens.add(TOKEN)
    assert inspect(GEMMA, HF_TOKEN=TOKEN, HF_HUB_DISABLE_IMPLICIT_TOKEN="1").returncode == 0
    assert not [request for request in hub.log if "Authorization" in request.headers]


@pytest.mark.parametrize(
    "argument",
    [f'token="{TOKEN}"', f'use_auth_token="{TOKEN}"', f'token="{TOKEN[:9]}" + "{TOKEN[9:]}"', "token=secret"],
    ids=["literal", "old name", "in pieces", "name"],
)
def test_a_token_in_code_stays_there(
    argument: str, environment: dict[str, str], hub: LocalHub, tmp_path: Path
) -> None:
    """The Hub is asked with the stored one, and the card says so."""
    hub.tokens.add("hf_stored")
    home = tmp_path / "home"
    home.mkdir()
    variables = {**environment, "HF_HUB_OFFLINE": "0", "HF_TOKEN": "hf_stored"}
    with wire(home, environment=variables) as server:
        server.initialize(rootUri=home.as_uri())
        uri = (home / "a.py").as_uri()
        calls = [
            f'AutoModel.from_pretrained("{model}", {argument})' for model in (GEMMA, "google/nothing-like-it")
        ]
        server.open(uri, "\n".join(["from transformers import AutoModel", *calls]))
        card, refused = (told_on_wire(server, uri, line, 35) for line in (1, 2))
        assert "2,506,172,416 parameters" in card
        assert "is not on the Hub, or not for you" in refused
        name = argument.partition("=")[0]
        for said in (card, refused):
            assert f"Shown without the token of `{name}=`, which never leaves the code" in said
        server.send(id=3, method="modelLoupe/models", params={})
        server.answer(3)
        assert server.end() == 0
        assert not says_the_token(server.said) and not says_the_token(server.log)
    assert {request.headers.get("Authorization") for request in hub.log if request.host == "hub"} == {
        "Bearer hf_stored"
    }
    assert not any(says_the_token(str(request.headers) + request.target) for request in hub.log)
    assert not any(says_the_token(path.read_bytes()) for path in files_below(tmp_path))


@pytest.mark.parametrize("argument", ["token=True", "token=None", "token=False", "use_auth_token=False"])
def test_what_is_no_token_is_followed(
    argument: str, environment: dict[str, str], hub: LocalHub, tmp_path: Path
) -> None:
    hub.tokens.add("hf_stored")
    home = tmp_path / "home"
    home.mkdir()
    variables = {**environment, "HF_HUB_OFFLINE": "0", "HF_TOKEN": "hf_stored"}
    with wire(home, environment=variables) as server:
        server.initialize(rootUri=home.as_uri())
        uri = (home / "a.py").as_uri()
        call = f'AutoModel.from_pretrained("{GEMMA}", {argument})\n'
        server.open(uri, "from transformers import AutoModel\n" + call)
        card = told_on_wire(server, uri, 1, 35)
        assert "2,506,172,416 parameters" in card
        assert "Shown without" not in card
        assert server.end() == 0
    sent = {request.headers.get("Authorization") for request in hub.log if request.host == "hub"}
    assert sent == ({None} if argument.endswith("False") else {"Bearer hf_stored"})


@pytest.mark.parametrize(
    ("home", "host", "allowed"),
    [
        ("huggingface.co", "huggingface.co", True),
        ("1.1.1.1", "8.8.8.8", True),
        ("1.1.1.1", "10.0.0.1", False),
        ("1.1.1.1", "192.168.1.1", False),
        ("1.1.1.1", "127.0.0.1", False),
        ("1.1.1.1", "localhost", False),
        ("1.1.1.1", "169.254.169.254", False),
        ("1.1.1.1", "::1", False),
        ("1.1.1.1", "fd00::1", False),
        ("1.1.1.1", "::ffff:192.168.0.1", False),
        ("1.1.1.1", "0.0.0.0", False),
        ("127.0.0.1", "127.0.0.2", True),
        ("127.0.0.1", "10.0.0.1", False),
        ("127.0.0.1", "169.254.169.254", False),
        ("10.1.1.1", "10.0.0.1", True),
        ("10.1.1.1", "127.0.0.1", False),
        ("10.1.1.1", "169.254.169.254", False),
    ],
)
def test_addresses(home: str, host: str, allowed: bool) -> None:
    assert Audience(home).allows_name(host) is allowed


def test_a_name_is_refused_by_what_it_means(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name of the internet that stands for an address at home; nobody is connected to."""
    addresses = {"hub.example": "1.1.1.1", "rebinding.example": "192.168.0.1"}

    def look_up(host: str, port: int | None, **_: object) -> list[tuple[object, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (addresses[host], port))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises(RefusedAddress):
        Audience("hub.example").connect("rebinding.example", 80, 1)
