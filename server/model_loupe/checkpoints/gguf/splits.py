"""Which GGUF files of a repository belong together, and which are alternatives."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

_SPLIT = re.compile(r"(?i)^(.+)-(\d{5})-of-(\d{5})(\.gguf)$")
# As the naming convention of gguf.md has it: the encoding of most tensors, after a dash or a dot. "UD-" and
# the sizes XL to XS are what publishers add to it.
_QUANT = re.compile(
    r"(?i)(?:^|[-._/])("
    r"(?:UD-)?(?:IQ[1-4]|TQ[12]|Q[1-8])_(?:[01K]|XXS|XS|NL|S|M)(?:_(?:XXL|XL|L|M|S|XS|XXS))?(?:_[48]_[48])?"
    r"|(?:UD-)?(?:MXFP4|NVFP4)(?:_MOE)?|BF16|FP?16|FP?32|F64)(?=$|[-._])"
)
_ROLES = ("mmproj", "imatrix", "lora", "vocab")
_MAX_PARTS = 1_000


class GgufSet(NamedTuple):
    """Files that are one model: a file alone, or all the numbered parts of one.

    ``label`` is the encoding that the names claim (``Q4_K_M``; what the tensors are, their headers say), else
    the name without its ending. ``role`` is ``model``, ``mmproj`` (the vision or audio part beside a model),
    ``imatrix``, ``lora`` or ``vocab``. ``files`` are in order; ``missing`` those of them that are not there.
    """

    label: str
    role: str
    files: tuple[str, ...]
    missing: tuple[str, ...]


def split_files(names: Iterable[str]) -> list[GgufSet]:
    """Groups a repository's GGUF files; the sets of one role are alternatives, not parts of one model.

    Parts are named as ``gguf-split`` names them, ``-00001-of-00003.gguf``. Other files are left out.
    """
    present = sorted({name for name in names if name.lower().endswith(".gguf")})
    sets: dict[tuple[str, str, str], set[str]] = {}
    alone: list[GgufSet] = []
    for name in present:
        match = _SPLIT.match(name)
        if match and 1 <= int(match[2]) <= int(match[3]) <= _MAX_PARTS:
            sets.setdefault((match[1], match[3], match[4]), set()).add(name)
        else:
            alone.append(GgufSet(_label(name[:-5]), _role(name), (name,), ()))
    for (stem, total, ending), there in sets.items():
        files = tuple(f"{stem}-{number:05d}-of-{total}{ending}" for number in range(1, int(total) + 1))
        missing = tuple(name for name in files if name not in there)
        alone.append(GgufSet(_label(stem), _role(stem), files, missing))
    return sorted(alone, key=lambda each: each.files)


def parts_of(name: str) -> tuple[str, ...]:
    """All parts of the model that the file ``name`` is a part of, in order; itself alone if it is whole."""
    match = _SPLIT.match(name)
    if match is None or not 1 <= int(match[2]) <= int(match[3]) <= _MAX_PARTS:
        return (name,)
    return tuple(f"{match[1]}-{number:05d}-of-{match[3]}{match[4]}" for number in range(1, int(match[3]) + 1))


def _label(stem: str) -> str:
    """The last encoding that a name or, if it has none, its folder names."""
    folder, _, base = stem.rpartition("/")
    found = _QUANT.findall(base) or _QUANT.findall(folder)
    return found[-1] if found else base


def _role(name: str) -> str:
    base = name.rpartition("/")[2].lower()
    words = re.split(r"[-._]", base)
    return next((role for role in _ROLES if role in words), "model")
