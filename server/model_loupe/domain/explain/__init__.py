"""What a module of a model does and what the sides of its matrices are: tables of names, checked by shapes.

A *role* is what transformers' modelling code means by a name (``self_attn.q_proj``), with what each side of
its weight then has to be (``heads*head_dim``). It is told only where these products, with the sizes of this
model's config, are the shape that is there; anything else is left unexplained. Pure: no files, no LSP.
"""

from __future__ import annotations

from model_loupe.domain.explain.explanation import Explanation, Matrix, Subject, explain
from model_loupe.domain.explain.flops import SOURCE, Counted, attention_flops, convolved, flops_of, repeated
from model_loupe.domain.explain.scope import Scope, scope_of

__all__ = [
    "SOURCE",
    "Counted",
    "Explanation",
    "Matrix",
    "Scope",
    "Subject",
    "attention_flops",
    "convolved",
    "explain",
    "flops_of",
    "repeated",
    "scope_of",
]
