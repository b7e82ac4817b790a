"""Python text and notebooks to model references: who names a model, which one, in what call.

Works on text alone, also half-typed text: nothing here runs code, reads files that code names or knows LSP.
Positions are lines from 0 and columns from 0 in code points.
"""

from model_loupe.documents.analysis import Analysis, Siblings, analyse_notebook, analyse_python
from model_loupe.documents.apis import may_load
from model_loupe.documents.arguments import GivenArgument, OpenCall
from model_loupe.documents.casts import Cast
from model_loupe.documents.installs import Install
from model_loupe.documents.json_text import Hit, Member, Node, hit, parse_json
from model_loupe.documents.names import repository_of
from model_loupe.documents.notebook import read_notebook
from model_loupe.documents.objects import Object, Typed
from model_loupe.documents.pairs import Pair
from model_loupe.documents.reference import Cell, Mention, Reference, Span
from model_loupe.documents.sites import Argument, Site, Sites, Use

__all__ = [
    "Analysis",
    "Argument",
    "Cast",
    "Cell",
    "GivenArgument",
    "Hit",
    "Install",
    "Member",
    "Mention",
    "Node",
    "Object",
    "OpenCall",
    "Pair",
    "Reference",
    "Siblings",
    "Site",
    "Sites",
    "Span",
    "Typed",
    "Use",
    "analyse_notebook",
    "analyse_python",
    "hit",
    "may_load",
    "parse_json",
    "read_notebook",
    "repository_of",
]
