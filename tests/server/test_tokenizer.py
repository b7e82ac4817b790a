"""A tokenizer in hovers and in the tree, from its files alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from model_loupe.demo.tokenizer import write_tokenizer

from .editor import Editor, write_model

pytestmark = pytest.mark.asyncio(loop_scope="module")

LOAD = "tokenizer = AutoTokenizer.from_pretrained('./tiny')\n"


def write(folder: Path, tokens: int = 0) -> Path:
    """The tests' model with the demo's tokenizer, and ``tokens`` more in its vocabulary."""
    write_model(folder)
    write_tokenizer(str(folder))
    path = folder / "tokenizer.json"
    whole = json.loads(path.read_text())
    vocabulary = whole["model"]["vocab"]
    vocabulary.update((f"more-{number}", len(vocabulary) + number) for number in range(tokens))
    path.write_text(json.dumps(whole, ensure_ascii=False))
    return folder


async def below(editor: Editor, folder: Path, *labels: str) -> list[dict[str, Any]]:
    """The rows of the model that code in ``folder`` loads, after opening those with these labels."""
    models = await editor.models()
    model = next(each for each in models if folder.name in each["references"][0]["uri"])
    rows = await editor.children(model["id"])
    for label in labels:
        rows = await editor.children(next(row["id"] for row in rows if row["label"] == label))
    return rows


async def test_a_tokenizer_shows_what_its_files_say(editor: Editor, tmp_path: Path) -> None:
    write(tmp_path / "tiny")
    document = editor.open(tmp_path / "a.py", LOAD + "ids = tokenizer('hello')\nlen(tokenizer)\n")
    shown = await document.card("tokenizer =")
    assert shown.startswith("**GemmaTokenizer** · ./tiny")
    assert "| Vocabulary | 512 tokens · BPE |" in shown
    assert "| len(tokenizer) | 512 |" in shown
    assert "bos &lt;bos&gt; (2)" in shown
    assert "| model_max_length | 8,192 tokens |" in shown
    assert "16 rows: the tokenizer has 496 ids beyond them" in shown
    assert shown == await document.card("tokenizer)")


@pytest.mark.parametrize(
    ("attribute", "says"),
    [
        ("vocab_size", "= 512 tokens"),
        ("pad_token", "= &lt;pad&gt; (id 0)"),
        ("eos_token_id", "= 1 (&lt;eos&gt;)"),
        ("model_max_length", "= 8,192"),
    ],
)
async def test_attributes(editor: Editor, tmp_path: Path, attribute: str, says: str) -> None:
    write(tmp_path / "tiny")
    document = editor.open(tmp_path / "a.py", LOAD + f"tokenizer.{attribute}\n")
    assert await document.card(attribute) == f"**tokenizer.{attribute}** {says} · GemmaTokenizer of ./tiny"


async def test_len_of_a_tokenizer(editor: Editor, tmp_path: Path) -> None:
    write(tmp_path / "tiny")
    document = editor.open(tmp_path / "a.py", LOAD + "n = len(tokenizer)\nm = len(n)\n")
    assert (await document.card("len")).startswith("**len(tokenizer)** = 512 tokens · embedding: 16 rows: ")
    assert await document.hover("len(n") is None


async def test_what_the_files_do_not_tell_shows_nothing(editor: Editor, tmp_path: Path) -> None:
    write(tmp_path / "tiny")
    document = editor.open(
        tmp_path / "a.py", LOAD + "tokenizer.padding_side\ntokenizer.quux\ntokenizer.sep_token\n"
    )
    for attribute in ("padding_side", "quux", "sep_token"):
        assert await document.hover(attribute) is None


async def test_the_embedding_has_rows_beyond_the_tokenizer(editor: Editor, tmp_path: Path) -> None:
    write(tmp_path / "tiny")
    code = "model = AutoModel.from_pretrained('./tiny')\nmodel.model.embed_tokens\nmodel.lm_head\n"
    document = editor.open(tmp_path / "a.py", code)
    for part in ("embed_tokens", "lm_head"):
        assert "16 rows: the tokenizer has 496 ids beyond them" in await document.card(part)


async def test_the_tree_has_its_parts_and_its_vocabulary_in_pages(editor: Editor, tmp_path: Path) -> None:
    write(tmp_path / "tiny", tokens=300)
    editor.open(tmp_path / "a.py", LOAD)
    rows = {row["label"]: row for row in await below(editor, tmp_path, "Tokenizer")}
    assert rows["Vocabulary"]["description"] == "812 tokens · BPE"
    assert rows["Special tokens"]["collapsible"]
    special = {
        row["label"]: row["description"]
        for row in await below(editor, tmp_path, "Tokenizer", "Special tokens")
    }
    assert special["bos_token"] == "<bos> · 2"
    added = await below(editor, tmp_path, "Tokenizer", "Added tokens")
    assert [row["label"] for row in added][:2] == ["<pad>", "<eos>"]
    page = await below(editor, tmp_path, "Tokenizer", "Vocabulary")
    assert len(page) == 201
    assert (page[1]["label"], page[1]["description"]) == ("<eos>", "1")
    following = await editor.children(page[-1]["id"])
    assert following[0]["description"] == "200"
    ids = [row["id"] for row in (*page, *following)]
    assert len(set(ids)) == len(ids)


async def test_a_vocabulary_is_searched(editor: Editor, tmp_path: Path) -> None:
    write(tmp_path / "tiny", tokens=300)
    editor.open(tmp_path / "a.py", LOAD)
    rows = {row["label"]: row for row in await below(editor, tmp_path, "Tokenizer")}

    async def search(query: str) -> list[dict[str, Any]]:
        node = rows["Vocabulary"]["id"]
        found: list[dict[str, Any]] = await editor.request(
            "modelLoupe/children", {"node": node, "query": query}
        )
        return found

    assert [row["label"] for row in await search("MORE-29")] == [
        "more-29",
        *(f"more-29{n}" for n in range(10)),
    ]
    assert (await search("2"))[0]["label"] == "<bos>"
    assert await search("no such token") == []
    page = await search("more-")
    assert (len(page), page[-1]["label"]) == (201, "More …")
    assert len(await editor.children(page[-1]["id"])) == 100


async def test_a_damaged_tokenizer_is_named(editor: Editor, tmp_path: Path) -> None:
    write(tmp_path / "tiny")
    (tmp_path / "tiny" / "tokenizer.json").write_text("{")
    document = editor.open(tmp_path / "a.py", LOAD)
    assert "⚠ tokenizer.json cannot be read" in await document.card("tokenizer =")
