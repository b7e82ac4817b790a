"""``quantized-recast``, and which quantiser a call uses: by its arguments, else by the checkpoint."""

from __future__ import annotations

from collections.abc import Iterator

from model_loupe.diagnostics.finding import Checked, Document, Finding
from model_loupe.diagnostics.fixes import without_cast

# By the class that quantization_config= is made of.
_CONFIGS = {
    "AwqConfig": "awq",
    "BitsAndBytesConfig": "bitsandbytes",
    "GPTQConfig": "gptq",
    "HqqConfig": "hqq",
    "QuantoConfig": "quanto",
    "TorchAoConfig": "torchao",
}
_FLAGS = ("load_in_8bit", "load_in_4bit")
# ``half`` and ``float`` of PreTrainedModel refuse any quantised model, ``to`` a dtype for these alone.
_REFUSED = ("half", "float")
_REFUSE_TO = ("bitsandbytes", "gptq")


def quantizer_of(checked: Checked) -> str | None:
    """``bitsandbytes``, ``gptq`` …, as transformers calls it; None if there is none, or it is not known."""
    for argument in checked.site.arguments if checked.site else ():
        if argument.name in _FLAGS and argument.text == "True":
            return "bitsandbytes"
        if argument.name == "quantization_config":
            return _CONFIGS.get(argument.made_by or "")
    description = checked.description
    given = description.quantization_config if description else None
    method = (given or {}).get("quant_method")
    return method if isinstance(method, str) else None


def recasts(document: Document) -> Iterator[Finding]:
    """Casts of quantised models: transformers raises a ValueError."""
    for use in document.uses:
        checked = document.loading(use.reference)
        if use.kind != "model" or use.cast is None or checked is None or checked.transformers is None:
            continue
        method = quantizer_of(checked)
        if method is None or not (use.method in _REFUSED or (use.method == "to" and method in _REFUSE_TO)):
            continue
        yield Finding(
            "quantized-recast",
            use.cell,
            use.span,
            f"{use.owner} is quantised by {method}: .{use.method}(…) to {use.cast} raises a ValueError.",
            (without_cast(use.cell, use.span, use.method),),
        )
