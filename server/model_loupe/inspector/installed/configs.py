"""The config classes of the installed transformers: which there are, and what their fields mean."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from model_loupe.inspector.installed.classes import Class, Field, class_named
from model_loupe.inspector.installed.docstrings import Documented, documented_arguments, plain_markdown
from model_loupe.inspector.installed.packages import Folders, module_path, outline_of

_AUTO = "transformers.models.auto"
_PAIR = re.compile(r'"([\w.-]+)"(?:,|:)\s*"(\w+Config)"')
_MODULE_PAIR = re.compile(r'"([\w.-]+)"(?:,|:)\s*"(\w+)"')
_SPECIAL = re.compile(r"^SPECIAL_MODEL_TYPE_TO_MODULE_NAME\b.*?^\)", re.MULTILINE | re.DOTALL)
_ROPE = ("rope_scaling", "rope_parameters")
# Configs whose documentation has words for what others of their kind leave without.
_WELL_DOCUMENTED = ("llama", "bert", "mixtral", "deepseek_v3", "deepseek_v2", "wav2vec2", "t5", "vit")
_ALSO_CALLED = {"torch_dtype": "dtype", "dtype": "torch_dtype", "pruned_heads": "prune_heads"}

Config = Mapping[str, object]
Parts = Sequence["str | int"]


class FieldDoc(NamedTuple):
    """A field of a config in the installed version. ``owner`` is the class that has it.

    ``text`` is Markdown, empty where nothing is said of it; ``default`` is source text.
    """

    name: str
    owner: str
    type: str
    default: str | None
    text: str


@lru_cache(maxsize=8)
def model_types(folders: Folders) -> dict[str, str]:
    """Model type → name of its config class."""
    found: dict[str, str] = {}
    for name in ("auto_mappings", "configuration_auto"):
        outline = outline_of(folders, f"{_AUTO}.{name}")
        found.update(_PAIR.findall(outline.text) if outline else ())
    found.pop("CONFIG_MAPPING", None)
    found.pop("MODEL_NAMES_MAPPING", None)
    return found


@lru_cache(maxsize=8)
def _special_modules(folders: Folders) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in ("auto_mappings", "configuration_auto"):
        outline = outline_of(folders, f"{_AUTO}.{name}")
        for block in _SPECIAL.findall(outline.text) if outline else ():
            found.update(_MODULE_PAIR.findall(block))
    return found


def folder_of(folders: Folders, model_type: str) -> str | None:
    """The module of a model type's folder: ``transformers.models.gemma``."""
    name = _special_modules(folders).get(model_type, model_type).replace("-", "_")
    for module in (f"transformers.models.{name}", f"transformers.models.deprecated.{name}"):
        if module_path(folders, module):
            return module
    return None


def config_class(folders: Folders, model_type: str) -> Class | None:
    """The config class of a model type; None where the installed transformers has none."""
    name = model_types(folders).get(model_type)
    # Some types share the class of another, in whose folder it then is: ``code_llama`` that of ``llama``.
    sharing = [
        other for other, owned in model_types(folders).items() if owned == name and other != model_type
    ]
    for candidate in (model_type, *sharing) if name else ():
        for module in _config_modules(folders, candidate):
            found = class_named(folders, module, name or "")
            if found:
                return found
    return None


def _config_modules(folders: Folders, model_type: str) -> list[str]:
    folder = folder_of(folders, model_type)
    path = module_path(folders, folder) if folder else None
    files = sorted(os.listdir(os.path.dirname(path))) if path else []
    return [f"{folder}.{file[:-3]}" for file in files if re.fullmatch(r"configuration_\w+\.py", file)]


def common_class(folders: Folders) -> Class | None:
    """What all configs inherit from."""
    module = "transformers.configuration_utils"
    return class_named(folders, module, "PreTrainedConfig") or class_named(
        folders, module, "PretrainedConfig"
    )


def class_at(folders: Folders, config: Config, parts: Parts) -> Class | None:
    """The class of a config, or of the config that stands in it at ``parts``."""
    model_type = config.get("model_type")
    found = config_class(folders, model_type) if isinstance(model_type, str) else None
    value: object = config
    for part in parts:
        value = value.get(str(part)) if isinstance(value, Mapping) else None
        found = _class_in(folders, found, str(part), value)
    return found or (common_class(folders) if not parts else None)


def _class_in(folders: Folders, owner: Class | None, key: str, value: object) -> Class | None:
    """The class of a config inside another's: by what it says itself, else by what its owner says."""
    inside: Mapping[object, object] = value if isinstance(value, Mapping) else {}
    if key == "quantization_config":
        return quantization_class(folders, inside.get("quant_method"))
    if key in _ROPE:
        return _rope_class(folders, owner, key)
    model_type = inside.get("model_type")
    found = config_class(folders, model_type) if isinstance(model_type, str) else None
    declared = owner.variables.get("sub_configs") if owner else None
    name = declared.get(key) if isinstance(declared, Mapping) else None
    if found is None and owner and isinstance(name, str):
        found = class_named(folders, owner.module, name)
    return found


