"""How the process begins and ends, and what it does with messages that no proper client sends."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from model_loupe.demo import write_small_gemma

from .wire import Wire, wire

HEAVY = ("huggingface_hub", "torch", "transformers", "numpy", "safetensors")


def test_exit_after_shutdown_is_success(tmp_path: Path) -> None:
    with wire(tmp_path) as server:
        answer = server.initialize()
        assert answer["result"]["serverInfo"]["name"] == "model-loupe"
        assert server.end() == 0
        assert server.log == ""


def test_exit_without_shutdown_is_failure(tmp_path: Path) -> None:
    with wire(tmp_path) as server:
        server.initialize()
        server.send(method="exit")
        assert server.process.wait(10) == 1


def test_server_ends_when_its_editor_is_gone(tmp_path: Path) -> None:
    with wire(tmp_path) as server:
        server.initialize()
        assert server.process.stdin
        server.process.stdin.close()
        assert server.process.wait(10) == 1


def test_nothing_heavy_is_imported_to_start_and_to_hover_over_no_model(tmp_path: Path) -> None:
    with wire(tmp_path, (sys.executable, "-X", "importtime", "-m", "model_loupe", "serve")) as server:
        server.initialize()
        server.open("untitled:Untitled-1", "x = 1\nprint(x)\n")
        assert server.hover(1, "untitled:Untitled-1", 1, 1)["result"] is None
        assert server.end() == 0
        imported = {line.rpartition("|")[2].strip() for line in server.log.splitlines()}
    assert "model_loupe.documents" in imported
    assert "model_loupe.inspector" in imported
    assert not {name for name in imported if name.partition(".")[0] in HEAVY}


def test_requests_before_initialize_are_refused(tmp_path: Path) -> None:
    with wire(tmp_path) as server:
        server.open("untitled:Untitled-1", "x = 1\n")
        assert server.error("modelLoupe/models", {})["code"] == -32002
        server.initialize()
        assert server.end() == 0


def test_what_no_client_should_send_is_answered_and_survived(tmp_path: Path) -> None:
    with wire(tmp_path) as server:
        server.initialize()
        for params in (None, {}, {"node": None}, {"node": 3}, {"node": ["x"]}, [], "node", 5):
            error = server.error("modelLoupe/children", params)
            assert error == {
                "code": -32602,
                "message": 'modelLoupe/children: "node" is missing or not a string',
            }
        for params in (None, {}, {"textDocument": 3}, {"textDocument": {"uri": "a"}, "position": -1}):
            error = server.error("textDocument/hover", params)
            assert error["code"] == -32602
            assert error["message"].startswith("textDocument/hover: ")
        assert server.error("modelLoupe/unheardOf", {})["code"] == -32601
        for body in (
            b"{",
            b"[]",
            b"3",
            b"\xff\xfe",
            b"null",
            b'{"jsonrpc": "1.0", "id": 1}',
            b'{"jsonrpc": "2.0"}',
        ):
            server.send_bytes(body)
            server.send(id=3, method="modelLoupe/models", params={})
            assert server.answer(3)["result"] == []
        server.send(method="textDocument/didOpen", params={"textDocument": None})
        server.send(method="$/cancelRequest", params={"id": 12345})
        server.send(method="workspace/didChangeConfiguration", params={"settings": None})
        assert server.end() == 0
        assert server.shown == []
        assert "Traceback" not in server.log


@pytest.mark.parametrize(
    "node", ["", "x", "[]", "{}", "null", '{"model": 3}', "[" * 5000, '{"model": "\\u0000"}']
)
def test_ids_that_name_no_node_are_answered(shared: Wire, node: str) -> None:
    """Such an id is an error, or a row that says that there is no such model; never a failure of ours."""
    shared.send(id=1, method="modelLoupe/children", params={"node": node})
    answer = shared.answer(1)
    if "error" in answer:
        assert answer["error"]["code"] == -32602
    else:
        assert [row["icon"] for row in answer["result"]] == ["error"]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    with wire(tmp_path_factory.mktemp("home")) as started:
        started.initialize()
        yield started
        assert started.end() == 0
        assert "Traceback" not in started.log


def test_a_second_window_on_the_same_server_leaves_the_first_one_s_documents_open(tmp_path: Path) -> None:
    write_small_gemma(str(tmp_path / "small-gemma"))
    document = (tmp_path / "a.py").as_uri()
    text = 'from transformers import AutoModel\nm = AutoModel.from_pretrained("./small-gemma")\n'
    with wire(tmp_path) as server:
        first = server.initialize(rootUri=tmp_path.as_uri())
        server.open(document, text)
        before = server.hover(1, document, 1, 35)
        assert "parameters" in before["result"]["contents"]["value"]
        again = server.initialize(rootUri=(tmp_path / "elsewhere").as_uri())
        assert again["result"]["capabilities"] == first["result"]["capabilities"]
        assert server.hover(2, document, 1, 35)["result"] == before["result"]
        assert server.end() == 0
