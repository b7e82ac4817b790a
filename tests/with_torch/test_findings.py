"""Diagnostics that only transformers itself can tell, under an old and a new version; fixes are run."""

from __future__ import annotations

import ast
import asyncio
import json
import os
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import pytest_asyncio
from lsprotocol import types

from model_loupe.demo.checkpoint import write_small_gemma
from tests.server import editor as editors
from tests.server.editor import Document, Editor, session, until
from tests.server.quick_fixes import applied, fixes
from tests.support import pickles
from tests.support.checkpoints import decoder_tensors, write_checkpoint
from tests.support.hf_cache import new_snapshot
from tests.support.interpreters import interpreter_before

pytestmark = pytest.mark.asyncio(loop_scope="module")

PYTHON = os.environ["MODEL_LOUPE_TORCH_PYTHON"]
OLD = Path(os.environ["MODEL_LOUPE_NOTEBOOK_LIBRARIES"])
VERSIONS = ("4.38.0", "5")
# The first answer waits for torch to be imported.
SECONDS = 120

HEAD = """\
import torch
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, AutoModelForSequenceClassification
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer, pipeline
"""
MODEL = "model = {}.from_pretrained('./{}'{})"


# Ends each document, as another call each time: the worker tells of it last, and that it fails.
LAST = "# last"
_numbers = count(1)


class Snippet(NamedTuple):
    """``code`` is expected at the model's name, or not (``marked``)."""

    code: str
    marked: bool
    text: str


def _of(code: str, marked: list[str], unmarked: list[str]) -> list[Snippet]:
    return [
        *(Snippet(code, True, text) for text in marked),
        *(Snippet(code, False, text) for text in unmarked),
    ]


SNIPPETS = [
    *_of(
        "head-dropped",
        [
            MODEL.format("AutoModel", "untied", ""),
            MODEL.format("AutoModelForSequenceClassification", "untied", ", num_labels=4"),
            f"import transformers\n{MODEL.format('transformers.AutoModel', 'untied', ', use_cache=False')}",
        ],
        [
            MODEL.format("AutoModelForCausalLM", "untied", ""),
            MODEL.format("AutoModel", "gemma", ""),
            "config = AutoConfig.from_pretrained('./untied')",
        ],
    ),
    *_of(
        "head-new",
        [
            MODEL.format("AutoModelForSequenceClassification", "untied", ""),
            MODEL.format("AutoModelForSequenceClassification", "gemma", ", num_labels=7"),
            MODEL.format("AutoModelForCausalLM", "labels", ""),
        ],
        [
            MODEL.format("AutoModelForSequenceClassification", "labels", ""),
            MODEL.format("AutoModelForCausalLM", "gemma", ""),
            MODEL.format("AutoModel", "labels", ""),
        ],
    ),
    *_of(
        "wrong-auto-class",
        [
            MODEL.format("AutoModelForSeq2SeqLM", "untied", ""),
            MODEL.format("AutoModelForSeq2SeqLM", "gemma", ""),
            MODEL.format("AutoModelForSeq2SeqLM", "labels", ", device_map=None"),
        ],
        [
            MODEL.format("AutoModelForCausalLM", "untied", ", num_hidden_layers=2"),
            MODEL.format("AutoModel", "labels", ", num_hidden_layers=2"),
            MODEL.format("AutoModelForSequenceClassification", "labels", ", num_labels=3"),
        ],
    ),
    *_of(
        "loading-fails",
        [
            MODEL.format("AutoModelForSequenceClassification", "labels", ", num_labels=5"),
            MODEL.format("AutoModelForCausalLM", "untied", ", intermediate_size=24"),
            MODEL.format("AutoModel", "gemma", ", vocab_size=100"),
        ],
        [
            MODEL.format(
                "AutoModelForSequenceClassification", "labels", ", num_labels=5, ignore_mismatched_sizes=True"
            ),
            MODEL.format("AutoModelForCausalLM", "untied", ", num_hidden_layers=1"),
            "n = int(input())\n"
            + MODEL.format("AutoModelForSequenceClassification", "labels", ", num_labels=n"),
            MODEL.format("AutoModel", "gemma", ", num_labels=9"),
        ],
    ),
]

