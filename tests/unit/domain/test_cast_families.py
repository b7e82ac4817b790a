"""A plan by families of tensors says of each tensor, and in its sums, what a plan for it alone says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import prod

from hypothesis import given, settings
from hypothesis import strategies as st

from model_loupe.domain.casts.plan import (
    CastFacts,
    Kept,
    TensorPlan,
    block_of,
    by_module,
    kept_modules,
    plans,
    targets_by_name,
)
from model_loupe.domain.casts.targets import TARGETS
from model_loupe.domain.families import families
from model_loupe.domain.tensors import TensorKind, TensorTable

NBYTES = {"bfloat16": 2, "float32": 4, "int64": 8, "float8_e4m3fn": 1}
# Of each way to choose tensors.
DIFFERENT = ("nf4", "int8", "float16", "bfloat16", "Q4_K", "mxfp4")
WORDS = ("layers", "q_proj", "norm", "fc1", "embed", "lm_head", "weight", "bias", "scale")
# What damaged or hostile files may have for names is among them.
PARTS = st.sampled_from([*WORDS, "0", "1", "2", "10", "007", "*", "", "١", "a\nb", "9" * 5000])
NAMES = st.one_of(
    st.builds(
        "{}{}.experts.{}.{}".format,
        st.sampled_from(["layers.", "layers.", "layers.", ".", ""]),
        st.integers(0, 2),
        st.sampled_from([0, 1, 10]),
        st.sampled_from(["up_proj.weight", "up_proj.weight", "up_proj.scale", "norm.weight"]),
    ),
    st.lists(PARTS, min_size=1, max_size=4).map(".".join),
)
KINDS = st.builds(
    lambda dtype, shape: TensorKind(dtype, shape, prod(shape), prod(shape) * NBYTES[dtype]),
    st.sampled_from(["bfloat16", *sorted(NBYTES)]),
    st.sampled_from([(3, 256), (2, 40), (4, 33), (256,), (2, 2, 256), ()]),
)


@st.composite
def tables(draw: st.DrawFn) -> dict[str, TensorKind]:
    """Of few kinds, so that families have several members."""
    kinds = st.sampled_from(draw(st.lists(KINDS, min_size=1, max_size=2)))
    return draw(st.dictionaries(NAMES, kinds, min_size=1, max_size=20))


@st.composite
def facts(draw: st.DrawFn, tensors: dict[str, TensorKind]) -> CastFacts:
    names = st.sampled_from(sorted(tensors))
    endings = st.sampled_from([".scale", "e", ".10.up_proj.weight", "0", "1.weight"])
    parts = st.one_of(st.sampled_from(["layers.1", "0.experts", "experts.10.up_proj", "up_proj"]), PARTS)
    groups = st.lists(names, min_size=2, max_size=3, unique=True).map(tuple)
    return CastFacts(
        tied=tuple(draw(st.lists(groups, max_size=2))) if len(tensors) > 1 else (),
        packed=draw(st.sampled_from([False, False, True])),
        overhead=tuple(draw(st.lists(endings, max_size=2))),
        keep_in_fp32=tuple(draw(st.lists(parts, max_size=2))),
        keep_in_fp32_strict=tuple(draw(st.lists(parts, max_size=1))),
        skip=tuple(draw(st.lists(parts, max_size=2))),
    )


def one_by_one(tensors: dict[str, TensorKind], target: str, known: CastFacts) -> Iterator[TensorPlan]:
    """Each tensor planned in a table of its own, with what it is tied to."""
    for name in sorted(tensors):
        with_it = {name, *(each for group in known.tied if name in group for each in group)}
        # Whoever is an alias is it through the groups that name it; the others are left out.
        tied = tuple(group for group in known.tied if name in group)
        table = TensorTable({"": {each: tensors[each] for each in with_it}})
        alone = plans(table, [TARGETS[target]], known._replace(tied=tied))[0]
        yield next(each for each in alone.tensors if each.name == name)


def kept_one_by_one(tensors: list[TensorPlan]) -> list[Kept]:
    groups: dict[tuple[str, str, str], list[TensorPlan]] = {}
    for each in tensors:
        if each.reason is not None:
            module = re.sub(r"(?<![^.])\d+(?![^.])", "*", module_of(each.name))
            groups.setdefault((module, each.dtype, each.reason), []).append(each)
    rows = [
        Kept(
            ".".join(map(spelt, zip(*(module_of(each.name).split(".") for each in group), strict=True))),
            dtype,
            reason,
            len(group),
            sum(each.nbytes for each in group),
        )
        for (_, dtype, reason), group in groups.items()
    ]
    return sorted(rows, key=lambda row: (-row.nbytes, row.path))


def module_of(name: str) -> str:
    return name.rpartition(".")[0] or name


def spelt(column: tuple[str, ...]) -> str:
    """``0``, ``1``, ``3`` → ``0-1,3``."""
    parts = set(column)
    if len(parts) == 1:
        return column[0]
    if not all(part.isdecimal() and len(part) < 19 for part in parts):
        return ",".join(sorted(parts))
    numbers = sorted(map(int, parts))
    starts = [at for at, number in enumerate(numbers) if not at or number != numbers[at - 1] + 1]
    ends = [*(at - 1 for at in starts[1:]), len(numbers) - 1]
    return ",".join(
        str(numbers[start]) if start == end else f"{numbers[start]}-{numbers[end]}"
        for start, end in zip(starts, ends, strict=True)
    )


@settings(max_examples=150, deadline=None)
@given(data=st.data(), tensors=tables(), target=st.sampled_from(DIFFERENT))
def test_a_plan_by_families_is_that_of_each_tensor(
    data: st.DataObject, tensors: dict[str, TensorKind], target: str
) -> None:
    known = data.draw(facts(tensors))
    found = plans(TensorTable({"": tensors}), [TARGETS[target]], known)[0]
    expected = list(one_by_one(tensors, target, known))
    assert found.tensors == expected
    cast = [each for each in expected if each.reason is None]
    assert found.before == sum(each.kind.nbytes for each in expected)
    assert found.nbytes == sum(each.nbytes for each in expected)
    assert found.elements == sum(each.kind.elements for each in cast)
    assert targets_by_name([found]) == {each.name: (target,) for each in cast}
    assert kept_modules(found) == kept_one_by_one(expected)
    blocks: dict[str, list[int]] = {}
    for each in expected:
        row = blocks.setdefault(block_of(each.name), [0, 0])
        row[0] += each.kind.nbytes
        row[1] += each.nbytes
    assert by_module(found) == [(path, *row) for path, row in blocks.items()]


def test_a_large_model_is_a_few_families() -> None:
    kind = TensorKind("bfloat16", (8, 8), 64, 128)
    names = [f"model.layers.{layer}.experts.{at}.up.weight" for layer in range(30) for at in range(100)]
    found = families({kind: [*names, "lm_head.weight"]})
    assert [(each.first, len(each)) for each in found] == [("lm_head.weight", 1), (names[0], 3000)]
