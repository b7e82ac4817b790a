"""Casts measured by a real worker: figures come in parts, what is cancelled ends, edits do as they say."""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
import pytest_asyncio
from lsprotocol import types
from pygls.exceptions import JsonRpcException, JsonRpcRequestCancelled
from safetensors.numpy import save_file

from tests.hub import LocalHub
from tests.server.editor import Document, Editor, plain, session, until, within, write_model
from tests.server.quick_fixes import applied, fixes
from tests.support.typescript import mismatches
from tests.with_torch.test_server import PYTHON, SECONDS, patience

__all__ = ["patience"]

Told = dict[int | str, list[Any]]


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("workspace")
    write_model(root / "tiny", intermediate_size=16)
    write_weights(root / "some", 24)
    write_weights(root / "over", 2)
    write_weights(root / "many", 64, rows=1024)
    return root


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def editor(folder: Path) -> AsyncIterator[Editor]:
    """One editor for all tests: each worker imports torch once."""
    async with session(folder, folders=(folder,), settings={"worker": {"interpreter": PYTHON}}) as opened:
        yield opened


@pytest.fixture(scope="module")
def told(editor: Editor) -> Told:
    """What ``$/progress`` tells, by token."""
    found: Told = defaultdict(list)
    # pytest-lsp's own knows of work-done progress alone.
    editor.client.protocol.fm.features.pop(types.PROGRESS)

    @editor.client.feature(types.PROGRESS)
    def progress(params: types.ProgressParams) -> None:
        found[params.token].append(plain(params.value))

    return found


def write_weights(folder: Path, tensors: int, rows: int = 512) -> Path:
    """Random float32 matrices with 1,024 columns each; one value of the first is beyond float16.

    The config has as many layers, so that the tree's rows keep their ids once the model is built.
    """
    write_model(folder, layers=tensors)
    chance = np.random.default_rng(0)
    weights = {
        f"model.layers.{number}.mlp.up_proj.weight": chance.standard_normal((rows, 1024), np.float32)
        for number in range(tensors)
    }
    weights["model.layers.0.mlp.up_proj.weight"][3, 4] = 1e5
    path = folder / "model.safetensors"
    save_file(weights, str(path), metadata={"format": "pt"})
    # What was written a moment ago may be written again, and is not remembered.
    os.utime(path, (1e9, 1e9))
    return folder


