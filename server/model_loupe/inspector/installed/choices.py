"""The values that a field or argument of the installed version may have, where they can be listed."""

from __future__ import annotations

import ast
import re

from model_loupe.inspector.installed.classes import class_named
from model_loupe.inspector.installed.configs import FieldDoc, model_types, quantization_methods
from model_loupe.inspector.installed.docstrings import quoted_values
from model_loupe.inspector.installed.packages import Folders, outline_of

_ROPE = "transformers.modeling_rope_utils"
DTYPES = ("bfloat16", "float16", "float32", "float64")
DEVICE_MAPS = ("auto", "balanced", "balanced_low_0", "sequential", "cpu", "cuda", "mps")
# Some name the subject, not one more value of the argument.
_FREE_TEXT = ("prefix", "name_or_path", "revision", "variant", "subfolder", "code_revision")
_ACTIVATION = re.compile(r"(?:^|_)(?:act|activation|act_fn|activation_function|activation_fn)$|^hidden_act")
_MODEL_PAIR = re.compile(r'\("([\w.-]+)", "(\w+)"\)')
_LITERAL = re.compile(r"Literal\[([^\]]+)\]")


def choices(folders: Folders, name: str, doc: FieldDoc | None, model_type: str | None = None) -> list[str]:
    """The strings that ``name`` may be given, in the library's order; none where any may be.

    ``doc`` is what is said of it, ``model_type`` the model that ``architectures`` are of.
    """
    if name in ("dtype", "torch_dtype", "bnb_4bit_compute_dtype", "bnb_4bit_quant_storage"):
        return ["auto", *DTYPES] if name in ("dtype", "torch_dtype") else list(DTYPES)
    if name == "device_map":
        return list(DEVICE_MAPS)
    if name == "model_type":
        return sorted(model_types(folders))
    if name == "architectures":
        return model_classes(folders, model_type)
    if name in ("rope_type", "type"):
        return rope_types(folders)
    if name == "layer_types":
        return layer_types(folders)
    if name == "quant_method":
        return list(quantization_methods(folders))
    if _ACTIVATION.search(name):
        return activations(folders)
    return _said(name, doc)


def _said(name: str, doc: FieldDoc | None) -> list[str]:
    """The values of an annotation (``Literal["a", "b"]``), else those that the text puts in quotes."""
    if doc is None or name in _FREE_TEXT or name.endswith(("_token", "_dir", "_path", "_file")):
        return []
    literal = _LITERAL.search(doc.type)
    if literal:
        return re.findall(r"['\"]([^'\"]+)['\"]", literal.group(1))
    if "str" not in doc.type:
        return []
    quoted = [value for value in quoted_values(doc.text) if " " not in value and "/" not in value]
    default = _string(doc.default)
    return list(dict.fromkeys([*([default] if default else []), *quoted])) if len(quoted) > 1 else []


def _string(source: str | None) -> str:
    try:
        value = ast.literal_eval(source or "None")
    except (ValueError, SyntaxError):
        return ""
    return value if isinstance(value, str) else ""


def activations(folders: Folders) -> list[str]:
    """The names of activation functions (``ACT2FN``)."""
    return _keys(folders, "transformers.activations", "ACT2CLS")


def rope_types(folders: Folders) -> list[str]:
    """The kinds of rotary position embeddings; those before ``modeling_rope_utils`` were two."""
    known = _keys(folders, _ROPE, "ROPE_INIT_FUNCTIONS")
    if not known:
        return ["linear", "dynamic"]
    # Some are made by the models that have them: the documentation alone names all.
    parameters = class_named(folders, _ROPE, "RopeParameters")
    said = parameters.described["rope_type"].text if parameters else ""
    return list(dict.fromkeys(["default", *known, *re.findall(r"'(\w+)'", said)]))


def layer_types(folders: Folders) -> list[str]:
    """The kinds of layers that ``layer_types`` may list; none in versions that do not check it."""
    outline = outline_of(folders, "transformers.configuration_utils")
    names = ("ALLOWED_LAYER_TYPES", "ALLOWED_ATTN_LAYER_TYPES", "ALLOWED_MLP_LAYER_TYPES")
    values = [outline.value(name) for name in names] if outline else []
    tuples = [each for each in values if isinstance(each, ast.Tuple)]
    return [str(each.value) for value in tuples for each in value.elts if isinstance(each, ast.Constant)]


def model_classes(folders: Folders, model_type: str | None) -> list[str]:
    """The model classes of a model type, as the Auto classes know them."""
    outline = outline_of(folders, "transformers.models.auto.modeling_auto")
    pairs = _MODEL_PAIR.findall(outline.text) if outline and model_type else []
    return sorted({name for key, name in pairs if key == model_type})


def _keys(folders: Folders, module: str, name: str) -> list[str]:
    outline = outline_of(folders, module)
    found = outline.value(name) if outline else None
    keys = found.keys if isinstance(found, ast.Dict) else ()
    return [str(key.value) for key in keys if isinstance(key, ast.Constant)]


def default_targets(folders: Folders, model_type: str | None) -> list[str]:
    """The modules that PEFT puts a LoRA on where the config names none; empty where it would refuse."""
    outline = outline_of(folders, "peft.utils.constants")
    found = outline.value("TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING") if outline else None
    pairs = zip(found.keys, found.values, strict=True) if isinstance(found, ast.Dict) else ()
    for key, value in pairs:
        if isinstance(key, ast.Constant) and key.value == model_type and isinstance(value, ast.List):
            return [str(each.value) for each in value.elts if isinstance(each, ast.Constant)]
    return []
