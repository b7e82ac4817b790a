"""Hover and completion on the objects that code makes: models, their parts, configs, tokenizers."""

from __future__ import annotations

from pathlib import Path

import pytest
from lsprotocol import types

from .editor import Document, Editor, parameters_of, within, write_model

pytestmark = pytest.mark.asyncio(loop_scope="module")

LOAD = "model = AutoModelForCausalLM.from_pretrained('./tiny')\n"


async def completed(document: Document, after: str) -> dict[str, str | None]:
    """Names and details of what is offered behind the first ``after``."""
    place = document.range(after).end
    params = types.CompletionParams(types.TextDocumentIdentifier(document.uri), place)
    found = await within(document.editor.client.text_document_completion_async(params))
    return {item.label: item.detail for item in found.items} if found else {}


async def test_a_model_shows_its_card_wherever_it_is_used(editor: Editor, tmp_path: Path) -> None:
    write_model(tmp_path / "tiny")
    notebook = editor.open_notebook(tmp_path / "n.ipynb", LOAD, "out = model.generate(x)")
    assert parameters_of(2) in await notebook[0].card("model =")
    hover = await notebook[1].hover("model")
    assert hover is not None
    assert hover.range == notebook[1].range("model")
    assert await notebook[1].hover("out") is None
    assert await notebook[1].hover("generate") is None


@pytest.mark.parametrize(
    ("code", "at", "name", "says"),
    [
        (
            "model.model.layers[1].mlp.up_proj",
            "up_proj",
            "model.layers.1.mlp.up_proj",
            "| weight | (16, 8) float16",
        ),
        ("model.model.layers[-1].self_attn", "self_attn", "model.layers.1.self_attn", "q_proj"),
        ("model.model.layers[1]", "[1]", "model.layers.1", "192 elements · 384 B"),
        ("model.model.layers", "layers", "model.layers", "| 0-1: 2 × |"),
        ("model.model.norm.weight", "weight", "model.norm.weight", "(8,) float16 · 16 B"),
        ("model.lm_head", "model", "GemmaForCausalLM", "float16"),
        ("for block in model.model.layers:\n  block.mlp(x)", "block.", "model.layers.0", "which"),
        ("inner = model.model\ninner.layers[0].mlp", "mlp", "model.layers.0.mlp", "up_proj"),
        ("skip = {'model.norm.weight'}", "model.norm", "model.norm.weight", "(8,) float16"),
        ("model.get_submodule('model.layers.1.mlp')", "model.layers.1.mlp", "model.layers.1.mlp", "up_proj"),
        ("model.state_dict()['model.norm.weight']", "['model.norm", "model.norm.weight", "(8,) float16"),
        (
            "wrapped = get_peft_model(model, c)\nwrapped.base_model.model.model.norm",
            "norm",
            "model.norm",
            "8 el",
        ),
        (
            "base = AutoModel.from_pretrained('./tiny')\nbase.layers[0].mlp",
            "mlp",
            "model.layers.0.mlp",
            "up_proj",
        ),
    ],
)
async def test_a_chain_shows_the_part_that_it_leads_to(
    editor: Editor, tmp_path: Path, code: str, at: str, name: str, says: str
) -> None:
    write_model(tmp_path / "tiny")
    document = editor.open(tmp_path / "a.py", f"{code}\n")
    document.rewrite(LOAD + "\n" + code + "\n")
    column = code.rindex(at)
    line = LOAD.count("\n") + 1 + code[:column].count("\n")
    hover = await document.hover_at(line, column - code.rfind("\n", 0, column) - 1 + 1)
    assert hover is not None
    assert isinstance(hover.contents, types.MarkupContent)
    assert hover.contents.value.startswith(f"**{name}**")
    assert says in hover.contents.value


async def test_a_tied_parameter_says_so(editor: Editor, tmp_path: Path) -> None:
    write_model(tmp_path / "tiny")
    document = editor.open(tmp_path / "a.py", LOAD + "model.model.embed_tokens.weight\nmodel.lm_head\n")
    shown = await document.card("weight")
    assert "(16, 8) float16 · 256 B" in shown
    assert "model.embed_tokens.weight is tied to lm_head.weight" in shown
    assert "lm_head.weight is tied to model.embed_tokens.weight" in await document.card("lm_head")


async def test_what_the_model_does_not_have_shows_nothing(editor: Editor, tmp_path: Path) -> None:
    write_model(tmp_path / "tiny")
    code = LOAD + "model.device\nmodel.model.layers[9].mlp\nmodel.config.unheard_of\n"
    document = editor.open(tmp_path / "a.py", code)
    for at in ("device", "[9]", "mlp", "unheard_of"):
        assert await document.hover(at) is None