def by_name(answer: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {target["dtype"]: target for target in answer["targets"]}


async def test_what_was_measured_to_overflow_is_marked(editor: Editor, folder: Path) -> None:
    load = "m = AutoModel.from_pretrained('./{}'{})"
    too_large = [
        (load.format("over", ", dtype=torch.float16"), "torch.float16", "torch.bfloat16"),
        (load.format("over", ", dtype='float16'"), "'float16'", "'bfloat16'"),
        (load.format("over", "") + "\nm.half()", "m.half()", None),
        (load.format("over", "") + "\nm = m.to(torch.float16)", "m.to(torch.float16)", None),
    ]
    fine = [load.format("over", ", dtype='bfloat16'"), load.format("tiny", ", dtype='float16'")]
    document = editor.open(folder / "overflow.py", "")
    for text, _, _ in too_large:
        document.rewrite(text)
        assert not await marked(document), "nothing is said of what was not measured"
    await editor.request("modelLoupe/castPreview", {"model": "./over", "exact": True, "dtypes": ["float16"]})
    for text, where, mended in too_large:
        document.rewrite(text)
        [problem] = await marked(document)
        assert problem.range == document.range(where)
        assert "1 weight of ./over" in problem.message
        if mended is not None:
            [action, _] = await fixes(document, problem)
            assert applied(document, action) == text.replace(where, mended)
    for text in fine:
        document.rewrite(text)
        assert not await marked(document)


async def marked(document: Document) -> list[types.Diagnostic]:
    return [problem for problem in await document.diagnostics() if problem.code == "dtype-overflow"]


async def test_figures_come_in_parts(editor: Editor, told: Told, folder: Path) -> None:
    params = {"model": "./some", "exact": True, "dtypes": ["float16", "float8_e4m3fn", "nf4", "Q4_K"]}
    answer = await editor.request(
        "modelLoupe/castPreview", {**params, "partialResultToken": "parts", "workDoneToken": "work"}
    )
    parts = told["parts"]
    assert parts[0]["targets"] == [
        {**target, "numerics": None, "unmeasured": None, "worst": []} for target in parts[0]["targets"]
    ]
    measured = [
        part["targets"][0]["numerics"]["elements"] for part in parts if part["targets"][0]["numerics"]
    ]
    assert measured == sorted(measured)
    assert measured and measured[0] < 24 * 512 * 1024
    assert (told["work"][0]["kind"], told["work"][-1]["kind"]) == ("begin", "end")
    assert any(" of 48.00 MiB" in report.get("message", "") for report in told["work"])
    float16 = by_name(answer)["float16"]
    assert answer["complete"] and float16["numerics"]["to_inf"] == 1
    assert float16["numerics"]["elements"] == 24 * 512 * 1024
    [worst, *_] = float16["worst"]
    assert worst["name"] == "model.layers.0.mlp.up_proj.weight"
    # The way to its row in the tree, from the model's own.
    path = await editor.request("modelLoupe/tensorPath", {"model": "./some", "tensor": worst["name"]})
    rows = {row["id"]: row["label"] for node in path[:-1] for row in await editor.children(node)}
    assert [rows[node] for node in path[1:]] == [
        "Architecture", "model", "layers", "0-23: 24 ×", "mlp", "up_proj", "weight",
    ]  # fmt: skip
    assert by_name(answer)["nf4"]["numerics"]["snr_db"] > 15
    # From now on the hover tells what was measured.
    document = editor.open(folder / "hover.py", "m = AutoModel.from_pretrained('./some')\nm.half()\n")
    assert "Measured on all 12,582,912 values: 1 become infinite" in await document.card("half")


async def test_a_sample_does_not_wait_for_an_exact_pass_which_ends_when_it_is_cancelled(
    editor: Editor, told: Told, folder: Path
) -> None:
    protocol = editor.client.protocol
    params = {"model": "./many", "exact": True, "partialResultToken": "more parts"}
    exact = asyncio.ensure_future(protocol.send_request_async("modelLoupe/castPreview", params, "exact"))
    await until(lambda: len(told["more parts"]) > 1, "a part with figures")
    sample = await editor.request("modelLoupe/castPreview", {"model": "./many", "dtypes": ["bfloat16"]})
    assert not exact.done()
    numerics = sample["targets"][0]["numerics"]
    assert numerics["mode"] == "sampled"
    low, high = numerics["interval"]["snr_db"]
    assert low <= numerics["snr_db"] <= high
    editor.client.cancel_request(types.CancelParams("exact"))
    with pytest.raises(JsonRpcRequestCancelled):
        await within(exact)
    seen = len(told["more parts"])
    write_weights(folder / "small", 1)
    again = await editor.request(
        "modelLoupe/castPreview", {"model": "./small", "exact": True, "dtypes": ["float16"]}
    )
    assert again["targets"][0]["numerics"]["to_inf"] == 1
    assert len(told["more parts"]) == seen


async def test_a_cast_is_written(editor: Editor, told: Told, folder: Path) -> None:
    params = {"model": "./tiny", "dtype": "bfloat16", "output": "cast", "workDoneToken": "written"}
    answer = await editor.request("modelLoupe/castWrite", params)
    assert (answer["path"], answer["bytes"], answer["verified"]) == (str(folder / "cast"), 1040, True)
    assert (told["written"][0]["kind"], told["written"][-1]["kind"]) == ("begin", "end")
    plan = await editor.request("modelLoupe/castPreview", {"model": "./cast", "plan": True})
    assert plan["stored"] == {"dtype": "bfloat16", "bytes": 1040}
    with pytest.raises(JsonRpcException, match="is not empty"):
        await editor.request("modelLoupe/castWrite", params)
    with pytest.raises(JsonRpcException, match="nf4 is not written here"):
        await editor.request("modelLoupe/castWrite", {**params, "dtype": "nf4", "output": "other"})


async def test_a_write_that_is_cancelled_leaves_nothing(editor: Editor, told: Told, folder: Path) -> None:
    protocol = editor.client.protocol
    params = {"model": "./many", "dtype": "bfloat16", "output": "gone", "workDoneToken": "unfinished"}
    work = asyncio.ensure_future(protocol.send_request_async("modelLoupe/castWrite", params, "write"))
    await until(lambda: len(told["unfinished"]) > 1, "a report")
    # The button of the editor's progress, not the request.
    cancel = types.WorkDoneProgressCancelParams("unfinished")
    editor.client.window_work_done_progress_cancel(cancel)
    with pytest.raises(JsonRpcRequestCancelled):
        await within(work)
    assert not [name for name in os.listdir(folder) if "gone" in name]


async def test_a_sample_of_the_hub_is_told_before_it_is_read(folder: Path, tmp_path: Path) -> None:
    with LocalHub() as hub:
        hub.add("org/some", folder / "some")
        environment = {"HF_ENDPOINT": hub.endpoint, "HF_HUB_OFFLINE": "0"}
        settings = {"worker": {"interpreter": PYTHON}}
        async with session(tmp_path, settings=settings, environment=environment) as editor:
            params = {"model": "org/some", "dtypes": ["bfloat16"]}

            async def is_described() -> bool:
                plan = await editor.request("modelLoupe/castPreview", {**params, "plan": True})
                return plan["stored"]["bytes"] == 24 * 512 * 1024 * 4

            await until(is_described, "the headers")
            hub.forget()
            offer = await editor.request("modelLoupe/castPreview", params)
            assert 0 < offer["network"]["bytes"] <= offer["network"]["budget"] == 2**25
            assert offer["targets"][0]["unmeasured"]["code"] == "not-downloaded"
            assert hub.count() == 0
            answer = await editor.request("modelLoupe/castPreview", {**params, "spend": True})
            assert answer["network"] is None
            assert answer["targets"][0]["numerics"]["mode"] == "sampled"
            read = answer["targets"][0]["numerics"]["read_bytes"]
            assert 0 < read <= offer["network"]["bytes"]


async def test_an_applied_edit_loads_what_it_says(editor: Editor, folder: Path) -> None:
    document = editor.open(
        folder / "a.py",
        "from transformers import AutoModelForCausalLM\n"
        "m = AutoModelForCausalLM.from_pretrained('./tiny').half()\n",
    )

    async def says(text: str) -> None:
        async def holds() -> bool:
            return text in " | ".join(title for _, title in await document.titles())

        await until(holds, text)

    await says("loads float16")
    params = types.CodeActionParams(
        types.TextDocumentIdentifier(document.uri),
        document.range("from_pretrained"),
        types.CodeActionContext([]),
    )
    actions = await within(editor.client.text_document_code_action_async(params), SECONDS)
    [action] = [each for each in actions or () if each.title == "Load as bfloat16"]
    assert isinstance(action, types.CodeAction) and action.edit and action.edit.changes
    for edit in sorted(action.edit.changes[document.uri], key=lambda edit: edit.range.start, reverse=True):
        document.change(types.TextDocumentContentChangePartial(edit.range, edit.new_text))
    await says("loads bfloat16")


async def test_answers_have_the_types_that_clients_know(
    editor: Editor, told: Told, folder: Path, tmp_path: Path
) -> None:
    document = editor.open(folder / "types.py", "m = AutoModel.from_pretrained('./over')\n")
    [model] = [row for row in await editor.models() if row["model"] == "./over"]
    [row, *_] = await editor.children(model["id"])
    cast = {"model": model["id"], "dtypes": ["float16", "bfloat16", "int8"], "exact": True}
    place = attrs.asdict(document.range("from_pretrained").start)
    requests: list[tuple[str, str, dict[str, Any]]] = [
        ("CastPreview", "castPreview", {"model": "./over", "plan": True}),
        ("CastPreview", "castPreview", {"model": "./over", "dtypes": ["bfloat16", "int8"]}),
        ("CastPreview", "castPreview", {**cast, "partialResultToken": "typed"}),
        ("CastEdit", "castEdit", {"uri": document.uri, "position": place, "dtype": "float16"}),
        ("WrittenCast", "castWrite", {"model": "./over", "dtype": "float16", "output": "typed"}),
        ("PrintedModel", "printModel", {"node": model["id"]}),
        ("PrintedModel", "compare", {"node": model["id"], "other": model["id"]}),
        ("Exported", "export", {"node": model["id"], "format": "markdown"}),
        ("Area", "sizes", {"node": model["id"]}),
        ("Numerics", "values", {"node": model["id"]}),
        ("CheckpointFile", "file", {"uri": (folder / "over/model.safetensors").as_uri()}),
    ]
    answers = [("ModelNode", model), ("TreeNode", row)]
    for name, method, params in requests:
        answers.append((name, await editor.request(f"modelLoupe/{method}", params)))
    # The plan at least: what follows may be so fast that it comes with the answer.
    assert told["typed"]
    answers.extend(("CastPreview", part) for part in told["typed"])
    [written] = [answer for name, answer in answers if name == "WrittenCast"]
    wrong = ("WrittenCast", {**written, "files": [file["name"] for file in written["files"]]})
    [only] = mismatches([*answers, wrong], tmp_path)
    assert "is not assignable to type 'WrittenCast'" in only
