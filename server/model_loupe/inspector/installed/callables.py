"""The arguments that a call takes in the installed version, and what that says of each."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from model_loupe.inspector.installed.classes import Class, Field, class_named, parameters_of
from model_loupe.inspector.installed.configs import config_class, field_doc, model_types
from model_loupe.inspector.installed.docstrings import Documented, documented_arguments
from model_loupe.inspector.installed.packages import Folders, defining_module, outline_of, package_folder

PACKAGES = ("transformers", "peft", "accelerate", "trl", "diffusers", "sentence_transformers", "optimum")
"""Whose calls are explained; of names that no import brings the first that has it."""

_AUTO_FACTORY = "transformers.models.auto.auto_factory"
_CONFIGS = "transformers.configuration_utils"
_MODELS = "transformers.modeling_utils"
_TOKENIZERS = "transformers.tokenization_utils_base"
_HOMES = {
    "PreTrainedModel": _MODELS,
    "PreTrainedTokenizerBase": _TOKENIZERS,
    "AutoTokenizer": "transformers.models.auto.tokenization_auto",
    "AutoConfig": "transformers.models.auto.configuration_auto",
    "BitsAndBytesConfig": "transformers.utils.quantization_config",
    "GenerationConfig": "transformers.generation.configuration_utils",
    "pipeline": "transformers.pipelines",
}
_TOKENIZER_TEXTS = {"from_pretrained": ("INIT_TOKENIZER_DOCSTRING",)}
_ENCODING_TEXTS = ("ENCODE_KWARGS_DOCSTRING", "ENCODE_PLUS_ADDITIONAL_KWARGS_DOCSTRING")
_POPPED = re.compile(r"kwargs\.(?:pop|get)\(\"(\w+)\"")
_DROPPED = re.compile(r"for \w+ in \[([^\]]+)\]:\s+_ = kwargs\.pop")


class Callable(NamedTuple):
    """What a call takes. ``parameters`` in the order of the definition, then those that are described alone.

    ``ignored`` are accepted for old code and without effect; ``accepted`` are taken without a word.
    """

    name: str
    parameters: dict[str, Field]
    ignored: frozenset[str] = frozenset()
    accepted: frozenset[str] = frozenset()
    package: str = "transformers"

    @property
    def is_loading(self) -> bool:
        """Whether it loads a model, and passes on what it does not know itself."""
        owner, _, method = self.name.partition(".")
        return method == "from_pretrained" and not owner.endswith(("Config", "Tokenizer", "TokenizerFast"))


def callable_named(folders: Folders, callee: str) -> Callable | None:
    """What ``transformers.AutoModel.from_pretrained`` takes; None for what is not one of ``PACKAGES``."""
    package, _, rest = callee.partition(".")
    if package in PACKAGES:
        candidates = [(package, rest)] if rest else []
    elif "." in callee and not package[:1].isupper():
        return None
    else:
        candidates = [(each, callee) for each in PACKAGES]
    for each, name in candidates:
        found = _callable(folders, each, name) if package_folder(folders, each) else None
        if found is not None:
            return found._replace(package=each)
    return None


@lru_cache(maxsize=128)
def _callable(folders: Folders, package: str, name: str) -> Callable | None:
    *path, last = name.split(".")
    if path and path[-1][:1].isupper():
        return _method(folders, package, path[-1], last)
    place = _place(folders, ".".join([package, *path]), last)
    found = class_named(folders, *place) if place else _config_named(folders, last)
    if found is not None:
        return _with_described(name, dict(found.fields), found.described)
    outline = outline_of(folders, place[0]) if place else None
    function = outline.function(place[1]) if outline and place else None
    return _of_functions(name, [function]) if function else None


def _place(folders: Folders, module: str, name: str) -> tuple[str, str] | None:
    home = _HOMES.get(name) if module.startswith("transformers") else None
    return defining_module(folders, home or module, name) or defining_module(folders, module, name)


def _config_named(folders: Folders, name: str) -> Class | None:
    """``GemmaConfig``: transformers' own ``__init__`` imports such by a star."""
    model_type = next((each for each, owned in model_types(folders).items() if owned == name), None)
    found = config_class(folders, model_type) if model_type else None
    if found is None:
        return None
    docs = [field_doc(folders, found, each) for each in found.fields]
    said = {doc.name: Documented(doc.type, doc.text) for doc in docs if doc and doc.text}
    return found._replace(described={**said, **found.described})


