"""Edits that have a call load a model in another format, by the version of transformers that is installed."""

from __future__ import annotations

import pytest

from model_loupe.documents import Analysis, Cell, analyse_notebook, analyse_python
from model_loupe.documents.edits import applied
from model_loupe.documents.edits.recast import recast
from model_loupe.domain.casts.applying import way_to_load
from model_loupe.domain.casts.targets import TARGETS
from model_loupe.domain.errors import LoupeError

T4, T457, T5 = "4.38.0", "4.57.1", "5.23.0"
IMPORTS = (
    "import torch\nfrom transformers import AutoModel, BitsAndBytesConfig, pipeline\n"
    "from diffusers import UNet2DConditionModel\n"
)


def edited(text: str, target: str, version: str | None, computing: str | None = None) -> str:
    """A file whose last loading call is edited."""
    analysis = analyse_python(text)
    reference = analysis.references[-1]
    way = way_to_load(TARGETS[target], version, computing)
    return applied(text, recast([text], reference, analysis.casts(), way))


@pytest.mark.parametrize(
    ("before", "target", "version", "after"),
    [
        ("m = AutoModel.from_pretrained('a/b')", "bfloat16", T5,
         "m = AutoModel.from_pretrained('a/b', dtype=torch.bfloat16)"),
        ("m = AutoModel.from_pretrained('a/b')", "bfloat16", T4,
         "m = AutoModel.from_pretrained('a/b', torch_dtype=torch.bfloat16)"),
        ("m = AutoModel.from_pretrained('a/b')", "float16", T457,
         "m = AutoModel.from_pretrained('a/b', dtype=torch.float16)"),
        ("m = AutoModel.from_pretrained('a/b')", "float64", None,
         "m = AutoModel.from_pretrained('a/b', dtype=torch.float64)"),
        # What is there is replaced, under the name that this version takes.
        ("m = AutoModel.from_pretrained('a/b', torch_dtype=torch.float32, use_cache=False)", "bfloat16", T5,
         "m = AutoModel.from_pretrained('a/b', dtype=torch.bfloat16, use_cache=False)"),
        ("m = AutoModel.from_pretrained('a/b', dtype='auto')", "bfloat16", T4,
         "m = AutoModel.from_pretrained('a/b', torch_dtype=torch.bfloat16)"),
        ("m = AutoModel.from_pretrained('a/b', dtype='float32')", "bfloat16", T5,
         "m = AutoModel.from_pretrained('a/b', dtype=\"bfloat16\")"),
        ("m = AutoModel.from_pretrained('a/b', dtype=None, torch_dtype=x)", "bfloat16", T5,
         "m = AutoModel.from_pretrained('a/b', dtype=torch.bfloat16)"),
        ("m = AutoModel.from_pretrained('a/b', load_in_8bit=True, device_map='auto')", "bfloat16", T5,
         "m = AutoModel.from_pretrained('a/b', device_map='auto', dtype=torch.bfloat16)"),
        ("m = AutoModel.from_pretrained('a/b', quantization_config=config)", "float32", T5,
         "m = AutoModel.from_pretrained('a/b', dtype=torch.float32)"),
        # Quantised, as bitsandbytes and torchao do.
        ("m = AutoModel.from_pretrained('a/b', load_in_8bit=True)", "int8", T5,
         "m = AutoModel.from_pretrained('a/b', quantization_config=BitsAndBytesConfig(load_in_8bit=True))"),
        ("m = AutoModel.from_pretrained('a/b', dtype=torch.float16)", "nf4", T5,
         "m = AutoModel.from_pretrained('a/b', dtype=torch.float16, quantization_config=BitsAndBytesConfig("
         'load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16))'),
        ("m = AutoModel.from_pretrained('a/b', quantization_config=old)", "fp4_double", T4,
         "m = AutoModel.from_pretrained('a/b', quantization_config=BitsAndBytesConfig(load_in_4bit=True, "
         'bnb_4bit_quant_type="fp4", bnb_4bit_use_double_quant=True, '
         'bnb_4bit_compute_dtype=torch.bfloat16))'),
        # Pipelines.
        ("p = pipeline('text-generation', 'a/b')", "float16", T4,
         "p = pipeline('text-generation', 'a/b', torch_dtype=torch.float16)"),
        ("p = pipeline(model='a/b', model_kwargs={'load_in_8bit': True})", "float16", T5,
         "p = pipeline(model='a/b', dtype=torch.float16)"),
        ("p = pipeline(model='a/b', model_kwargs={'torch_dtype': torch.float32, 'x': 1})", "float16", T5,
         "p = pipeline(model='a/b', model_kwargs={'x': 1, \"dtype\": torch.float16})"),
        ("p = pipeline(model='a/b', model_kwargs={'x': 1})", "int8", T5,
         "p = pipeline(model='a/b', model_kwargs={'x': 1, "
         '"quantization_config": BitsAndBytesConfig(load_in_8bit=True)})'),
        ("p = pipeline(model='a/b', model_kwargs=more)", "float16", T5,
         "p = pipeline(model='a/b', model_kwargs=more, dtype=torch.float16)"),
        ("s = SentenceTransformer('a/b')", "float16", T457,
         "s = SentenceTransformer('a/b', model_kwargs={\"dtype\": torch.float16})"),
        ("d = DiffusionPipeline.from_pretrained('a/b')", "float16", T5,
         "d = DiffusionPipeline.from_pretrained('a/b', torch_dtype=torch.float16)"),
        ("d = UNet2DConditionModel.from_pretrained('a/b')", "float16", T5,
         "d = UNet2DConditionModel.from_pretrained('a/b', torch_dtype=torch.float16)"),
        ("d = UNet2DConditionModel.from_pretrained('a/b', dtype=torch.float32)", "float16", T5,
         "d = UNet2DConditionModel.from_pretrained('a/b', dtype=torch.float16)"),
    ],
)  # fmt: skip
def test_the_call_is_edited(before: str, target: str, version: str | None, after: str) -> None:
    assert edited(IMPORTS + before, target, version) == IMPORTS + after
    # What is so already stays as it is.
    assert edited(IMPORTS + after, target, version) == IMPORTS + after


