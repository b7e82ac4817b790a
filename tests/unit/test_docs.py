"""The reference is what its tables say now."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from model_loupe.demo.checkpoint import write_small_gemma
from model_loupe.lsp.settings import Settings, parse
from tests.support.checkpoints import SMALL_CONFIG, small_gemma_tensors, write_checkpoint

DOCS = Path(__file__).parents[2] / "docs"


def _maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_docs", DOCS / "make.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MAKER = _maker()
PAGES: dict[str, str] = MAKER.pages()
FIELDS = MAKER.ANSWERS


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_up_to_date(name: str) -> None:
    assert (DOCS / "reference" / name).read_text() == PAGES[name], "`make docs` writes it anew"


def test_jupyterlab_s_settings_are_up_to_date() -> None:
    assert MAKER.LAB_SETTINGS.read_text() == MAKER.lab_settings(), "`make docs` writes them anew"


def test_the_server_understands_every_default_of_jupyterlab_s_settings() -> None:
    properties = json.loads(MAKER.lab_settings())["properties"]
    assert parse({name: setting["default"] for name, setting in properties.items()}) == (Settings(), [])


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    write_small_gemma(str(folder / "gemma"))
    write_checkpoint(folder / "sharded", SMALL_CONFIG, small_gemma_tensors(), shards=2)
    packed = {"quantization_config": {"quant_method": "gptq", "bits": 4, "group_size": 32}}
    name = "model.layers.0.mlp.up_proj"
    tensors = [(f"{name}.qweight", "I32", [8, 128]), (f"{name}.scales", "F16", [2, 128])]
    write_checkpoint(folder / "packed", {**SMALL_CONFIG, **packed}, tensors)
    return folder


@pytest.mark.parametrize("model", ["gemma", "sharded", "packed"])
def test_inspect_s_fields_are_documented(model: str, models: Path) -> None:
    answer = _answer("inspect", "--json", "--tree", str(models / model))
    assert _undocumented(answer, "inspect") == []
    assert len(_paths(answer)) > 90


def test_cast_s_fields_are_documented(models: Path) -> None:
    answer = _answer("cast", str(models / "gemma"), "--to", "float16,nf4,int8", "--json", "--tensors")
    assert _undocumented(answer, "cast") == []


def test_scan_s_fields_are_documented(tmp_path: Path) -> None:
    code = 'from transformers import AutoModel\nAutoModel.from_pretrained("org/base", dtype="auto")\n'
    (tmp_path / "a.py").write_text(code)
    answer = _answer("scan", str(tmp_path), "--json")
    assert answer and _undocumented(answer, "scan") == []


def _answer(*arguments: str) -> Any:
    ran = subprocess.run(
        [sys.executable, "-m", "model_loupe", *arguments], capture_output=True, text=True, check=True
    )
    return json.loads(ran.stdout)


KINDS = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", float: "number"}
# What stands there as it is in the model's own files.
OPAQUE = ("config", "quantization.config")


def _paths(value: Any, path: str = "") -> set[tuple[str, str]]:
    """Every field of an answer with the type that it has; those of a tree's nodes once."""
    path = re.sub(r"^tree(\.children\[\])+", "tree", path)
    found = {(path, KINDS.get(type(value), "null"))}
    if isinstance(value, dict) and path not in OPAQUE:
        for name, each in value.items():
            found |= _paths(each, f"{path}.{name}".removeprefix("."))
    elif isinstance(value, list):
        for each in value:
            found |= _paths(each, f"{path}[]")
    return found


def _undocumented(answer: Any, command: str) -> list[tuple[str, str]]:
    fields = {field.path: field.kinds for field in FIELDS[command][1]}
    fields |= {"": ("object", "array"), "tree.children[]": ("object",)}

    def is_documented(path: str, kind: str) -> bool:
        kinds = fields.get(path) or fields.get(f"{path.rpartition('.')[0]}.*") or fields.get(_any_key(path))
        return kinds is not None and (kind in kinds or (kind == "integer" and "number" in kinds))

    return sorted(each for each in _paths(answer) if not is_documented(*each))


def _any_key(path: str) -> str:
    """``a.by_dtype.float16.bytes`` as ``a.by_dtype.*.bytes``."""
    above, _, name = path.rpartition(".")
    return f"{above.rpartition('.')[0]}.*.{name}"


def test_there_is_no_other_page() -> None:
    assert {path.name for path in (DOCS / "reference").iterdir()} == set(PAGES)


NOTEBOOK = (DOCS / "notebook.md").read_text()


@pytest.mark.parametrize("named", sorted(set(re.findall(r"`(tests/[\w/]+\.py::test_\w+)`", NOTEBOOK))))
def test_the_notebook_s_cells_are_kept_by_tests_that_exist(named: str) -> None:
    path, _, function = named.partition("::")
    tree = ast.parse((DOCS.parent / path).read_text())
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    assert function in {node.name for node in tree.body if isinstance(node, functions)}


@pytest.mark.parametrize(
    ("heading", "table", "count"),
    [
        ("## The 27 fields of the config", "GEMMA", 27),
        ("## The 18 arguments of from_pretrained", "ARGUMENTS", 18),
    ],
)
def test_the_notebook_s_names_are_those_that_are_tested(heading: str, table: str, count: int) -> None:
    """The lists of the page are the keys that ``tests/libraries/worker`` goes through."""
    listed = re.findall(r"`(\w+)`", NOTEBOOK.partition(heading)[2].partition("##")[0])
    tree = ast.parse((DOCS.parent / "tests" / "libraries" / "worker" / "test_documentation.py").read_text())
    dicts = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, (ast.Assign, ast.AnnAssign))
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name) and isinstance(node.value, ast.Dict)
    }
    tested = [key.value for key in dicts[table].keys if isinstance(key, ast.Constant)]
    assert sorted(listed) == sorted(tested)
    assert len(listed) == count
