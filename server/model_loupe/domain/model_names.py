"""What the words of a model's name say, where that is certain: ``-it`` is Italian elsewhere."""

from __future__ import annotations

import re

_WORDS = re.compile(r"[-_./ ]+")
_SIZE = re.compile(r"\d+(\.\d+)?[BM]", re.IGNORECASE)
_ACTIVE = re.compile(r"A(\d+(?:\.\d+)?)B")
# Words that say the same in every name.
_PLAIN = {
    "instruct": "instruction-tuned",
    "chat": "tuned for conversations",
}
# Google's words for its Gemma models (https://ai.google.dev/gemma/docs/get_started).
_GEMMA = {"it": "instruction-tuned", "pt": "pretrained, not instruction-tuned"}


def name_meanings(model: str, model_type: str | None, *, has_experts: bool) -> list[tuple[str, str]]:
    """Words of the last part of ``model`` (``google/gemma-2b-it``) with what they say."""
    name = model.rstrip("/").rpartition("/")[2]
    words = [word for word in _WORDS.split(name) if word]
    is_gemma = (model_type or "").startswith(("gemma", "t5gemma"))
    found = []
    for word in words[1:]:
        active = _ACTIVE.fullmatch(word)
        if is_gemma and word in _GEMMA:
            found.append((word, _GEMMA[word]))
        elif word.lower() in _PLAIN:
            found.append((word, _PLAIN[word.lower()]))
        elif active and has_experts:
            found.append((word, f"about {active[1]} B parameters active per token"))
    # "base" is a size of encoders; beside a size in parameters it is not.
    if words and words[-1].lower() == "base" and any(_SIZE.fullmatch(word) for word in words[1:]):
        found.append((words[-1], "pretrained, not instruction-tuned"))
    return found
