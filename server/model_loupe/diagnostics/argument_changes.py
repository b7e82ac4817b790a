"""Arguments of transformers' loading functions that its versions have renamed, ignored or dropped.

Read from ``from_pretrained``, ``AutoTokenizer``, ``AutoConfig`` and ``pipeline`` in the sources of 4.38.0,
4.48.3, 4.55.4, 4.56.0, 4.57.1, 5.0.0 and 5.23.0: a change is put at the first of these that has it, and
nothing is said of versions before. ``tests/libraries/worker/test_argument_changes.py`` asks the real ones.
"""

from __future__ import annotations

from typing import NamedTuple

Version = tuple[int, ...]

MODELS = frozenset(["model"])
MODELS_AND_PIPELINES = frozenset(["model", "pipeline"])
ALL = frozenset(["model", "tokenizer", "config", "processor", "pipeline"])
OTHERS = ALL - MODELS


class Change(NamedTuple):
    """What became of an argument, for calls that load one of ``roles``.

    ``since`` and ``until`` (exclusive) are versions of transformers. ``state`` is ``deprecated`` (it works,
    and should be written otherwise), ``ignored``, ``removed`` (a TypeError) or ``unknown`` (not yet taken).
    ``instead`` is the argument that takes the same value; ``by`` names how it is written otherwise where it
    is not that simple.
    """

    name: str
    roles: frozenset[str]
    state: str
    since: Version
    until: Version | None = None
    instead: str | None = None
    by: str | None = None

    def holds(self, role: str, version: Version) -> bool:
        """Whether it is so for a call of this role."""
        return role in self.roles and self.since <= version and (self.until is None or version < self.until)


_QUANTIZING = [
    change
    for name in ("load_in_8bit", "load_in_4bit")
    for change in (
        Change(name, MODELS, "deprecated", (4, 38), (5, 0), by="quantization_config"),
        Change(name, MODELS, "removed", (5, 0), by="quantization_config"),
    )
]

CHANGES: tuple[Change, ...] = (
    Change("torch_dtype", MODELS_AND_PIPELINES, "deprecated", (4, 56), instead="dtype"),
    Change("dtype", MODELS, "unknown", (4, 38), (4, 56), instead="torch_dtype"),
    Change("use_auth_token", ALL, "deprecated", (4, 38), (5, 0), instead="token"),
    Change("use_auth_token", MODELS, "removed", (5, 0), instead="token"),
    Change("use_auth_token", OTHERS, "ignored", (5, 0), instead="token"),
    Change("resume_download", ALL, "ignored", (4, 55), (5, 0)),
    Change("resume_download", MODELS, "removed", (5, 0)),
    Change("resume_download", OTHERS, "ignored", (5, 0)),
    *_QUANTIZING,
    Change("use_flash_attention_2", MODELS, "deprecated", (4, 38), (4, 49), by="attn_implementation"),
    Change("use_flash_attention_2", MODELS, "removed", (4, 55), by="attn_implementation"),
    Change("low_cpu_mem_usage", MODELS, "ignored", (4, 55)),
    Change("_fast_init", MODELS, "ignored", (4, 55)),
    Change("offload_state_dict", MODELS, "ignored", (4, 57)),
    Change("mirror", MODELS, "ignored", (4, 38)),
    Change("from_tf", MODELS, "ignored", (5, 0)),
    Change("from_flax", MODELS, "ignored", (5, 0)),
)


def change_of(name: str, role: str, version: Version) -> Change | None:
    """What became of an argument of a call under a version; None where it is as it should be."""
    return next((each for each in CHANGES if each.name == name and each.holds(role, version)), None)
