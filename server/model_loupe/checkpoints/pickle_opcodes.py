"""A pickle machine that builds descriptions of objects and never the objects.

It follows the opcodes of protocols 0 to 5 (their meaning: ``pickletools.py`` and ``pickle.py`` of CPython)
on a stack of plain values. A global stays a name, a call stays a function's name with its arguments: nothing
is imported, called or hashed. A pickle has no loops, so the work is bounded by its length, and by
``MAX_STEPS``; what one opcode may build is bounded too. A pickle that breaks off or makes no sense gives
what had been built until then, and the problem.
"""

from __future__ import annotations

from struct import Struct
from struct import error as StructError
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    _Handler = Callable[["_Machine", int], int]

MAX_STEPS = 4_500_000
"""A tensor of a state dict takes some 42 steps: enough for 100,000 tensors in one pickle."""

# An opcode is a step, and so many more if it takes longer than most.
_RARE_STEPS = 7
_MARK_STEPS = 2
_CALL_STEPS = 2
# Python's own recursion limit keeps what it pickles well below this.
_MAX_MARKS = 10_000

_MAX_TEXT = 1 << 16
_MAX_BYTES = 1 << 10
_MAX_LINE = 1 << 10
# torch's magic number has 10 bytes; nothing that a checkpoint needs to tell has more than 16.
_MAX_LONG = 16

_U8, _U16, _I32, _U32, _U64 = Struct("<B"), Struct("<H"), Struct("<i"), Struct("<I"), Struct("<Q")
_FLOAT = Struct(">d")
# Modules as Python 2 calls them.
_RENAMED = {"__builtin__": "builtins", "copy_reg": "copyreg"}


class Global(NamedTuple):
    """Something importable that the pickle names: a class or a function."""

    module: str
    name: str

    @property
    def path(self) -> str:
        return f"{self.module}.{self.name}"


class Persistent(NamedTuple):
    """An object kept outside of the pickle, under ``id``."""

    id: Any


class Opaque(NamedTuple):
    """A value that is not kept, for its size or its kind."""

    kind: str


class Mapping:
    """A dict: keys and values in turn. Keys may be anything, so they are not hashed."""

    __slots__ = ("pairs",)

    def __init__(self, pairs: list[Any]) -> None:
        self.pairs = pairs

    def put(self, pairs: list[Any]) -> None:
        """Puts keys and values, in turn, into the dict."""
        self.pairs.extend(pairs)


_NOTHING: list[Any] = []


class Object:
    """What ``function(*arguments)`` would give, with what the pickle puts into it afterwards."""

    __slots__ = ("arguments", "elements", "function", "pairs", "state")

    def __init__(self, function: Any, arguments: Any) -> None:
        self.function = function
        self.arguments = arguments
        self.state: Any = None
        # Most objects get nothing put into them, and a million of them would cost two million lists.
        self.pairs: list[Any] = _NOTHING
        self.elements: list[Any] = _NOTHING

    def put(self, pairs: list[Any]) -> None:
        """Puts keys and values, in turn, into the object."""
        if self.pairs is _NOTHING:
            self.pairs = []
        self.pairs.extend(pairs)

    def add(self, elements: list[Any]) -> None:
        """Puts elements into the object."""
        if self.elements is _NOTHING:
            self.elements = []
        self.elements.extend(elements)


class Problem(NamedTuple):
    """Why a pickle could not be followed to its end."""

    code: str
    message: str


class Pickled(NamedTuple):
    """What a pickle describes.

    ``end`` is the position after its last opcode. ``globals`` are the paths that it would import, in order;
    ``calls`` those that it would call, with the arguments of the first call. With a ``problem``, ``value``
    is what can be told.
    """

    value: Any
    end: int
    steps: int
    globals: list[str]
    calls: dict[str, Any]
    problem: Problem | None


class _Stop(Exception):
    pass


