"""What the notebook explains by hand, from the worker: gemma-2b-it's layers and its tokenizer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from model_loupe.demo.tokenizer import write_tokenizer
from model_loupe.inspector import (
    Inspector,
    LoadOptions,
    ModelRequest,
    attribute_card,
    part_card,
    tokenizer_card,
)
from model_loupe.inspector.building import architecture_of, question
from model_loupe.inspector.description import Description
from tests.support import checkpoints as made
from tests.support.published import GEMMA_2B
from tests.support.worker_process import WorkerFailed, WorkerProcess


def write_old_tokenizer(folder: Path) -> None:
    """As the tokenizers of transformers 4.38 read it, too: merges as ``"a b"``."""
    write_tokenizer(str(folder))
    path = folder / "tokenizer.json"
    whole = json.loads(path.read_text())
    whole["model"]["merges"] = [" ".join(merge) for merge in whole["model"]["merges"]]
    path.write_text(json.dumps(whole))


@pytest.fixture(scope="module")
def gemma(tmp_path_factory: pytest.TempPathFactory) -> Description:
    """The real shapes, over sparse files; the tokenizer is a small one in Gemma's manner."""
    folder = tmp_path_factory.mktemp("gemma") / "gemma-2b-it"
    made.write_checkpoint(folder, GEMMA_2B, made.gemma_2b_tensors(), 2)
    write_old_tokenizer(folder)
    return Inspector().describe(ModelRequest(str(folder)))


@pytest.fixture(scope="module")
def built(gemma: Description, worker: WorkerProcess) -> Description:
    options = LoadOptions()
    answer = worker.ask("architecture", **question(gemma, options, joined=True))
    return gemma._replace(built=architecture_of(answer), built_for=options)


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        (("model", "embed_tokens"), "**vocabulary 256,000 by hidden 2,048**"),
        (("model", "layers", 0, "self_attn", "q_proj"), "**hidden 2,048 → 8 heads × 256**"),
        (("model", "layers", 0, "self_attn", "k_proj"), "KV head × 256**; 8 query heads share it"),
        (("model", "layers", 0, "self_attn", "v_proj"), "KV head × 256**; 8 query heads share it"),
        (("model", "layers", 0, "self_attn", "o_proj"), "**8 heads × 256 → hidden 2,048**"),
        (("model", "layers", 17, "mlp", "gate_proj"), "**hidden 2,048 → intermediate 16,384**"),
        (("model", "layers", 17, "mlp", "up_proj"), "**hidden 2,048 → intermediate 16,384**"),
        (("model", "layers", 17, "mlp", "down_proj"), "**intermediate 16,384 → hidden 2,048**"),
        (("model", "layers", 17, "input_layernorm"), "RMSNorm: divides each vector"),
        (("model", "norm"), "RMSNorm: divides each vector"),
        (("lm_head",), "**hidden 2,048 → vocabulary 256,000**"),
        (
            ("model", "layers", 3),
            "220.20 M FLOPs per token in matrices, and 8.19 K for each token attended to",
        ),
        (("model", "layers", 3), "One layer of the stack"),
        (("model", "layers", 3, "mlp"), "Feed-forward network"),
        (
            ("model", "layers", 3, "self_attn"),
            "| q_proj | Linear(in_features=2048, out_features=2048, bias=False) · ",
        ),
    ],
)
def test_layers(built: Description, parts: tuple[str | int, ...], says: str) -> None:
    shown = part_card(built, parts)
    assert shown is not None
    shown = shown.replace("2,048 elements", "hidden 2,048").replace("\\", "")
    assert says in shown, shown
    if parts[-1] in ("q_proj", "k_proj", "o_proj"):
        assert "Output (1, 8192, " in shown


def test_the_layers_of_the_notebook_add_up(built: Description) -> None:
    """18 × (attention + feed-forward + norms) + embedding + the last norm."""
    layer = 2 * 2048 * 2048 + 2 * 256 * 2048 + 3 * 16384 * 2048 + 2 * 2048
    assert built.total == 18 * layer + 256000 * 2048 + 2048