# What is marked by the version alone; its fix is run, too.
OF_VERSIONS = {
    "4.38.0": [
        ("dtype-default", MODEL.format("AutoModel", "untied", "")),
        ("argument-too-new", MODEL.format("AutoModel", "untied", ", dtype='auto'")),
        ("deprecated-argument", MODEL.format("AutoModel", "untied", ", use_auth_token=False")),
    ],
    "5": [
        ("removed-argument", MODEL.format("AutoModel", "untied", ", use_auth_token=False")),
        ("removed-argument", MODEL.format("AutoModel", "untied", ", load_in_8bit=False")),
        ("removed-argument", MODEL.format("AutoModel", "untied", ",\n    resume_download=True,\n")),
        ("removed-argument", MODEL.format("AutoModelForCausalLM", "gemma", ", load_in_8bit=True")),
        ("deprecated-argument", MODEL.format("AutoModel", "untied", ", torch_dtype=torch.float16")),
        ("deprecated-argument", MODEL.format("AutoModel", "untied", ", low_cpu_mem_usage=True")),
    ],
}


def write_models(folder: Path) -> None:
    """A model with a head of its own, one with labels instead, and Gemma, whose head is its embedding."""
    sizes = {"hidden": 16, "layers": 2, "intermediate": 32, "vocabulary": 64, "query": 16, "key_value": 8}
    config: dict[str, Any] = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 64,
        "vocab_size": 64,
        "tie_word_embeddings": False,
        "torch_dtype": "bfloat16",
    }
    write_checkpoint(folder / "untied", config, decoder_tensors(**sizes, head=True))
    labels = {"id2label": {"0": "a", "1": "b", "2": "c"}, "label2id": {"a": 0, "b": 1, "c": 2}}
    config |= {"architectures": ["LlamaForSequenceClassification"], "pad_token_id": 0, **labels}
    tensors = [*decoder_tensors(**sizes), ("score.weight", "BF16", [3, 16])]
    write_checkpoint(folder / "labels", config, tensors)
    write_small_gemma(str(folder / "gemma"))
    # Pickles, and the same as safetensors in a pull request.
    pickled, converted = (
        new_snapshot(folder / "huggingface" / "hub", "org/pickled", revision)
        for revision in ("main", "refs/pr/1")
    )
    shutil.copytree(folder / "untied", converted, dirs_exist_ok=True)
    shutil.copy(folder / "untied" / "config.json", pickled)
    shapes = {name: shape for name, _, shape in decoder_tensors(**sizes, head=True)}
    (pickled / "pytorch_model.bin").write_bytes(pickles.zeros(shapes))


class Version(NamedTuple):
    """An editor whose worker has this version of transformers."""

    number: str
    python: str
    editor: Editor
    folder: Path

    async def found(self, code: str, text: str) -> tuple[Document, list[types.Diagnostic]]:
        """A document of this text, and the diagnostics of a code once the worker has told all of it."""
        number = next(_numbers)
        last = MODEL.format("AutoModelForSeq2SeqLM", "untied", f", rope_theta={number}")
        document = self.editor.open(self.folder / f"{number}.py", f"{HEAD}{text}\n{last}  {LAST}\n")
        return document, await self.again(document, code)

    async def again(self, document: Document, code: str) -> list[types.Diagnostic]:
        line = document.range(LAST).start.line

        async def is_told() -> bool:
            return any(each.range.start.line == line for each in await document.diagnostics())

        await until(is_told, "what is known of the last line")
        problems = await document.diagnostics()
        return [each for each in problems if each.code == code and each.range.start.line < line]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def versions(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[str, Version]]:
    folder = tmp_path_factory.mktemp("workspace")
    write_models(folder)
    pythons = {"5": PYTHON, "4.38.0": interpreter_before(folder / "old", PYTHON, OLD)}
    async with AsyncExitStack() as stack:
        found = {}
        for number, python in pythons.items():
            settings = {"worker": {"interpreter": python}}
            opened = session(folder, folders=(folder,), settings=settings)
            found[number] = Version(number, python, await stack.enter_async_context(opened), folder)
        yield found


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(editors, "SECONDS", SECONDS)


