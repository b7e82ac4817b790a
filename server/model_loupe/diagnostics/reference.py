"""The reference page of all diagnostics, as Markdown, and where each stands in it."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from model_loupe.diagnostics.checkpoint_codes import CHECKPOINT_CODES
from model_loupe.diagnostics.rules import CHECKPOINT, RULES, Rule, rule_of

_PAGE = "diagnostics.md"
_HEAD = """# Diagnostics

What Model Loupe marks in code that loads models, in the models' own files and in their settings. All of it is
computed from facts: the code's text, the files' headers, the versions of the installed packages, and what
transformers itself builds. What is not known is not marked.

`modelLoupe.diagnostics.severity` sets the severity of a code, or turns it off: `{"head-dropped": "off"}`. The
comment `# loupe: ignore[head-dropped]` on the marked line does so there; `# loupe: ignore` means all codes.

| Code | Severity | Quick fix | |
|:--|:--|:--|:--|
"""


def page() -> str:
    """The whole page."""
    rows = "".join(
        f"| [`{rule.code}`](#{rule.code}) | {rule.level} | {'yes' if rule.fix else 'no'} | {rule.title} |\n"
        for rule in RULES.values()
    )
    return _HEAD + rows + "".join(map(_section, RULES.values()))


def _section(rule: Rule) -> str:
    parts = [f"\n## {rule.code}\n\n*{rule.level}* · {rule.title}\n\n{rule.why}\n"]
    parts.append(f"\n{f'The quick fix {rule.fix}' if rule.fix else f'No quick fix: {rule.no_fix}'}\n")
    for name, code in (("Marked", rule.before), ("Not marked", rule.after)):
        if code:
            parts.append(f"\n{name}:\n\n```{rule.language}\n{code}\n```\n")
    if rule.code == CHECKPOINT:
        parts.append("\n| Code | |\n|:--|:--|\n")
        parts += [f"| `{code}` | {sentence} |\n" for code, sentence in CHECKPOINT_CODES.items()]
    return "".join(parts)


@cache
def place_of(code: str) -> str | None:
    """The URI of what the page says of ``code``; None where the page is not installed.

    The fragment is the line: editors open a file there, which knows no headings.
    """
    path = _path()
    if path is None:
        return None
    heading = f"## {rule_of(code).code}"
    lines = path.read_text(encoding="utf-8").splitlines()
    number = next((at for at, line in enumerate(lines, 1) if line == heading), 1)
    return f"{path.as_uri()}#L{number}"


def _path() -> Path | None:
    package = Path(__file__).resolve().parents[1]
    # As installed, or as it lies in the repository.
    places = (package / "reference" / _PAGE, package.parents[1] / "docs" / "reference" / _PAGE)
    return next((path for path in places if os.path.isfile(path)), None)
