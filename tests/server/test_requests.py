"""The arguments of a loading call → what is asked of the inspector."""

from __future__ import annotations

from pathlib import Path

import pytest

from model_loupe.documents import Reference, Span, analyse_python
from model_loupe.inspector import LoadOptions, ModelRequest
from model_loupe.lsp.requests import ask, ask_by_name, base_folder, call_options, load_options

SPAN = Span(0, 0, 0, 1)


def reference(model: str | None, kind: str = "hub", **kwargs: str) -> Reference:
    return Reference(None, SPAN, SPAN, "AutoModel.from_pretrained", "pos0", model, kind, 1.0, kwargs, "model")


def test_literals_that_decide_which_files_are_meant_are_passed_on() -> None:
    call = reference(
        "a/b", revision="'v1'", subfolder='"s"', variant="'f' 'p16'", cache_dir="'/cache'", token="T"
    )
    asked = ask(call, ())
    assert asked is not None
    assert asked.request == ModelRequest("a/b", "v1", "s", "fp16", "/cache", None)
    assert asked.unknown == ()


@pytest.mark.parametrize("source", ["REVISION", "f'v{n}'", "args.revision", "3", "(", "", "b'v1'"])
def test_arguments_that_are_no_text_are_named_as_unknown(source: str) -> None:
    asked = ask(reference("a/b", revision=source), ())
    assert asked is not None
    assert asked.request.revision is None
    assert asked.unknown == ("revision",)


@pytest.mark.parametrize("source", ["None", "''"])
def test_none_and_nothing_are_the_default(source: str) -> None:
    asked = ask(reference("a/b", subfolder=source), ())
    assert asked is not None
    assert asked.request == ModelRequest("a/b")
    assert asked.unknown == ()


def test_a_call_without_a_known_model_asks_nothing() -> None:
    assert ask(reference(None), ()) is None


@pytest.mark.parametrize(
    ("kwargs", "options"),
    [
        ({}, LoadOptions()),
        ({"dtype": "'auto'"}, LoadOptions("auto")),
        ({"torch_dtype": "torch.bfloat16"}, LoadOptions("bfloat16")),
        ({"torch_dtype": "th.half"}, LoadOptions("float16")),
        ({"torch_dtype": "'float16'"}, LoadOptions("float16")),
        ({"torch_dtype": "None"}, LoadOptions("None")),
        ({"dtype": "torch.float32", "torch_dtype": "torch.float16"}, LoadOptions("float32")),
        ({"dtype": "None", "torch_dtype": "torch.float16"}, LoadOptions("float16")),
        ({"dtype": "DTYPE"}, LoadOptions(None, dtype_known=False)),
        ({"dtype": "torch.bfloat16 if cuda else torch.float32"}, LoadOptions(None, dtype_known=False)),
        ({"dtype": "{'': 'float16'}"}, LoadOptions(None, dtype_known=False)),
        ({"dtype": "model.dtype"}, LoadOptions(None, dtype_known=False)),
        ({"dtype": "'nonsense'"}, LoadOptions(None, dtype_known=False)),
        ({"dtype": ")"}, LoadOptions(None, dtype_known=False)),
        ({"**": "settings"}, LoadOptions(None, dtype_known=False)),
        ({"**": "settings", "dtype": "'auto'"}, LoadOptions("auto")),
    ],
)
def test_the_load_dtype(kwargs: dict[str, str], options: LoadOptions) -> None:
    assert load_options(kwargs) == options


def test_a_relative_name_starts_from_the_first_folder_that_has_it(tmp_path: Path) -> None:
    near, far = str(tmp_path / "near"), str(tmp_path / "far")
    (tmp_path / "near").mkdir()
    (tmp_path / "far" / "org" / "model").mkdir(parents=True)
    assert base_folder("org/model", (near, far), is_hub_id=True) == far
    assert base_folder("./org/model", (near, far), is_hub_id=False) == far
    assert base_folder("./gone", (near, far), is_hub_id=False) == near
    assert base_folder("org/gone", (near, far), is_hub_id=True) is None
    assert base_folder("/abs/olute", (near, far), is_hub_id=False) is None
    assert base_folder("~/model", (near, far), is_hub_id=False) is None
    assert base_folder("\0", (near,), is_hub_id=False) == near
    assert base_folder("./x", (), is_hub_id=False) is None


def test_a_relative_cache_starts_from_the_document(tmp_path: Path) -> None:
    folder = str(tmp_path)
    asked = ask(reference("a/b", cache_dir="'cache'"), (folder,))
    assert asked is not None
    assert asked.request.cache_dir == str(tmp_path / "cache")


def test_a_name_that_no_call_uses(tmp_path: Path) -> None:
    folder = str(tmp_path)
    assert ask_by_name("./x", (folder,)).request == ModelRequest("./x", base=folder)
    assert ask_by_name("a/b", (folder,)).request == ModelRequest("a/b")


def options_of(call: str) -> LoadOptions:
    (reference,) = analyse_python(f"from transformers import *\nimport torch\nx = {call}").references
    return call_options(reference)


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (
            "AutoModelForSequenceClassification.from_pretrained('a/b', num_labels=3)",
            LoadOptions(builder="AutoModelForSequenceClassification", overrides=(("num_labels", 3),)),
        ),
        (
            "AutoModel.from_pretrained('a/b', num_labels=len(labels), config=cfg, cache_dir=d)",
            LoadOptions(builder="AutoModel", unknown=("num_labels", "config")),
        ),
        (
            "AutoModel.from_pretrained('a/b', id2label={0: 'a'}, ignore_mismatched_sizes=True)",
            LoadOptions(builder="AutoModel", unknown=("id2label",), takes_any_shape=True),
        ),
        (
            "pipeline('text-generation', model='a/b', model_kwargs={'torch_dtype': torch.float16})",
            LoadOptions("float16", builder="pipeline", task="text-generation"),
        ),
        (
            "AutoModel.from_pretrained('a/b', load_in_4bit=True, device_map='auto', token=t)",
            LoadOptions(builder="AutoModel", quantized=True, device_map="auto"),
        ),
    ],
)
def test_what_a_call_builds(call: str, expected: LoadOptions) -> None:
    assert options_of(call) == expected
