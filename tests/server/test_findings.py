"""Every diagnostic on code that deserves it and on code that does not; quick fixes, applied."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from itertools import count
from pathlib import Path

import pytest
import pytest_asyncio
from lsprotocol import types

from model_loupe.diagnostics.reference import place_of
from model_loupe.diagnostics.rules import CHECKPOINT, RULES
from tests.support.interpreters import interpreter_with

from .editor import Document, Editor, session, until
from .quick_fixes import actions, applied, fixes
from .snippets import (
    HEAD,
    LARGE_MACHINE,
    LOAD,
    MEMORY,
    PACKAGES,
    SMALL_MACHINE,
    SNIPPETS,
    Snippet,
    write_models,
)

module_loop = pytest.mark.asyncio(loop_scope="module")

# What only transformers itself can tell, or a measurement (tests/with_torch), or the Hub (tests/hub).
ELSEWHERE = {"dtype-overflow", "gated", "head-dropped", "head-new", "loading-fails", "wrong-auto-class"}
# Told below, with other settings.
HERE_TOO = {CHECKPOINT, "will-not-fit"}
# Names come from the Hub (tests/hub); packages are installed below.
MENDED_ELSEWHERE = {"model-not-found", "missing-package"}
# Ends a document whose model is looked at in a process of its own, each as another: what is above it is
# known by then, too.
LAST = "# last"
_numbers = count(1)


class Editors:
    """A session for each set of installed packages, in one workspace."""

    def __init__(self, folder: Path, stack: AsyncExitStack) -> None:
        self.folder = folder
        self._stack = stack
        self._opened: dict[str, Editor] = {}
        self._documents = 0

    async def open(self, packages: str, text: str) -> Document:
        self._documents += 1
        editor = await self._editor(packages)
        return editor.open(self.folder / f"{self._documents}.py", text)

    async def _editor(self, packages: str) -> Editor:
        if packages not in self._opened:
            python = interpreter_with(self.folder / "python" / packages, PACKAGES[packages])
            settings = {"worker": {"interpreter": python}}
            opened = session(self.folder, folders=(self.folder,), settings=settings)
            self._opened[packages] = await self._stack.enter_async_context(opened)
        return self._opened[packages]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def editors(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Editors]:
    folder = tmp_path_factory.mktemp("workspace")
    write_models(folder)
    async with AsyncExitStack() as stack:
        yield Editors(folder, stack)


async def found(document: Document, code: str) -> list[types.Diagnostic]:
    """The diagnostics of a code, once all is known; not those of ``LAST``."""
    if LAST in document.text:
        line = document.range(LAST).start.line

        async def is_known() -> bool:
            return any(problem.range.start.line == line for problem in await document.diagnostics())

        await until(is_known, "what the version's default is")
        return [
            each
            for each in await document.diagnostics()
            if each.code == code and each.range.start.line < line
        ]
    return [problem for problem in await document.diagnostics() if problem.code == code]


def _text_at(document: Document, where: types.Range) -> str:
    lines = document.text.split("\n")[where.start.line : where.end.line + 1]
    lines[-1] = lines[-1][: where.end.character]
    lines[0] = lines[0][where.start.character :]
    return "\n".join(lines)


def _written(snippet: Snippet) -> str:
    text = HEAD + snippet.text + "\n"
    if snippet.code == "dtype-default" and snippet.packages != "new":
        text += LOAD.format(f", rope_theta={next(_numbers)}") + f"  {LAST}\n"
    return text


def test_every_diagnostic_has_three_snippets_of_both_kinds() -> None:
    marked = Counter(snippet.code for snippet in SNIPPETS if snippet.marked)
    unmarked = Counter(snippet.code for snippet in SNIPPETS if not snippet.marked)
    # Those of a checkpoint's JSON are in tests/libraries/worker.
    of_code = {code for code in RULES if not code.startswith(("config-", "generation-"))}
    codes = of_code - ELSEWHERE - HERE_TOO
    assert {code for code in codes if marked[code] < 3 or unmarked[code] < 3} == set()
    mended = {snippet.code for snippet in SNIPPETS if snippet.fixed}
    assert {code for code in codes if RULES[code].fix} - mended == MENDED_ELSEWHERE
    assert mended == {code for code in mended if RULES[code].fix}


@module_loop
@pytest.mark.parametrize(
    "snippet", SNIPPETS, ids=lambda each: f"{each.code}-{each.packages}-{each.text[-40:]}"
)
async def test_snippet(editors: Editors, snippet: Snippet) -> None:
    document = await editors.open(snippet.packages, _written(snippet))
    problems = await found(document, snippet.code)
    assert [_text_at(document, problem.range) for problem in problems] == [snippet.marked] * bool(
        snippet.marked
    )
    if not problems:
        return
    [problem] = problems
    assert problem.source == "model-loupe"
    assert problem.message.endswith((".", ")"))
    actions = await fixes(document, problem)
    if snippet.fixed is None:
        return
    after = applied(document, actions[0])
    ast.parse(after)
    assert after == document.text.replace(snippet.text, snippet.fixed)
    document.rewrite(after)
    assert await found(document, snippet.code) == []


@pytest.mark.parametrize("snippet", [each for each in SNIPPETS if each.marked], ids=lambda each: each.code)
@module_loop
async def test_a_comment_leaves_it_out(editors: Editors, snippet: Snippet) -> None:
    document = await editors.open(snippet.packages, _written(snippet))
    [problem] = await found(document, snippet.code)
    leave_out = (await fixes(document, problem))[-1]
    assert leave_out.title == f"Ignore {snippet.code} on this line"
    document.rewrite(applied(document, leave_out))
    assert f"# loupe: ignore[{snippet.code}]" in document.text
    assert await found(document, snippet.code) == []


@module_loop
async def test_will_not_fit(editors: Editors) -> None:
    document = await editors.open("old", HEAD)
    editor, worker = document.editor, {"interpreter": str(editors.folder / "python" / "old" / "python")}
    for machine, fits in ((SMALL_MACHINE, False), (LARGE_MACHINE, True), ({}, True)):
        editor.settings(worker=worker, memory={"devices": machine})
        for text, may_be_marked in MEMORY:
            document.rewrite(HEAD + text)
            assert bool(await found(document, "will-not-fit")) is (may_be_marked and not fits), text


@pytest.mark.parametrize(
    ("machine", "titles"),
    [
        (
            # float16 takes 1,040 bytes.
            {"cpu": "1.1KiB", "0": "24GiB"},
            [
                'Spread it over the devices: device_map="auto"',
                *(f"Load as {name}, which fits" for name in ("float16", "int8", "nf4")),
            ],
        ),
        ({"cpu": "1KiB"}, [f"Load as {name}, which fits" for name in ("int8", "nf4")]),
        ({"cpu": "0.1KiB"}, []),
    ],
)
@module_loop
async def test_what_fits_is_offered(editors: Editors, machine: dict[str, str], titles: list[str]) -> None:
    text = HEAD + LOAD.format(', torch_dtype="float32"')
    document = await editors.open("old", text)
    worker = {"interpreter": str(editors.folder / "python" / "old" / "python")}
    document.editor.settings(worker=worker, memory={"devices": machine})
    [problem] = await found(document, "will-not-fit")
    offered = (await fixes(document, problem))[:-1]
    assert [each.title for each in offered] == titles
    for each in offered:
        document.rewrite(text)
        document.rewrite(applied(document, each))
        ast.parse(document.text)
        assert await found(document, "will-not-fit") == [], document.text
    document.editor.settings(worker=worker)


@module_loop
async def test_a_missing_package_is_installed_in_the_notebook_or_in_a_terminal(editors: Editors) -> None:
    text = LOAD.format(', device_map="auto"')
    document = await editors.open("bare", HEAD + text)
    [problem] = await found(document, "missing-package")
    python = str(editors.folder / "python" / "bare" / "python")
    [action, *_] = await actions(document, problem.range, [problem])
    assert action.title == "Install accelerate (pip, in a terminal)"
    assert action.command is not None
    assert action.command.command == "modelLoupe.installPackages"
    assert action.command.arguments == [python, "accelerate"]
    notebook = document.editor.open_notebook(
        editors.folder / "b.ipynb", HEAD, f"\n%%time\n{text}", f"%pip install peft accelerate\n{text}"
    )
    # A cell above has not run before, one below that installs it does not help.
    [problem] = await found(notebook[1], "missing-package")
    assert await found(notebook[2], "missing-package") == []
    [action, *_] = await fixes(notebook[1], problem)
    notebook.edit(1, notebook[1].text, applied(notebook[1], action))
    assert notebook[1].text == f"\n%%time\n%pip install accelerate\n{text}"
    assert await found(notebook[1], "missing-package") == []


@module_loop
async def test_what_comes_with_an_installed_package_or_may_is_not_missing(editors: Editors) -> None:
    text = LOAD.format(', device_map="auto"')
    cells = ("transformers[torch]", "git+https://github.com/huggingface/trl", "-r needs.txt", "datasets")
    problems = []
    for number, wanted in enumerate(cells):
        document = await editors.open("bare", "")
        path = editors.folder / f"brings-{number}.ipynb"
        notebook = document.editor.open_notebook(path, f"%pip install {wanted}\n{HEAD}", text)
        problems.append(await found(notebook[1], "missing-package"))
    assert [len(each) for each in problems] == [0, 0, 0, 1]


@module_loop
async def test_a_package_that_is_installed_meanwhile_is_seen(editors: Editors) -> None:
    document = await editors.open("bare", HEAD + LOAD.format(', device_map="auto"'))
    assert await found(document, "missing-package")
    installed = editors.folder / "python" / "bare" / "accelerate-1.0.0.dist-info"
    installed.mkdir()
    try:
        assert await found(document, "missing-package") == []
    finally:
        installed.rmdir()
    assert await found(document, "missing-package")


@module_loop
async def test_severity_and_documentation(editors: Editors) -> None:
    text = HEAD + LOAD.format(", load_in_8bit=True")
    document = await editors.open("new", text)
    [problem] = await found(document, "removed-argument")
    assert problem.severity is types.DiagnosticSeverity.Error
    assert problem.code_description is not None
    assert problem.code_description.href == place_of("removed-argument")


@module_loop
@pytest.mark.parametrize(
    ("setting", "severities"),
    [
        ({"severity": {"removed-argument": "hint"}}, [types.DiagnosticSeverity.Hint]),
        ({"severity": {"removed-argument": "off"}}, []),
        ({"enabled": False}, []),
    ],
)
async def test_settings(editors: Editors, setting: dict[str, object], severities: list[object]) -> None:
    text = HEAD + LOAD.format(", load_in_8bit=True")
    document = await editors.open("new", text)
    python = str(editors.folder / "python" / "new" / "python")
    document.editor.settings(worker={"interpreter": python}, diagnostics=setting)
    problems = await found(document, "removed-argument")
    document.editor.settings(worker={"interpreter": python})
    assert [problem.severity for problem in problems] == severities


@module_loop
async def test_a_notebook_s_fix_is_in_the_cells_that_it_concerns(editors: Editors) -> None:
    editor = (await editors.open("new", "")).editor
    notebook = editor.open_notebook(
        editors.folder / "a.ipynb", "from transformers import AutoModel", LOAD.format(", load_in_8bit=True")
    )
    cell = notebook[1]
    [problem] = await found(cell, "removed-argument")
    [action, *_] = await fixes(cell, problem)
    assert action.edit and action.edit.changes
    assert set(action.edit.changes) == {notebook[0].uri, cell.uri}
    [edit] = action.edit.changes[notebook[0].uri]
    assert edit.new_text == ", BitsAndBytesConfig"
