"""``missing-package``: what a call needs that is not installed where the code runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from model_loupe.diagnostics.finding import Checked, Document, Finding, Fix
from model_loupe.diagnostics.quantizers import quantizer_of
from model_loupe.documents import Install, Span
from model_loupe.documents.edits import Edit

# By the quantiser: the distribution that transformers asks for.
_OF_QUANTIZERS = {
    "bitsandbytes": "bitsandbytes",
    "compressed-tensors": "compressed-tensors",
    "hqq": "hqq",
    "quanto": "optimum-quanto",
    "torchao": "torchao",
}
# What distributions and their extras require in turn, of what calls may need.
_BRINGS = {
    "peft": ("accelerate",),
    "transformers[accelerate]": ("accelerate",),
    "transformers[all]": ("accelerate", "protobuf", "sentencepiece"),
    "transformers[sentencepiece]": ("protobuf", "sentencepiece"),
    "transformers[torch]": ("accelerate",),
    "trl": ("accelerate",),
    "trl[peft]": ("peft",),
    "trl[quantization]": ("bitsandbytes",),
    "unsloth": ("accelerate", "bitsandbytes", "peft", "protobuf", "sentencepiece"),
}
_LOW_MEMORY_IGNORED = (4, 55)
_PIECES = ("sentencepiece.bpe.model", "spiece.model", "tokenizer.model")


def packages(document: Document) -> Iterator[Finding]:
    """The packages that loading calls raise an ImportError without."""
    for call in document.calls:
        for span, (why, names) in _missing(call, document.installs).items():
            install = f"`{call.around.interpreter} -m pip install {' '.join(names)}`"
            message = f"{why} needs {' and '.join(names)}, not installed where the code runs ({install})."
            yield Finding("missing-package", call.reference.cell, span, message, (_install(call, names),))


def _missing(checked: Checked, installs: Sequence[Install]) -> dict[Span, tuple[str, list[str]]]:
    """By where it is asked for: what asks, and the distributions that are not there by then."""
    version = checked.transformers
    if version is None or checked.around.version("torch") is None:
        return {}
    here = (checked.reference.cell or 0, checked.reference.call.line)
    installed = _installed(each for each in installs if (each.cell or 0, each.line) < here)
    if None in installed:
        return {}
    missing: dict[Span, tuple[str, list[str]]] = {}
    for distribution, span, why in _needed(checked, version):
        if distribution not in installed and checked.around.version(distribution) is None:
            _, names = missing.setdefault(span, (why, []))
            names.append(distribution)
    return missing


def _installed(installs: Iterable[Install]) -> set[str | None]:
    """The distributions that are there afterwards; None stands for what is not known."""
    found: set[str | None] = set()
    for package, extras in (each[2:] for each in installs):
        names = [package, *(f"{package}[{extra}]" for extra in extras)]
        found.update([package], *(_BRINGS.get(name, ()) for name in names if name))
    return found


def _install(checked: Checked, names: Sequence[str]) -> Fix:
    """A line above the cell's code; of a file, which has no such line, by its editor."""
    cell, wanted = checked.reference.cell, " ".join(names)
    if cell is None:
        return Fix(f"Install {wanted} (pip, in a terminal)", lambda _: [], tuple(names))

    def edits(texts: Sequence[str]) -> list[Edit]:
        # A magic for the whole cell stays the first that is no empty line.
        text = texts[cell]
        code = text.lstrip()
        line = text[: len(text) - len(code)].count("\n") + 1 if code.startswith("%%") else 0
        return [Edit(Span(line, 0, line, 0), f"%pip install {wanted}\n", cell)]

    return Fix(f"Install it in this cell: %pip install {wanted}", edits)


def _needed(checked: Checked, version: tuple[int, ...]) -> Iterator[tuple[str, Span, str]]:
    """Distribution, where the code asks for it, and what does so."""
    reference = checked.reference
    if reference.role == "tokenizer" and _has_only_pieces(checked):
        yield "sentencepiece", reference.span, "A tokenizer without tokenizer.json"
        # To convert it; a slow tokenizer reads it as it is.
        if reference.kwargs.get("use_fast") != "False":
            yield "protobuf", reference.span, "A tokenizer without tokenizer.json"
    # A pipeline that is given a model takes it as it is.
    if reference.role == "model" or (reference.callee.split(".")[-1] == "pipeline" and reference.model):
        yield from _needed_by_model(checked, version)


def _has_only_pieces(checked: Checked) -> bool:
    """Whether the tokenizer is there as a SentencePiece model alone, which has to be converted."""
    names = {file.name for file in checked.description.files} if checked.description else set()
    return not names.isdisjoint(_PIECES) and "tokenizer.json" not in names


def _needed_by_model(checked: Checked, version: tuple[int, ...]) -> Iterator[tuple[str, Span, str]]:
    reference, site, description = checked.reference, checked.site, checked.description
    for argument in site.arguments if site else ():
        if argument.name == "device_map" and argument.text != "None":
            yield "accelerate", argument.span, "device_map="
        if argument.name == "low_cpu_mem_usage" and argument.text == "True" and version < _LOW_MEMORY_IGNORED:
            yield "accelerate", argument.span, "low_cpu_mem_usage="
    method = quantizer_of(checked)
    if method in _OF_QUANTIZERS:
        names = ("quantization_config", "load_in_8bit", "load_in_4bit")
        asked = next((found for name in names if site and (found := site.argument(name))), None)
        span = asked.span if asked else reference.span
        yield _OF_QUANTIZERS[method], span, f"Quantisation by {method}"
        if method == "bitsandbytes":
            yield "accelerate", span, f"Quantisation by {method}"
    if description is not None and description.adapter is not None:
        yield "peft", reference.span, "An adapter"
    if reference.kwargs.get("gguf_file", "None") != "None":
        given = site.argument("gguf_file") if site else None
        yield "gguf", given.span if given else reference.span, "gguf_file="
