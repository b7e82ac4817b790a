"""Casts over the wire, without torch: plans, what fits, edits of code; why nothing is measured."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import attrs
import pytest
import pytest_asyncio
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from model_loupe.inspector import ModelRequest
from model_loupe.inspector.rows import Place

from .editor import Document, Editor, Notebook, plain, session, within, write_model

pytestmark = pytest.mark.asyncio(loop_scope="module")

LOAD = "from transformers import AutoModelForCausalLM\nm = AutoModelForCausalLM.from_pretrained('./tiny')\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("workspace")
    write_model(root / "tiny")
    return root


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def editor(folder: Path) -> AsyncIterator[Editor]:
    """One editor for all tests; two devices are named, the worker is off."""
    settings = {
        "worker": {"enabled": False},
        "memory": {"devices": {"0": "24GiB", "1": "1KB"}, "context": 100},
    }
    async with session(folder, folders=(folder,), settings=settings) as opened:
        yield opened


async def preview(editor: Editor, model: str, **params: Any) -> dict[str, Any]:
    answer: dict[str, Any] = await editor.request("modelLoupe/castPreview", {"model": model, **params})
    return answer


async def test_the_plan_of_every_target(editor: Editor, folder: Path) -> None:
    answer = await preview(editor, str(folder / "tiny"), plan=True)
    names = [target["dtype"] for target in answer["targets"]]
    assert {"float64", "float32", "bfloat16", "float16", "int8", "nf4", "mxfp4", "nvfp4", "Q4_K"} <= set(
        names
    )
    assert answer["title"] == f"{folder / 'tiny'} · GemmaForCausalLM"
    assert (answer["schema"], answer["exact"], answer["complete"], answer["network"]) == (
        1,
        False,
        False,
        None,
    )
    by_name = {target["dtype"]: target for target in answer["targets"]}
    # Embedding 16 × 8, norm 8, two layers of 8 × 8 and 16 × 8: 520 elements, stored as float16.
    assert answer["stored"] == {"dtype": "float16", "bytes": 1040}
    assert (by_name["float16"]["bytes"], by_name["float32"]["bytes"]) == (1040, 2080)
    assert by_name["float32"]["numerics"] is None and by_name["float32"]["unmeasured"] is None
    # One KV head of 4 in two layers: keys and values are 16 elements a token.
    fits = by_name["float32"]["fits"]
    assert [each["device"] for each in fits] == ["GPU 0 · 24.00 GiB", "GPU 1 · 1000 B"]
    assert [(each["context"], each["bytes"], each["fits"]) for each in fits] == [
        (100, 2080 + 100 * 16 * 4, True),
        (100, 2080 + 100 * 16 * 4, False),
    ]
    assert answer["memory"]["devices"][1] == {"device": "GPU 1 · 1000 B", "bytes": 1000}
    applied = {name for name, target in by_name.items() if target["apply"]}
    assert {"bfloat16", "int8", "nf4", "float8_e4m3fn"} <= applied
    assert "llama.cpp" in by_name["Q4_K"]["apply_reason"]
    assert not by_name["nf4"]["runs_here"]["ok"]
    writable = {name for name, target in by_name.items() if target["writable"]}
    assert {"float32", "bfloat16", "float16"} <= writable and not {"nf4", "int8", "Q4_K"} & writable


async def test_a_name_in_code_and_a_row_are_the_same(editor: Editor, folder: Path) -> None:
    document = editor.open(folder / "row.py", LOAD)
    by_name = await preview(editor, "./tiny", dtypes=["bfloat16"], plan=True)
    [(node, where)] = [
        lens.command.arguments
        for lens in await document.lenses()
        if lens.command and lens.command.title == "Preview casts"
    ]
    by_row = await preview(editor, node, dtypes=["bfloat16"], plan=True)
    assert by_row["targets"] == by_name["targets"]
    assert plain(where) == {"uri": document.uri, "position": {"line": 1, "character": 4}}


async def test_a_cast_on_a_line_of_its_own_has_a_lens(editor: Editor, folder: Path) -> None:
    text = LOAD + "m.eval()\nm = m.half()\nm.to('cuda').to(\n    torch.float32\n)\n"
    document = editor.open(folder / "lens.py", text)
    found = [(line, title) for line, title in await document.titles() if title == "Preview casts"]
    assert found == [(1, "Preview casts"), (3, "Preview casts"), (4, "Preview casts")]
    lens = (await document.lenses())[-1]
    assert lens.command and lens.command.arguments
    # The call is what is edited.
    assert plain(lens.command.arguments[1])["position"] == {"line": 1, "character": 4}
    notebook = editor.open_notebook(folder / "lens.ipynb", LOAD, "m.half()", "print(m)")
    assert [len(await cell.lenses()) for cell in notebook.cells] == [3, 1, 0]


async def test_a_scope_is_a_part_of_the_model(editor: Editor) -> None:
    answer = await preview(editor, "./tiny", dtypes=["nf4"], scope="model.layers.1", plan=True, tensors=True)
    [target] = answer["targets"]
    assert [tensor["name"] for tensor in target["tensors"]] == [
        "model.layers.1.mlp.up_proj.weight",
        "model.layers.1.self_attn.q_proj.weight",
    ]
    assert answer["stored"]["bytes"] == 2 * (64 + 128)
    assert answer["scope"] == "model.layers.1"


async def test_without_a_worker_it_is_said_why_nothing_is_measured(editor: Editor) -> None:
    answer = await preview(editor, "./tiny", dtypes=["bfloat16"])
    [target] = answer["targets"]
    assert target["unmeasured"]["code"] == "worker-off"
    assert target["bytes"] == 1040


async def test_without_torch_it_is_said_why_nothing_is_measured(folder: Path, tmp_path: Path) -> None:
    async with session(tmp_path, folders=(folder,)) as other:
        [target] = (await preview(other, "./tiny", dtypes=["bfloat16"]))["targets"]
        assert target["unmeasured"]["code"] == "torch-missing"


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"model": "./none"}, "no such folder or file"),
        ({"model": "./tiny", "dtypes": ["float12"]}, "'float12' is no format to cast to: there are float64"),
        ({"model": "./tiny", "scope": "model.nothing"}, "has no weights under model.nothing"),
        ({"model": "./empty"}, "no weights"),
        ({}, '"model" is missing or not a string'),
        ({"model": 1}, '"model" is missing or not a string'),
        ({"model": "./tiny", "dtypes": "bfloat16"}, '"dtypes" is not a list of strings'),
        ({"model": "./tiny", "scope": 1}, '"scope" is not a string'),
        ({"model": "./tiny", "exact": "yes"}, '"exact" is true or false'),
        ({"model": "./tiny", "workDoneToken": [1]}, '"workDoneToken" is neither a string nor a number'),
    ],
)  # fmt: skip
async def test_what_cannot_be_previewed(
    params: dict[str, Any], says: str, editor: Editor, folder: Path
) -> None:
    write_model(folder / "empty")
    (folder / "empty" / "model.safetensors").unlink()
    with pytest.raises(JsonRpcException, match=says):
        await editor.request("modelLoupe/castPreview", params)


async def test_values_want_the_worker_and_a_model(editor: Editor, folder: Path) -> None:
    for name, says in (("tiny", "worker.enabled is false"), ("none", "no such folder")):
        with pytest.raises(JsonRpcException, match=says):
            await editor.request("modelLoupe/values", {"node": json.dumps({"model": str(folder / name)})})
    with pytest.raises(JsonRpcException, match="not the id of a tree row"):
        await editor.request("modelLoupe/values", {"node": "x"})


@pytest.mark.parametrize(
    ("code", "at", "says"),
    [
        ("m = AutoModel.from_pretrained('./tiny', dtype=torch.float32)", "torch.f", "float32 2.03 KiB"),
        (
            "m = AutoModel.from_pretrained('./tiny')\nm.to('cuda', torch.bfloat16)",
            "bfloat",
            "bfloat16 1.02 KiB",
        ),
        ("m = AutoModel.from_pretrained('./tiny')\nm = m.double()", "double", "float64 4.06 KiB"),
        ("m = AutoModel.from_pretrained('./tiny').half()", "half", "All weights are stored so"),
    ],
)
async def test_a_hover_on_a_dtype(code: str, at: str, says: str, editor: Editor, folder: Path) -> None:
    document = editor.open(folder / f"hover-{at}.py", f"import torch\n{code}\n")
    hover = await document.hover(at)
    assert hover is not None and isinstance(hover.contents, types.MarkupContent)
    assert says in hover.contents.value
    assert "stored float16 1.02 KiB" in hover.contents.value
    if at != "half":
        assert "Preview casts measures it" in hover.contents.value


async def test_no_hover_where_nothing_is_cast(editor: Editor, folder: Path) -> None:
    document = editor.open(folder / "none.py", LOAD + "m.to('cuda')\nx.half()\ntorch.float16\n")
    for at in ("to('cuda')", "half", "float16"):
        assert await document.hover(at) is None


# --- edits ---


@attrs.define
class CastEdit:
    """The result of ``modelLoupe/castEdit``, with the specification's type for its edit."""

    title: str
    edit: types.WorkspaceEdit
    lines: list[dict[str, str]]


