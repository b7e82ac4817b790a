"""``head-dropped``, ``head-new``, ``wrong-auto-class``, ``loading-fails``: class against checkpoint.

All of it is what transformers itself builds (``Description.built``): nothing is said before that is known.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from model_loupe.diagnostics.finding import Checked, Finding, Fix
from model_loupe.diagnostics.fixes import another_class, with_keyword
from model_loupe.documents import Reference
from model_loupe.domain.architecture import Join
from model_loupe.domain.units import format_shape, plural
from model_loupe.inspector.auto_classes import auto_class_of

_SHOWN = 4


def classes(checked: Checked) -> Iterator[Finding]:
    """What the call's class does with the checkpoint."""
    description = checked.description
    if description is None or checked.transformers is None or checked.reference.role != "model":
        return
    reference, built = checked.reference, description.built
    failure = description.not_built
    if failure is not None and failure.code == "wrong-auto-class" and description.fails:
        yield Finding(
            failure.code, reference.cell, reference.span, f"{failure.message}.", _right_class(checked)
        )
    join = built.join if built else None
    # With arguments that are not known, what is built is not what the call builds.
    if built is None or join is None or checked.options.unknown:
        return
    if description.fails:
        yield _mismatch(reference, join, description.fails)
    fixes = _right_class(checked) if built.class_name != description.architecture else ()
    if join.unexpected_count:
        what = plural(join.unexpected_count, "tensor")
        names = _names(join.unexpected, join.unexpected_count)
        message = f"{built.class_name} has no place for {what} of the checkpoint: {names}."
        yield Finding("head-dropped", reference.cell, reference.span, message, fixes)
    if join.missing_count:
        what = plural(join.missing_count, "parameter")
        names = _names(join.missing, join.missing_count)
        message = f"The checkpoint lacks {what} of {built.class_name}, initialised anew: {names}."
        yield Finding("head-new", reference.cell, reference.span, message, fixes)


def _right_class(checked: Checked) -> tuple[Fix, ...]:
    """The Auto class that makes the class of the config."""
    description, reference = checked.description, checked.reference
    if description is None or not reference.callee.endswith(".from_pretrained"):
        return ()
    name = auto_class_of(description.architecture, description.model_type, checked.around.interpreter)
    is_other = name is not None and name != reference.callee.split(".")[-2]
    return (another_class(reference, name),) if name is not None and is_other else ()


def _mismatch(reference: Reference, join: Join, why: str) -> Finding:
    first = join.mismatched[0]
    shapes = (
        f"{first.name} is {format_shape(first.stored)} there and {format_shape(first.wanted)} in the class"
    )
    fix = with_keyword(
        "Initialise them anew: ignore_mismatched_sizes=True", reference, "ignore_mismatched_sizes", "True"
    )
    return Finding(
        "loading-fails", reference.cell, reference.span, f"Loading fails: {why} ({shapes}).", (fix,)
    )


def _names(names: Sequence[str], count: int) -> str:
    shown = ", ".join(names[:_SHOWN])
    return shown if count <= _SHOWN else f"{shown} and {count - min(_SHOWN, len(names)):,} more"
