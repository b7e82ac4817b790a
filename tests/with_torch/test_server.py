"""What an editor sees once the worker has answered: the true classes, dtypes and modules."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from lsprotocol import types

from model_loupe.demo.checkpoint import write_small_gemma
from tests.server import editor as editors
from tests.server.editor import Document, Editor, session, write_model

pytestmark = pytest.mark.asyncio(loop_scope="module")

PYTHON = os.environ["MODEL_LOUPE_TORCH_PYTHON"]
# The first answer waits for torch to be imported.
SECONDS = 90


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(editors, "SECONDS", SECONDS)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("workspace")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def editor(workspace: Path) -> AsyncIterator[Editor]:
    """One editor for all tests: each worker imports torch once."""
    settings = {"worker": {"interpreter": PYTHON}}
    async with session(workspace, folders=(workspace,), settings=settings) as opened:
        yield opened


@pytest.fixture
def folder(workspace: Path, request: pytest.FixtureRequest) -> Path:
    """The test's own folder in the workspace, so that no two tests name the same model."""
    found = workspace / request.node.name
    found.mkdir()
    return found


async def model_in(folder: Path, editor: Editor) -> dict[str, str]:
    """The only model that documents of the folder name."""
    [found] = [model for model in await editor.models() if json.loads(model["id"])["base"] == str(folder)]
    return found


async def eventually(ask: Callable[[], Awaitable[str]], says: str) -> str:
    """The answer, once it says what only the worker knows."""
    answers: list[str] = []

    async def said() -> bool:
        answers.append(await ask())
        return says in answers[-1]

    await editors.until(said, f"{says!r} in {answers[-1:]}")
    return answers[-1]


def line_of(found: types.Location) -> str:
    lines = Path(found.uri.removeprefix("file://")).read_text().splitlines()
    return lines[found.range.start.line]


async def lens(document: Document) -> str:
    return " | ".join(title for _, title in await document.titles())


async def test_a_lens_tells_the_class_that_its_own_call_builds(editor: Editor, folder: Path) -> None:
    write_model(folder / "tiny", intermediate_size=16)
    head = editor.open(folder / "a.py", "m = AutoModelForCausalLM.from_pretrained('./tiny')\n")
    bare = editor.open(folder / "b.py", "m = AutoModel.from_pretrained('./tiny', dtype='float32')\n")
    assert "GemmaForCausalLM" in await lens(head)
    assert "loads float16" in await eventually(lambda: lens(head), "loads float16")
    text = await eventually(lambda: lens(bare), "GemmaModel")
    assert "loads float32" in text
    # Of what two calls build differently, the row tells what both have: the checkpoint.
    assert "520 params" in (await model_in(folder, editor))["description"]


async def test_a_module_shows_its_line_of_print(editor: Editor, folder: Path) -> None:
    write_model(folder / "tiny")
    document = editor.open(
        folder / "a.py",
        "model = AutoModelForCausalLM.from_pretrained('./tiny')\nmodel.model.layers[1].mlp.up_proj\n",
    )
    text = await eventually(lambda: document.card("up_proj"), "Linear(in_features=8")
    assert "**model.layers.1.mlp.up_proj** · Linear(in_features=8, out_features=24576, bias=False)" in text
    # The file's tensor has another shape than the config says: the checkpoint cannot be loaded.
    card = await eventually(lambda: document.card("tiny"), "Of another shape")
    assert "loading fails" in card
    assert "loading fails" in await lens(document)


async def test_definition_is_the_class_in_the_user_s_transformers(editor: Editor, folder: Path) -> None:
    write_model(folder / "tiny", intermediate_size=16)
    document = editor.open(
        folder / "a.py",
        "model = AutoModelForCausalLM.from_pretrained('./tiny')\nmodel.model.layers[1].mlp\n",
    )
    place = document.range("mlp").start
    found = await editors.within(
        editor.client.text_document_definition_async(
            types.DefinitionParams(types.TextDocumentIdentifier(document.uri), place)
        ),
        SECONDS,
    )
    assert isinstance(found, types.Location)
    assert found.uri.endswith("modeling_gemma.py")
    assert line_of(found).startswith("class GemmaMLP")