def test_four_bits_are_multiplied_in_what_the_call_loads_by_now() -> None:
    text = edited(IMPORTS + "m = AutoModel.from_pretrained('a/b')", "nf4", T5, "float16")
    assert "bnb_4bit_compute_dtype=torch.float16" in text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("m = LOAD.half()\n", "m = NEW\n"),
        ("m = LOAD.to(torch.float16).eval()\n", "m = NEW.eval()\n"),
        ("m = LOAD.half().to(dtype=torch.float32)\n", "m = NEW\n"),
        ("m = LOAD.to('cuda', torch.float16)\n", "m = NEW.to('cuda')\n"),
        ("m = LOAD\nm.to('cuda', dtype=torch.float16)\n", "m = NEW\nm.to('cuda')\n"),
        ("m = LOAD.to('cuda', torch.half, True)\n", "m = NEW.to('cuda', None, True)\n"),
        ("kind = torch.half\nm = LOAD.to(kind)\n", "kind = torch.half\nm = NEW\n"),
        ("def f():\n    kind = torch.half\n    m = LOAD\n    return m.to('cuda', kind)\n",
         "def f():\n    kind = torch.half\n    m = NEW\n    return m.to('cuda')\n"),
        ("kind = torch.half\nif x:\n    kind = torch.float16\nm = LOAD.to(dtype=kind)\n",
         "kind = torch.half\nif x:\n    kind = torch.float16\nm = NEW\n"),
        ("m = LOAD\nm.half()\nm.eval()\n", "m = NEW\nm.eval()\n"),
        ("m = LOAD\nm = m.half()  # small\nm.eval()\n", "m = NEW\nm.eval()\n"),
        ("m = LOAD\nm = m.half().to(torch.bfloat16)\nx = 1\n", "m = NEW\nx = 1\n"),
        ("m = LOAD\nm.half().to('cuda')\n", "m = NEW\nm.to('cuda')\n"),
        ("m = LOAD\nrun(m.bfloat16(), 1)\n", "m = NEW\nrun(m, 1)\n"),
        ("m = LOAD\nif small:\n    m.half()\n", "m = NEW\nif small:\n    pass\n"),
        ("m = LOAD\nn = m.half()\n", "m = NEW\nn = m\n"),
        ("m = LOAD\nif x:\n    m.half()\n    m.float()\ny\n", "m = NEW\nif x:\n    pass\ny\n"),
        ("m = LOAD\na; m.half(); m.float(); b\n", "m = NEW\na; b\n"),
        ("m = LOAD\na; m.half()\nm.float()\nb\n", "m = NEW\na\nb\n"),
        ("m = LOAD\nm.half()\nb\nm.float()", "m = NEW\nb"),
        # Of another object, a part, an unknown dtype: not ours.
        ("o = AutoModel.from_pretrained('c/d')\nm = LOAD\no.half()\n",
         "o = AutoModel.from_pretrained('c/d')\nm = NEW\no.half()\n"),
        ("m = LOAD\nm.lm_head.half()\nm.to(device)\nm.to(kind)\nm(x).logits.float()\n",
         "m = NEW\nm.lm_head.half()\nm.to(device)\nm.to(kind)\nm(x).logits.float()\n"),
    ],
)  # fmt: skip
def test_later_casts_go(before: str, after: str) -> None:
    text = IMPORTS + before.replace("LOAD", "AutoModel.from_pretrained('a/b')")
    analysis = analyse_python(text)
    reference = next(each for each in analysis.references if each.model == "a/b")
    found = recast([text], reference, analysis.casts(), way_to_load(TARGETS["bfloat16"], T5))
    new = "AutoModel.from_pretrained('a/b', dtype=torch.bfloat16)"
    assert applied(text, found) == IMPORTS + after.replace("NEW", new)


