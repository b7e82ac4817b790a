"""The dtype that ``from_pretrained`` gives a model's parameters, by version of transformers.

Rules, read from ``PreTrainedModel.from_pretrained`` and ``_get_dtype`` in transformers'
``modeling_utils.py``: version 4 loads float32 (``torch.get_default_dtype()``) unless told otherwise, version
5 takes "auto" for its default and for an explicit None. "auto" is the config's dtype, else that of the first
floating tensor of the first file.
"""

from __future__ import annotations

from model_loupe.domain.dtypes import BY_NAME, canonical_name
from model_loupe.domain.lean_typing import NamedTuple

STRATEGIES = ("auto", "balanced", "balanced_low_0", "sequential")
"""Values of ``device_map`` that leave it to accelerate where each module goes."""


class LoadOptions(NamedTuple):
    """What a call says about how its model is built and loaded.

    ``dtype`` is the text given for ``dtype=`` or ``torch_dtype=`` ("auto", "bfloat16", "None"), None if the
    argument is absent; ``dtype_known`` is False if it is there but cannot be evaluated. ``builder`` is what
    is called (``AutoModelForCausalLM``, ``pipeline``), ``task`` a pipeline's, ``overrides`` are the other
    literal arguments, ``quantized`` is True where the call asks for a quantiser. ``device_map`` is one of
    ``STRATEGIES`` where the call gives one. ``unknown`` names arguments that may change what is built, but
    whose values are not known: what is told is for their defaults. ``takes_any_shape`` is
    ``ignore_mismatched_sizes``.
    """

    dtype: str | None = None
    dtype_known: bool = True
    builder: str | None = None
    task: str | None = None
    overrides: tuple[tuple[str, str | int | float | bool | None], ...] = ()
    quantized: bool = False
    device_map: str | None = None
    unknown: tuple[str, ...] = ()
    takes_any_shape: bool = False

    def way(self) -> tuple[object, ...]:
        """What decides which modules are built."""
        return self.builder, self.task, self.overrides


class LoadDtype(NamedTuple):
    """``dtype`` is None where it cannot be known; ``rule`` says in a few words where it comes from."""

    dtype: str | None
    rule: str


def load_dtype(
    options: LoadOptions, transformers: str | None, declared: str | None, first_floating: str | None
) -> LoadDtype:
    """The dtype of floating parameters after this call.

    ``transformers`` is the installed version or None, ``declared`` the config's dtype,
    ``first_floating`` that of the first floating tensor.
    """
    if not options.dtype_known:
        return LoadDtype(None, "the call's dtype is not a constant")
    given = options.dtype
    if given not in (None, "None", "auto"):
        name = canonical_name(given) if given else None
        return LoadDtype(name, "given in the call" if name else f"{given!r} is no dtype")
    if given == "auto":
        return _auto(declared, first_floating, "auto")
    if transformers is None:
        return LoadDtype(None, "depends on the version of transformers, which is not installed here")
    if _major(transformers) >= 5:
        return _auto(declared, first_floating, f'transformers {transformers} defaults to "auto"')
    return LoadDtype("float32", f"transformers {transformers} defaults to float32")


def _auto(declared: str | None, first_floating: str | None, why: str) -> LoadDtype:
    from_config = canonical_name(declared) if declared else None
    if from_config:
        return LoadDtype(from_config, f"{why}: the config's dtype")
    if first_floating:
        return LoadDtype(first_floating, f"{why}: the first floating tensor's dtype")
    return LoadDtype(None, f"{why}, but neither config nor weights tell a dtype")


def _major(version: str) -> int:
    head = version.split(".", 1)[0]
    return int(head) if head.isdigit() else 0


def bytes_at(dtype: str, parameters: int) -> int:
    """Bytes of ``parameters`` elements of ``dtype``, rounded up to whole bytes."""
    return (parameters * BY_NAME[dtype].bits + 7) // 8
