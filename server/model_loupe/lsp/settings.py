"""Settings: what a client sends, and what the server goes by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

SECTION = "modelLoupe"


class Settings(NamedTuple):
    """The settings that the server goes by."""

    code_lens: bool = True
    offline: bool = False


class Parsed(NamedTuple):
    """Resolved settings, and one line for each value that was not understood (its default stands)."""

    settings: Settings
    problems: list[str]


def parse(payload: object) -> Parsed:
    """Resolve the ``modelLoupe`` section.

    Clients send it bare, or inside ``{"modelLoupe": …}``, nested (``{"codeLens": {"enabled": …}}``) or with
    dotted keys (``{"codeLens.enabled": …}``, ``{"modelLoupe.codeLens.enabled": …}``).
    """
    values = _flatten(payload)
    problems: list[str] = []
    code_lens = values.get("codeLens.enabled", True)
    if not isinstance(code_lens, bool):
        problems.append(f"{SECTION}.codeLens.enabled is true or false, not {code_lens!r}")
        code_lens = True
    network = values.get("network", "on")
    if network not in ("on", "offline"):
        problems.append(f'{SECTION}.network is "on" or "offline", not {network!r}')
        network = "on"
    return Parsed(Settings(code_lens=code_lens, offline=network == "offline"), problems)


def has_section(payload: object) -> bool:
    """Whether a ``workspace/didChangeConfiguration`` brought settings, rather than a mere sign of change."""
    return isinstance(payload, Mapping) and bool(payload)


def _flatten(payload: object, prefix: str = "") -> dict[str, object]:
    if not isinstance(payload, Mapping):
        return {}
    flat: dict[str, object] = {}
    for key, value in payload.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            flat.update(_flatten(value, f"{name}."))
        elif value is not None:
            flat[name.removeprefix(f"{SECTION}.")] = value
    return flat