def _rope_class(folders: Folders, owner: Class | None, key: str) -> Class | None:
    """What rope's parameters mean: a class of its own in transformers 5, the field's own text before."""
    found = class_named(folders, "transformers.modeling_rope_utils", "RopeParameters")
    if found or owner is None or key not in owner.described:
        return found
    listed = documented_arguments(owner.described[key].text)
    return Class(owner.module, f"{owner.name}.{key}", {}, listed, {})


def quantization_class(folders: Folders, method: object) -> Class | None:
    """The class of a ``quantization_config`` with this ``quant_method``."""
    outline = outline_of(folders, "transformers.quantizers.auto")
    mapping = outline.value("AUTO_QUANTIZATION_CONFIG_MAPPING") if outline else None
    if not isinstance(mapping, ast.Dict) or not isinstance(method, str):
        return None
    # Of bitsandbytes the mapping has ``bitsandbytes_4bit`` and ``_8bit``.
    for key, value in zip(mapping.keys, mapping.values, strict=True):
        is_named = isinstance(key, ast.Constant) and str(key.value).startswith(method)
        if is_named and isinstance(value, ast.Name):
            return class_named(folders, "transformers.utils.quantization_config", value.id)
    return None


def quantization_methods(folders: Folders) -> tuple[str, ...]:
    """The quantisation methods that the installed transformers can load."""
    outline = outline_of(folders, "transformers.quantizers.auto")
    mapping = outline.value("AUTO_QUANTIZATION_CONFIG_MAPPING") if outline else None
    keys = mapping.keys if isinstance(mapping, ast.Dict) else ()
    return tuple(str(key.value) for key in keys if isinstance(key, ast.Constant))


def field_doc(folders: Folders, owner: Class, name: str) -> FieldDoc | None:
    """What the installed version says of a field; None where the class has none of this name.

    Where the class and its bases have no words for it, the texts that transformers 5 shares between all
    configs are taken (``ConfigArgs``), else those of another config's field of the same name: ``owner`` then
    is that other class.
    """
    if name not in owner.fields:
        name = aliases(owner).get(name, name)
    if name not in owner.fields and name not in owner.described:
        other = _ALSO_CALLED.get(name)
        found = field_doc(folders, owner, other) if other in (*owner.fields, *owner.described) else None
        return found._replace(name=name) if found else None
    field = owner.fields.get(name) or Field(name, "", None, None)
    source, said = _said(folders, owner, name)
    default = field.default if field.default is not None else said.default if said else None
    kind = field.type or (said.type.replace("`", "") if said else "")
    return FieldDoc(name, source, kind, default, said.text if said else "")


def _said(folders: Folders, owner: Class, name: str) -> tuple[str, Documented | None]:
    """What is said of a field, and of which class."""
    field = owner.fields.get(name)
    general = {own: common for common, own in aliases(owner).items()}
    for each in (name, general.get(name, name), _ALSO_CALLED.get(name, name)):
        said = owner.described.get(each) or (field.documented if field else None)
        said = said or _shared(folders).get(each)
        if said:
            return owner.name, said
    for other in _documented_elsewhere(folders):
        if name in other.described and name in owner.fields:
            return other.name, other.described[name]
    return owner.name, None


@lru_cache(maxsize=8)
def _documented_elsewhere(folders: Folders) -> tuple[Class, ...]:
    found = (config_class(folders, model_type) for model_type in _WELL_DOCUMENTED)
    return tuple(each for each in found if each)


def field_names(owner: Class) -> tuple[str, ...]:
    """The fields that a config of this class may have."""
    return tuple(dict.fromkeys([*owner.fields, *owner.described]))


def aliases(owner: Class) -> dict[str, str]:
    """Common names → those of this class: GPT-2 calls ``hidden_size`` ``n_embd``."""
    found = owner.variables.get("attribute_map")
    pairs = found.items() if isinstance(found, Mapping) else ()
    return {str(name): own for name, own in pairs if isinstance(own, str)}


@lru_cache(maxsize=8)
def _shared(folders: Folders) -> dict[str, Documented]:
    outline = outline_of(folders, "transformers.utils.auto_docstring")
    node = outline.class_("ConfigArgs") if outline else None
    found: dict[str, Documented] = {}
    for each in node.body if node else ():
        if isinstance(each, ast.Assign) and isinstance(each.targets[0], ast.Name):
            name, value = each.targets[0].id, each.value
            if isinstance(value, ast.Name) and value.id in found:
                found[name] = found[value.id]
            elif text := _description(value):
                found[name] = Documented("", plain_markdown(text))
    return found


def _description(node: ast.expr) -> str:
    try:
        found = ast.literal_eval(node)
    except ValueError:
        return ""
    text = found.get("description") if isinstance(found, dict) else None
    return "\n".join(line.strip() for line in text.split("\n")) if isinstance(text, str) else ""