async def test_config_fields_show_their_value(editor: Editor, tmp_path: Path) -> None:
    write_model(tmp_path / "tiny", rope_scaling={"rope_type": "linear"})
    code = (
        LOAD
        + "model.config.hidden_size\nc = AutoConfig.from_pretrained('./tiny')\nc.rope_scaling['rope_type']\n"
    )
    document = editor.open(tmp_path / "a.py", code)
    assert await document.card("hidden_size") == "**config.hidden_size** = 8"
    assert await document.card("['rope_type']") == '**config.rope_scaling.rope_type** = "linear"'
    assert (await document.card("config.hidden")).startswith("**config.json**")


async def test_a_tokenizer_shows_its_class(editor: Editor, tmp_path: Path) -> None:
    (write_model(tmp_path / "tiny") / "tokenizer_config.json").write_text(
        '{"tokenizer_class": "GemmaTokenizer"}'
    )
    document = editor.open(
        tmp_path / "a.py", "tok = AutoTokenizer.from_pretrained('./tiny')\nids = tok('hello')"
    )
    shown = await document.card("tok(")
    assert shown.startswith("**GemmaTokenizer** · ./tiny")
    assert "| model\\_max\\_length | not set" in shown or "| model_max_length | not set" in shown


@pytest.mark.parametrize(
    ("code", "cast"),
    [
        ("model.half()\nuse(model)", "float16"),
        ("model = model.to('cuda', torch.bfloat16)\nuse(model)", "bfloat16"),
        ("model.to(dtype=torch.float64).eval()\nuse(model)", "float64"),
        ("model.half()\nmodel.float()\nuse(model)", "float32"),
        ("model.to('cuda')\nuse(model)", None),
        ("use(model)\nmodel.half()", None),
    ],
)
async def test_a_cast_is_told_from_there_on(
    editor: Editor, tmp_path: Path, code: str, cast: str | None
) -> None:
    write_model(tmp_path / "tiny")
    document = editor.open(tmp_path / "a.py", LOAD + code)
    place = document.range("use(model").start
    hover = await document.hover_at(place.line, place.character + 5)
    assert hover is not None
    assert isinstance(hover.contents, types.MarkupContent)
    if cast is None:
        assert "Cast" not in hover.contents.value
    else:
        assert f"Cast by the code to {cast} · " in hover.contents.value


async def test_an_adapter_is_itself_and_its_parts_are_the_bases(editor: Editor, tmp_path: Path) -> None:
    write_model(tmp_path / "tiny")
    write_model(tmp_path / "lora", layers=1)
    document = editor.open(
        tmp_path / "a.py",
        LOAD + "peft = PeftModel.from_pretrained(model, './lora')\npeft.lm.x\npeft.model.layers[1].mlp",
    )
    assert parameters_of(1) in await document.card("peft.lm")
    assert "up_proj" in await document.card("mlp")


async def test_behind_a_dot_come_the_parts(editor: Editor, tmp_path: Path) -> None:
    write_model(tmp_path / "tiny")
    document = editor.open(tmp_path / "a.py", LOAD + "x = model.")
    assert await completed(document, "x = model.") == {"model": "520 elements · 1.02 KiB", "config": "gemma"}
    document.replace("x = model.", "f(model.model.layers[0].m")
    assert await completed(document, "layers[0].m") == {
        "mlp": "128 elements · 256 B",
        "self_attn": "64 elements · 128 B",
    }
    document.replace("f(model.model.layers[0].m", "model.model.norm.")
    assert await completed(document, "norm.") == {"weight": "(8,) float16 · 16 B"}
    document.replace("model.model.norm.", "model.config.")
    assert (await completed(document, "config."))["num_hidden_layers"] == "2"
    document.replace("model.config.", "model.get_submodule('model.layers.")
    assert list(await completed(document, "'model.layers.")) == ["0", "1"]
    document.replace("model.get_submodule('model.layers.", "other.")
    assert await completed(document, "other.") == {}


async def test_completion_replaces_the_word_that_is_typed(editor: Editor, tmp_path: Path) -> None:
    write_model(tmp_path / "tiny")
    document = editor.open(tmp_path / "a.py", LOAD + "s = '😀'; model.model.no")
    params = types.CompletionParams(
        types.TextDocumentIdentifier(document.uri), document.range("model.no").end
    )
    found = await within(editor.client.text_document_completion_async(params))
    edit = next(item.text_edit for item in found.items if item.label == "norm")
    assert isinstance(edit, types.TextEdit)
    end = document.range("model.no").end
    assert edit.range == types.Range(types.Position(end.line, end.character - 2), end)
    assert edit.new_text == "norm"
