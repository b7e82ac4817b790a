"""From a checkpoint's names to a model's, as the installed version of transformers renames while it loads."""

from __future__ import annotations

import re
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, Callable

from .stack import version_of
from .templates import Rename, by_template


def renaming(model: Any, names: Sequence[str], expected: dict[str, Any], quantizer: Any = None) -> Rename:
    """How the tensors called ``names`` are renamed for ``model``, whose state dict is ``expected``.

    ``quantizer`` is the one that has replaced layers of it, which may rename tensors too.
    """
    try:
        from transformers.conversion_mapping import get_model_conversion_mapping
    except ImportError:
        return _by_prefix(model, names)
    return _by_conversions(model, expected, get_model_conversion_mapping(model, None, quantizer))


def _by_conversions(model: Any, expected: dict[str, Any], transforms: Sequence[Any]) -> Rename:
    """Version 5: renamings, then at most one conversion, which may fuse or split (``core_model_loading``)."""
    from transformers.core_model_loading import WeightConverter, WeightRenaming, rename_source_key

    renamings = [each for each in transforms if isinstance(each, WeightRenaming)]
    converters = [each for each in transforms if isinstance(each, WeightConverter)]
    by_pattern = {pattern: each for each in converters for pattern in each.source_patterns}
    prefix = model.base_model_prefix

    def rename(name: str) -> tuple[str, ...]:
        new, pattern = rename_source_key(name, renamings, converters, prefix, expected)
        if new not in expected and name in expected:
            new, pattern = rename_source_key(name, [], [], prefix, expected)
        targets: list[str] = by_pattern[pattern].target_patterns if pattern is not None else []
        if len(targets) < 2:
            return (new,)
        return tuple(new.replace(targets[0], target) for target in targets)

    return by_template(rename, expected)


def _by_prefix(model: Any, names: Sequence[str]) -> Rename:
    """Version 4: names fixed one by one, and the base model's prefix added or cut off."""
    prefix = model.base_model_prefix
    dotted = f"{prefix}."
    has_prefix = bool(prefix) and any(name.startswith(prefix) for name in names)
    expects_prefix = bool(prefix) and hasattr(model, prefix)
    fix = _name_fixer(model)

    def rename(name: str) -> tuple[str, ...]:
        new = fix(name)
        if expects_prefix and not has_prefix:
            return (dotted + new,)
        if has_prefix and not expects_prefix:
            return (new[len(dotted) :],) if new.startswith(dotted) else ()
        return (new,)

    return rename


def _name_fixer(model: Any) -> Callable[[str], str]:
    own = getattr(model, "_fix_state_dict_key_on_load", None)
    if own is None:
        # Before 4.46: ``_fix_key`` inside ``_load_pretrained_model``.
        return lambda name: name.replace("beta", "bias").replace("gamma", "weight")
    patterns = getattr(model, "_checkpoint_conversion_mapping", None) or {}

    def fix(name: str) -> str:
        fixed = own(name)
        new: str = fixed[0] if isinstance(fixed, tuple) else fixed
        for pattern, replacement in patterns.items():
            new, count = re.subn(pattern, replacement, new)
            if count:
                break
        return new

    return fix


def without_ignored(model: Any, missing: set[str], unexpected: set[str]) -> tuple[set[str], set[str]]:
    """Less the names that the class says may be missing or too many."""
    adjust = getattr(model, "_adjust_missing_and_unexpected_keys", None)
    if adjust is not None and version_of("transformers") >= (5, 0):
        info = SimpleNamespace(missing_keys=missing, unexpected_keys=unexpected)
        adjust(info)
        return set(info.missing_keys), set(info.unexpected_keys)
    patterns = list(getattr(model, "_keys_to_ignore_on_load_unexpected", None) or [])
    if adjust is not None and any(name.endswith("rotary_emb.inv_freq") for name, _ in model.named_buffers()):
        patterns.append(r"rotary_emb\.inv_freq")
    absent = list(getattr(model, "_keys_to_ignore_on_load_missing", None) or [])
    return _unmatched(missing, absent), _unmatched(unexpected, patterns)


def _unmatched(names: set[str], patterns: Sequence[str]) -> set[str]:
    return {name for name in names if not any(re.search(pattern, name) for pattern in patterns)}
