"""Settings: what a client sends, and what the server goes by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

SECTION = "modelLoupe"
INLAY_HINTS = ("off", "compact", "full")


class Settings(NamedTuple):
    """The settings that the server goes by."""

    code_lens: bool = True
    inlay_hints: str = "off"
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
    inlay_hints = values.get("inlayHints", "off")
    if inlay_hints not in INLAY_HINTS:
        problems.append(f'{SECTION}.inlayHints is "off", "compact" or "full", not {inlay_hints!r}')
        inlay_hints = "off"
    network = values.get("network", "on")
    if network not in ("on", "offline"):
        problems.append(f'{SECTION}.network is "on" or "offline", not {network!r}')
        network = "on"
    settings = Settings(code_lens, str(inlay_hints), offline=network == "offline")
    return Parsed(settings, problems)


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