async def test_the_tree_keeps_its_rows_and_gains_classes(editor: Editor, folder: Path) -> None:
    write_model(folder / "tiny", intermediate_size=16)
    document = editor.open(folder / "a.py", "m = AutoModelForCausalLM.from_pretrained('./tiny')\n")
    model = await model_in(folder, editor)

    async def below(node: str, label: str) -> dict[str, str]:
        return next(row for row in await editor.children(node) if row["label"].startswith(label))

    before = await below((await below(model["id"], "Architecture"))["id"], "model")
    await eventually(lambda: lens(document), "loads float16")
    after = await below((await below(model["id"], "Architecture"))["id"], "model")
    assert after["id"] == before["id"]
    assert "GemmaModel" in after["description"]
    layers = await below((await below(after["id"], "layers"))["id"], "0-1: 2 ×")
    assert layers["description"].startswith("GemmaDecoderLayer")


async def test_print_model(editor: Editor, folder: Path) -> None:
    write_model(folder / "tiny", intermediate_size=16)
    editor.open(folder / "a.py", "m = AutoModelForCausalLM.from_pretrained('./tiny')\n")
    model = await model_in(folder, editor)
    found = await editor.request("modelLoupe/printModel", {"node": model["id"]})
    assert found["title"].startswith("GemmaForCausalLM")
    assert found["text"].startswith("GemmaForCausalLM(\n  (model): GemmaModel(\n    (embed_tokens): ")
    assert "(0-1): 2 x GemmaDecoderLayer(" in found["text"]


async def test_a_text_for_the_tokenizer_shows_its_tokens(editor: Editor, folder: Path) -> None:
    write_small_gemma(str(folder / "tiny"))
    document = editor.open(
        folder / "a.py",
        "tokenizer = AutoTokenizer.from_pretrained('./tiny')\nids = tokenizer('hello world').input_ids\n",
    )
    text = await eventually(lambda: document.card("hello"), "tokens**")
    real = await tokens_of(folder / "tiny", "hello world")
    assert text.startswith(f"**{len(real)} tokens**")
    # Every second one is bold: so boundaries show.
    assert " ".join(f"**{each}**" if number % 2 else str(each) for number, each in enumerate(real)) in text
    assert text == await document.card("tokenizer('hello")


async def test_a_tokenizer_and_its_attributes(editor: Editor, folder: Path) -> None:
    write_small_gemma(str(folder / "tiny"))
    load = "tokenizer = AutoTokenizer.from_pretrained('./tiny')\n"
    code = load + "tokenizer.padding_side\ntokenizer.apply_chat_template(x)\n"
    document = editor.open(folder / "a.py", code)
    card = await eventually(lambda: document.card("tokenizer ="), "by its chat template")
    assert "<start_of_turn>user\nWhat is a loupe?<end_of_turn>" in card
    assert "(fast)" in card
    chat = await document.card("apply_chat_template")
    assert chat.startswith("**tokenizer.apply_chat_template** of a sample conversation")
    assert "<start_of_turn>user\nWhat is a loupe?<end_of_turn>" in chat
    assert await document.card("padding_side") in (
        '**tokenizer.padding_side** = "left" · GemmaTokenizer of ./tiny',
        '**tokenizer.padding_side** = "right" · GemmaTokenizer of ./tiny',
    )


async def tokens_of(folder: Path, text: str) -> list[int]:
    """As a user's own program has it."""
    program = (
        "import json, sys; from transformers import AutoTokenizer;"
        "print(json.dumps(AutoTokenizer.from_pretrained(sys.argv[1])(sys.argv[2])['input_ids']))"
    )
    asked = await asyncio.create_subprocess_exec(
        PYTHON, "-c", program, str(folder), text, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await asked.communicate()
    found: list[int] = json.loads(out)
    return found
