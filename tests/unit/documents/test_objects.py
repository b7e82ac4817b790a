"""What an expression is: the model, the part, the config or the tokenizer that some call loads.

``¦`` is the cursor; the expectation is ``model kind parts``, then ``as dtype`` after a cast and ``on base``
for an adapter; or nothing.
"""

from __future__ import annotations

import pytest

from model_loupe.documents import Cell, Object, analyse_notebook

LOAD = "model = AutoModelForCausalLM.from_pretrained('o/m')\n"
HELPER = "def load(name):\n  m = AutoModel.from_pretrained(name)\n  return m\n"
CASES: dict[str, list[tuple[str, str]]] = {
    "names": [
        (f"{LOAD}mo¦del", "o/m model"),
        (f"{LOAD}m¦odel.x", "o/m model"),
        (f"{LOAD}f(1, mod¦el)", "o/m model"),
        (f"{LOAD}mo¦del(**inputs)", "o/m model"),
        (f"{LOAD}print(mo¦del.generate(x))", "o/m model"),
        (f"{LOAD}é = '😀'; mo¦del", "o/m model"),
        ("mo¦del = AutoModel.from_pretrained('o/m')", "o/m model"),
        (f"{LOAD}out = model(x)\no¦ut", ""),
        (f"{LOAD}out = model.generate(x)\nou¦t.logits", ""),
        (f"{LOAD}x = 1\n¦x", ""),
        (f"{LOAD}copy = model\nco¦py", "o/m model"),
        (f"{LOAD}model = model.eval()\nmod¦el", "o/m model"),
        (f"{LOAD}model = torch.compile(model)\nmod¦el", "o/m model"),
        (f"{LOAD}model, opt = accelerator.prepare(model, opt)\nmod¦el", "o/m model"),
        (f"{LOAD}if (m := model): ¦m", "o/m model"),
        (f"{LOAD}model = None\n¦model", ""),
        ("model = a if x else AutoModel.from_pretrained('o/m')\nmo¦del", "o/m model"),
        ("ms = {'a': AutoModel.from_pretrained('o/m')}\nms['a'].enc¦oder", "o/m model encoder"),
        ("ms = [AutoModel.from_pretrained(n) for n in ['o/m']]\nms[0].enc¦oder", "o/m model encoder"),
    ],
    "functions and classes": [
        (f"{LOAD}def f(x):\n  x.la¦yers\nf(model)", "o/m model layers"),
        (f"def f():\n  {LOAD}  return model\nm = f()\nm.la¦yers", "o/m model layers"),
        (f"def f():\n  {LOAD}  return model, 1\nm, x = f()\n¦m", "o/m model"),
        (
            "class A:\n def __init__(s):\n  pass\n def f(self):\n  self.m = M.from_pretrained('o/m')\n"
            " def g(self):\n  self.m.enc¦oder",
            "o/m model encoder",
        ),
        (f"{LOAD}def f():\n  return mo¦del", "o/m model"),
        (f"{LOAD}def f(model):\n  return mo¦del", ""),
        (f"{LOAD}g = lambda: mo¦del.x", "o/m model"),
    ],
    "chains": [
        (f"{LOAD}model.mo¦del.layers[3].mlp", "o/m model model"),
        (f"{LOAD}model.model.la¦yers[3].mlp", "o/m model model.layers"),
        (f"{LOAD}model.model.layers[¦3].mlp", "o/m model model.layers.3"),
        (f"{LOAD}model.model.layers[3].ml¦p", "o/m model model.layers.3.mlp"),
        (f"{LOAD}model.model.layers[-1].ml¦p", "o/m model model.layers.-1.mlp"),
        (f"{LOAD}model.model.layers[i].ml¦p", "o/m model model.layers.*.mlp"),
        (f"{LOAD}model.model.layers[:4][0].ml¦p", "o/m model model.layers.0.mlp"),
        (f"{LOAD}x = (model\n  .model\n  .nor¦m)", "o/m model model.norm"),
        (f"{LOAD}for l in model.model.layers:\n  l.ml¦p", "o/m model model.layers.*.mlp"),
        (f"{LOAD}for i, l in enumerate(model.model.layers):\n  l.ml¦p", "o/m model model.layers.*.mlp"),
        (f"{LOAD}layers = model.model.layers\nlayers[0].at¦tn", "o/m model model.layers.0.attn"),
        (f"{LOAD}getattr(model, 'lm_head').wei¦ght", "o/m model lm_head.weight"),
        (f"{LOAD}model.get_submodule('model.la¦yers.1')", "o/m model model.layers.1"),
        (f"{LOAD}model.get_submodule('model.layers.1').ml¦p", "o/m model model.layers.1.mlp"),
        (f"{LOAD}model.get_parameter('a.b.we¦ight')", "o/m model a.b.weight"),
        (f"{LOAD}n = 'a.b'\nmodel.get_submodule(n).¦c", "o/m model a.b.c"),
        (f"{LOAD}model.state_dict()['a.b.wei¦ght']", "o/m model a.b.weight"),
        (f"{LOAD}skip = ['model.la¦yers.0.mlp']", "o/m model model.layers.0.mlp"),
        (f"{LOAD}print('no na¦me.')", ""),
        ("AutoModel.from_pretrained('o/m').enc¦oder", "o/m model encoder"),
    ],
    "configs": [
        (f"{LOAD}model.con¦fig.x", "o/m config"),
        (f"{LOAD}model.config.hid¦den_size", "o/m config hidden_size"),
        (f"{LOAD}c = model.config\nc.vision.si¦ze", "o/m config vision.size"),
        ("c = AutoConfig.from_pretrained('o/m')\nc.te¦xt.size", "o/m config text"),
        (
            "c = AutoConfig.from_pretrained('o/m')\nm = AutoModel.from_config(c)\nm.enc¦oder",
            "o/m model encoder",
        ),
    ],
    "tokenizers, processors, pipelines": [
        ("tok = AutoTokenizer.from_pretrained('o/m')\nto¦k('hi')", "o/m tokenizer"),
        ("tok = AutoTokenizer.from_pretrained('o/m')\nlen(to¦k)", "o/m tokenizer"),
        ("p = AutoProcessor.from_pretrained('o/m')\np.token¦izer", "o/m tokenizer"),
        ("m, tok = FastLanguageModel.from_pretrained('o/m')\nto¦k.pad", "o/m tokenizer"),
        ("m, tok = FastLanguageModel.from_pretrained('o/m')\n¦m.x", "o/m model"),
        ("p = pipeline('t', model='o/m')\np.model.la¦yers", "o/m model layers"),
        ("p = pipeline('t', model='o/m')\np.tok¦enizer", "o/m tokenizer"),
        (f"{LOAD}p = pipeline('t', model=model)\np.model.la¦yers", "o/m model layers"),
    ],
    "holders": [
        (f"{LOAD}p = pipeline('t', model=model)\n¦p('x')", "o/m pipeline"),
        (f"{LOAD}p = pipeline('t', model, None, tok)\np.model.la¦yers", "o/m model layers"),
        ("p = pipeline('t')\n¦p('x')", ""),
        (f"{LOAD}t = Trainer(model=model, args=a)\nt.model.la¦yers", "o/m model layers"),
        (f"{LOAD}t = SFTTrainer(model, args=a)\nt.model.la¦yers", "o/m model layers"),
        ("t = SFTTrainer(model='o/m', args=a)\nt.model.la¦yers", "o/m model layers"),
        ("t = SFTTrainer(model='o/m', args=a)\n¦t.train()", ""),
        (
            f"tok = AutoTokenizer.from_pretrained('o/t')\n{LOAD}"
            "t = SFTTrainer(model, processing_class=tok)\nt.processing_¦class",
            "o/t tokenizer",
        ),
        (
            f"class T:\n  def __init__(self, model):\n    self.model = model\n{LOAD}"
            "t = T(model)\nt.model.enc¦oder",
            "o/m model encoder",
        ),
        ("s = SentenceTransformer('o/s')\ns[0].auto_mo¦del", "o/s model 0.auto_model"),
        ("s = SentenceTransformer('o/s')\ns.token¦izer", "o/s tokenizer"),
    ],
    "calls of parts": [
        (f"{LOAD}model.lm_h¦ead(x)", "o/m model lm_head"),
        (f"{LOAD}model.model.layers[0].ml¦p(x)", "o/m model model.layers.0.mlp"),
        (
            "class N(nn.Module):\n  def __init__(self, n='o/m'):\n    self.b = AutoModel.from_pretrained(n)\n"
            "  def forward(self, x):\n    return self.b.enc¦oder(x)",
            "o/m model encoder",
        ),
        ("p = AutoProcessor.from_pretrained('o/m')\np.token¦izer('x')", "o/m tokenizer"),
    ],
    "wrapped": [
        (f"{LOAD}m = accelerator.unwrap_model(model)\nm.la¦yers", "o/m model layers"),
        (f"{LOAD}model, tok = setup_chat_format(model, tok)\nmodel.la¦yers", "o/m model layers"),
        (f"{LOAD}m = FSDP(model)\nm.la¦yers", "o/m model layers"),
        (f"{LOAD}dict(model.named_modules())['lm_h¦ead']", "o/m model lm_head"),
        (f"{LOAD}model.eval().cuda().la¦yers", "o/m model layers"),
        (f"{LOAD}model = FastLanguageModel.get_peft_model(model, r=1)\nmodel.la¦yers", "o/m model layers"),
        (
            "c = AutoConfig.from_pretrained('o/m')\nm = AutoModel.from_config(c, torch_dtype=torch.half)\n¦m",
            "o/m model as float16",
        ),
    ],
    "helpers that are called for several models": [
        (f"{HELPER}a = load('o/a')\nb = load('o/b')\na.enc¦oder", "o/a model encoder"),
        (f"{HELPER}a = load('o/a')\nb = load('o/b')\nb.enc¦oder", "o/b model encoder"),
        (f"{HELPER}a = load(name='o/a')\nb = load('o/b')\n¦a", "o/a model"),
        (f"{HELPER}n = 'o/a'\na = load(n).eval()\nn = 'o/b'\nb = load(n)\n¦a", "o/a model"),
        (f"{HELPER}a, b = load('o/a'), load('o/b')\n¦a", "o/a model"),
        (f"{HELPER}a = load(read())\nb = load('o/b')\n¦b", "o/b model"),
        (
            "class L:\n  def load(self, n):\n    return M.from_pretrained(n), T.from_pretrained(n)\n"
            "l = L()\na, s = l.load('o/a')\nb, t = l.load('o/b')\na.enc¦oder",
            "o/a model encoder",
        ),
    ],
    "adapters": [
        (f"{LOAD}p = PeftModel.from_pretrained(model, 'o/lora')\n¦p", "o/lora model on o/m"),
        (
            f"{LOAD}p = PeftModel.from_pretrained(model, 'o/lora').merge_and_unload()\n¦p.x",
            "o/lora model on o/m",
        ),
        (f"{LOAD}model = get_peft_model(model, c)\nmod¦el", "o/m model"),
        (
            "p = PeftModel.from_pretrained(AutoModel.from_pretrained('o/m'), 'o/lora')\n¦p",
            "o/lora model on o/m",
        ),
    ],
    "casts": [
        (f"{LOAD}model.half()\nmo¦del", "o/m model as float16"),
        (f"{LOAD}model.bfloat16().eval()\nmo¦del", "o/m model as bfloat16"),
        (f"{LOAD}model.to('cuda')\nmo¦del", "o/m model"),
        (f"{LOAD}model.to(torch.bfloat16)\nmo¦del.lm_head", "o/m model as bfloat16"),
        (f"{LOAD}model.to('cuda', torch.float16)\nmo¦del", "o/m model as float16"),
        (f"{LOAD}model.to(dtype=torch.float16)\nmo¦del", "o/m model as float16"),
        (f"{LOAD}model.half()\nmodel.float()\nmo¦del", "o/m model as float32"),
        (f"{LOAD}mo¦del\nmodel.half()", "o/m model"),
        (f"{LOAD}other.half()\nmo¦del", "o/m model"),
        (f"{LOAD}m2 = model.to('cuda').half()\nm¦2", "o/m model as float16"),
        (f"{LOAD}model.half()\n{LOAD}mo¦del", "o/m model"),
        ("mod¦el = AutoModel.from_pretrained('o/m').double()", "o/m model as float64"),
    ],
}
FLAT = [
    (f"{group}: {code[-70:]!r}", code, expected) for group, cases in CASES.items() for code, expected in cases
]


