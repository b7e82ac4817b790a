"""Settings: what a client sends, and what the server goes by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from model_loupe.diagnostics.levels import Levels, parse_levels
from model_loupe.domain.memory import Wanted
from model_loupe.domain.units import parse_bytes

SECTION = "modelLoupe"
INLAY_HINTS = ("off", "compact", "full")


class Settings(NamedTuple):
    """The settings that the server goes by."""

    code_lens: bool = True
    inlay_hints: str = "off"
    offline: bool = False
    wanted: Wanted = Wanted()
    worker: bool = True
    interpreter: str = ""
    devices: tuple[tuple[str, str], ...] = ()
    diagnostics: Levels = Levels()

    @property
    def why_offline(self) -> str | None:
        """Why the Hub must not be asked, if it must not."""
        return f'{SECTION}.network is "offline"' if self.offline else None


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
    context = _count(values, "memory.context", problems)
    batch = _count(values, "memory.batch", problems)
    worker = values.get("worker.enabled", True)
    if not isinstance(worker, bool):
        problems.append(f"{SECTION}.worker.enabled is true or false, not {worker!r}")
        worker = True
    interpreter = values.get("worker.interpreter", "")
    if not isinstance(interpreter, str):
        problems.append(f"{SECTION}.worker.interpreter is a path, not {interpreter!r}")
        interpreter = ""
    settings = Settings(
        code_lens,
        str(inlay_hints),
        network == "offline",
        Wanted(context, batch),
        worker,
        interpreter,
        _devices(values, problems),
        _diagnostics(values, problems),
    )
    return Parsed(settings, problems)


def _diagnostics(values: Mapping[str, object], problems: list[str]) -> Levels:
    """``diagnostics.enabled``, and severities by code: ``diagnostics.severity.dtype-default`` and so on."""
    enabled = values.get("diagnostics.enabled", True)
    if not isinstance(enabled, bool):
        problems.append(f"{SECTION}.diagnostics.enabled is true or false, not {enabled!r}")
        enabled = True
    prefix = "diagnostics.severity."
    given = {name.removeprefix(prefix): level for name, level in values.items() if name.startswith(prefix)}
    return Levels(enabled, parse_levels(given, f"{SECTION}.diagnostics.severity", problems))


def _devices(values: Mapping[str, object], problems: list[str]) -> tuple[tuple[str, str], ...]:
    """Memory by device: ``memory.devices.0`` and so on."""
    prefix = "memory.devices."
    devices = []
    for name, size in values.items():
        if not name.startswith(prefix):
            continue
        if isinstance(size, str) and parse_bytes(size) is not None:
            devices.append((name.removeprefix(prefix), size))
        else:
            problems.append(f'{SECTION}.{name} is a size such as "24GiB", not {size!r}')
    return tuple(devices)


def _count(values: Mapping[str, object], name: str, problems: list[str]) -> int | None:
    """A whole number above 0; None, the default, for 0 and for what is none."""
    value = values.get(name, 0)
    if type(value) is int and 0 <= value < 2**40:
        return value or None
    problems.append(f"{SECTION}.{name} is a whole number, 0 for the default, not {value!r}")
    return None


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
