"""Our NamedTuple is typing's in all that the package uses of it."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import typing
from pathlib import Path
from typing import Any

import pytest

from model_loupe.domain import lean_typing

SERVER = str(Path(__file__).parents[3] / "server")


class Ours(lean_typing.NamedTuple):
    """A point."""

    x: int
    y: int = 2
    label: str = "here"

    @property
    def both(self) -> int:
        """Of both."""
        return self.x + self.y

    @classmethod
    def at_zero(cls) -> Any:
        return cls(0, 0)


class Theirs(typing.NamedTuple):
    """A point."""

    x: int
    y: int = 2
    label: str = "here"

    @property
    def both(self) -> int:
        """Of both."""
        return self.x + self.y

    @classmethod
    def at_zero(cls) -> Any:
        return cls(0, 0)


class Nothing(lean_typing.NamedTuple):
    """No fields at all."""


CALLS: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
    ((1,), {}),
    ((1, 5), {}),
    ((1, 5, "there"), {}),
    ((), {"x": 1}),
    ((1,), {"label": "there"}),
    ((), {"label": "there", "x": 1, "y": 7}),
]
BAD_CALLS: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
    ((), {}),
    ((), {"y": 1}),
    ((1, 2, "a", 4), {}),
    ((1,), {"x": 1}),
    ((1,), {"z": 1}),
    ((1, 2, "a"), {"z": 1}),
]


@pytest.mark.parametrize(("values", "named"), CALLS)
def test_the_same_values(values: tuple[Any, ...], named: dict[str, Any]) -> None:
    ours, theirs = Ours(*values, **named), Theirs(*values, **named)
    assert ours == theirs == tuple(ours) and hash(ours) == hash(theirs)
    assert (ours.x, ours.y, ours.label, ours.both) == (theirs.x, theirs.y, theirs.label, theirs.both)
    assert repr(ours) == repr(theirs).replace("Theirs", "Ours")
    assert ours._asdict() == theirs._asdict() and list(ours._asdict()) == list(theirs._asdict())
    assert ours._replace(y=9) == theirs._replace(y=9) and type(ours._replace(y=9)) is Ours
    assert type(Ours._make(theirs)) is Ours and Ours._make(theirs) == theirs
    for back in (pickle.loads(pickle.dumps(ours)), copy.copy(ours), copy.deepcopy(ours)):
        assert back == ours and type(back) is Ours


@pytest.mark.parametrize(("values", "named"), BAD_CALLS)
def test_the_same_refusals(values: tuple[Any, ...], named: dict[str, Any]) -> None:
    for point in (Ours, Theirs):
        with pytest.raises(TypeError):
            point(*values, **named)


def test_the_same_class() -> None:
    assert Ours._fields == Theirs._fields and Ours.__match_args__ == Theirs.__match_args__
    assert (Ours.__doc__, Ours.__qualname__, Ours.__module__) == ("A point.", "Ours", __name__)
    assert issubclass(Ours, tuple) and Ours.at_zero() == Theirs.at_zero()
    match Ours(1):
        case Ours(x, y):
            assert (x, y) == (1, 2)
    for attribute in ("x", "other"):
        with pytest.raises(AttributeError):
            setattr(Ours(1), attribute, 3)
    assert Nothing() == () and repr(Nothing()) == "Nothing()"


def test_describing_a_model_imports_no_typing() -> None:
    """Nor anything else that this module is there to spare."""
    code = (
        "import sys, model_loupe.cli, model_loupe.inspector.inspect, model_loupe.inspector.schema; "
        "print(sorted({'typing', 'argparse', 'json', 're', 'dataclasses', 'threading'} & set(sys.modules)))"
    )
    ran = subprocess.run(
        [sys.executable, "-S", "-c", code], env={"PYTHONPATH": "server"}, capture_output=True
    )
    assert ran.stdout.decode().strip() == "[]", ran.stderr
