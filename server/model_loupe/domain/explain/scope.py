"""Which part of a composite config a module's sizes are in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from model_loupe.domain.explain.sizes import Sizes

# Entries of composite configs, what a position of theirs is, and the words of paths that lead into them.
_PARTS = (
    (
        ("vision_config", "vision_encoder_config"),
        "patch",
        ("vision_tower", "vision_model", "visual", "vision_encoder", "vision_embed_tokens", "vision"),
    ),
    (
        ("audio_config", "speech_encoder", "audio_encoder"),
        "frame",
        ("audio_tower", "audio_model", "audio_encoder", "audio"),
    ),
    (("qformer_config",), "query", ("qformer",)),
    (
        ("text_config", "llm_config", "language_config", "text_encoder"),
        "token",
        ("language_model", "text_model"),
    ),
    (("encoder",), "token", ("encoder",)),
    (("decoder",), "token", ("decoder",)),
)
_TEXT = ("text_config", "llm_config", "language_config")
# What stands between two parts and belongs to neither.
_BETWEEN = ("multi_modal_projector", "connector", "embed_vision", "embed_audio")
# Models whose only part sees or hears, by an entry that no text model has.
_ALONE = (
    ("image_size", "patch"),
    ("num_mel_bins", "frame"),
    ("conv_stride", "frame"),
    ("depths", "position"),
)


class Scope(NamedTuple):
    """The sizes that hold at a path; ``position`` is what is computed one by one: ``token``, ``patch``."""

    sizes: Sizes
    position: str


def scope_of(config: Mapping[str, Any], path: str) -> Scope:
    """The scope of ``path`` in a model of ``config``."""
    words = path.split(".")
    layer = next((int(word) for word in words if word.isascii() and word.isdigit() and len(word) < 6), None)
    if any(word in _BETWEEN for word in words):
        return Scope(Sizes(config, config, layer), "position")
    for entries, position, leading in _PARTS:
        part = next((config[entry] for entry in entries if isinstance(config.get(entry), Mapping)), None)
        if part is not None and any(word in leading for word in words):
            return Scope(Sizes(part, config, layer), position)
    part = next((config[entry] for entry in _TEXT if isinstance(config.get(entry), Mapping)), None)
    if part is not None:
        return Scope(Sizes(part, config, layer), "token")
    seen = next((found for entry, found in _ALONE if entry in config), "token")
    # Whisper's head stands beside the decoder, not in it.
    position = "token" if "decoder" in words or words[-1] == "proj_out" else seen
    return Scope(Sizes(config, config, layer), position)
