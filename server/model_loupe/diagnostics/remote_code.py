"""``remote-code-unpinned``, ``pickle-only``: whose code runs when a model is loaded."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from model_loupe.diagnostics.finding import Checked, Finding, Fix
from model_loupe.diagnostics.fixes import with_keyword, without_keyword
from model_loupe.inspector import Description
from model_loupe.inspector.revisions import revision_with_safetensors

_COMMIT = re.compile(r"[\"'][0-9a-f]{40}[\"']")
_PICKLES = (".bin", ".pt", ".pth", ".ckpt")
_TRUST = "trust_remote_code"


def remote_code(checked: Checked) -> Iterator[Finding]:
    """``trust_remote_code=True`` for what may be another thing tomorrow."""
    site, reference, description = checked.site, checked.reference, checked.description
    trust = site.argument(_TRUST) if site else None
    if trust is None or trust.text != "True" or reference.kind != "hub":
        return
    if description is not None and (description.source == "folder" or not _has_code(checked)):
        return
    pinned = [reference.kwargs.get(name, "") for name in ("revision", "code_revision")]
    if any(_COMMIT.fullmatch(value) or _is_computed(value) for value in pinned):
        return
    commit = description.commit if description else None
    fixes = []
    if commit and checked.transformers is not None:
        fixes.append(with_keyword(f"Pin commit {commit[:10]}", reference, "revision", f'"{commit}"'))
    if description is None:
        message = (
            f"Code of the newest commit of {reference.model} would run, if it has any: no revision= pins it."
        )
    else:
        message = f"The code in {reference.model} runs as its newest commit has it: no revision= pins it."
    fixes.append(without_keyword(f"Remove {_TRUST}=", reference, _TRUST))
    yield Finding("remote-code-unpinned", reference.cell, trust.span, message, tuple(fixes))


def _is_computed(value: str) -> bool:
    """Whether an argument, as written, is given something else than a literal string or None."""
    return value not in ("", "None") and value[0] not in "\"'"


def _has_code(checked: Checked) -> bool:
    """Whether the model's config names classes of its own repository."""
    config = checked.description.config if checked.description else {}
    return bool(config.get("auto_map") or config.get("custom_pipelines"))


def pickles(checked: Checked) -> Iterator[Finding]:
    """Weights that are pickles and nothing else."""
    description, reference = checked.description, checked.reference
    if description is None or reference.role not in ("model", "pipeline") or checked.transformers is None:
        return
    if _is_computed(reference.kwargs.get("revision", "")):
        return
    shards = [file.name for file in description.weights.shards]
    if shards and all(name.endswith(_PICKLES) for name in shards) and not _has_safetensors(description):
        message = (
            f"{reference.model} has pickles alone ({shards[0]}): loading them can run code that they hold."
        )
        yield Finding(
            "pickle-only", reference.cell, reference.span, message, _converted(checked, description)
        )


def _converted(checked: Checked, description: Description) -> tuple[Fix, ...]:
    """Takes the safetensors of another revision that this machine has already."""
    name = revision_with_safetensors(description)
    if name is None:
        return ()
    title = f"Take the safetensors of {name}"
    return (with_keyword(title, checked.reference, "revision", json.dumps(name)),)


def _has_safetensors(description: Description) -> bool:
    return any(file.name.endswith(".safetensors") for file in description.files)
