"""``deprecated-argument``, ``removed-argument``, ``argument-too-new``: by the installed transformers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from model_loupe.diagnostics.argument_changes import Change, change_of
from model_loupe.diagnostics.finding import Checked, Finding, Fix
from model_loupe.diagnostics.fixes import of_call, without_keyword
from model_loupe.documents import Argument, Reference
from model_loupe.documents.edits import CallText

_CODES = {
    "deprecated": "deprecated-argument",
    "ignored": "deprecated-argument",
    "removed": "removed-argument",
    "unknown": "argument-too-new",
}
_NOTHING = ("False", "None")
_FLASH = 'attn_implementation="flash_attention_2"'
_QUANTIZER = "transformers.BitsAndBytesConfig"


def arguments(checked: Checked) -> Iterator[Finding]:
    """Arguments that the installed version does not take as they are written."""
    version = checked.transformers
    if version is None or checked.site is None:
        return
    for argument in checked.site.arguments:
        change = change_of(argument.name, checked.reference.role, version)
        if change is not None:
            fix = _fix(checked.reference, argument, change)
            yield Finding(
                _CODES[change.state],
                checked.reference.cell,
                argument.name_span,
                _message(argument, change, checked.around.installed("transformers") or ""),
                (fix,) if fix else (),
                deprecated=change.state in ("deprecated", "ignored"),
            )


def _message(argument: Argument, change: Change, version: str) -> str:
    what = {
        "deprecated": "is deprecated",
        "ignored": "is ignored",
        "removed": "is not taken any more: the call fails with a TypeError",
        "unknown": "is not known yet: the call fails with a TypeError",
    }[change.state]
    return f"{argument.name}= {what} (transformers {version}){_instead(argument, change)}."


def _instead(argument: Argument, change: Change) -> str:
    if change.instead:
        return f"; it is called {change.instead}= there"
    if change.by is None or argument.text in _NOTHING:
        return ""
    if change.by == "attn_implementation":
        return f"; it is written {_FLASH} now"
    return f"; it is written {change.by}=BitsAndBytesConfig({argument.name}={argument.text}) now"


def _fix(reference: Reference, argument: Argument, change: Change) -> Fix | None:
    name, new = argument.name, change.instead
    if new is not None:
        if new in reference.kwargs:
            return without_keyword(f"Remove {name}=", reference, name)
        return of_call(f"Write {new}=", reference, lambda call, _: call.renamed(name, new))
    if change.by is None or argument.text in _NOTHING or change.by in reference.kwargs:
        return without_keyword(f"Remove {name}=", reference, name)
    if change.by == "attn_implementation":
        return _flash_attention(reference, argument)
    return _quantization(reference, argument)


def _flash_attention(reference: Reference, argument: Argument) -> Fix | None:
    if argument.text != "True":
        return None  # what it is decides, and only the run knows
    key, _, value = _FLASH.partition("=")

    def change(call: CallText, _: Mapping[str, str]) -> CallText:
        return call.without_keyword(argument.name).with_keyword(key, value)

    return of_call(f"Write {_FLASH}", reference, change)


def _quantization(reference: Reference, argument: Argument) -> Fix:
    def change(call: CallText, names: Mapping[str, str]) -> CallText:
        made = f"{names[_QUANTIZER]}({argument.name}={argument.text})"
        return call.without_keyword(argument.name).with_keyword("quantization_config", made)

    return of_call("Write quantization_config=BitsAndBytesConfig(…)", reference, change, (_QUANTIZER,))