@attrs.define
class CastEditResponse:
    id: str
    result: CastEdit
    jsonrpc: str = "2.0"


async def edit(document: Document, at: str, dtype: str) -> CastEdit:
    protocol = document.editor.client.protocol
    position = document.range(at).start
    params = {"uri": document.uri, "position": position, "dtype": dtype}
    # As for the specification's own methods: else URIs would become names of fields.
    identifier = str(uuid4())
    asked = protocol.send_request_async("modelLoupe/castEdit", params, identifier)
    work = asyncio.ensure_future(asked)
    await asyncio.sleep(0)
    protocol._result_types[identifier] = CastEditResponse
    answer: CastEdit = await within(work)
    return answer


def changed(document: Document, edit: types.WorkspaceEdit) -> str:
    """The text after an edit, found by counting the session's units."""
    assert edit.changes is not None
    text, lines = document.text, document.text.split("\n")

    def offset(place: types.Position) -> int:
        before = lines[place.line]
        columns = {document.editor.units(before[:column]): column for column in range(len(before) + 1)}
        return sum(len(line) + 1 for line in lines[: place.line]) + columns[place.character]

    found = edit.changes.get(document.uri, ())
    for change in sorted(found, key=lambda change: -offset(change.range.start)):
        text = text[: offset(change.range.start)] + change.new_text + text[offset(change.range.end) :]
    return text


