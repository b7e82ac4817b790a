"""What tensors become under a cast, and what that takes, from names, dtypes and shapes alone."""

from __future__ import annotations

from math import prod

import pytest

from model_loupe.domain.casts.numerics import Sums, total
from model_loupe.domain.casts.plan import (
    CastFacts,
    CastPlan,
    TensorPlan,
    block_of,
    by_module,
    kept_modules,
    plans,
)
from model_loupe.domain.casts.targets import TARGETS, target_named
from model_loupe.domain.errors import LoupeError
from model_loupe.domain.tensors import TensorKind, TensorTable

SIZES = {"bfloat16": 2, "float32": 4, "int64": 8, "float8_e4m3fn": 1}


def table(*tensors: tuple[str, str, tuple[int, ...]]) -> TensorTable:
    return TensorTable(
        {
            "model.safetensors": {
                name: TensorKind(dtype, shape, prod(shape), prod(shape) * SIZES[dtype])
                for name, dtype, shape in tensors
            }
        }
    )


def gemma(layers: int = 3) -> TensorTable:
    blocks = [
        each
        for layer in range(layers)
        for each in (
            (f"model.layers.{layer}.self_attn.q_proj.weight", "bfloat16", (512, 512)),
            (f"model.layers.{layer}.self_attn.q_proj.bias", "bfloat16", (512,)),
            (f"model.layers.{layer}.input_layernorm.weight", "bfloat16", (512,)),
        )
    ]
    return table(
        ("model.embed_tokens.weight", "bfloat16", (1000, 512)),
        ("model.norm.weight", "bfloat16", (512,)),
        *blocks,
    )


def of(target: str, tensors: TensorTable, **facts: object) -> CastPlan:
    return plans(tensors, [target_named(target)], CastFacts(**facts))[0]  # type: ignore[arg-type]


def cast_tensors(found: CastPlan) -> list[TensorPlan]:
    return [each for each in found.tensors if each.reason is None]


@pytest.mark.parametrize(
    ("name", "shape", "nbytes"),
    [
        ("float16", (3, 5), 30),
        ("float8_e5m2", (3, 5), 15),
        ("int8", (3, 5), 15 + 3 * 4),
        ("int8_tensor", (3, 5), 15 + 4),
        ("int4", (2, 128), 128 + 4 * 4),
        ("nf4", (3, 5), 8 + 4),
        ("nf4", (64, 64), 2048 + 64 * 4),
        # 64 scales in a byte each, one float32 for (up to) 256 of them, and their mean.
        ("nf4_double", (64, 64), 2048 + 64 + 4 + 4),
        ("fp4_double", (256, 128), 16384 + 512 + 2 * 4 + 4),
        ("mxfp4", (2, 64), 64 + 4),
        ("mxfp8", (2, 64), 128 + 4),
        ("nvfp4", (2, 64), 64 + 8 + 4),
        ("Q8_0", (1, 256), 8 * 34),
        ("Q4_0", (1, 256), 8 * 18),
        ("Q4_K", (1, 256), 144),
        ("Q6_K", (1, 256), 210),
    ],
)
def test_bytes_of_a_tensor_count_its_scales(name: str, shape: tuple[int, ...], nbytes: int) -> None:
    assert TARGETS[name].nbytes(shape) == nbytes


def test_names_are_those_that_people_write() -> None:
    assert target_named("torch.bfloat16").name == "bfloat16"
    assert target_named(" Half ").name == "float16"
    assert target_named("q4_k").name == "Q4_K"
    assert target_named("NF4-double").name == "nf4_double"
    with pytest.raises(LoupeError) as raised:
        target_named("float7")
    assert raised.value.code == "unknown-target"
    assert "there are float64, float32" in raised.value.message


def test_an_element_wise_cast_takes_every_floating_tensor() -> None:
    found = of("float32", table(("a.weight", "bfloat16", (2, 3)), ("ids", "int64", (4,))))
    assert [(each.name, each.dtype, each.nbytes) for each in found.tensors] == [
        ("a.weight", "float32", 24),
        ("ids", "int64", 32),
    ]
    assert (found.before, found.nbytes, found.elements, found.bits_per_parameter) == (44, 56, 6, 32.0)


def test_a_quantiser_of_linear_layers_leaves_the_rest_as_it_is() -> None:
    found = of("nf4", gemma())
    assert {each.name.rpartition(".")[0][-6:] for each in cast_tensors(found)} == {"q_proj"}
    assert found.elements == 3 * 512 * 512
    assert found.bits_per_parameter == 4.5
    assert found.nbytes == 3 * 512 * 512 * 4.5 / 8 + 2 * (1000 * 512 + 512 + 3 * 2 * 512)
    assert [(row.path, row.reason, row.tensors) for row in kept_modules(found)] == [
        ("model.embed_tokens", "an embedding", 1),
        ("model.layers.0-2.input_layernorm", "a norm", 3),
        ("model.layers.0-2.self_attn.q_proj", "a bias", 3),
        ("model.norm", "a norm", 1),
    ]


