"""Edited code is run: it loads the model in the format that was chosen, in this version of transformers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from model_loupe.documents import analyse_python
from model_loupe.documents.edits import applied
from model_loupe.documents.edits.recast import recast
from model_loupe.domain.casts.applying import way_to_load
from model_loupe.domain.casts.targets import TARGETS
from model_loupe.domain.errors import LoupeError
from tests.libraries.worker.reference import VERSION
from tests.libraries.worker.tiny import saved

# Version 4.38 loads with bitsandbytes on GPUs alone: what it is given is made, the model is not loaded.
LOADS_QUANTISED = VERSION >= (4, 56)
LOAD = "AutoModelForCausalLM.from_pretrained(FOLDER{})"
IMPORT = "from transformers import AutoModelForCausalLM\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved("llama", "float32", tmp_path_factory.mktemp("checkpoints"))


def edited(text: str, target: str) -> str:
    analysis = analyse_python(text)
    way = way_to_load(TARGETS[target], transformers.__version__)
    new = applied(text, recast([text], analysis.references[-1], analysis.casts(), way))
    assert new != text
    return new


def run(text: str, folder: Path, **names: Any) -> dict[str, Any]:
    exec(text.replace("FOLDER", repr(str(folder))), names)
    return names


@pytest.mark.parametrize("target", ["float64", "float32", "bfloat16", "float16"])
@pytest.mark.parametrize(
    "text",
    [
        IMPORT + f"model = {LOAD.format('')}\n",
        "import torch as t\n" + IMPORT + f"model = {LOAD.format(', torch_dtype=t.float16')}\nmodel.half()\n",
        IMPORT + f"import torch\nmodel = {LOAD.format('')}.to(torch.bfloat16).eval()\nmodel = model.half()\n",
        "import transformers\nmodel = transformers." + LOAD.format(", load_in_8bit=True") + "\n",
        IMPORT + f"def load(name):\n    return {LOAD.format('')}.half()\nmodel = load(FOLDER)\n",
    ],
    ids=["plain", "given", "cast", "quantised", "function"],
)
def test_a_dtype(text: str, target: str, folder: Path) -> None:
    model = run(edited(text, target), folder)["model"]
    assert {parameter.dtype for parameter in model.parameters()} == {getattr(torch, target)}


@pytest.mark.parametrize("target", ["int8", "nf4", "nf4_double", "fp4", "fp4_double"])
def test_bitsandbytes(target: str, folder: Path) -> None:
    text = edited(IMPORT + f"model = {LOAD.format(', load_in_8bit=False')}\nmodel.half()\n", target)
    if not LOADS_QUANTISED:
        imports, call = text.split("model = ")
        config = run(f"{imports}config = dict({call.partition('FOLDER, ')[2]}", folder)["config"]
        config = config["quantization_config"]
        assert config.load_in_8bit == (target == "int8")
        assert config.load_in_4bit == (target != "int8")
        return
    model = run(text, folder)["model"]
    linear = model.model.layers[0].mlp.up_proj
    assert model(torch.tensor([[1, 2]])).logits.isfinite().all()
    if target == "int8":
        assert linear.weight.dtype is torch.int8
        return
    state = linear.weight.quant_state
    assert (linear.weight.dtype, state.quant_type) == (torch.uint8, target.partition("_")[0])
    assert state.nested == target.endswith("_double")
    assert linear.compute_dtype is torch.bfloat16


def test_torchao(folder: Path) -> None:
    text = IMPORT + f"model = {LOAD.format('')}\n"
    if not LOADS_QUANTISED:
        with pytest.raises(LoupeError, match=r"4\.56"):
            edited(text, "float8_e4m3fn")
        return
    model = run(edited(text, "float8_e4m3fn"), folder)["model"]
    weight = model.model.layers[0].mlp.up_proj.weight
    assert weight.qdata.dtype is torch.float8_e4m3fn


@pytest.mark.parametrize("kwargs", ["", ", model_kwargs={'torch_dtype': None}", ", torch_dtype='auto'"])
def test_a_pipeline(kwargs: str, folder: Path) -> None:
    words = Tokenizer(WordLevel({"a": 0}, unk_token="a"))
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=words)
    text = (
        "from transformers import pipeline\n"
        f"pipe = pipeline('text-generation', {str(folder)!r}, tokenizer=TOKENIZER{kwargs})\n"
    )
    model = run(edited(text, "float16"), folder, TOKENIZER=tokenizer)["pipe"].model
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float16}
