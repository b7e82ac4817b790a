"""A PEFT adapter, as its ``adapter_config.json`` tells it (``PeftConfig`` and ``LoraConfig`` in peft)."""

from __future__ import annotations

from model_loupe.domain.lean_typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any


_MAX_NAMES = 64
_NAMES = {
    "LORA": "LoRA",
    "ADALORA": "AdaLoRA",
    "LOHA": "LoHa",
    "LOKR": "LoKr",
    "VERA": "VeRA",
    "PROMPT_TUNING": "prompt tuning",
    "PREFIX_TUNING": "prefix tuning",
    "P_TUNING": "p-tuning",
}


class Adapter(NamedTuple):
    """An adapter of kind ``peft_type`` (``LORA``, ``IA3`` ...) for the model ``base``.

    ``targets`` are the modules that it goes on, or the one pattern for their names; ``saved`` the modules of
    which it holds a trained copy (``modules_to_save``). ``rank``, ``alpha`` and ``scaling`` (what the update
    is multiplied by) are None for kinds that have none; ``varies``: some modules have another rank or alpha.
    """

    peft_type: str
    base: str | None
    revision: str | None
    task: str | None
    rank: int | None
    alpha: float | None
    scaling: float | None
    targets: tuple[str, ...]
    saved: tuple[str, ...]
    varies: bool
    dora: bool

    @property
    def name(self) -> str:
        """``LoRA``, ``DoRA`` or the kind as PEFT writes it."""
        if self.dora:
            return "DoRA"
        return _NAMES.get(self.peft_type, self.peft_type.replace("_", " "))


def adapter_of(config: dict[str, Any]) -> Adapter | None:
    """The adapter that an ``adapter_config.json`` describes; None if it names no kind."""
    kind = config.get("peft_type")
    if not isinstance(kind, str) or not 0 < len(kind) <= 40:
        return None
    rank, alpha = _number(config.get("r")), _number(config.get("lora_alpha", config.get("alpha")))
    whole = int(rank) if rank and rank == int(rank) else None
    # rank-stabilised LoRA divides by the root of the rank (https://arxiv.org/abs/2312.03732).
    divisor = (whole**0.5 if config.get("use_rslora") is True else whole) if whole else None
    return Adapter(
        peft_type=kind,
        base=_text(config.get("base_model_name_or_path")),
        revision=_text(config.get("revision")),
        task=_text(config.get("task_type")),
        rank=whole,
        alpha=alpha,
        scaling=alpha / divisor if alpha is not None and divisor else None,
        targets=_names(config.get("target_modules")),
        saved=_names(config.get("modules_to_save")),
        varies=bool(config.get("rank_pattern") or config.get("alpha_pattern")),
        dora=config.get("use_dora") is True,
    )


def _number(value: object) -> float | None:
    return float(value) if type(value) in (int, float) and 0 < value < 2**31 else None  # type: ignore[operator, arg-type]


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= 4096 else None


def _names(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list):
        return ()
    return tuple(sorted(name for name in value if isinstance(name, str))[:_MAX_NAMES])