def test_skipped_and_guarded_modules() -> None:
    skipped = of("int8", gemma(), skip=("layers.1",))
    assert [each.name[:14] for each in cast_tensors(skipped)] == ["model.layers.0", "model.layers.2"]
    assert kept_modules(skipped)[1].reason == "llm_int8_skip_modules"
    facts = {"keep_in_fp32": ("norm",), "keep_in_fp32_strict": ("q_proj",)}
    half, brain, single = (of(name, gemma(1), **facts) for name in ("float16", "bfloat16", "float32"))
    assert [row.path for row in kept_modules(half)] == ["model.layers.0.self_attn.q_proj", "model.norm"]
    assert {row.dtype for row in kept_modules(half)} == {"float32"}
    assert [row.reason for row in kept_modules(brain)] == [
        "_keep_in_fp32_modules_strict of the model's class"
    ]
    assert not kept_modules(single)


def test_a_tied_head_counts_once() -> None:
    tensors = table(
        ("lm_head.weight", "bfloat16", (1000, 64)), ("model.embed_tokens.weight", "bfloat16", (1000, 64))
    )
    tied = (("lm_head.weight", "model.embed_tokens.weight"),)
    found = of("float32", tensors, tied=tied)
    assert found.nbytes == 4 * 64_000
    assert kept_modules(found)[0].reason == "tied: one with model.embed_tokens.weight"
    # Where both are stored, both are written alike.
    assert [each.dtype for each in found.tensors] == ["float32", "float32"]


def test_what_is_quantised_already_stays() -> None:
    tensors = table(("a.weight", "float8_e4m3fn", (64, 64)), ("a.weight_scale_inv", "float32", (1, 1)))
    found = of("float16", tensors, packed=True, overhead=(".weight_scale_inv",))
    assert not found.cast
    assert {row.reason for row in kept_modules(found)} == {
        "already quantised",
        "a scale of weights that are quantised already",
    }


def test_gguf_takes_matrices_and_falls_back_as_llama_cpp_does() -> None:
    tensors = table(
        ("embed.weight", "bfloat16", (10, 512)),
        ("a.weight", "bfloat16", (10, 96)),
        ("b.weight", "bfloat16", (10, 33)),
        ("norm.weight", "bfloat16", (512,)),
    )
    found = {each.name: each for each in of("Q4_K", tensors).tensors}
    assert found["embed.weight"].nbytes == 10 * 2 * 144
    assert (found["a.weight"].dtype, found["a.weight"].nbytes) == ("Q5_0", 30 * 22)
    assert (found["b.weight"].dtype, found["b.weight"].nbytes) == ("float16", 660)
    assert (found["norm.weight"].dtype, found["norm.weight"].nbytes) == ("float32", 2048)


@pytest.mark.parametrize(("target", "row", "bits"), [("Q4_K", 96, 5.5), ("Q6_K", 96, 8.5), ("Q6_K", 33, 16)])
def test_bits_are_those_of_the_type_that_rows_fall_back_to(target: str, row: int, bits: float) -> None:
    short = ("a.weight", "bfloat16", (10, row))
    assert of(target, table(short, ("norm.weight", "bfloat16", (512,)))).bits_per_parameter == bits
    long = ("b.weight", "bfloat16", (10, 256))
    both = of(target, table(short, long)).bits_per_parameter
    own = TARGETS[target].nbytes((1, 256)) * 8 / 256
    assert both == pytest.approx((row * bits + 256 * own) / (row + 256))


def test_rows_that_do_not_fit_blocks_stay() -> None:
    found = of("mxfp4", table(("a.weight", "bfloat16", (4, 40))))
    assert kept_modules(found)[0].reason == "rows of 40 are no multiple of 32"


def test_modules_sum_up_to_the_whole() -> None:
    found = of("nf4", gemma())
    rows = by_module(found)
    assert [path for path, _, _ in rows] == ["model.embed_tokens", "model.layers", "model.norm"]
    assert sum(after for _, _, after in rows) == found.nbytes
    assert sum(before for _, before, _ in rows) == found.before


@pytest.mark.parametrize(
    ("name", "block"),
    [
        ("model.layers.3.mlp.experts.4.weight", "model.layers"),
        ("lm_head.weight", "lm_head"),
        ("0.auto_model.encoder.layer.3.weight", "0.auto_model.encoder.layer"),
        ("0.weight", "0"),
        ("weight", "weight"),
    ],
)
def test_a_block_is_what_stands_above_numbers(name: str, block: str) -> None:
    assert block_of(name) == block


def test_figures_follow_from_sums() -> None:
    one = Sums(elements=2, compared=2, squares=200.0, error_squares=2.0, exponents_before={1: 2})
    other = Sums(elements=3, compared=2, to_inf=1, max_abs_error=4.0, exponents_before={1: 1, 2: 1})
    both = total([one, other])
    assert (both.elements, both.to_inf, both.max_abs_error) == (5, 1, 4.0)
    assert both.exponents_before == {1: 3, 2: 1}
    assert both.mse == 0.5
    assert both.snr_db == pytest.approx(20)
    assert other.snr_db is None
    assert total([]) == Sums()