class _Bad(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def follow(data: bytes, start: int = 0, max_steps: int = MAX_STEPS) -> Pickled:
    """Follows the pickle that begins at ``start``. Never raises."""
    machine = _Machine(data, start)
    problem: Problem | None = None
    try:
        machine.run(max_steps)
    except _Stop:
        pass
    except _Bad as error:
        problem = Problem(error.code, str(error))
    except (IndexError, StructError):
        # The stack's own underflow comes as IndexError too: only at the end of the data is it the data's.
        problem = machine.broken_off()
    value = machine.salvage() if problem else machine.stack[-1]
    return Pickled(value, machine.position, machine.steps, list(machine.globals), machine.calls, problem)


class _Machine:
    """The state of the walk: a stack, the stacks beneath open marks, the memo."""

    def __init__(self, data: bytes, start: int) -> None:
        self.data = data
        self.position = start
        self.steps = 0
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self.globals: dict[str, Global] = {}
        self.calls: dict[str, Any] = {}
        self.by_lines: dict[bytes, Global] = {}

    def run(self, max_steps: int) -> None:
        """Follows opcodes until STOP. The few that make up a state dict are here, ordered by how frequent
        they are there; the others are in ``_RARE``."""
        data, memo, stack = self.data, self.memo, self.stack
        position, left = self.position, max_steps
        try:
            while True:
                opcode = data[position]
                position += 1
                left -= 1
                if opcode == 0x72:  # LONG_BINPUT
                    memo[_U32.unpack_from(data, position)[0]] = stack[-1]
                    position += 4
                elif opcode == 0x71:  # BINPUT
                    memo[data[position]] = stack[-1]
                    position += 1
                elif opcode == 0x68:  # BINGET
                    stack.append(memo[data[position]])
                    position += 1
                elif opcode == 0x4B:  # BININT1
                    stack.append(data[position])
                    position += 1
                elif opcode == 0x28:  # MARK
                    self.marks.append(stack)
                    left -= _MARK_STEPS
                    if len(self.marks) > _MAX_MARKS:
                        raise _Bad("nested-too-deeply", f"opens more than {_MAX_MARKS:,} marks")
                    stack = self.stack = []
                elif opcode == 0x74:  # TUPLE
                    items = tuple(stack)
                    stack = self.stack = self.marks.pop()
                    stack.append(items)
                elif opcode == 0x58:  # BINUNICODE
                    end = position + 4 + _U32.unpack_from(data, position)[0]
                    stack.append(self.text(position + 4, end))
                    position = end
                elif opcode == 0x4D:  # BININT2
                    stack.append(_U16.unpack_from(data, position)[0])
                    position += 2
                elif opcode == 0x86:  # TUPLE2
                    stack[-2:] = [(stack[-2], stack[-1])]
                elif opcode == 0x85:  # TUPLE1
                    stack[-1] = (stack[-1],)
                elif opcode == 0x51:  # BINPERSID
                    stack[-1] = Persistent(stack[-1])
                elif opcode == 0x52:  # REDUCE
                    arguments = stack.pop()
                    stack[-1] = self.call(stack[-1], arguments)
                    left -= _CALL_STEPS
                elif opcode == 0x29:  # EMPTY_TUPLE
                    stack.append(())
                elif opcode == 0x89:  # NEWFALSE
                    stack.append(False)
                elif opcode == 0x4A:  # BININT
                    stack.append(_I32.unpack_from(data, position)[0])
                    position += 4
                elif opcode == 0x2E:  # STOP
                    # Marks may still be open: pickle does not mind.
                    if not stack:
                        raise _Bad("bad-pickle", f"stops at byte {position - 1} without a value")
                    raise _Stop
                else:
                    rare = _RARE.get(opcode)
                    if rare is None:
                        raise _Bad("bad-pickle", f"byte {position - 1} (0x{opcode:02x}) is no pickle opcode")
                    left -= _RARE_STEPS
                    position = rare(self, position)
                    stack = self.stack
                if left <= 0:
                    raise _Bad("too-many-opcodes", "goes on longer than that of any checkpoint: given up")
        except KeyError:
            raise _Bad(
                "bad-pickle", f"asks at byte {position - 1} for a value that it never stored"
            ) from None
        finally:
            self.position = position
            self.steps = max_steps - left

    def broken_off(self) -> Problem:
        if self.position + 8 >= len(self.data):
            return Problem(
                "incomplete-pickle", f"ends after {len(self.data):,} bytes without its last opcode"
            )
        return Problem("bad-pickle", f"takes at byte {self.position - 1} what is not on its stack")

    def salvage(self) -> Any:
        """The outermost value, with what was still waiting to be put into it."""
        items = self.stack
        while self.marks:
            waiting, items = items, self.marks.pop()
            if items and isinstance(items[-1], (Mapping, Object)):
                items[-1].put(waiting[: len(waiting) // 2 * 2])
            elif items and isinstance(items[-1], list):
                items[-1].extend(waiting)
        return items[0] if items else None

    # --- what opcodes have in common ------------------------------------------------------------------

    def take(self, position: int, end: int) -> bytes:
        if end > len(self.data):
            self.position = len(self.data)
            raise _Bad("incomplete-pickle", f"claims {end - position:,} bytes at byte {position}: too many")
        return self.data[position:end]

    def text(self, position: int, end: int) -> Any:
        if end - position > _MAX_TEXT and end <= len(self.data):
            return Opaque("str")
        # Lone surrogates, which pickle allows, could be shown nowhere.
        return self.take(position, end).decode("utf-8", "replace")

    def line(self, position: int) -> tuple[bytes, int]:
        end = self.data.find(b"\n", position, position + _MAX_LINE)
        if end < 0:
            if position + _MAX_LINE < len(self.data):
                raise _Bad("bad-pickle", f"has a line of more than {_MAX_LINE:,} bytes at byte {position}")
            raise _Bad("incomplete-pickle", f"ends in the line that begins at byte {position}")
        return self.data[position:end], end + 1

    def number(self, position: int) -> tuple[int, int]:
        line, end = self.line(position)
        try:
            return int(line[:40].rstrip(b"L")), end
        except ValueError:
            raise _Bad("bad-pickle", f"has no number at byte {position}") from None

    def items(self) -> list[Any]:
        """What stands above the last mark."""
        items, self.stack = self.stack, self.marks.pop()
        return items

    def named(self, module: str, name: str) -> Global:
        found = Global(_RENAMED.get(module, module), name)
        return self.globals.setdefault(found.path, found)

    def call(self, function: Any, arguments: Any) -> Object:
        if type(function) is Global:
            self.calls.setdefault(function.path, arguments)
        return Object(function, arguments)

    def put(self, pairs: list[Any], position: int) -> int:
        if len(pairs) % 2:
            raise _Bad("bad-pickle", f"has a key without a value at byte {position - 1}")
        target = self.stack[-1]
        if isinstance(target, (Mapping, Object)):
            target.put(pairs)
        return position

    def add(self, items: list[Any], position: int) -> int:
        target = self.stack[-1]
        if isinstance(target, list):
            target.extend(items)
        elif isinstance(target, Object):
            target.add(items)
        return position


# --- the other opcodes: each is given the position of its argument and returns the next opcode's ----------


def _push(value: Callable[[], Any]) -> _Handler:
    def push(machine: _Machine, position: int) -> int:
        machine.stack.append(value())
        return position

    return push


def _skip(size: int) -> _Handler:
    return lambda machine, position: position + size


def _protocol(machine: _Machine, position: int) -> int:
    if machine.data[position] > 5:
        raise _Bad(
            "unsupported-protocol", f"is of pickle protocol {machine.data[position]}; 5 is the last known"
        )
    return position + 1


def _unpack(form: Struct) -> _Handler:
    def unpack(machine: _Machine, position: int) -> int:
        machine.stack.append(form.unpack_from(machine.data, position)[0])
        return position + form.size

    return unpack


def _int_line(machine: _Machine, position: int) -> int:
    line, end = machine.line(position)
    if line in (b"00", b"01"):
        machine.stack.append(line == b"01")
    else:
        machine.stack.append(machine.number(position)[0])
    return end


def _long_line(machine: _Machine, position: int) -> int:
    value, end = machine.number(position)
    machine.stack.append(value)
    return end


def _float_line(machine: _Machine, position: int) -> int:
    line, end = machine.line(position)
    try:
        machine.stack.append(float(line))
    except ValueError:
        raise _Bad("bad-pickle", f"has no number at byte {position}") from None
    return end


def _long(length: Struct) -> _Handler:
    def read(machine: _Machine, position: int) -> int:
        size: int = length.unpack_from(machine.data, position)[0]
        position += length.size
        if size < 0:
            raise _Bad("bad-pickle", f"has an integer of negative length at byte {position}")
        raw = machine.take(position, position + size) if size <= _MAX_LONG else None
        if raw is None and position + size > len(machine.data):
            machine.take(position, position + size)
        machine.stack.append(Opaque("int") if raw is None else int.from_bytes(raw, "little", signed=True))
        return position + size

    return read


def _text(length: Struct) -> _Handler:
    def read(machine: _Machine, position: int) -> int:
        begin = position + length.size
        end: int = begin + length.unpack_from(machine.data, position)[0]
        machine.stack.append(machine.text(begin, end))
        return end

    return read


def _bytes(length: Struct, kind: str) -> _Handler:
    def read(machine: _Machine, position: int) -> int:
        begin = position + length.size
        size: int = length.unpack_from(machine.data, position)[0]
        if size < 0:
            raise _Bad("bad-pickle", f"has bytes of negative length at byte {position}")
        if size > _MAX_BYTES and begin + size <= len(machine.data):
            machine.stack.append(Opaque(kind))
        else:
            raw = machine.take(begin, begin + size)
            # Python 2 has its text (names of tensors too) in these; torch.load reads it as UTF-8.
            machine.stack.append(raw.decode("utf-8", "replace") if kind == "str" else raw)
        return begin + size

    return read


def _string_line(machine: _Machine, position: int) -> int:
    line, end = machine.line(position)
    if len(line) < 2 or line[:1] not in (b"'", b'"') or line[-1:] != line[:1]:
        raise _Bad("bad-pickle", f"has text without quotes at byte {position}")
    # Escapes stay as they are written: nothing that matters here has any.
    machine.stack.append(line[1:-1].decode("utf-8", "replace"))
    return end


def _unicode_line(machine: _Machine, position: int) -> int:
    line, end = machine.line(position)
    machine.stack.append(line.decode("raw-unicode-escape", "replace").encode("utf-8", "replace").decode())
    return end


def _tuple3(machine: _Machine, position: int) -> int:
    stack = machine.stack
    stack[-3:] = [(stack[-3], stack[-2], stack[-1])]
    return position


def _list(machine: _Machine, position: int) -> int:
    items = machine.items()
    machine.stack.append(items)
    return position


def _frozenset(machine: _Machine, position: int) -> int:
    items = machine.items()
    machine.stack.append(Object(Global("builtins", "frozenset"), (items,)))
    return position


def _dict(machine: _Machine, position: int) -> int:
    items = machine.items()
    machine.stack.append(Mapping([]))
    return machine.put(items, position)


def _setitem(machine: _Machine, position: int) -> int:
    value, key = machine.stack.pop(), machine.stack.pop()
    return machine.put([key, value], position)


def _setitems(machine: _Machine, position: int) -> int:
    return machine.put(machine.items(), position)


def _append(machine: _Machine, position: int) -> int:
    return machine.add([machine.stack.pop()], position)


def _appends(machine: _Machine, position: int) -> int:
    return machine.add(machine.items(), position)


def _build(machine: _Machine, position: int) -> int:
    state = machine.stack.pop()
    target = machine.stack[-1]
    if isinstance(target, Object):
        target.state = state
    return position


def _global_line(machine: _Machine, position: int) -> int:
    end = machine.data.find(b"\n", machine.data.find(b"\n", position) + 1) + 1
    # The two lines as they stand are mostly ones that were seen before.
    found = machine.by_lines.get(machine.data[position:end]) if end - position <= 2 * _MAX_LINE else None
    if found is None:
        module, middle = machine.line(position)
        name, end = machine.line(middle)
        found = machine.named(module.decode("utf-8", "replace"), name.decode("utf-8", "replace"))
        machine.by_lines[machine.data[position:end]] = found
    machine.stack.append(found)
    return end


def _stack_global(machine: _Machine, position: int) -> int:
    name, module = machine.stack.pop(), machine.stack.pop()
    if type(name) is not str or type(module) is not str or len(name) + len(module) > 2 * _MAX_LINE:
        raise _Bad("bad-pickle", f"names a global at byte {position - 1} by something that is no name")
    machine.stack.append(machine.named(module, name))
    return position


def _extension(code: Struct) -> _Handler:
    def read(machine: _Machine, position: int) -> int:
        number = code.unpack_from(machine.data, position)[0]
        # What it means is for the registry of the process that loads it.
        machine.stack.append(machine.named("copyreg", f"extension {number}"))
        return position + code.size

    return read


def _inst(machine: _Machine, position: int) -> int:
    arguments = tuple(machine.items())
    position = _global_line(machine, position)
    machine.stack[-1] = machine.call(machine.stack[-1], arguments)
    return position


def _obj(machine: _Machine, position: int) -> int:
    function, *arguments = machine.items() or [None]
    machine.stack.append(machine.call(function, tuple(arguments)))
    return position


def _newobj(machine: _Machine, position: int) -> int:
    arguments = machine.stack.pop()
    machine.stack[-1] = machine.call(machine.stack[-1], arguments)
    return position


def _newobj_ex(machine: _Machine, position: int) -> int:
    machine.stack.pop()
    return _newobj(machine, position)


def _persistent_line(machine: _Machine, position: int) -> int:
    line, end = machine.line(position)
    machine.stack.append(Persistent(line.decode("ascii", "replace")))
    return end


def _pop(machine: _Machine, position: int) -> int:
    if machine.stack:
        machine.stack.pop()
    else:
        machine.items()
    return position


def _pop_mark(machine: _Machine, position: int) -> int:
    machine.items()
    return position


def _dup(machine: _Machine, position: int) -> int:
    machine.stack.append(machine.stack[-1])
    return position


def _memoize(machine: _Machine, position: int) -> int:
    machine.memo[len(machine.memo)] = machine.stack[-1]
    return position


def _put_line(machine: _Machine, position: int) -> int:
    key, end = machine.number(position)
    machine.memo[key] = machine.stack[-1]
    return end


def _get_line(machine: _Machine, position: int) -> int:
    key, end = machine.number(position)
    machine.stack.append(machine.memo[key])
    return end


def _long_get(machine: _Machine, position: int) -> int:
    machine.stack.append(machine.memo[_U32.unpack_from(machine.data, position)[0]])
    return position + 4


_RARE: dict[int, _Handler] = {
    ord("}"): _push(lambda: Mapping([])),
    ord("]"): _push(list),
    ord("N"): _push(lambda: None),
    0x88: _push(lambda: True),
    0x8F: _push(lambda: Object(Global("builtins", "set"), ())),
    0x97: _push(lambda: Opaque("buffer")),
    0x98: _skip(0),
    0x95: _skip(8),
    0x80: _protocol,
    ord("G"): _unpack(_FLOAT),
    ord("I"): _int_line,
    ord("L"): _long_line,
    ord("F"): _float_line,
    0x8A: _long(_U8),
    0x8B: _long(_I32),
    0x8C: _text(_U8),
    0x8D: _text(_U64),
    ord("U"): _bytes(_U8, "str"),
    ord("T"): _bytes(_I32, "str"),
    ord("C"): _bytes(_U8, "bytes"),
    ord("B"): _bytes(_U32, "bytes"),
    0x8E: _bytes(_U64, "bytes"),
    0x96: _bytes(_U64, "bytearray"),
    ord("S"): _string_line,
    ord("V"): _unicode_line,
    0x87: _tuple3,
    ord("l"): _list,
    ord("d"): _dict,
    0x91: _frozenset,
    ord("s"): _setitem,
    ord("u"): _setitems,
    ord("a"): _append,
    ord("e"): _appends,
    0x90: _appends,
    ord("b"): _build,
    ord("c"): _global_line,
    0x93: _stack_global,
    0x82: _extension(_U8),
    0x83: _extension(_U16),
    0x84: _extension(_I32),
    ord("i"): _inst,
    ord("o"): _obj,
    0x81: _newobj,
    0x92: _newobj_ex,
    ord("P"): _persistent_line,
    ord("0"): _pop,
    ord("1"): _pop_mark,
    ord("2"): _dup,
    0x94: _memoize,
    ord("p"): _put_line,
    ord("g"): _get_line,
    ord("j"): _long_get,
}