def _method(folders: Folders, package: str, owner: str, method: str) -> Callable | None:
    name = f"{owner}.{method}"
    functions = list(_methods(folders, owner, method)) if package == "transformers" else []
    if functions:
        return _of_functions(name, functions, *_texts(folders, owner, method))
    place = _place(folders, package, owner)
    outline = outline_of(folders, place[0]) if place else None
    function = outline.method(place[1], method) if outline and place else None
    return _of_functions(name, [function]) if function else None


def _methods(folders: Folders, owner: str, method: str) -> Iterator[ast.FunctionDef]:
    """The methods that a class of transformers inherits, or passes its arguments on to, nearest first."""
    for module, name, each in _method_places(owner, method):
        outline = outline_of(folders, module)
        found = outline.method(name, each) if outline else None
        if found is not None:
            yield found


def _method_places(owner: str, method: str) -> list[tuple[str, str, str]]:
    if method == "generate":
        return [("transformers.generation.utils", "GenerationMixin", method)]
    if owner == "GenerationConfig":
        return [(_HOMES[owner], owner, method)]
    if "Tokenizer" in owner:
        return [(_HOMES["AutoTokenizer"], owner, method), (_TOKENIZERS, "PreTrainedTokenizerBase", method)]
    if owner.endswith("Config"):
        return [(_CONFIGS, name, method) for name in ("PreTrainedConfig", "PretrainedConfig")]
    if method in ("from_pretrained", "from_config"):
        return [(_MODELS, "PreTrainedModel", "_from_config" if method == "from_config" else method)]
    return [(_MODELS, "PreTrainedModel", method)] if owner == "PreTrainedModel" else []


def _texts(folders: Folders, owner: str, method: str) -> list[str]:
    """The texts that decorators and kwargs add to a method's own docstring."""
    if method == "generate":
        return _class_text(folders, "GenerationConfig")
    if "Tokenizer" in owner:
        return _constants(folders, _TOKENIZERS, *_TOKENIZER_TEXTS.get(method, _ENCODING_TEXTS))
    if owner.startswith("AutoModel"):
        name = "FROM_PRETRAINED_TORCH_DOCSTRING" if method == "from_pretrained" else "FROM_CONFIG_DOCSTRING"
        return _constants(folders, _AUTO_FACTORY, name)
    return []


def _constants(folders: Folders, module: str, *names: str) -> list[str]:
    outline = outline_of(folders, module)
    values = [outline.value(name) for name in names] if outline else []
    return [
        inspect.cleandoc(each.value)
        for each in values
        if isinstance(each, ast.Constant) and isinstance(each.value, str)
    ]


def _class_text(folders: Folders, name: str) -> list[str]:
    outline = outline_of(folders, _HOMES[name])
    node = outline.class_(name) if outline else None
    return [ast.get_docstring(node) or ""] if node else []


def _of_functions(name: str, functions: list[ast.FunctionDef], *texts: str) -> Callable:
    parameters: dict[str, Field] = {}
    described: dict[str, Documented] = {}
    ignored: set[str] = set()
    accepted: set[str] = set()
    for function in functions:
        source = ast.unparse(function).replace("'", '"')
        for field in parameters_of(function):
            parameters.setdefault(field.name, field)
        for argument, said in documented_arguments(ast.get_docstring(function)).items():
            described.setdefault(argument, said)
        for names in _DROPPED.findall(source):
            ignored.update(re.findall(r'"(\w+)"', names))
        accepted.update(_POPPED.findall(source))
    for text in texts:
        for argument, said in documented_arguments(text).items():
            described.setdefault(argument, said)
    known = _with_described(name, parameters, described)
    public = {each for each in accepted if not each.startswith("_")} - known.parameters.keys() - ignored
    return known._replace(ignored=frozenset(ignored), accepted=frozenset(public))


def _with_described(name: str, parameters: dict[str, Field], described: dict[str, Documented]) -> Callable:
    whole = {
        each.name: each._replace(documented=described.get(each.name, each.documented))
        for each in parameters.values()
    }
    for argument, said in described.items():
        if argument not in ("kwargs", "model_args", "args", "inputs"):
            whole.setdefault(argument, Field(argument, said.type.replace("`", ""), said.default, said))
    return Callable(name, whole)