@pytest.mark.parametrize("number", VERSIONS)
async def test_snippets(versions: dict[str, Version], number: str) -> None:
    """What is marked and what is not; the first fix of each mends it, and what it makes of the code runs."""
    version = versions[number]
    fixed: list[str] = []
    # The old version is asked of one in three: the rest is the same code of ours.
    for snippet in SNIPPETS if number == "5" else SNIPPETS[::3]:
        document, problems = await version.found(snippet.code, snippet.text)
        named = re.search(r"'\./\w+'", snippet.text)
        assert named
        assert [problem.range for problem in problems] == [document.range(named.group())] * snippet.marked
        if problems:
            fixed.append(await _mended(version, document, problems[0]))
    for code, text in OF_VERSIONS[number]:
        document, problems = await version.found(code, text)
        assert len(problems) == 1, text
        fixed.append(await _mended(version, document, problems[0]))
    fixed += await _fitting(version)
    text = MODEL.format("AutoModel", "pickled", "").replace("./", "org/")
    document, [problem] = await version.found("pickle-only", text)
    fixed.append(await _mended(version, document, problem))
    await _run_all(version, fixed)


async def _mended(version: Version, document: Document, problem: types.Diagnostic) -> str:
    """The document as its first fix makes it."""
    [first, *_] = await fixes(document, problem)
    assert not first.title.startswith("Ignore "), document.text
    return await _after(version, document, str(problem.code), first)


async def _after(version: Version, document: Document, code: str, fix: types.CodeAction) -> str:
    """The document as a fix makes it, which has no diagnostic of this code."""
    after = applied(document, fix)
    ast.parse(after)
    document.rewrite(after)
    assert await version.again(document, code) == [], after
    return "\n".join(line for line in after.split("\n") if LAST not in line)


async def _fitting(version: Version) -> list[str]:
    """All that is offered for a model of 26,944 bytes as float32, where 20 KiB of memory are set."""
    worker = {"interpreter": version.python}
    version.editor.settings(worker=worker, memory={"devices": {"cpu": "20KiB", "0": "1GiB"}})
    name = "dtype" if version.number == "5" else "torch_dtype"
    text = MODEL.format("AutoModelForCausalLM", "untied", f", {name}=torch.float32")
    document, [problem] = await version.found("will-not-fit", text)
    before, offered = document.text, (await fixes(document, problem))[:-1]
    assert [each.title.split()[2].rstrip(",") for each in offered] == ["over", "bfloat16", "int8", "nf4"]
    found = []
    for fix in offered:
        document.rewrite(before)
        found.append(await _after(version, document, "will-not-fit", fix))
    version.editor.settings(worker=worker)
    # Without a GPU transformers 4.38 loads nothing by bitsandbytes.
    return found if version.number == "5" else found[:2]


async def _run_all(version: Version, programs: list[str]) -> None:
    """Run as the user runs them; one process for all, since each import of torch takes seconds."""
    runner = (
        "import json, sys, traceback\n"
        "for program in json.load(sys.stdin):\n"
        "    try: exec(program, {})\n"
        "    except Exception: print(program, traceback.format_exc(), sep='\\n')\n"
    )
    process = await asyncio.create_subprocess_exec(
        *(version.python, "-c", runner),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=version.folder,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(version.folder / "huggingface")},
    )
    out, _ = await process.communicate(json.dumps(programs).encode())
    assert process.returncode == 0
    assert out.decode() == ""
