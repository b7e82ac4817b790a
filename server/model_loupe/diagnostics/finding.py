"""The values that diagnostics are made of: what is known, what is found, what would mend it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from model_loupe.domain.errors import LoupeError

if TYPE_CHECKING:
    from model_loupe.documents import Cast, Reference, Site, Sites, Span
    from model_loupe.documents.edits import Edit
    from model_loupe.domain.loading import LoadOptions
    from model_loupe.domain.tokenizer import TokenizerFacts
    from model_loupe.inspector import Description

    Outcome = Description | LoupeError

_LEADING = re.compile(r"\d+(?:\.\d+)*")
_FRAMEWORKS = ("TF", "Flax")
# Classes that are transformers' also where no import says so.
_AUTO = re.compile(r"Auto(?:Model(?!.*WithValueHead)\w*|Tokenizer|Config|Processor|ImageProcessor)")


class Fix(NamedTuple):
    """Edits that mend what is found: of a document's texts as they are, in order (one of a file).

    Where there are none, ``packages`` are to be installed for the interpreter that runs the code.
    """

    title: str
    edits: Callable[[Sequence[str]], list[Edit]]
    packages: tuple[str, ...] = ()


class Finding(NamedTuple):
    """What is wrong at ``span`` of the text or cell ``cell``. ``message`` is a sentence or two for people.

    ``fixes`` come best first. ``deprecated``: editors may strike it through.
    """

    code: str
    cell: int | None
    span: Span
    message: str
    fixes: tuple[Fix, ...] = ()
    deprecated: bool = False


class Surroundings(NamedTuple):
    """Where the code will run: the version of an installed distribution, the memory of devices as set,
    and the ``interpreter`` whose packages these are.
    """

    installed: Callable[[str], str | None]
    devices: Mapping[str, str]
    interpreter: str

    def version(self, distribution: str) -> tuple[int, ...] | None:
        """``"5.1.0.dev0"`` → ``(5, 1, 0)``; None if it is not installed."""
        found = _LEADING.match(self.installed(distribution) or "")
        return tuple(map(int, found.group().split("."))) if found else None


class Checked(NamedTuple):
    """A loading call and what is known of its model: ``outcome`` is None while nothing is.

    ``site`` is None where the reference is no call of Python (a line for the shell). ``options`` are what the
    call says of how it loads; a description is as the call builds it, if that is known.
    """

    reference: Reference
    site: Site | None
    options: LoadOptions
    outcome: Outcome | None
    around: Surroundings

    @property
    def description(self) -> Description | None:
        return None if self.outcome is None or isinstance(self.outcome, LoupeError) else self.outcome

    @property
    def transformers(self) -> tuple[int, ...] | None:
        """The installed version, where the call is one of transformers' for PyTorch; else None.

        Without an import that says so the name does: those of Auto classes are nobody else's.
        """
        if self.site is None:
            return None
        root, _, rest = self.site.origin.partition(".")
        owner = (rest if self.site.imported else self.site.origin).rpartition(".from_pretrained")[0]
        name = owner.rpartition(".")[2]
        is_theirs = root == "transformers" if self.site.imported else _AUTO.fullmatch(name)
        if not is_theirs or name.startswith(_FRAMEWORKS):
            return None
        return self.around.version("transformers")


class Document:
    """All that a document does with models. ``texts`` are its own, ``calls`` its loading calls.

    ``sites`` are what it does with what they load. ``others`` tells what is known of what is named outside
    of loading calls, ``tokenizer`` what a model's files tell of its tokenizer, ``casts`` where the document
    gives a model a dtype.
    """

    def __init__(
        self,
        texts: Sequence[str],
        calls: Sequence[Checked],
        sites: Sites,
        others: Sequence[tuple[Reference, Outcome | None]],
        tokenizer: Callable[[Description], TokenizerFacts | None],
        casts: Callable[[], Sequence[Cast]],
    ) -> None:
        self.texts = texts
        self.calls = calls
        self.uses = sites.uses
        self.pairs = sites.pairs
        self.adapted = sites.adapted
        self.installs = sites.installs
        self.tokenizer = tokenizer
        self.casts = casts
        self._calls = {key_of(call.reference): call for call in calls}
        self._others = {key_of(reference): outcome for reference, outcome in others}

    def loading(self, reference: Reference) -> Checked | None:
        """The loading call of this reference."""
        return self._calls.get(key_of(reference))

    def description(self, reference: Reference) -> Description | None:
        """What a reference names, if that is known."""
        checked = self.loading(reference)
        if checked is not None:
            return checked.description
        found = self._others.get(key_of(reference))
        return None if found is None or isinstance(found, LoupeError) else found


def key_of(reference: Reference) -> tuple[object, ...]:
    """What tells a reference from all others of its document."""
    # A function's call may load another model each time that it is called.
    return reference.cell, reference.call, reference.span, reference.model
