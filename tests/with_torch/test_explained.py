"""Fields of a checkpoint's JSON and arguments of calls in an editor, by the user's own libraries.

Under the newest transformers as the worker's interpreter has it, and under that of the notebook: the latter
lies on the path of the server's own interpreter, and no worker is needed for it.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from lsprotocol import types

from tests.server import editor as editors
from tests.server.editor import REPOSITORY, Document, Editor, capabilities, session, within, write_model

pytestmark = pytest.mark.asyncio(loop_scope="module")

PYTHON = os.environ["MODEL_LOUPE_TORCH_PYTHON"]
NOTEBOOK = os.environ["MODEL_LOUPE_NOTEBOOK_LIBRARIES"]
SECONDS = 60

CONFIG: dict[str, Any] = {
    "architectures": ["GemmaForCausalLM"],
    "model_type": "gemma",
    "hidden_size": 2048,
    "intermediate_size": 16384,
    "num_hidden_layers": 18,
    "num_attention_heads": 8,
    "num_key_value_heads": 1,
    "head_dim": 256,
    "hidden_act": "gelu",
    "vocab_size": 256000,
    "torch_dtype": "bfloat16",
}
CODE = """import torch
from transformers import AutoModelForCausalLM, BitsAndBytesConfig
quantised = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4")
model = AutoModelForCausalLM.from_pretrained(
    "./tiny", torch_dtype=torch.float32, attn_implementation="eager", revision="main"
)
small = AutoModelForCausalLM.from_pretrained("./tiny", quantization_config=quantised)
model.generate(x, max_new_tokens=20)
model.config.num_key_value_heads
model.config.rms_norm_eps
print(len="x")
"""


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(editors, "SECONDS", SECONDS)


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["5", "4.38.0"])
async def editor(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Editor]:
    home = tmp_path_factory.mktemp("home")
    path = f"{NOTEBOOK}{os.pathsep}{REPOSITORY / 'server'}"
    settings = {"worker": {"interpreter": PYTHON}} if request.param == "5" else {"worker": {"enabled": False}}
    environment = {} if request.param == "5" else {"PYTHONPATH": path}
    async with session(home, settings=settings, environment=environment) as opened:
        yield opened


def is_5(editor: Editor, card: str) -> bool:
    return "transformers 5" in card


def open_json(editor: Editor, path: Path, value: dict[str, Any]) -> Document:
    text = json.dumps(value, indent=2)
    path.write_text(text)
    return editor.open(path, text, language="json")


async def completed(document: Document, after: str) -> dict[str, types.CompletionItem]:
    """What is offered behind the first ``after``."""
    params = types.CompletionParams(types.TextDocumentIdentifier(document.uri), document.range(after).end)
    found = await within(document.editor.client.text_document_completion_async(params))
    return {item.label: item for item in found.items} if found else {}


async def signature(document: Document, after: str) -> types.SignatureHelp | None:
    params = types.SignatureHelpParams(types.TextDocumentIdentifier(document.uri), document.range(after).end)
    return await within(document.editor.client.text_document_signature_help_async(params))


async def test_a_field_tells_what_it_means_and_what_follows(editor: Editor, tmp_path: Path) -> None:
    document = open_json(editor, tmp_path / "config.json", CONFIG)
    hover = await document.hover('"num_key_value_heads"')
    assert hover is not None and isinstance(hover.contents, types.MarkupContent)
    assert hover.range == document.range('"num_key_value_heads"')
    assert "Grouped Query Attention" in hover.contents.value
    assert "default `16`" in hover.contents.value
    assert "KV cache: 18,432 bytes per token at bfloat16" in hover.contents.value
    assert await document.card("GemmaForCausalLM")
    document.replace('"num_key_value_heads": 1', '"num_key_value_heads": 8')
    assert "multi-head attention" in await document.card('"num_key_value_heads"')


async def test_there_is_nothing_between_the_fields_or_in_other_files(editor: Editor, tmp_path: Path) -> None:
    document = open_json(editor, tmp_path / "config.json", CONFIG)
    assert await document.hover_at(1, 0) is None
    for name, value in (("config.json", {"port": 80, "hidden_size": 1}), ("package.json", CONFIG)):
        folder = tmp_path / "other"
        folder.mkdir(exist_ok=True)
        other = open_json(editor, folder / name, value)
        assert await other.hover('"hidden_size"') is None
        assert await other.diagnostics() == []


async def test_fields_and_values_are_completed(editor: Editor, tmp_path: Path) -> None:
    document = editor.open(tmp_path / "config.json", '{"model_type": "gemma",\n  "hid\n}', language="json")
    item = (await completed(document, '"hid'))["hidden_size"]
    assert isinstance(item.text_edit, types.TextEdit)
    assert (item.text_edit.new_text, item.text_edit.range) == ('"hidden_size": ', document.range('"hid'))
    document.rewrite('{"model_type": "gemma", "hidden_act": "si"}')
    item = (await completed(document, ': "si'))["silu"]
    assert isinstance(item.text_edit, types.TextEdit)
    assert (item.text_edit.new_text, item.text_edit.range) == ('"silu"', document.range('"si"'))


async def test_what_is_inconsistent_is_marked_where_it_stands(editor: Editor, tmp_path: Path) -> None:
    document = open_json(editor, tmp_path / "config.json", {**CONFIG, "num_key_value_heads": 3})
    found = {problem.code: problem for problem in await document.diagnostics()}
    assert found["config-kv-heads"].range == document.range('"num_key_value_heads"')
    assert found["config-kv-heads"].severity is types.DiagnosticSeverity.Warning
    card = await document.card('"torch_dtype"')
    assert ("config-superseded" in found) == is_5(editor, card)
    document.replace('"num_key_value_heads": 3', '"num_key_value_heads": 2')
    assert "config-kv-heads" not in {problem.code for problem in await document.diagnostics()}


async def test_a_renamed_field_is_renamed_by_a_fix(editor: Editor, tmp_path: Path) -> None:
    document = open_json(editor, tmp_path / "config.json", CONFIG)
    place = document.range('"torch_dtype"')
    params = types.CodeActionParams(
        types.TextDocumentIdentifier(document.uri),
        place,
        types.CodeActionContext(await document.diagnostics()),
    )
    actions = await within(editor.client.text_document_code_action_async(params))
    if not is_5(editor, await document.card('"torch_dtype"')):
        assert not actions
        return
    [action] = actions or []
    assert isinstance(action, types.CodeAction) and action.edit and action.edit.changes
    assert list(action.edit.changes[document.uri]) == [types.TextEdit(place, '"dtype"')]


async def test_the_other_files_of_a_checkpoint_explain_themselves(editor: Editor, tmp_path: Path) -> None:
    write_model(tmp_path, layers=1)
    generation = open_json(
        editor, tmp_path / "generation_config.json", {"temperature": 0.5, "eos_token_id": 1}
    )
    assert "modul" in await generation.card('"temperature"')
    assert [problem.code for problem in await generation.diagnostics()] == ["generation-sampling"]
    tokenizer = open_json(editor, tmp_path / "tokenizer_config.json", {"model_max_length": int(1e30)})
    assert "Not set" in await tokenizer.card('"model_max_length"')
    index = {"weight_map": {"model.norm.weight": "model.safetensors"}}
    weights = open_json(editor, tmp_path / "model.safetensors.index.json", index)
    assert "(8,) float16 · 16 B · in model.safetensors" in await weights.card("model.norm.weight")


@pytest.mark.parametrize(
    ("at", "says"),
    [
        ("torch_dtype", "are float32"),
        ("attn_implementation", "can use eager, sdpa"),
        ("revision", "branch name"),
        ("load_in_4bit", "nf4: "),
        ("quantization_config", "nf4: "),
        ("max_new_tokens", "KV cache of 20 tokens: 1.25 KiB at float32"),
        ("num_key_value_heads", "2 query heads share each KV head"),
        ("rms_norm_eps", "epsilon used by the rms normalization"),
    ],
)
async def test_an_argument_tells_what_it_does_to_the_model(
    editor: Editor, tmp_path: Path, at: str, says: str
) -> None:
    write_model(tmp_path / "tiny")
    document = editor.open(tmp_path / "a.py", CODE)
    assert says in await document.card(at)
    assert await document.hover("len=") is None


async def test_arguments_and_their_values_are_completed(editor: Editor, tmp_path: Path) -> None:
    load = "from transformers import AutoModelForCausalLM as A\nmodel = A.from_pretrained('a/b', "
    document = editor.open(tmp_path / "a.py", load + "use_)")
    offered = await completed(document, "use_")
    assert "use_safetensors=" in offered and offered["use_safetensors="].documentation
    document.rewrite(load + 'device_map="')
    assert "auto" in await completed(document, 'device_map="')
    document.rewrite(load + "torch_dtype=")
    assert "torch.bfloat16" in await completed(document, "torch_dtype=")
    document.rewrite(load.replace("transformers", "elsewhere") + "use_)")
    assert await completed(document, "use_") == {}


async def test_signatures_are_those_of_the_installed_version(editor: Editor, tmp_path: Path) -> None:
    code = (
        "from transformers import BitsAndBytesConfig\nb = BitsAndBytesConfig(load_in_8bit=True, load_in_4bit="
    )
    document = editor.open(tmp_path / "a.py", code)
    shown = await signature(document, "load_in_4bit=")
    assert shown is not None and shown.signatures[0].parameters
    parameters = shown.signatures[0].parameters
    assert shown.active_parameter is not None
    assert parameters[shown.active_parameter].label == "load_in_4bit=False"
    assert isinstance(parameters[0].documentation, types.MarkupContent)
    assert "8-bit quantization" in parameters[0].documentation.value
    assert await signature(document, "from transformers") is None


async def test_clients_that_do_not_pull_are_told_and_forget_when_a_file_is_closed(tmp_path: Path) -> None:
    path = f"{NOTEBOOK}{os.pathsep}{REPOSITORY / 'server'}"
    async with session(tmp_path, able=capabilities(pull=False), environment={"PYTHONPATH": path}) as editor:
        document = open_json(editor, tmp_path / "config.json", {**CONFIG, "num_key_value_heads": 3})

        def told() -> list[str]:
            found = editor.client.diagnostics.get(document.uri, [])
            return [str(problem.code) for problem in found]

        await editors.until(lambda: told() == ["config-kv-heads"], "the problem is published")
        document.close()
        await editors.until(lambda: told() == [], "it is taken back")