@pytest.mark.parametrize(
    ("before", "says"),
    [
        ("k = torch.half\nif x:\n    k = torch.float\nm = LOAD.to(dtype=k)", r"7 .*: to\(dtype=k\)"),
        ("k = torch.half\nif x:\n    k = torch.float\nm = LOAD\nm.to('cuda', k)", r"8 .*: to\('cuda', k\)"),
        ("kind = torch.half if x else torch.float\nm = LOAD\nm = m.to(kind)", r"6 .*: to\(kind\)"),
        ("m = LOAD\nm.to(torch.half if x else torch.float)", r"5 .*: to\(torch.half if x else"),
        ("kind, n = choose()\nif x:\n    kind = torch.half\nm = LOAD\nm.to(kind)", r"8 .*: to\(kind\)"),
        ("def f(dtype):\n    m = LOAD\n    m.to(dtype)", r"6 .*: to\(dtype\)"),
        ("m = LOAD\nm.to(settings.dtype)", r"5 .*: to\(settings.dtype\)"),
    ],
)  # fmt: skip
def test_a_later_cast_to_one_of_several_dtypes_is_told(before: str, says: str) -> None:
    text = IMPORTS + before.replace("LOAD", "AutoModel.from_pretrained('a/b')")
    with pytest.raises(LoupeError, match=f"line {says}.* may mean several dtypes, change it there"):
        edited(text, "bfloat16", T5)
    # To a device alone, or to nothing, is no cast; nor is that of another model ours.
    others = "m.to(device)\nm.to(dtype=None)\nAutoModel.from_pretrained('c/d').to(dtype=kind)\n"
    text = IMPORTS + "m = AutoModel.from_pretrained('a/b')\n" + others
    analysis = analyse_python(text)
    way = way_to_load(TARGETS["bfloat16"], T5)
    assert applied(text, recast([text], analysis.references[0], analysis.casts(), way)).endswith(others)


def test_imports_come_with_it() -> None:
    text = "from transformers import (\n    AutoModel,\n)\n\nm = AutoModel.from_pretrained('a/b')\n"
    assert edited(text, "bfloat16", T5) == (
        "from transformers import (\n    AutoModel,\n)\nimport torch\n\n"
        "m = AutoModel.from_pretrained('a/b', dtype=torch.bfloat16)\n"
    )
    assert edited(text, "float8_e4m3fn", T5) == (
        "from transformers import (\n    AutoModel,\n    TorchAoConfig,\n)\n"
        "from torchao.quantization import Float8WeightOnlyConfig\n\n"
        "m = AutoModel.from_pretrained('a/b', quantization_config=TorchAoConfig(Float8WeightOnlyConfig()))\n"
    )
    text = "import torch as t\nimport transformers as tf\nm = tf.AutoModel.from_pretrained('a/b')\n"
    assert "quantization_config=tf.BitsAndBytesConfig(load_in_8bit=True)" in edited(text, "int8", T5)
    assert "dtype=t.float16" in edited(text, "float16", T5)


