"""What a name means in transformers' modelling code, if the shapes agree."""

from __future__ import annotations

from typing import NamedTuple


class Role(NamedTuple):
    """``kind`` says how it computes, ``sentence`` what it does, ``axes`` what each side of its weight is.

    Kinds: ``linear`` (a weight ``(out, in)`` for every position), ``pooled`` (the same, once a text or an
    image), ``embedding`` (rows that are looked up), ``norm``, ``convolution`` (over patches or frames),
    ``causal`` (a depthwise convolution along the tokens), ``experts`` (stacked matrices of which a router
    chooses some), ``values`` (numbers that are added or multiplied).

    ``runs`` is how often a convolution's kernel is applied for each position of the layers behind it; None
    where that is not known.
    """

    kind: str
    sentence: str
    axes: tuple[str, ...]
    runs: int | None = None


class Table(dict[str, tuple[Role, ...]]):
    """Roles by how a path ends: ``self_attn.q_proj``, or ``q_proj`` wherever it is."""

    def add(self, endings: str, *roles: Role) -> None:
        """The same roles for several endings, which are separated by spaces."""
        for ending in endings.split():
            self[ending] = (*self.get(ending, ()), *roles)


def pooled(sentence: str, out: str, given: str) -> Role:
    """As ``linear``, for what is computed once a text or image, and not for every position."""
    return Role("pooled", sentence, (out, given))


def linear(sentence: str, out: str, given: str) -> Role:
    """A weight of ``out`` rows and ``given`` columns."""
    return Role("linear", sentence, (out, given))