@pytest.mark.parametrize("at", ["AutoModelForCausalLM.from", "torch_dtype", "half", "m.half"])
async def test_an_edit_asked_for_at_the_call_at_its_dtype_and_at_a_cast(
    at: str, editor: Editor, folder: Path
) -> None:
    text = (
        "import torch\nfrom transformers import AutoModelForCausalLM\n"
        "é = '😀'; m = AutoModelForCausalLM.from_pretrained('./tiny', torch_dtype=torch.float32)\n"
        "m.half()\n"
    )
    document = editor.open(folder / f"{at}.py", text)
    answer = await edit(document, at, "bfloat16")
    assert answer.title == "Load ./tiny as bfloat16"
    new = text.replace("torch_dtype=torch.float32", "dtype=torch.bfloat16").replace("m.half()\n", "")
    assert changed(document, answer.edit) == new
    assert [(line["uri"], line["before"], line["after"]) for line in answer.lines] == [
        (document.uri, text.split("\n")[2], new.split("\n")[2]),
        (document.uri, "m.half()\n", ""),
    ]


async def test_an_edit_of_a_notebook_imports_where_the_others_are(editor: Editor, folder: Path) -> None:
    notebook: Notebook = editor.open_notebook(
        folder / "a.ipynb",
        "%pip list\nfrom transformers import AutoModelForCausalLM",
        "m = AutoModelForCausalLM.from_pretrained('./tiny')",
        "m.half()\nprint('😀')",
    )
    answer = await edit(notebook[1], "from_pretrained", "int8")
    texts = [changed(cell, answer.edit) for cell in notebook.cells]
    assert texts == [
        "%pip list\nfrom transformers import AutoModelForCausalLM, BitsAndBytesConfig",
        "m = AutoModelForCausalLM.from_pretrained('./tiny', "
        "quantization_config=BitsAndBytesConfig(load_in_8bit=True))",
        "print('😀')",
    ]


@pytest.mark.parametrize(
    ("at", "dtype", "says"),
    [
        ("from_pretrained", "Q4_K", "GGUF files are made by llama.cpp"),
        ("from_pretrained", "float12", "is no format to cast to"),
        ("import", "bfloat16", "no call stands here"),
    ],
)
async def test_what_cannot_be_edited(at: str, dtype: str, says: str, editor: Editor, folder: Path) -> None:
    document = editor.open(folder / "refused.py", LOAD)
    with pytest.raises(JsonRpcException, match=says):
        await edit(document, at, dtype)


