"""One module or parameter explained: the role that its name has and its shapes confirm."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from model_loupe.domain.explain import attention, convolutions, embeddings, feed_forward, sequences
from model_loupe.domain.explain.containers import sentence_of
from model_loupe.domain.explain.products import Axis, axis_of
from model_loupe.domain.explain.role import Role, Table
from model_loupe.domain.explain.scope import Scope

Shape = tuple[int, ...]

_LONGEST_ENDING = 3
_NORM = re.compile(r"(^|_)(layer_?norm|rms_?norm|norm\d?|ln|ln_[a-z0-9]+)(_|$)|norm$", re.IGNORECASE)
# Layers by these model types are transformers' Conv1D: a Linear with its weight transposed.
_CONV1D_TYPES = ("gpt2", "openai-gpt", "imagegpt", "decision_transformer", "gpt-sw3")
# What stands inside of the module that has the name: Gemma 4's clipped layers, PEFT's adapted ones.
_WRAPPED = ("linear", "base_layer")
_CONVOLUTIONS = {"Conv1d": 1, "Conv2d": 2, "Conv3d": 3}


class Subject(NamedTuple):
    """What is to be explained: a module with its own parameters, or a parameter, whose path ends in its name.

    ``class_name`` is None where only the checkpoint's names are known; ``children`` are names inside.
    """

    path: str
    parameters: tuple[tuple[str, Shape], ...] = ()
    class_name: str | None = None
    children: tuple[str, ...] = ()

    @property
    def main(self) -> tuple[str, Shape] | None:
        """The weight, or the parameter itself; None for a module that has no weight of its own."""
        named = dict(self.parameters)
        name = "weight" if "weight" in named else self.path.rpartition(".")[2]
        return (name, named[name]) if name in named else None


class Matrix(NamedTuple):
    """A parameter and what each of its sides is: ``(out, in)`` for one that maps vectors.

    ``transposed``: stored ``(in, out)``, as transformers' Conv1D has it.
    """

    name: str
    axes: tuple[Axis, ...]
    maps: bool
    transposed: bool = False

    @property
    def text(self) -> str:
        """``hidden 2,048 → 8 heads × 256`` of what maps vectors, else the sides in order."""
        sides = [
            f"({axis.text})" if " + " in axis.text else axis.text for axis in self.axes if axis.text != "1"
        ]
        if self.maps:
            return f"{self.axes[1].text} → {self.axes[0].text}"
        return " by ".join(sides)


class Explanation(NamedTuple):
    """``sentence`` says what it does; ``matrix`` is None for what holds nothing itself.

    ``notes`` are what follows from the sizes. ``width`` is the length of the vector that it gives for each
    ``position``. ``runs`` is that of its ``Role``.
    """

    kind: str
    sentence: str
    matrix: Matrix | None
    notes: tuple[str, ...]
    width: int | None
    position: str
    runs: int | None = None


def explain(subject: Subject, scope: Scope) -> Explanation | None:
    """What ``subject`` does; None where its name is not known or its shape is not what the name implies."""
    main = subject.main
    if main is None:
        sentence = sentence_of(subject.path.rpartition(".")[2], subject.children)
        width = scope.sizes.first("hidden")
        return Explanation("container", sentence, None, (), width, scope.position) if sentence else None
    for role in _roles(subject):
        matrix = _matched(role, *main, subject, scope)
        if matrix is not None:
            notes, width = tuple(_notes(matrix, scope)), _width(role, matrix)
            return Explanation(role.kind, role.sentence, matrix, notes, width, scope.position, role.runs)
    return None


def _words(path: str) -> list[str]:
    """The names in a path, without the numbers of layers (``3``, ``0-17``)."""
    return [word for word in path.split(".") if not word[:1].isdigit()]


def _roles(subject: Subject) -> list[Role]:
    """What the name may mean: first by the longest ending that is known, last by the class alone."""
    words = _words(subject.path)
    found = _by_ending(words)
    if len(words) > 1 and words[-1] in _WRAPPED:
        found += _by_ending(words[:-1])
    return [*found, *_norms(subject, words[-1] if words else ""), *_by_class(subject)]


def _by_ending(words: list[str]) -> list[Role]:
    endings = (".".join(words[-length:]) for length in range(min(_LONGEST_ENDING, len(words)), 0, -1))
    return [role for ending in endings for role in _table().get(ending, ())]


def _by_class(subject: Subject) -> list[Role]:
    """What torch's own classes are wherever they stand: the sides of a convolution have no other meaning."""
    sides = _CONVOLUTIONS.get(subject.class_name or "", 0)
    return [convolutions.plain(sides)] if sides else []


def _norms(subject: Subject, name: str) -> list[Role]:
    class_name = subject.class_name
    if class_name is None:
        return [embeddings.NORM] if _NORM.search(name) else []
    # T5's and its kin are called LayerNorm, and take no mean away.
    if "RMSNorm" in class_name or class_name.endswith(("T5LayerNorm", "TransformersLayerNorm")):
        return [embeddings.RMS_NORM]
    if class_name == "LayerNorm":
        return [embeddings.LAYER_NORM]
    return [embeddings.ANY_NORM] if class_name.endswith("LayerNorm") else []


_PARTS = (attention, feed_forward, sequences, convolutions, embeddings)


@cache
def _table() -> Table:
    whole = Table()
    for part in _PARTS:
        for ending, roles in part.TABLE.items():
            whole.add(ending, *roles)
    return whole


def _matched(role: Role, name: str, shape: Shape, subject: Subject, scope: Scope) -> Matrix | None:
    """``shape`` by ``role``, if each side is what the role says."""
    if len(shape) != len(role.axes):
        return None
    maps = role.kind in ("linear", "pooled")
    transposed = maps and _is_conv1d(subject, scope)
    sides = shape[::-1] if transposed else shape
    axes = [axis_of(wanted, length, scope.sizes) for wanted, length in zip(role.axes, sides, strict=True)]
    known = tuple(axis for axis in axes if axis is not None)
    return Matrix(name, known, maps, transposed) if len(known) == len(axes) else None


def _is_conv1d(subject: Subject, scope: Scope) -> bool:
    if subject.class_name is not None:
        return subject.class_name == "Conv1D"
    name = subject.path.rpartition(".")[2]
    return name.startswith("c_") and scope.sizes.whole.get("model_type") in _CONV1D_TYPES


def _notes(matrix: Matrix, scope: Scope) -> list[str]:
    heads, kv_heads = scope.sizes.first("heads"), scope.sizes.first("kv_heads")
    out = matrix.axes[0].names
    if "kv_heads" in out and heads and kv_heads and heads > kv_heads and heads % kv_heads == 0:
        each = "it" if kv_heads == 1 else "each KV head"
        return [f"{heads // kv_heads} query heads share {each}"]
    return []


def _width(role: Role, matrix: Matrix) -> int | None:
    if role.kind in ("linear", "convolution"):
        return matrix.axes[0].length
    # A norm of heads takes each by itself: what it gives for a token is as long as all of them.
    by_heads = matrix.axes[-1].names in (("head_dim",), ("value_dim",))
    if role.kind in ("embedding", "norm") and not by_heads:
        return matrix.axes[-1].length
    return None
