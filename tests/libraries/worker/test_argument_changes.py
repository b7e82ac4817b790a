"""What became of loading arguments is what the installed transformers does with them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import transformers

from model_loupe.diagnostics.argument_changes import CHANGES, change_of
from model_loupe.inspector.auto_classes import auto_class_of
from tests.libraries.worker.tiny import MODELS, saved

VERSION = tuple(int(part) for part in transformers.__version__.split(".")[:3] if part.isdecimal())
NAMES = sorted({change.name for change in CHANGES})
# What is not False, None or "auto" would need a GPU, a token or other weights.
VALUES = {
    "dtype": "auto",
    "torch_dtype": "auto",
    "use_auth_token": None,
    "mirror": "tuna",
    "resume_download": True,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved("llama", "float32", tmp_path_factory.mktemp("checkpoints"))


@pytest.mark.parametrize("name", NAMES)
def test_models(name: str, folder: Path) -> None:
    """A removed argument, and one that is not known yet, are a TypeError; any other is taken."""
    change = change_of(name, "model", VERSION)
    arguments = {name: VALUES.get(name, False)}
    if change is not None and change.state in ("removed", "unknown"):
        with pytest.raises(TypeError, match=name):
            transformers.AutoModelForCausalLM.from_pretrained(folder, **arguments)
    else:
        transformers.AutoModelForCausalLM.from_pretrained(folder, **arguments)


@pytest.mark.parametrize("name", NAMES)
def test_configs_take_all_of_them(name: str, folder: Path) -> None:
    change = change_of(name, "config", VERSION)
    assert change is None or change.state in ("deprecated", "ignored")
    transformers.AutoConfig.from_pretrained(folder, **{name: VALUES.get(name, False)})


def _auto_classes() -> list[tuple[str, str]]:
    """Model types of the installed version, each with an Auto class that takes it."""
    return [
        (model_type, auto)
        for model_type, (auto, _) in MODELS.items()
        if model_type in transformers.CONFIG_MAPPING
        and hasattr(mapping := getattr(transformers, auto, None), "_model_mapping")
        and transformers.CONFIG_MAPPING[model_type] in mapping._model_mapping
    ]


def test_there_are_auto_classes_to_ask() -> None:
    assert len(_auto_classes()) > 20


@pytest.mark.parametrize(("model_type", "auto"), _auto_classes())
def test_auto_class(model_type: str, auto: str) -> None:
    """The Auto class that the source is read to name for a class is one that makes this class."""
    config_class = transformers.CONFIG_MAPPING[model_type]
    [made, *_] = _made(auto, config_class)
    found = auto_class_of(made.__name__, model_type, sys.executable)
    assert found is not None
    assert made in _made(found, config_class)


def _made(auto: str, config_class: type) -> list[type]:
    """The classes that an Auto class makes of a config."""
    made = getattr(transformers, auto)._model_mapping[config_class]
    return list(made) if isinstance(made, (list, tuple)) else [made]