def test_a_tokenizer_is_told_by_its_class(gemma: Description, worker: WorkerProcess) -> None:
    real = AutoTokenizer.from_pretrained(gemma.path)
    told = worker.ask("tokenizer", folder=gemma.path)
    assert told["class"] == type(real).__name__
    assert (told["length"], told["vocab_size"]) == (len(real), real.vocab_size)
    assert (told["padding_side"], told["truncation_side"]) == (real.padding_side, real.truncation_side)
    assert told["special"]["bos_token"] == [real.bos_token, real.bos_token_id]
    assert told["chat"].startswith("<bos><start_of_turn>user\nWhat is a loupe?<end_of_turn>\n")
    assert told["chat"].endswith("<start_of_turn>model\n")
    known = Inspector().tokenizer(gemma, told)
    card = tokenizer_card(known) or ""
    assert card.startswith(f"**{type(real).__name__}** · ")
    assert "<start_of_turn>user\nWhat is a loupe?<end_of_turn>" in card
    assert "256,000 rows, 255,488 beyond the 512 ids of the tokenizer" in card
    assert "id 2" in (attribute_card(known, "bos_token") or "")
    assert f"= {real.pad_token_id} " in (attribute_card(known, "pad_token_id") or "")
    assert attribute_card(known, "quux") is None


def trained(kind: str) -> Tokenizer:
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "hello", "world", "h", "e", "l", "o"]
    if kind == "Unigram":
        model: Any = models.Unigram([(word, -1.0) for word in words], unk_id=1)
    else:
        ids = {word: number for number, word in enumerate(words)}
        model = models.WordPiece(ids, unk_token="[UNK]") if kind == "WordPiece" else models.BPE(ids, [])
    made_of = Tokenizer(model)
    made_of.pre_tokenizer = pre_tokenizers.Whitespace()
    return made_of


@pytest.mark.parametrize("kind", ["Unigram", "WordPiece", "BPE"])
@pytest.mark.parametrize("added", [[], ["<new>", "hello", "<other>"]])
def test_files_alone_tell_the_same(kind: str, added: list[str], tmp_path: Path) -> None:
    saved = PreTrainedTokenizerFast(
        tokenizer_object=trained(kind), pad_token="[PAD]", unk_token="[UNK]", mask_token="<mask>"
    )
    saved.add_tokens(added)
    saved.save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "bert", "vocab_size": 12}')
    real = AutoTokenizer.from_pretrained(tmp_path)
    known = Inspector().tokenizer(Inspector().describe(ModelRequest(str(tmp_path))))
    assert known.facts and known.facts.vocabulary
    assert known.facts.vocabulary.kind == kind
    assert known.length == len(real)
    assert known.vocab_size == real.vocab_size
    assert known.facts.id_of("[PAD]") == real.pad_token_id
    assert known.special["mask_token"] == ("<mask>", real.mask_token_id)
    assert known.facts.rows_needed == max(real.get_vocab().values()) + 1
    assert known.max_length is None
    tokens = real.get_vocab()
    assert all(tokens[token] == number for number, token in enumerate(known.facts.vocabulary.tokens) if token)


def test_a_template_that_fails_or_reaches_out_says_so(
    gemma: Description, tmp_path: Path, worker: WorkerProcess
) -> None:
    for number, template in enumerate(
        ("{{ raise_exception('no such role') }}", "{{ ''.__class__.__mro__ }}", "{% x")
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        write_old_tokenizer(folder)
        tokenizer = AutoTokenizer.from_pretrained(folder)
        tokenizer.chat_template = template
        tokenizer.save_pretrained(folder)
        told = worker.ask("tokenizer", folder=str(folder))
        assert told["chat"] is None
        assert told["chat_error"]


def test_a_folder_without_tokenizer_is_an_error(tmp_path: Path, worker: WorkerProcess) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(WorkerFailed):
        worker.ask("tokenizer", folder=str(tmp_path))
