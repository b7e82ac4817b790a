"""What ``typing`` offers to a running program, for the modules that every call of the command line loads.

Importing typing takes 4 ms, and its ``NamedTuple`` compiles a constructor and each annotation, 0.13 ms a
class, where all of ``inspect --json`` of a small model takes some 30. Here the methods are filled in once for
all classes. Type checkers are shown typing's own.
"""

from __future__ import annotations

from operator import itemgetter

# As typing has it, but without importing it: type checkers go by the name.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import NamedTuple as NamedTuple
    from typing import Protocol as Protocol
else:
    Protocol = object

    class _Record(tuple):
        """What named tuples can do; ``_fields`` and ``_defaults`` are those of each class."""

        __slots__ = ()
        _fields = ()
        _defaults = ()  # of the last fields

        def __new__(cls, *values, **named):
            absent = len(cls._fields) - len(values)
            if named or not 0 <= absent <= len(cls._defaults):
                values = cls._complete(values, named)
            elif absent:
                values += cls._defaults[-absent:]
            return tuple.__new__(cls, values)

        @classmethod
        def _complete(cls, values, named):
            fields = cls._fields
            if len(values) > len(fields):
                raise TypeError(f"{cls.__name__} takes {len(fields)} values, not {len(values)}")
            given = dict(zip(fields, values, strict=False))
            twice = given.keys() & named.keys()
            defaults = zip(reversed(fields), reversed(cls._defaults), strict=False)
            given = {**dict(defaults), **given, **named}
            missing, unknown = [name for name in fields if name not in given], given.keys() - set(fields)
            if missing or unknown or twice:
                raise TypeError(f"{cls.__name__}: {missing=}, {unknown=}, {twice=}")
            return [given[name] for name in fields]

        @classmethod
        def _make(cls, values):
            return cls(*values)

        def _replace(self, **changes):
            return type(self)(**{**self._asdict(), **changes})

        def _asdict(self):
            return dict(zip(self._fields, self, strict=True))

        def __getnewargs__(self):
            return tuple(self)

        def __repr__(self):
            values = ", ".join(f"{name}={value!r}" for name, value in self._asdict().items())
            return f"{type(self).__name__}({values})"

    class _RecordType(type):
        def __new__(mcs, name, bases, body):
            fields = tuple(body.get("__annotations__", ()))
            defaults = tuple(body[field] for field in fields if field in body)
            body.update((field, property(itemgetter(index))) for index, field in enumerate(fields))
            body.update(_fields=fields, _defaults=defaults, __match_args__=fields, __slots__=())
            # Made by type: a class that inherits from a record is an ordinary one, as with typing.
            return type.__new__(type, name, (_Record,), body)

    NamedTuple = type.__new__(_RecordType, "NamedTuple", (), {})
