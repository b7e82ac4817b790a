"""How ``from_pretrained`` is told to load a model in a format, by version of transformers.

Read from ``modeling_utils.py`` and ``utils/quantization_config.py`` of transformers 4.38.0, 4.57.1 and 5.23.0
(``dtype`` is taken, and ``torch_dtype`` deprecated, since 4.56) and held to them by running the edited code.
"""

from __future__ import annotations

from typing import NamedTuple

from model_loupe.domain.casts.targets import Target
from model_loupe.domain.errors import LoupeError

# torch.set_default_dtype, through which transformers loads, takes no others.
_DTYPES = ("float64", "float32", "bfloat16", "float16")
_COMPUTING = ("bfloat16", "float16")
_BITS_AND_BYTES = "transformers.BitsAndBytesConfig"
_TORCHAO = "transformers.TorchAoConfig"
_ALIKE = "no library makes these when it loads a model: this preview tells what they would cost"
_NOT_LOADED = {
    "int8_tensor": "libraries that load int8 have a scale for each row: take int8",
    **dict.fromkeys(("float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz"), _ALIKE),
    **dict.fromkeys(
        ("mxfp4", "mxfp8", "nvfp4"), "torchao's MX formats are prototypes, which transformers takes none of"
    ),
}
_TAKES_DTYPE = (4, 56)
_FOUR_BITS = (4, 30)


class Way(NamedTuple):
    """What a call is given: a ``dtype`` of torch, or a ``config`` for ``quantization_config``.

    ``config`` is an expression in which ``{name}`` stands for each of ``imports`` (``torch``,
    ``transformers.BitsAndBytesConfig``) by its last part. ``keyword`` is what the dtype's argument is called.
    """

    target: str
    keyword: str
    dtype: str | None = None
    config: str | None = None
    imports: tuple[str, ...] = ()


def way_to_load(target: Target, transformers: str | None, computing: str | None = None) -> Way:
    """How a model is loaded as ``target``; raises LoupeError if it cannot be.

    ``transformers`` is the installed version (None: taken for the newest), ``computing`` the dtype that the
    call loads by now, in which 4-bit weights are then multiplied.
    """
    version = version_of(transformers) if transformers else (99,)
    keyword = "dtype" if version >= _TAKES_DTYPE else "torch_dtype"
    name = target.name
    if name in _DTYPES:
        return Way(name, keyword, name, imports=("torch",))
    if name.startswith("Q"):
        raise _cannot(
            name, "GGUF files are made by llama.cpp (convert_hf_to_gguf.py, llama-quantize), not on loading"
        )
    if name in _NOT_LOADED:
        raise _cannot(name, _NOT_LOADED[name])
    if target.library == "torchao" or name == "float8_e4m3fn":
        if version < _TAKES_DTYPE:
            raise _cannot(
                name, f"transformers {transformers} takes no settings of today's torchao (4.56 does)"
            )
        settings, arguments = _torchao(name)
        imports = (_TORCHAO, f"torchao.quantization.{settings}")
        return Way(name, keyword, None, f"{{TorchAoConfig}}({{{settings}}}({arguments}))", imports)
    if version < _FOUR_BITS:
        raise _cannot(name, f"transformers {transformers} has no settings for it (4.30 has)")
    if name == "int8":
        return Way(name, keyword, None, "{BitsAndBytesConfig}(load_in_8bit=True)", (_BITS_AND_BYTES,))
    kind, _, double = name.partition("_")
    arguments = f'load_in_4bit=True, bnb_4bit_quant_type="{kind}"'
    if double:
        arguments += ", bnb_4bit_use_double_quant=True"
    dtype = computing if computing in _COMPUTING else _COMPUTING[0]
    config = f"{{BitsAndBytesConfig}}({arguments}, bnb_4bit_compute_dtype={{torch}}.{dtype})"
    return Way(name, keyword, None, config, (_BITS_AND_BYTES, "torch"))


def _torchao(name: str) -> tuple[str, str]:
    if name == "int4":
        return "Int4WeightOnlyConfig", "group_size=64"
    return "Float8WeightOnlyConfig", ""


def _cannot(name: str, why: str) -> LoupeError:
    return LoupeError("cannot-apply", f"no edit loads a model as {name}: {why}")


def version_of(text: str) -> tuple[int, ...]:
    """``5.23.0.dev0`` as (5, 23, 0)."""
    numbers = []
    for part in text.split("."):
        if not part.isdecimal():
            break
        numbers.append(int(part))
    return tuple(numbers)