async def test_bad_parameters_of_an_edit(editor: Editor, folder: Path) -> None:
    for params, says in (
        ({"uri": "file:///nowhere.py", "position": {"line": 0, "character": 0}, "dtype": "nf4"}, "not open"),
        ({"uri": "file:///a.py", "position": {"line": -1, "character": 0}, "dtype": "nf4"}, "is no position"),
        ({"uri": "file:///a.py", "position": 3, "dtype": "nf4"}, "is no position"),
        ({"uri": "file:///a.py", "position": {"line": 0, "character": 0}}, '"dtype" is missing'),
    ):
        with pytest.raises(JsonRpcException, match=says):
            await editor.request("modelLoupe/castEdit", params)


async def actions(document: Document, at: str) -> dict[str, types.CodeAction | types.Command]:
    params = types.CodeActionParams(
        types.TextDocumentIdentifier(document.uri), document.range(at), types.CodeActionContext([])
    )
    found = await within(document.editor.client.text_document_code_action_async(params))
    return {action.title: action for action in found or ()}


async def test_no_casts_are_offered_of_a_model_that_is_not_there(editor: Editor, folder: Path) -> None:
    document = editor.open(folder / "missing.py", LOAD.replace("tiny", "nowhere"))
    assert "not found" in str(await document.titles())
    assert await actions(document, "from_pretrained") == {}


async def test_code_actions_preview_and_load(editor: Editor, folder: Path) -> None:
    document = editor.open(folder / "actions.py", LOAD + "m.half()\n")
    for at in ("from_pretrained", "half"):
        titles = await actions(document, at)
        assert {"Preview casts", "Load as bfloat16", "Load in 4 bits (nf4)"} <= titles.keys()
        # The client's library makes a mere command of an action that has one.
        assert "modelLoupe.previewCasts" in str(titles["Preview casts"].command)
        loading = titles["Load as bfloat16"]
        assert isinstance(loading, types.CodeAction) and loading.edit is not None
        assert changed(document, loading.edit) == (
            "from transformers import AutoModelForCausalLM\nimport torch\n"
            "m = AutoModelForCausalLM.from_pretrained('./tiny', dtype=torch.bfloat16)\n"
        )


async def test_a_preview_may_be_the_first_that_is_asked(folder: Path) -> None:
    # As of a page that an editor brings back: nothing else of the server was needed by then.
    async with session(folder, folders=(folder,)) as fresh:
        row = Place(ModelRequest(str(folder / "tiny"))).id()
        answer = await preview(fresh, row, plan=True, dtypes=["float16"])
        assert [target["dtype"] for target in answer["targets"]] == ["float16"]


async def test_the_way_to_a_tensor_is_that_of_the_tree_as_it_is(editor: Editor, tmp_path: Path) -> None:
    async def labels(tensor: str) -> list[str]:
        path = await editor.request(
            "modelLoupe/tensorPath", {"model": str(tmp_path / "tiny"), "tensor": tensor}
        )
        rows = {row["id"]: row["label"] for node in path[:-1] for row in await editor.children(node)}
        return [rows[node] for node in path[1:]]

    for layers in (2, 3):  # the ids of the rows of a folded run change with it
        write_model(tmp_path / "tiny", layers=layers)
        run = f"0-{layers - 1}: {layers} ×"
        found = await labels("model.layers.1.mlp.up_proj.weight")
        assert found == ["Architecture", "model", "layers", run, "mlp", "up_proj", "weight"]
    assert await labels("elsewhere.weight") == ["Architecture"]
    with pytest.raises(JsonRpcException, match="no-such-model"):
        await editor.request("modelLoupe/tensorPath", {"model": "./no-such-model", "tensor": "a"})


async def test_each_lens_previews_its_own_call(editor: Editor, tmp_path: Path) -> None:
    write_model(tmp_path / "tiny")
    dtypes = ["float32", "bfloat16", "float16"]
    text = "".join(f'm = AutoModel.from_pretrained("./tiny", dtype="{dtype}")\n' for dtype in dtypes)
    document = editor.open(tmp_path / "a.py", text)
    commands = [lens.command for lens in await document.lenses() if lens.command]
    previews = [each.arguments or () for each in commands if each.title == "Preview casts"]
    current = [(await preview(editor, node, plan=True))["current"] for node, _ in previews]
    assert current == dtypes