def test_cells_of_a_notebook() -> None:
    cells = [
        "%pip install transformers\nfrom transformers import AutoModel",
        "model = AutoModel.from_pretrained(\n    'a/b',  # mine\n    load_in_8bit=True,\n)",
        "%time x = 1\nmodel.half()\n!nvidia-smi",
    ]
    analysis: Analysis = analyse_notebook([Cell(n, "code", text) for n, text in enumerate(cells)])
    way = way_to_load(TARGETS["nf4"], T4)
    edits = recast(cells, analysis.references[0], analysis.casts(), way)
    assert [applied(text, [e for e in edits if e.part == n]) for n, text in enumerate(cells)] == [
        "%pip install transformers\nfrom transformers import AutoModel, BitsAndBytesConfig\nimport torch",
        "model = AutoModel.from_pretrained(\n    'a/b',  # mine\n    quantization_config=BitsAndBytesConfig("
        'load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16),\n)',
        "%time x = 1\n!nvidia-smi",
    ]


@pytest.mark.parametrize(
    ("call", "target", "version", "reason"),
    [
        ("AutoModel.from_pretrained('a/b')", "Q4_K", T5, "llama.cpp"),
        ("AutoModel.from_pretrained('a/b')", "int8_tensor", T5, "take int8"),
        ("AutoModel.from_pretrained('a/b')", "mxfp4", T5, "prototypes"),
        ("AutoModel.from_pretrained('a/b')", "float8_e5m2", T5, "no library"),
        ("AutoModel.from_pretrained('a/b')", "float8_e4m3fn", T4, "4.56"),
        ("AutoModel.from_pretrained('a/b')", "nf4", "4.29.2", "4.30"),
        ("LLM('a/b')", "bfloat16", T5, "LLM is not known to take a dtype"),
        ("FastLanguageModel.from_pretrained('a/b')", "bfloat16", T5, "FastLanguageModel has ways of its own"),
        ("DiffusionPipeline.from_pretrained('a/b')", "int8", T5, "diffusers"),
        ("UNet2DConditionModel.from_pretrained('a/b')", "int8", T5, "diffusers"),
        ("FastSentenceTransformer.from_pretrained('a/b')", "bfloat16", T5, "ways of its own"),
        ("TFAutoModel.from_pretrained('a/b')", "bfloat16", T5, "ways of its own"),
        ("pipeline('text-generation', model=model)", "bfloat16", T5, "loaded already: cast that"),
        ("f\"{AutoModel.from_pretrained('a/b').config}\"", "bfloat16", T5, "does not parse by itself"),
        ("PeftModel.from_pretrained(base, 'a/b')", "bfloat16", T5, "an adapter takes the dtype"),
        (
            "pipeline(model='a/b', model_kwargs=more)",
            "int8",
            T5,
            "model_kwargs is no dict that is written out",
        ),
        (
            "AutoModel.from_pretrained('a/b', **{'torch_dtype': 1})",
            "int8",
            T5,
            "torch_dtype comes out of a dict",
        ),
        ("AutoTokenizer.from_pretrained('a/b')", "bfloat16", T5, "not known to take a dtype"),
    ],
)
def test_where_no_edit_does_it_the_reason_is_told(call: str, target: str, version: str, reason: str) -> None:
    with pytest.raises(LoupeError, match=reason) as told:
        edited(IMPORTS + call, target, version)
    assert told.value.code == "cannot-apply"


def test_every_target_has_a_way_or_a_reason() -> None:
    for target in TARGETS.values():
        try:
            way = way_to_load(target, T5)
        except LoupeError as why:
            assert target.name in why.message
        else:
            assert (way.dtype is None) != (way.config is None)
