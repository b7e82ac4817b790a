"""A model's ``config.json``: read with care, and the few facts that other rooms need from it."""

from __future__ import annotations

from math import isfinite

from model_loupe.checkpoints.files import lfs_pointer_size
from model_loupe.domain import lean_json
from model_loupe.domain.lean_typing import TYPE_CHECKING
from model_loupe.domain.warnings import Warning

if TYPE_CHECKING:
    from typing import Any

MAX_CONFIG_BYTES = 20_000_000


def parse_json_object(raw: bytes, name: str, warnings: list[Warning]) -> dict[str, Any] | None:
    """The JSON object in ``raw``, or None with a warning that says why there is none."""
    if lfs_pointer_size(raw[:1024]) is not None:
        warnings.append(
            Warning("lfs-pointer", f"{name} is a Git-LFS pointer, not the file: run `git lfs pull`")
        )
        return None
    if not raw.strip():
        warnings.append(Warning("empty-file", f"{name} is empty"))
        return None
    try:
        # Editors on Windows put a byte order mark before the brace; transformers fails on it.
        document = load_json(raw.removeprefix(b"\xef\xbb\xbf").decode())
    except UnicodeDecodeError as error:
        warnings.append(Warning("bad-json", f"{name} is not UTF-8 (byte {error.start})"))
        return None
    except RecursionError:
        warnings.append(Warning("bad-json", f"{name} is nested too deeply"))
        return None
    except ValueError as error:
        warnings.append(Warning("bad-json", f"{name} is not JSON: {error}"))
        return None
    if not isinstance(document, dict):
        kind = "list" if isinstance(document, list) else type(document).__name__
        warnings.append(Warning("bad-json", f"{name} holds a JSON {kind}, not an object"))
        return None
    return document


def load_json(text: str) -> Any:
    """``json.loads``, with nothing in it that could not be written out again.

    Numbers that are not finite (``NaN``, ``1e999``), which Python takes and JSON does not know, stay the text
    that they were; halves of surrogate pairs become ``?``. Raises ValueError and RecursionError.
    """
    document = lean_json.loads(text, parse_float=_finite, parse_constant=str)
    if "\\ud" in text or "\\uD" in text:
        whole = lean_json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")
        document = lean_json.loads(whole.decode())
    return document


def _finite(text: str) -> float | str:
    value = float(text)
    return value if isfinite(value) else text


def architecture_class(config: dict[str, Any]) -> str | None:
    """The class that the config names first in ``architectures``."""
    names = config.get("architectures")
    if isinstance(names, list) and names and isinstance(names[0], str):
        return names[0]
    return None


def model_type(config: dict[str, Any]) -> str | None:
    value = config.get("model_type")
    return value if isinstance(value, str) else None


def declared_dtype(config: dict[str, Any]) -> str | None:
    """What the config calls its dtype (``dtype`` since transformers 4.56, ``torch_dtype`` before)."""
    for owner in (config, config.get("text_config")):
        if isinstance(owner, dict):
            for key in ("dtype", "torch_dtype"):
                value = owner.get(key)
                if isinstance(value, str):
                    return value
    return None
