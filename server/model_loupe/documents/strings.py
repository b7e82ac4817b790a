"""What the methods and functions of strings and paths make of known strings."""

from __future__ import annotations

from collections.abc import Callable, Sequence

# With the numbers of arguments that they are understood with.
METHODS: dict[str, tuple[Callable[..., str], tuple[int, ...]]] = {
    "strip": (str.strip, (0, 1)),
    "rstrip": (str.rstrip, (0, 1)),
    "lstrip": (str.lstrip, (0, 1)),
    "lower": (str.lower, (0,)),
    "upper": (str.upper, (0,)),
    "replace": (str.replace, (2,)),
    "removeprefix": (str.removeprefix, (1,)),
    "removesuffix": (str.removesuffix, (1,)),
    "joinpath": (lambda *parts: join_paths(parts), (1, 2, 3, 4)),
    "expanduser": (str, (0,)),
    "resolve": (str, (0,)),
    "absolute": (str, (0,)),
    "as_posix": (str, (0,)),
}

SPLITS: dict[str, Callable[..., Sequence[str]]] = {
    "split": str.split,
    "rsplit": str.rsplit,
    "partition": str.partition,
    "rpartition": str.rpartition,
}

PATHS = frozenset(
    ["Path", "PurePath", "PosixPath", "WindowsPath", "str", "expanduser", "abspath", "fspath", "normpath"]
)
"""Functions that make a path, or text, of their arguments."""


def join_paths(parts: Sequence[str]) -> str:
    """As ``os.path.join`` and pathlib do: an absolute part begins anew."""
    text = ""
    for part in parts:
        text = part if not text or part.startswith("/") else f"{text.rstrip('/')}/{part}"
    return text


def pick(split: Callable[..., Sequence[str]], texts: Sequence[str], count: int, position: int) -> str | None:
    """One of the parts that ``texts[0]`` is split into, at ``texts[1]`` if there is one."""
    if not texts[1:]:
        parts: Sequence[str] = texts[0].split() if split in (str.split, str.rsplit) else ()
    elif not texts[1]:
        return None
    elif split in (str.split, str.rsplit):
        parts = split(texts[0], texts[1], count)
    else:
        parts = split(texts[0], texts[1])
    return parts[position] if -len(parts) <= position < len(parts) else None


def fill_percent(template: str, values: Sequence[str]) -> str | None:
    """``template % values`` for templates that only ask for ``%s``."""
    if template.count("%s") != len(values) or template.count("%") != len(values):
        return None
    return _fill(template.split("%s"), values)


def fill_braces(template: str, values: Sequence[str], named: dict[str, str]) -> str | None:
    """``template.format(…)`` with plain fields: ``{}``, ``{0}``, ``{name}``."""
    pieces: list[str] = []
    fields: list[str] = []
    rest = template
    while "{" in rest:
        piece, _, rest = rest.partition("{")
        name, closed, rest = rest.partition("}")
        if not closed or "}" in piece:
            return None
        value = _named(name, values, named, len(fields))
        if value is None:
            return None
        pieces.append(piece)
        fields.append(value)
    return _fill([*pieces, rest], fields) if "}" not in rest else None


def _named(name: str, values: Sequence[str], named: dict[str, str], position: int) -> str | None:
    if name == "" or name.isdecimal():
        index = int(name) if name and len(name) < 4 else position
        return values[index] if index < len(values) else None
    return named.get(name)


def _fill(pieces: Sequence[str], values: Sequence[str]) -> str:
    return pieces[0] + "".join(value + piece for value, piece in zip(values, pieces[1:], strict=True))
