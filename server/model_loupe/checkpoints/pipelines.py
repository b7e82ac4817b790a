"""Models made of parts that lie in folders: pipelines of diffusers, models of sentence-transformers."""

from __future__ import annotations

from model_loupe.checkpoints.config import load_json
from model_loupe.checkpoints.safetensors_index import is_safe_name
from model_loupe.domain.lean_typing import TYPE_CHECKING, NamedTuple
from model_loupe.domain.warnings import Warning

if TYPE_CHECKING:
    from typing import Any

_MAX_PARTS = 100
_MAX_CLASS_NAME = 200


class Component(NamedTuple):
    """A part of a model: ``folder`` is where it lies below the model's own ("" is that itself)."""

    name: str
    folder: str
    library: str | None
    class_name: str


def pipeline_components(index: dict[str, Any]) -> list[Component]:
    """The components that a ``model_index.json`` names as ``"unet": ["diffusers", "UNet2DConditionModel"]``.

    One that is left out is ``[null, null]`` (``DiffusionPipeline.from_pretrained`` in diffusers).
    """
    found = []
    for name, value in list(index.items())[:_MAX_PARTS]:
        if name.startswith("_") or not isinstance(value, list) or len(value) != 2 or not is_safe_name(name):
            continue
        library, class_name = value
        if isinstance(library, str) and isinstance(class_name, str) and len(class_name) <= _MAX_CLASS_NAME:
            found.append(Component(name, name, library, class_name))
    return found


def sentence_modules(raw: bytes, warnings: list[Warning]) -> list[Component]:
    """The modules of a ``modules.json``, in order (``SentenceTransformer`` of sentence-transformers)."""
    try:
        entries = load_json(raw.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        warnings.append(Warning("bad-json", "modules.json is not JSON"))
        return []
    if not isinstance(entries, list):
        warnings.append(Warning("bad-json", "modules.json holds no list of modules"))
        return []
    found = []
    for number, entry in enumerate(entries[:_MAX_PARTS]):
        if not isinstance(entry, dict):
            continue
        kind, folder = entry.get("type"), entry.get("path", "")
        if not isinstance(kind, str) or not isinstance(folder, str) or len(kind) > _MAX_CLASS_NAME:
            continue
        if not folder or is_safe_name(folder):
            library, _, class_name = kind.rpartition(".")
            found.append(Component(str(number), folder, library.partition(".")[0] or None, class_name))
    return found
