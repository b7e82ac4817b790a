"""Loading calls argument by argument, and what is done with what they load."""

from __future__ import annotations

import pytest

from model_loupe.documents import Cell, Sites, Span, analyse_notebook, analyse_python

HEAD = (
    "from transformers import AutoConfig, AutoModel as M, AutoTokenizer, BitsAndBytesConfig, pipeline\n"
    "import torch\n"
)
LOAD = 'm = M.from_pretrained("./a")\nt = AutoTokenizer.from_pretrained("./b")\n'


def sites(text: str) -> Sites:
    return analyse_python(HEAD + text).sites


def cut(text: str, span: Span) -> str:
    lines = (HEAD + text).split("\n")[span.line : span.end_line + 1]
    lines[-1] = lines[-1][: span.end_column]
    lines[0] = lines[0][span.column :]
    return "\n".join(lines)


def test_an_argument_is_told_with_its_places() -> None:
    text = 'é = M.from_pretrained("./a",  # 😀\n    dtype = torch.float16, **more)\n'
    [site] = sites(text).loading
    assert (site.origin, site.imported) == ("transformers.AutoModel.from_pretrained", True)
    [argument] = site.arguments
    assert (argument.name, argument.text) == ("dtype", "torch.float16")
    assert cut(text, argument.span) == "dtype = torch.float16"
    assert cut(text, argument.name_span) == "dtype"
    assert cut(text, argument.value) == "torch.float16"


@pytest.mark.parametrize(
    ("text", "made_by"),
    [
        (
            "M.from_pretrained(n, quantization_config=BitsAndBytesConfig(load_in_8bit=True))",
            "BitsAndBytesConfig",
        ),
        ("q = BitsAndBytesConfig()\nM.from_pretrained(n, quantization_config=q)", "BitsAndBytesConfig"),
        ("import transformers as x\nM.from_pretrained(n, quantization_config=x.GPTQConfig())", "GPTQConfig"),
        ("q = A() if b else C()\nM.from_pretrained(n, quantization_config=q)", None),
        ("if b:\n    q = A()\nelse:\n    q = C()\nM.from_pretrained(n, quantization_config=q)", None),
        ("M.from_pretrained(n, quantization_config=None)", None),
    ],
)
def test_what_makes_a_value(text: str, made_by: str | None) -> None:
    [site] = sites(text).loading
    argument = site.argument("quantization_config")
    assert argument is not None and argument.made_by == made_by


@pytest.mark.parametrize(
    ("call", "kind", "owner", "method", "cast"),
    [
        ("m.half()", "model", "m", "half", "float16"),
        ("m.eval().to(torch.bfloat16)", "model", "m.eval()", "to", "bfloat16"),
        ("m.to('cuda')", "model", "m", "to", None),
        ("t(x, padding=True)", "tokenizer", "t", "", None),
        ("t.encode(x, max_length=9)", "tokenizer", "t", "encode", None),
    ],
)
def test_a_use(call: str, kind: str, owner: str, method: str, cast: str | None) -> None:
    text = LOAD + call + "\n"
    [use] = sites(text).uses
    assert (use.kind, use.owner, use.method, use.cast) == (kind, owner, method, cast)
    assert cut(text, use.span) == call
    assert use.reference.model == ("./b" if kind == "tokenizer" else "./a")


@pytest.mark.parametrize(
    "call", ["m.config.to(torch.half)", "other.half()", "t(x)", "m(x)", "m.layers[0].half()"]
)
def test_what_is_no_use_of_a_whole_object(call: str) -> None:
    assert sites(f"{LOAD}{call}\n").uses == []


@pytest.mark.parametrize(
    ("call", "names"),
    [
        ("pipeline('x', m, tokenizer=t)", ("./a", "./b")),
        ("pipeline('x', 'org/c', tokenizer='org/d')", ("org/c", "org/d")),
        ("Trainer(m, args, tokenizer=t)", ("./a", "./b")),
        ("SFTTrainer(model=m, processing_class=t)", ("./a", "./b")),
        ("pipeline('x', m)", None),
        ("Trainer(m.layers[0], tokenizer=t)", None),
        ("Trainer(unknown, tokenizer=t)", None),
        ("Trainer(M.from_config(AutoConfig.from_pretrained('org/c', vocab_size=len(t))), tokenizer=t)", None),
    ],
)
def test_a_pair(call: str, names: tuple[str, str] | None) -> None:
    found = [(pair.model.model, pair.tokenizer.model) for pair in sites(f"{LOAD}{call}\n").pairs]
    assert found == ([names] if names else [])


