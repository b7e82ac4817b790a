"""Names of a kind are renamed as the first of them was, and only to what the model has."""

from __future__ import annotations

from model_loupe.worker.templates import by_template


def asked(
    rename: dict[str, tuple[str, ...]], expected: set[str], *names: str
) -> tuple[list[object], list[str]]:
    """What the names become, and which of them had to be asked for."""
    told: list[str] = []

    def one(name: str) -> tuple[str, ...]:
        told.append(name)
        return rename.get(name, (name,))

    renamed = by_template(one, dict.fromkeys(expected))
    return [renamed(name) for name in names], told


def test_the_second_of_a_kind_is_not_asked_for() -> None:
    first, second = "layers.3.experts.17.gate.weight", "layers.4.experts.5.gate.weight"
    found, told = asked(
        {first: ("layers.3.experts.gate_up",)},
        {"layers.3.experts.gate_up", "layers.4.experts.gate_up"},
        first,
        second,
    )
    assert found == [("layers.3.experts.gate_up",), ("layers.4.experts.gate_up",)]
    assert told == [first]


def test_equal_numbers_tell_nothing() -> None:
    names = ["layers.1.experts.1.w", "layers.2.experts.3.w", "layers.4.experts.5.w"]
    rename = {name: (f"layers.{name.split('.')[1]}.w",) for name in names}
    found, told = asked(rename, {"layers.1.w", "layers.2.w", "layers.4.w"}, *names)
    assert found == [("layers.1.w",), ("layers.2.w",), ("layers.4.w",)]
    assert told == names[:2]


def test_what_the_model_does_not_have_is_asked_for() -> None:
    names = ["layers.0.w", "layers.1.w"]
    found, told = asked({"layers.0.w": ("h.0.w",)}, {"h.0.w"}, *names)
    assert found == [("h.0.w",), ("layers.1.w",)]
    assert told == names


def test_braces_and_split_tensors() -> None:
    names = ["a{0}.1.qkv", "a{0}.2.qkv"]
    found, told = asked(
        {names[0]: ("a{0}.1.q", "a{0}.1.k")}, {"a{0}.1.q", "a{0}.1.k", "a{0}.2.q", "a{0}.2.k"}, *names
    )
    assert found[1] == ("a{0}.2.q", "a{0}.2.k")
    assert told == names[:1]
