"""``workspace/didChangeConfiguration``: settings, in every shape that clients send them."""

from __future__ import annotations

from pathlib import Path

import pytest
from lsprotocol import types

from .editor import Document, Editor, session, until, write_model

pytestmark = pytest.mark.asyncio(loop_scope="module")

LOAD = 'model = AutoModel.from_pretrained("./tiny")\n'


async def _has_lenses(document: Document, *, wanted: bool) -> None:
    async def holds() -> bool:
        return bool(await document.lenses()) is wanted

    await until(holds, f"lenses: {wanted}")


@pytest.mark.parametrize(
    "payload",
    [
        {"modelLoupe": {"codeLens": {"enabled": False}}},
        {"modelLoupe": {"codeLens.enabled": False, "trace": {"server": "off"}, "interpreter": None}},
        {"modelLoupe.codeLens.enabled": False},
        {"codeLens": {"enabled": False}},
    ],
)
async def test_settings_are_understood(editor: Editor, tmp_path: Path, payload: dict[str, object]) -> None:
    write_model(tmp_path / "tiny")
    document = editor.open(tmp_path / "a.py", LOAD)
    editor.settings(codeLens={"enabled": True})
    await _has_lenses(document, wanted=True)
    editor.client.workspace_did_change_configuration(types.DidChangeConfigurationParams(payload))
    await _has_lenses(document, wanted=False)


async def test_a_client_that_only_says_that_settings_changed_is_asked_for_them(
    editor: Editor, tmp_path: Path
) -> None:
    write_model(tmp_path / "tiny")
    document = editor.open(tmp_path / "a.py", LOAD)
    editor.settings(codeLens={"enabled": True})
    await _has_lenses(document, wanted=True)
    editor.client.set_configuration({"modelLoupe": {"codeLens": {"enabled": False}}})
    editor.client.workspace_did_change_configuration(types.DidChangeConfigurationParams(None))
    await _has_lenses(document, wanted=False)


async def test_values_that_are_not_understood_are_said_and_left_alone(tmp_path: Path) -> None:
    write_model(tmp_path / "tiny")
    async with session(tmp_path, settings={"codeLens": {"enabled": "maybe"}, "network": 3}) as editor:
        log = editor.client.log_messages
        await until(lambda: len(log) == 2, "two lines in the log")
        assert log[0].type is types.MessageType.Warning
        assert "modelLoupe.codeLens.enabled is true or false" in log[0].message
        assert 'modelLoupe.network is "on" or "offline"' in log[1].message
        assert len(await editor.open(tmp_path / "a.py", LOAD).lenses()) == 3


async def test_going_offline_and_back_keeps_models_known(editor: Editor, tmp_path: Path) -> None:
    write_model(tmp_path / "tiny")
    document = editor.open(tmp_path / "a.py", LOAD)
    for network in ("offline", "on"):
        editor.settings(network=network, codeLens={"enabled": True})
        assert "GemmaForCausalLM" in await document.card("./tiny")
        await _has_lenses(document, wanted=True)
