"""Which parts of tensors a sample reads: within the budget, in few requests, and none is missed."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from model_loupe.domain.casts.sampling import Stratum, Wanted, strata
from model_loupe.domain.errors import LoupeError
from model_loupe.domain.tensors import TensorKind

MATRIX = TensorKind("bfloat16", (2048, 4096), 2**23, 2**24)
VECTOR = TensorKind("float32", (4096,), 4096, 4 * 4096)
ODD = TensorKind("bfloat16", (333, 777), 333 * 777, 2 * 333 * 777)
EMPTY = TensorKind("bfloat16", (0, 4), 0, 0)


def layers(count: int) -> list[Wanted]:
    kinds = {"fc": MATRIX, "norm": VECTOR, "odd": ODD, "none": EMPTY}
    return [
        Wanted(f"model.layers.{layer}.{name}.weight", kind, ("float16",))
        for layer in range(count)
        for name, kind in kinds.items()
    ]


@pytest.mark.parametrize("count", [1, 5, 80, 20_000])
@pytest.mark.parametrize("budget", [2**17, 2**20, 2**25])
def test_the_budget_holds_and_no_tensor_of_a_few_is_missed(count: int, budget: int) -> None:
    if count * 3 * 4 <= 1200 and count * 3 * 4 * 256 * 4 > budget:
        with pytest.raises(LoupeError):
            strata(layers(count), budget)
        return
    found = strata(layers(count), budget)
    assert sum(each.nbytes for each in found) <= budget
    assert sum(each.taken for each in found) <= 1200
    names = {tensor for each in found for tensor in each.tensors}
    assert names == {each.name for each in layers(count) if each.kind.elements}
    assert sum(each.elements for each in found) == count * (2**23 + 4096 + 333 * 777)
    assert len(found) == (3 if count == 20_000 else 3 * count)


def test_tensors_of_one_make_are_one_stratum_where_there_are_many() -> None:
    found = strata(layers(20_000))
    assert [each.name for each in found] == [
        f"model.layers.*.{kind}.weight" for kind in ("fc", "norm", "odd")
    ]
    seen = {tensor for tensor, _ in found[0].places(random.Random(0))}
    assert len(seen) == 48


def test_places_lie_in_equal_stretches_and_within_tensors() -> None:
    stratum = Stratum("a.*", ("a.0", "a.1", "a.2"), ODD, (), 256, 30)
    in_each = ODD.elements // 256
    for seed in range(20):
        places = stratum.places(random.Random(seed))
        units = [int(name[2:]) * in_each + start // 512 for name, start in places]
        assert all(0 <= start <= ODD.nbytes - 512 and start % 512 == 0 for _, start in places)
        assert all(
            number * stratum.of // 30 <= unit <= (number + 1) * stratum.of // 30
            for number, unit in enumerate(units)
        )
        assert all(one < other for one, other in pairwise(units))


def test_small_tensors_are_read_whole() -> None:
    (vector,) = strata([Wanted("norm.weight", VECTOR, ())])
    assert (vector.unit, vector.taken, vector.of, vector.nbytes) == (4096, 1, 1, VECTOR.nbytes)
    assert vector.places(random.Random(0)) == [("norm.weight", 0)]
    assert strata([]) == []
