"""``textDocument/diagnostic`` and ``publishDiagnostics``: models that are missing or malformed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from lsprotocol import types

from .editor import Editor, capabilities, session, until, write_model

pytestmark = pytest.mark.asyncio(loop_scope="module")

LOAD = 'model = AutoModelForCausalLM.from_pretrained("{}")\n'


def _written(problems: list[types.Diagnostic]) -> list[tuple[object, str | None, object]]:
    return [(problem.severity, problem.source, problem.code) for problem in problems]


async def test_a_missing_model_is_marked_at_its_name(editor: Editor, tmp_path: Path) -> None:
    document = editor.open(tmp_path / "a.py", "\n" + LOAD.format("./gone"))
    (problem,) = await document.diagnostics()
    assert problem.range == document.range('"./gone"')
    assert problem.severity is types.DiagnosticSeverity.Warning
    assert problem.source == "model-loupe"
    assert problem.code == "model-not-found"
    assert problem.message.startswith("./gone: no such folder or file")


async def test_a_missing_model_behind_a_variable_is_marked_where_it_is_used(
    editor: Editor, tmp_path: Path
) -> None:
    document = editor.open(tmp_path / "a.py", 'name = "./gone"\nm = AutoModel.from_pretrained(name)\n')
    (problem,) = await document.diagnostics()
    assert problem.range.start.line == 1


async def test_a_missing_tokenizer_is_marked_too(editor: Editor, tmp_path: Path) -> None:
    document = editor.open(tmp_path / "a.py", 't = AutoTokenizer.from_pretrained("./gone")\n')
    assert [problem.code for problem in await document.diagnostics()] == ["model-not-found"]


@pytest.mark.parametrize("name", ["./tiny", "someone/unheard-of", "path/to/your/model"])
async def test_a_model_that_is_there_or_elsewhere_or_nowhere_yet_is_no_problem(
    editor: Editor, tmp_path: Path, name: str
) -> None:
    write_model(tmp_path / "tiny")
    assert await editor.open(tmp_path / "a.py", LOAD.format(name)).diagnostics() == []


@pytest.mark.parametrize(
    ("call", "problems"),
    [
        ("safetensors.safe_open('./gone.safetensors', 'pt')", 1),
        ("torch.load('written-by-the-run.pt')", 0),
        ("load_file('data.csv')", 0),
    ],
)
async def test_files_are_missed_where_they_must_be_there(
    editor: Editor, tmp_path: Path, call: str, problems: int
) -> None:
    assert len(await editor.open(tmp_path / "a.py", f"x = {call}\n").diagnostics()) == problems


async def test_missing_shards_are_named(editor: Editor, tmp_path: Path) -> None:
    folder = write_model(tmp_path / "sharded")
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    index = {
        "metadata": {"total_size": 2048},
        "weight_map": {
            "model.norm.weight": "model-00001-of-00002.safetensors",
            "lm_head.weight": "model-00002-of-00002.safetensors",
        },
    }
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    problems = await editor.open(tmp_path / "a.py", LOAD.format("./sharded")).diagnostics()
    assert any(
        problem.code == "missing-shard" and "00002-of-00002" in problem.message for problem in problems
    )


async def test_a_git_lfs_pointer_is_named(editor: Editor, tmp_path: Path) -> None:
    folder = write_model(tmp_path / "pointer")
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 123456\n"
    (folder / "model.safetensors").write_text(pointer)
    problems = await editor.open(tmp_path / "a.py", LOAD.format("./pointer")).diagnostics()
    assert any("lfs" in str(problem.code) for problem in problems)


@pytest.mark.parametrize("config", ["{}", None])
@pytest.mark.parametrize("data", [b"", b"\xff" * 100, b"\x02\0\0\0\0\0\0\0[]", b"\x0a\0\0\0\0\0\0\0{}"])
async def test_a_malformed_checkpoint_is_a_warning_and_a_hover(
    editor: Editor, tmp_path: Path, data: bytes, config: str | None
) -> None:
    folder = write_model(tmp_path / "broken")
    (folder / "model.safetensors").write_bytes(data)
    if config is None:
        (folder / "config.json").unlink()
    document = editor.open(tmp_path / "a.py", LOAD.format("./broken"))
    problems = await document.diagnostics()
    assert problems
    assert set(_written(problems)) == {(types.DiagnosticSeverity.Warning, "model-loupe", problems[0].code)}
    assert "model.safetensors" in problems[0].message
    assert await document.card("./broken")


async def test_a_tokenizer_s_call_does_not_complain_of_the_weights(editor: Editor, tmp_path: Path) -> None:
    folder = write_model(tmp_path / "broken")
    (folder / "model.safetensors").write_bytes(b"")
    document = editor.open(tmp_path / "a.py", 't = AutoTokenizer.from_pretrained("./broken")\n')
    assert await document.diagnostics() == []


async def test_a_cell_has_the_problems_of_its_own_calls(editor: Editor, tmp_path: Path) -> None:
    notebook = editor.open_notebook(
        tmp_path / "a.ipynb", "name = './gone'", "m = AutoModel.from_pretrained(name)"
    )
    assert await notebook[0].diagnostics() == []
    assert len(await notebook[1].diagnostics()) == 1


async def test_nothing_is_wrong_in_a_document_that_is_not_open(editor: Editor, tmp_path: Path) -> None:
    document = editor.open(tmp_path / "a.py", LOAD.format("./gone"))
    document.close()
    assert await document.diagnostics() == []


async def test_a_client_that_pulls_is_not_pushed_to(editor: Editor, tmp_path: Path) -> None:
    document = editor.open(tmp_path / "a.py", LOAD.format("./gone"))
    assert await document.diagnostics()
    assert editor.client.diagnostics == {}


async def test_problems_are_pushed_to_a_client_that_does_not_pull(tmp_path: Path) -> None:
    async with session(tmp_path, able=capabilities(pull=False)) as editor:
        assert editor.server_capabilities.diagnostic_provider is None
        pushed = editor.client.diagnostics
        document = editor.open(tmp_path / "a.py", LOAD.format("./gone"))
        await until(lambda: bool(pushed.get(document.uri)), "a warning")
        assert [problem.code for problem in pushed[document.uri]] == ["model-not-found"]

        write_model(tmp_path / "tiny")
        document.replace("./gone", "./tiny")
        await until(lambda: not pushed[document.uri], "the warning goes with an edit")

        document.replace("./tiny", "./gone")
        await until(lambda: bool(pushed[document.uri]), "the warning comes back")
        document.close()
        await until(lambda: not pushed[document.uri], "a closed document has no warnings")


async def test_problems_of_cells_are_pushed_and_cleared_with_them(tmp_path: Path) -> None:
    async with session(tmp_path, able=capabilities(pull=False)) as editor:
        pushed = editor.client.diagnostics
        load = LOAD.format("./gone")
        notebook = editor.open_notebook(tmp_path / "a.ipynb", load, "x = 1", load)
        first, empty, last = (cell.uri for cell in notebook.cells)
        await until(lambda: bool(pushed.get(first) and pushed.get(last)), "warnings in two cells")
        assert not pushed[empty]
        notebook.delete(0)
        await until(lambda: not pushed[first], "a deleted cell has no warnings")
        assert pushed[last]
        notebook.close()
        await until(lambda: not pushed[last], "a closed notebook has no warnings")
