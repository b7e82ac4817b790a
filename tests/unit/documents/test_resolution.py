"""Where names come from, in code as people write it: grouped by form, all that the text allows beside it.

``«…»`` marks the range of the argument that names the model. The expectation lists every candidate, the
likeliest first; none where the name cannot be known.
"""

from __future__ import annotations

import pytest

from model_loupe.documents import Cell, analyse_notebook, analyse_python
from tests.unit.documents.test_references import marked

LOAD = "AutoModel.from_pretrained"
CASES: dict[str, list[tuple[str, list[str]]]] = {
    "branches": [
        (f"n = 'a'\nif x:\n  n = 'b'\n{LOAD}(«n»)", ["b", "a"]),
        (f"if x:\n  n = 'a'\nelse:\n  n = 'b'\n{LOAD}(«n»)", ["b", "a"]),
        (f"if x: n = 'a'\nelif y: n = 'b'\nelse: n = 'c'\n{LOAD}(«n»)", ["c", "b", "a"]),
        (f"n = 'old'\nn = 'a'\nif x:\n  n = 'b'\n{LOAD}(«n»)", ["b", "a"]),
        (f"try:\n  n = 'a'\nexcept E:\n  n = 'b'\n{LOAD}(«n»)", ["b", "a"]),
        (f"{LOAD}(«'a' if x else 'b'»)", ["a", "b"]),
        (f"n = 'a' if x else 'b' if y else 'c'\n{LOAD}(«n»)", ["a", "b", "c"]),
        (f"{LOAD}(«args.t if args.t else 'b'»)", ["b"]),
        (f"s = 'a' if x else 'b'\n{LOAD}(«f'o/{{s}}'»)", ["o/a", "o/b"]),
        (f"{LOAD}(«given or 'a' or 'b'»)", ["a", "b"]),
        (f"match k:\n  case 1: n = 'a'\n  case _: n = 'b'\n{LOAD}(«n»)", ["b", "a"]),
        (f"n = None\nif x:\n  n = 'b'\n{LOAD}(«n»)", ["b"]),
    ],
    "loops": [
        (f"for n in ['a', 'b']:\n  {LOAD}(«n»)", ["b", "a"]),
        (f"names = ['a', 'b']\nfor n in names:\n  {LOAD}(«n»)", ["b", "a"]),
        (f"for i, n in enumerate(['a', 'b']):\n  {LOAD}(«n»)", ["b", "a"]),
        (f"for n in tqdm(('a', 'b')):\n  {LOAD}(«n»)", ["b", "a"]),
        (f"for n, k in [('a', 1), ('b', 2)]:\n  {LOAD}(«n»)", ["b", "a"]),
        (f"for n, k in zip(['a', 'b'], [1, 2]):\n  {LOAD}(«n»)", ["b", "a"]),
        (f"d = {{'x': 'a', 'y': 'b'}}\nfor k, n in d.items():\n  {LOAD}(«n»)", ["b", "a"]),
        (f"d = {{'a': 1, 'b': 2}}\nfor n in d:\n  {LOAD}(«n»)", ["b", "a"]),
        (f"d = {{'a': 1, 'b': 2}}\nfor n, k in d.items():\n  {LOAD}(«n»)", ["b", "a"]),
        (f"d = dict(x='a')\nfor n in d.values():\n  {LOAD}(«n»)", []),
        (f"for n in {{'x': 'a'}}.values():\n  {LOAD}(«n»)", ["a"]),
        (f"for c in [{{'id': 'a'}}, {{'id': 'b'}}]:\n  {LOAD}(«c['id']»)", ["b", "a"]),
        (f"for s in ['7b', '13b']:\n  {LOAD}(«f'm/l-{{s}}'»)", ["m/l-13b", "m/l-7b"]),
        (f"ms = [{LOAD}(«n») for n in ['a', 'b']]", ["b", "a"]),
        (f"ms = {{n: {LOAD}(«n») for n in ('a', 'b')}}", ["b", "a"]),
        (f"for n in ['a'] + ['b']:\n  {LOAD}(«n»)", ["b", "a"]),
        (f"for n in sorted(['a', 'b'])[:1]:\n  {LOAD}(«n»)", ["b", "a"]),
        (f"names = []\nfor n in names:\n  {LOAD}(«n»)", []),
    ],
    "comprehensions": [
        (f"ns = [f'o/{{s}}' for s in ('1b', '7b')]\nfor n in ns:\n  {LOAD}(«n»)", ["o/7b", "o/1b"]),
        (f"ns = [n for n in ('a', 'b')]\n{LOAD}(«ns[0]»)", ["b", "a"]),
        (f"d = {{k: f'o/{{k}}' for k in ('a', 'b')}}\n{LOAD}(«d[x]»)", ["o/b", "o/a"]),
        (f"d = {{f'o/{{k}}': k for k in ('a',)}}\nfor n in d:\n  {LOAD}(«n»)", ["o/a"]),
        (f"{LOAD}(«next(n for n in ('a', 'b') if ok(n))»)", ["b", "a"]),
        (f"ns = [read(n) for n in ('a', 'b')]\n{LOAD}(«ns[0]»)", []),
    ],
    "records": [
        (f"class M:\n  s: int\n  id: str\nm = M(1, 'o/a')\n{LOAD}(«m.id»)", ["o/a"]),
        (f"class M:\n  id: str\nfor m in [M('a'), M(id='b')]:\n  {LOAD}(«m.id»)", ["b", "a"]),
        (f"class M:\n  s: int\n  id: str = 'd'\nm = M(1)\n{LOAD}(«m.id»)", ["d"]),
    ],
    "downloads": [
        (f"p = snapshot_download('o/a')\n{LOAD}(«p»)", ["o/a"]),
        (f"n = 'o/a'\np = snapshot_download(repo_id=n, revision='x')\n{LOAD}(«p»)", ["o/a"]),
        (f"p = snapshot_download('o/a', repo_type='dataset')\n{LOAD}(«p»)", []),
        (f"{LOAD}(«snapshot_download('o/a', local_dir='d')»)", ["d"]),
    ],
    "forms": [
        (f"n = st.selectbox('m', ['a', 'b'])\n{LOAD}(«n»)", ["b", "a"]),
    ],
    "items": [
        (f"d = {{'m': {{'name': 'a'}}}}\n{LOAD}(«d['m']['name']»)", ["a"]),
        (f"d = {{'m': {{'name': 'a'}}}}\nc = d['m']\n{LOAD}(«c['name']»)", ["a"]),
        (f"d = {{'small': 'a', 'big': 'b'}}\nk = 'big'\n{LOAD}(«d[k]»)", ["b"]),
        (f"d = {{'small': 'a', 'big': 'b'}}\n{LOAD}(«d[size]»)", ["b", "a"]),
        (f"d = {{'m': 'a'}}\n{LOAD}(«d.get('m')»)", ["a"]),
        (f"d = {{}}\n{LOAD}(«d.get('m', 'a')»)", ["a"]),
        (f"d = {{'k': 1, **{{'m': 'a'}}}}\n{LOAD}(«d['m']»)", ["a"]),
        (f"base = {{'m': 'a'}}\nd = {{**base, 'k': 1}}\n{LOAD}(«d['m']»)", ["a"]),
        (f"d = base | {{'m': 'a'}}\n{LOAD}(«d['m']»)", ["a"]),
        (f"xs = ['a', 'b']\n{LOAD}(«xs[-1]»)", ["b"]),
        (f"xs = [('a', 1), ('b', 2)]\n{LOAD}(«xs[0][0]»)", ["a"]),
        (f"a, b = pair = ('x', 'y')\n{LOAD}(«b»)", ["y"]),
        (f"pair = ('x', 'y')\na, b = pair\n{LOAD}(«b»)", ["y"]),
        (f"c = edict({{'m': 'a'}})\n{LOAD}(«c.m»)", ["a"]),
        (f"c = OmegaConf.create({{'model': {{'name': 'a'}}}})\n{LOAD}(«c.model.name»)", ["a"]),
        (f"c = SimpleNamespace(m='a')\n{LOAD}(«c.m»)", ["a"]),
        (f"d = {{'m': 'a'}}\nc = Namespace(**d)\n{LOAD}(«c.m»)", ["a"]),
        (f"xs = ['a', 'b']\n{LOAD}(«random.choice(xs)»)", ["b", "a"]),
        (f"d = {{'m': 'a'}}\nd['m'] = 'b'\n{LOAD}(«d['m']»)", ["b"]),
    ],
    "functions": [
        (f"def f(n='a'):\n  {LOAD}(«n»)\nf('b')\nf('c')", ["a", "c", "b"]),
        (f"def f(n):\n  {LOAD}(«n»)\nf('a')\nf('b')", ["b", "a"]),
        (f"def f(n):\n  {LOAD}(«n»)\nfor x in ['a', 'b']:\n  f(x)", ["b", "a"]),
        (f"def f(n):\n  {LOAD}(«n»)\nd = {{'n': 'a'}}\nf(**d)", ["a"]),
        (f"def f(n):\n  g(n)\ndef g(m):\n  {LOAD}(«m»)\nf('a')", ["a"]),
        (f"def name():\n  return 'a'\n{LOAD}(«name()»)", ["a"]),
        (f"def name(big):\n  if big:\n    return 'a'\n  return 'b'\n{LOAD}(«name(1)»)", ["a", "b"]),
        (f"def names():\n  return 'a', 'b'\nx, y = names()\n{LOAD}(«y»)", ["b"]),
        (f"def config():\n  return {{'m': 'a'}}\n{LOAD}(«config()['m']»)", ["a"]),
        (f"def f(c):\n  {LOAD}(«c['m']»)\nf({{'m': 'a'}})", ["a"]),
        (f"def f(c):\n  {LOAD}(«c.m»)\nf(Config(m='a'))", ["a"]),
        (f"f = lambda n: {LOAD}(«n»)", []),
        (f"async def f(n):\n  {LOAD}(«n»)\nasync def g():\n  await f('a')", ["a"]),
        (f"@pytest.mark.parametrize('n', ['a', 'b'])\ndef test(n):\n  {LOAD}(«n»)", ["b", "a"]),
        (f"@pytest.mark.parametrize('k,n', [(1, 'a')])\ndef test(k, n):\n  {LOAD}(«n»)", ["a"]),
        (f"@pytest.mark.parametrize('n', [pytest.param('a', id='x')])\ndef test(n):\n  {LOAD}(«n»)", ["a"]),
        (
            f"@pytest.mark.parametrize('n,k', [pytest.param('a', 1)])\ndef test(n, k):\n  {LOAD}(«n»)",
            ["a"],
        ),
        (f"kw = dict(model_name_or_path='a', dtype='auto')\n{LOAD}(**«kw»)", ["a"]),
    ],
    "classes": [
        (f"class A:\n  n = 'a'\nclass B(A):\n  def f(self):\n    {LOAD}(«self.n»)", ["a"]),
        (f"class A:\n  n = 'a'\nclass B(A):\n  pass\n{LOAD}(«B.n»)", ["a"]),
        (
            f"class C:\n  @property\n  def n(self):\n    return 'a'\n  def f(self):\n    {LOAD}(«self.n»)",
            ["a"],
        ),
        (f"class C:\n  def n(self):\n    return 'a'\n  def f(self):\n    {LOAD}(«self.n()»)", ["a"]),
        (
            f"class C:\n  def __init__(self, n):\n    self.n = n\n  def f(self):\n    {LOAD}(«self.n»)\n"
            "C('a')\nC(n='b')",
            ["b", "a"],
        ),
        (
            f"class C:\n  def __init__(self, n):\n    self.n = n\nc = C('a')\n{LOAD}(«c.n»)",
            ["a"],
        ),
        (
            "class M(LightningModule):\n  def __init__(self, n='a'):\n    self.save_hyperparameters()\n"
            f"    self.net = {LOAD}(«self.hparams.n»)",
            ["a"],
        ),
        (
            "class T:\n  def __init__(self, config):\n    self.config = config\n"
            f"    {LOAD}(«self.config.m»)\nclass Config:\n  m: str = 'a'\nT(Config())",
            ["a"],
        ),
        (f"class B:\n  def f(self):\n    {LOAD}(«self.n»)\nclass A(B):\n  n = 'a'", ["a"]),
        (
            f"class B:\n  def f(self):\n    {LOAD}(«self.n»)\nclass A(B):\n  n = 'a'\nclass C(B):\n  n = 'b'",
            ["b", "a"],
        ),
        (f"class CFG:\n  model = 'a'\n{LOAD}(«CFG.model»)", ["a"]),
        (f"class CFG:\n  model = 'a'\ncfg = CFG()\n{LOAD}(«cfg.model»)", ["a"]),
        (f"class CFG:\n  model = 'a'\ncfg = CFG\n{LOAD}(«cfg.model»)", ["a"]),
        (f"class C(BaseModel):\n  m: str = Field('a', description='x')\nc = C()\n{LOAD}(«c.m»)", ["a"]),
        (f"class C:\n  m: str = field(default='a')\ndef f(c: C):\n  {LOAD}(«c.m»)", ["a"]),
        (f"class E(Enum):\n  SMALL = 'a'\n  BIG = 'b'\n{LOAD}(«E.BIG.value»)", ["b"]),
    ],
    "options": [
        (f"p.add_argument('--model', default='a')\nargs = p.parse_args()\n{LOAD}(«args.model»)", ["a"]),
        (f"p.add_argument('--model')\nargs = p.parse_args(['--model', 'a'])\n{LOAD}(«args.model»)", ["a"]),
        (f"p.add_argument('-m', '--model-id', default='a')\n{LOAD}(«parse().model_id»)", ["a"]),
        (f"p.add_argument('--m', default='a')\nd = vars(p.parse_args())\n{LOAD}(«d['m']»)", ["a"]),
        (f"p.add_argument('--m', default='a')\n{LOAD}(«getattr(args, 'm')»)", ["a"]),
        (f"p.add_argument('--m')\np.set_defaults(m='a')\nargs = p.parse_args()\n{LOAD}(«args.m»)", ["a"]),
        (f"M = 'a'\np.add_argument('--m', default=M)\ndef f(args):\n  {LOAD}(«args.m»)", ["a"]),
        (f"def main(m: str = typer.Option('a', help='x')):\n  {LOAD}(«m»)", ["a"]),
        (f"def main(m: Annotated[str, typer.Option()] = 'a'):\n  {LOAD}(«m»)", ["a"]),
        (f"@click.option('--model-id', default='a')\ndef main(model_id):\n  {LOAD}(«model_id»)", ["a"]),
        (f"flags.DEFINE_string('m', 'a', 'help')\n{LOAD}(«FLAGS.m»)", ["a"]),
        (f"m = st.text_input('Model', 'a')\n{LOAD}(«m»)", ["a"]),
        (
            "class A:\n  model_name_or_path: str = field(default='a')\n"
            "m, d = HfArgumentParser((A, D)).parse_args_into_dataclasses()\n"
            f"{LOAD}(«m.model_name_or_path»)",
            ["a"],
        ),
        (
            "class A:\n  name: str = field(metadata={'help': 'x'})\n"
            f"a, = HfArgumentParser(A).parse_args_into_dataclasses()\n{LOAD}(«a.name»)",
            [],
        ),
    ],
    "environment": [
        (f"{LOAD}(«os.environ.get('M', 'a')»)", ["a"]),
        (f"{LOAD}(«os.getenv('M', default='a')»)", ["a"]),
        (f"os.environ['M'] = 'a'\n{LOAD}(«os.environ['M']»)", ["a"]),
        (f"os.environ['M'] = 'a'\n{LOAD}(«os.environ.get('M')»)", ["a"]),
        (f"{LOAD}(«os.environ['M']»)", []),
        (f"{LOAD}(«os.environ.get('M') or 'a'»)", ["a"]),
        (f"{LOAD}(«os.environ.get('M', '')»)", []),
    ],
    "strings and paths": [
        (f"o, m = 'a', 'b'\n{LOAD}(«'{{}}/{{}}'.format(o, m)»)", ["a/b"]),
        (f"{LOAD}(«'{{1}}/{{0}}'.format('b', 'a')»)", ["a/b"]),
        (f"{LOAD}(«'{{o}}/b'.format(o='a')»)", ["a/b"]),
        (f"{LOAD}(«'%s/%s' % ('a', 'b')»)", ["a/b"]),
        (f"{LOAD}(«'/'.join(['a', 'b'])»)", ["a/b"]),
        (f"d = Path('/m')\n{LOAD}(«str(d / 'x' / 'y')»)", ["/m/x/y"]),
        (f"d = Path('/m')\n{LOAD}(«d.joinpath('x')»)", ["/m/x"]),
        (f"{LOAD}(«os.path.join(ROOT, 'x')»)\nROOT = '/m'", ["/m/x"]),
        (f"ROOT = '/m'\nP = os.path.join(ROOT, 'x')\n{LOAD}(«P»)", ["/m/x"]),
        (f"{LOAD}(«'A/B'.lower()»)", ["a/b"]),
        (f"{LOAD}(«'a/b@main'.split('@')[0]»)", ["a/b"]),
        (f"n = 'a/b'\n{LOAD}(«f'{{n.split(\"/\")[-1]}}-tuned'»)", ["b-tuned"]),
    ],
}
FLAT = [
    (f"{group}: {snippet[:80]!r}", snippet, expected)
    for group, cases in CASES.items()
    for snippet, expected in cases
]


