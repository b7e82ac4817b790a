"""The formats that weights can be cast to: how many bytes they take, which library and hardware runs them.

Sources: ``torch.dtype``; bitsandbytes' ``functional.py`` (https://arxiv.org/abs/2208.07339 and
https://arxiv.org/abs/2305.14314); torchao's tinygemm int4; the OCP Microscaling Formats specification 1.0
(https://www.opencompute.org/documents/ocp-microscaling-formats-mx-v1-0-spec-final-pdf); NVIDIA's NVFP4 as
torchao has it; the block structs of ggml-common.h.
"""

from __future__ import annotations

from typing import NamedTuple

from model_loupe.domain.errors import LoupeError

ELEMENT, LINEAR, MATRIX = "element", "linear", "matrix"
"""Which tensors a target is for: every floating one, the weights of linear layers, or every matrix."""


class Target(NamedTuple):
    """A format. ``element_bits`` are of one code; everything else a tensor takes beside is scales.

    Weights come in blocks of ``block`` along a row (``whole_rows``) or along the flattened tensor;
    ``block`` 0
    is a whole row, None no block at all. Each block has ``block_bytes`` of scales; ``nested`` of these share
    ``nested_bytes`` more (0: none), and the tensor as a whole has ``tensor_bytes``. ``follows`` says that
    activations, and so the KV cache, take the dtype too. ``samples`` is False where one value scales so
    many others that a sample tells little: a few rows with outliers decide then.
    """

    name: str
    title: str
    scope: str
    element_bits: int
    library: str
    hardware: str
    block: int | None = None
    block_bytes: int = 0
    whole_rows: bool = False
    nested: int = 0
    nested_bytes: int = 0
    tensor_bytes: int = 0
    follows: bool = False
    samples: bool = True

    def nbytes(self, shape: tuple[int, ...]) -> int:
        """Bytes of a tensor of ``shape``, scales included. Code books, which all tensors share, are not."""
        elements = 1
        for size in shape:
            elements *= size
        codes = (elements * self.element_bits + 7) // 8
        blocks = self._blocks(shape, elements)
        nested = -(-blocks // self.nested) if self.nested else 0
        return codes + blocks * self.block_bytes + nested * self.nested_bytes + self.tensor_bytes

    def _blocks(self, shape: tuple[int, ...], elements: int) -> int:
        if self.block is None or not elements:
            return 0
        row = shape[-1] if shape else 1
        if self.block == 0:
            return elements // row
        return elements // row * -(-row // self.block) if self.whole_rows else -(-elements // self.block)

    def misfit(self, shape: tuple[int, ...]) -> str | None:
        """Why a tensor of ``shape`` cannot be cast; None if it can."""
        row = shape[-1] if shape else 1
        if self.whole_rows and self.block and row % self.block:
            return f"rows of {row:,} are no multiple of {self.block}"
        return None


_ANY = "any GPU or CPU"
_BNB = "bitsandbytes"


def _plain(name: str, bits: int, hardware: str, library: str = "torch", follows: bool = True) -> Target:
    return Target(name, name, ELEMENT, bits, library, hardware, follows=follows)


def _bnb_4bit(kind: str) -> tuple[Target, Target]:
    hardware = "NVIDIA from compute capability 6.0, AMD (ROCm), Intel, CPU"
    plain = Target(kind, f"{kind}, blocks of 64", LINEAR, 4, _BNB, hardware, 64, 4)
    double = plain._replace(
        name=f"{kind}_double",
        title=f"{kind}, blocks of 64, scales quantised",
        block_bytes=1,
        nested=256,
        nested_bytes=4,
        tensor_bytes=4,
    )
    return plain, double


def _gguf(name: str, bits: int, block: int, nbytes: int) -> Target:
    scales = nbytes - block * bits // 8
    return Target(
        name, f"GGUF {name}", MATRIX, bits, "llama.cpp (gguf)", "CPU, and any GPU", block, scales, True
    )


def _table() -> dict[str, Target]:
    fp8 = "to store; matrix products on NVIDIA from compute capability 8.9, AMD MI300 (fnuz)"
    rows = (
        _plain("float64", 64, "any CPU; few GPUs at full speed"),
        _plain("float32", 32, _ANY),
        _plain("bfloat16", 16, "NVIDIA from compute capability 8.0, AMD, Intel, TPU, CPU"),
        _plain("float16", 16, "any GPU; slow on most CPUs"),
        *(
            _plain(f"float8_{kind}", 8, fp8, follows=False)
            for kind in ("e4m3fn", "e5m2", "e4m3fnuz", "e5m2fnuz")
        ),
        Target(
            "int8", "int8, a scale for each row (LLM.int8)", LINEAR, 8, _BNB,
            "NVIDIA from compute capability 7.5, AMD (ROCm), Intel, CPU", 0, 4, samples=False,
        ),
        Target(
            "int8_tensor", "int8, one scale for each tensor", LINEAR, 8, "torchao", _ANY,
            tensor_bytes=4, samples=False,
        ),
        Target(
            "int4", "int4, groups of 64 (tinygemm)", LINEAR, 4, "torchao",
            "NVIDIA from compute capability 8.0", 64, 4, True,
        ),
        *_bnb_4bit("nf4"),
        *_bnb_4bit("fp4"),
        Target(
            "mxfp4", "MXFP4, blocks of 32", LINEAR, 4, "torchao",
            "NVIDIA from compute capability 10.0, AMD MI350; others unpack it", 32, 1, True,
        ),
        Target(
            "mxfp8", "MXFP8 (e4m3), blocks of 32", LINEAR, 8, "torchao",
            "NVIDIA from compute capability 10.0, AMD MI350; others unpack it", 32, 1, True,
        ),
        Target(
            "nvfp4", "NVFP4, blocks of 16", LINEAR, 4, "torchao",
            "NVIDIA from compute capability 10.0; others unpack it", 16, 1, True, tensor_bytes=4,
        ),
        _gguf("Q8_0", 8, 32, 34),
        _gguf("Q4_0", 4, 32, 18),
        _gguf("Q4_K", 4, 256, 144),
        _gguf("Q6_K", 6, 256, 210),
    )  # fmt: skip
    return {target.name: target for target in rows}


MADE_BY = {
    "bitsandbytes": "bitsandbytes makes it while a model is loaded: from_pretrained(…, quantization_config="
    "BitsAndBytesConfig(…)), then save_pretrained",
    "torchao": "torchao makes it while a model is loaded: from_pretrained(…, quantization_config="
    "TorchAoConfig(…)), then save_pretrained",
    "llama.cpp (gguf)": "llama.cpp makes it: convert_hf_to_gguf.py, then llama-quantize",
}
"""By library: how a checkpoint comes about in those of its formats that are not written here."""

TARGETS: dict[str, Target] = _table()
"""Name → target, in the order in which they are shown."""

_ALIASES = {
    "double": "float64", "float": "float32", "fp32": "float32", "half": "float16", "fp16": "float16",
    "bf16": "bfloat16", "fp8": "float8_e4m3fn", "float8": "float8_e4m3fn", "int8_row": "int8",
    "load_in_8bit": "int8", "load_in_4bit": "fp4",
}  # fmt: skip


_WIDER = {"float16": ("float32", "float64"), "bfloat16": ("float32", "float64"), "float32": ("float64",)}


def is_lossless(source: str, target: Target) -> bool:
    """Whether a cast from the dtype ``source`` keeps every value, as the two formats alone tell."""
    return target.name == source or target.name in _WIDER.get(source, ())


def target_named(text: str) -> Target:
    """The target called ``text`` (case does not matter, ``torch.`` neither); raises LoupeError."""
    name = text.strip().lower().removeprefix("torch.").replace("-", "_")
    name = _ALIASES.get(name, name)
    for target in TARGETS.values():
        if target.name.lower() == name:
            return target
    known = ", ".join(TARGETS)
    raise LoupeError("unknown-target", f"{text.strip()[:60]!r} is no format to cast to: there are {known}")