@pytest.mark.parametrize(
    ("code", "given"),
    [
        ("m(**t('a'))", "t('a')"),
        ("m(**t('a', return_tensors='pt').to('cuda'))", "t('a', return_tensors='pt').to('cuda')"),
        ("m.generate(t('a').input_ids)", "t('a').input_ids"),
        ("x = t('a')\nm.generate(**x, max_new_tokens=3)", "x"),
        ("m(input_ids=t('a')['input_ids'])", "t('a')['input_ids']"),
        ("ids = t.apply_chat_template(chat)\nm(ids)", "ids"),
        ("def f(text):\n    x = t(text)\n    return m.generate(x['input_ids'])", "x['input_ids']"),
        ("n = m.to('cuda').eval()\nn(**t('a'))", "t('a')"),
        ("for text in texts:\n    m(**t(text))", "t(text)"),
        ("x, y = t('a'), 1\nm(**x)", "x"),
        ("name = './b'\nt = AutoTokenizer.from_pretrained(name)\nm(**t('a'))", "t('a')"),
    ],
)
def test_tokens_that_are_given_to_a_model(code: str, given: str) -> None:
    [pair] = sites(LOAD + code + "\n").pairs
    assert (pair.model.model, pair.tokenizer.model) == ("./a", "./b")
    assert cut(LOAD + code, pair.span) == given


@pytest.mark.parametrize(
    "code",
    [
        "t = other\nm(**t('a'))",
        "if c:\n    t = AutoTokenizer.from_pretrained('./a')\nm(**t('a'))",
        "def f(t):\n    return m(**t('a'))",
        "def f(m):\n    return m(**t('a'))",
        "def f(x):\n    return m(**t(x))\nt = AutoTokenizer.from_pretrained('./a')",
        "x = t('a')\nx['input_ids'] = y\nm(**x)",
        "x = t('a')\nx.update(other('a'))\nm(**x)",
        "m.resize_token_embeddings(len(t))\nm(**t('a'))",
        "m.resize_token_embeddings(len(t))\nTrainer(m, tokenizer=t)",
        "x = prepare(t('a'))\nm(**x)",
        "m(t('a').attention_mask)",
        "len(t('a'))",
        "m.resize(t('a'))",
        "m.layers[0](**t('a'))",
        "import os\nt = AutoTokenizer.from_pretrained(os.environ.get('T', './b'))\nm(**t('a'))",
        "for t in tokenizers:\n    m(**t('a'))",
    ],
)
def test_tokens_whose_way_is_not_certain(code: str) -> None:
    assert sites(LOAD + code + "\n").pairs == []


def test_an_adapter_and_what_it_is_put_on() -> None:
    text = f"from peft import PeftModel\n{LOAD}p = PeftModel.from_pretrained(m.eval(), './c')\n"
    [(adapter, base)] = sites(text).adapted
    assert (adapter.model, base.model) == ("./c", "./a")


def test_cells_are_told() -> None:
    texts = [HEAD, LOAD, "m.half()"]
    found = analyse_notebook([Cell(number * 2, "code", text) for number, text in enumerate(texts)]).sites
    assert [use.cell for use in found.uses] == [4]
    assert [site.reference.cell for site in found.loading] == [2, 2]


def test_what_shell_lines_install_is_told_with_its_place() -> None:
    cells = (
        "import torch\n%pip install -q accelerate>=0.26 'Optimum_Quanto[extra]' \\\n    peft",
        "!python -m pip install git+https://example.org/x && uv pip install torchao\n!apt install pip",
        "install('hqq')\n# !pip install gguf\n!pip uninstall bitsandbytes",
    )
    found = analyse_notebook([Cell(number, "code", text) for number, text in enumerate(cells)]).sites.installs
    assert [tuple(each) for each in found] == [
        (0, 1, "accelerate", ()),
        (0, 1, "optimum-quanto", ("extra",)),
        (0, 2, "peft", ()),
        (1, 0, "x", ()),
        (1, 0, "torchao", ()),
    ]


@pytest.mark.parametrize(
    ("words", "package", "extras"),
    [
        ("transformers[torch,Sentence_Piece]==5.0", "transformers", ("torch", "sentence-piece")),
        ("'git+https://github.com/huggingface/peft.git@main'", "peft", ()),
        ("git+ssh://git@example.org/a/trl#egg=trl", "trl", ()),
        ("-r requirements.txt", None, ()),
        ("-q --requirement https://example.org/needs.txt", None, ()),
        ("-e .", None, ()),
        ("./accelerate", None, ()),
        ("accelerate-1.0-py3-none-any.whl", None, ()),
        ("{package}", None, ()),
    ],
)
def test_what_an_argument_of_pip_installs(words: str, package: str | None, extras: tuple[str, ...]) -> None:
    found = analyse_notebook([Cell(0, "code", f"!pip install {words}")]).sites.installs
    assert [tuple(each) for each in found] == [(0, 0, package, extras)]