@pytest.mark.parametrize(("snippet", "expected"), [case[1:] for case in FLAT], ids=[case[0] for case in FLAT])
def test_candidates(snippet: str, expected: list[str]) -> None:
    code, span = marked(snippet)
    (found,) = [found for found in analyse_python(code).references if found.role != "file"]
    assert tuple(found.span) == span
    assert found.model == (expected[0] if expected else None)
    assert list(found.candidates) == (expected if len(expected) > 1 else [])


def test_several_names_are_less_sure_than_one() -> None:
    one, several = (
        analyse_python(f"n = {value}\nAutoModel.from_pretrained(n)").references[0].confidence
        for value in ("'a'", "'a' if x else 'b'")
    )
    assert 0 < several < one


MODULES = {
    "config": "MODEL = 'a/b'\nclass Config:\n    model: str = 'c/d'\ncfg = Config()\nnames = {'m': 'e/f'}",
    "package.settings": "from package.names import NAME\n",
    "package.names": "NAME = 'g/h'",
    ".near": "HERE = 'i/j'\ndef default():\n    return HERE",
    ".": "",
    "loop": "from loop import N",
}
IMPORTS = [
    ("from config import MODEL\nload(MODEL)", "a/b"),
    ("from config import MODEL as M\nload(M)", "a/b"),
    ("import config\nload(config.MODEL)", "a/b"),
    ("import config as c\nload(c.MODEL)", "a/b"),
    ("from config import Config\nload(Config.model)", "c/d"),
    ("from config import Config\nload(Config().model)", "c/d"),
    ("from config import cfg\nload(cfg.model)", "c/d"),
    ("from config import names\nload(names['m'])", "e/f"),
    ("import package.names\nload(package.names.NAME)", "g/h"),
    ("from package import names\nload(names.NAME)", "g/h"),
    ("from package.settings import NAME\nload(NAME)", "g/h"),
    ("from .near import HERE\nload(HERE)", "i/j"),
    ("from . import near\nload(near.HERE)", "i/j"),
    ("from .near import default\nload(default())", "i/j"),
    ("from config import Config\nclass Mine(Config): pass\nload(Mine.model)", "c/d"),
    ("from nowhere import MODEL\nload(MODEL)", None),
    ("from loop import N\nload(N)", None),
]


@pytest.mark.parametrize(("code", "expected"), IMPORTS)
def test_names_of_imported_modules(code: str, expected: str | None) -> None:
    analysis = analyse_python(code.replace("load(", "AutoModel.from_pretrained("), MODULES.get)
    assert [found.model for found in analysis.references] == [expected]
    assert analysis.modules


def test_modules_are_asked_for_only_when_a_name_leads_there() -> None:
    analysis = analyse_python("import config\nAutoModel.from_pretrained('gpt2')", MODULES.get)
    assert analysis.modules == ()


def test_a_file_that_a_cell_writes_is_a_module_of_its_own() -> None:
    cells = [
        "n = 'a/1'",
        "%%writefile train.py\nn = 'a/2'\nAutoModel.from_pretrained(n)",
        "AutoModel.from_pretrained(n)",
        "import train\nAutoModel.from_pretrained(train.n)",
    ]
    found = analyse_notebook([Cell(number, "code", text) for number, text in enumerate(cells)]).references
    assert [(reference.cell, reference.call.line, reference.model) for reference in found] == [
        (1, 2, "a/2"),
        (2, 0, "a/1"),
        (3, 1, "a/2"),
    ]