def cursor(code: str) -> tuple[str, int, int]:
    """The code without its mark, and the mark's line and column."""
    before, after = code.split("¦")
    return before + after, before.count("\n"), len(before) - before.rfind("\n") - 1


def text_of(found: Object | None) -> str:
    if found is None:
        return ""
    words = [str(found.reference.model), found.kind]
    words += [".".join(map(str, found.parts))] if found.parts else []
    words += [f"as {found.cast}"] if found.cast else []
    words += [f"on {found.base.model}"] if found.base else []
    return " ".join(words)


@pytest.mark.parametrize(("code", "expected"), [case[1:] for case in FLAT], ids=[case[0] for case in FLAT])
def test_object_under_the_cursor(code: str, expected: str) -> None:
    text, line, column = cursor(code)
    found = analyse_notebook([Cell(0, "code", text)]).object_at(0, line, column)
    assert text_of(found) == expected
    if found:
        assert found.span.contains(line, column)


TYPED = [
    (f"{LOAD}model.¦", "o/m model", ""),
    (f"{LOAD}x = model.model.layers[3].¦", "o/m model model.layers.3", ""),
    (f"{LOAD}f(a, model.model.layers[i].ml¦, 3)", "o/m model model.layers.*", "ml"),
    (f"{LOAD}if model.config.hid¦", "o/m config", "hid"),
    (f"{LOAD}model.get_submodule('model.layers.3.m¦", "o/m model model.layers.3", "m"),
    (f"{LOAD}model.get_submodule('¦')", "o/m model", ""),
    (f"def f():\n  {LOAD}  model.¦\n  x = 1", "o/m model", ""),
    (f"{LOAD}for l in model.model.layers:\n  l.¦", "o/m model model.layers.*", ""),
    (f"{LOAD}a.¦", "", ""),
    (f"{LOAD}1.¦", "", ""),
    (f"{LOAD}model.generate(x).¦", "", ""),
    (f"{LOAD}'model.¦'", "o/m model", ""),
]


@pytest.mark.parametrize(("code", "expected", "word"), TYPED)
def test_what_is_being_typed(code: str, expected: str, word: str) -> None:
    text, line, column = cursor(code)
    found = analyse_notebook([Cell(0, "code", text)]).typed_at(0, line, column)
    assert text_of(found.object if found else None) == expected
    assert (found.word if found else "") == word


def test_objects_are_known_in_later_cells() -> None:
    cells = [LOAD, "model.half()", "x = = 1", "model.lm_head"]
    analysis = analyse_notebook([Cell(number, "code", text) for number, text in enumerate(cells)])
    assert text_of(analysis.object_at(3, 0, 8)) == "o/m model lm_head as float16"
    assert text_of(analysis.object_at(3, 0, 2)) == "o/m model as float16"
    assert text_of(analysis.object_at(1, 0, 2)) == "o/m model"
