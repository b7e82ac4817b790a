"""The guard around every feature: a failure stays where it happened."""

from __future__ import annotations

from typing import Any, NoReturn

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcInternalError

from model_loupe.lsp import registration
from model_loupe.lsp.server import build_server


async def _fail(*_: Any) -> NoReturn:
    raise ZeroDivisionError("a bug")


def _fail_now(*_: Any) -> NoReturn:
    raise ZeroDivisionError("a bug")


async def test_a_feature_that_fails_answers_as_if_it_had_nothing_to_say(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(registration._REQUESTS, types.TEXT_DOCUMENT_HOVER, _fail)
    monkeypatch.setitem(registration._REQUESTS, "modelLoupe/children", _fail)
    monkeypatch.setitem(registration._NOTIFICATIONS, types.TEXT_DOCUMENT_DID_CLOSE, _fail_now)
    server = build_server()
    features = server.protocol.fm.features
    server.protocol.lsp_initialize(types.InitializeParams(types.ClientCapabilities())).send(None)
    features[types.INITIALIZE](types.InitializeParams(types.ClientCapabilities()))

    assert await features[types.TEXT_DOCUMENT_HOVER](None) is None
    features[types.TEXT_DOCUMENT_DID_CLOSE](None)
    # A sidebar should not look empty for a fault of ours; nor is it shown a traceback.
    with pytest.raises(JsonRpcInternalError, match="see its log") as answered:
        await features["modelLoupe/children"](None)
    assert answered.value.data is None
    assert caplog.text.count("ZeroDivisionError: a bug") == 3
    assert await features["modelLoupe/models"](None) == []
    server.close()
