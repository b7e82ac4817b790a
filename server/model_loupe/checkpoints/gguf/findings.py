"""What is wrong with a GGUF file, as it is found."""

from __future__ import annotations

from model_loupe.domain.warnings import Warning

_MAX_WARNINGS = 20


class Stop(Exception):
    """Nothing beyond this can be read, since where it begins is not known."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Ended(Exception):
    """The file ends before its header does."""


class Findings:
    """What is wrong with a file. Of what is wrong with its parts, some are told and the others counted."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._warnings: list[Warning] = []
        self._details = 0

    def of_file(self, code: str, message: str) -> None:
        self._warnings.append(Warning(code, message))

    def detail(self, code: str, text: str) -> None:
        self._details += 1
        if self._details <= _MAX_WARNINGS:
            self._warnings.append(Warning(code, f"{self.name}: {text}"))

    @property
    def details(self) -> int:
        return self._details

    def told(self) -> list[Warning]:
        left = self._details - _MAX_WARNINGS
        if left <= 0:
            return self._warnings
        return [*self._warnings, Warning("more-warnings", f"{self.name}: {left:,} more findings like these")]


def short(value: object) -> str:
    text = str(value).replace("\n", " ").replace("\r", " ")
    return text if len(text) <= 80 else text[:77] + "…"
