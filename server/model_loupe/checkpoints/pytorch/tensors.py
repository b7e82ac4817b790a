"""Understands the calls of a pickle that make tensors, and remembers the storages that they name."""

from __future__ import annotations

from math import prod
from typing import Any

from model_loupe.checkpoints.pickle_opcodes import Global, Mapping, Object, Persistent
from model_loupe.checkpoints.pytorch.arguments import (
    MAX_COUNT,
    MAX_WRAPPING,
    BadTensor,
    Storage,
    Tensor,
    count_of,
    sizes_of,
)
from model_loupe.checkpoints.pytorch.dtypes import PACKED, SIZES, STORAGE_DTYPES
from model_loupe.checkpoints.pytorch.objects import DICTS, as_text, attributes_of, key_text, listed_pairs
from model_loupe.checkpoints.pytorch.rebuild import REBUILD
from model_loupe.checkpoints.pytorch.results import Layout
from model_loupe.domain.tensors import TensorKind
from model_loupe.domain.units import plural


class Exhausted(Exception):
    pass


class Tensors:
    """Understands the calls that make tensors, and remembers the storages that they name.

    A pickle of a few bytes can describe an object that refers to another a million times, and so on: what is
    looked at is counted in ``steps`` and ends, by Exhausted, at a multiple of what an honest pickle needs.
    """

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.storages: dict[str, Storage] = {}
        self._kinds: dict[tuple[str, tuple[int, ...]], TensorKind] = {}

    def spend(self, steps: int) -> None:
        self.steps -= steps
        if self.steps < 0:
            raise Exhausted

    def entries(self, value: Any) -> dict[str, Any]:
        """The entries of a dict, or of an object that entries were put into; {} for anything else."""
        if type(value) is Mapping:
            pairs = value.pairs
        elif type(value) is Object:
            pairs = value.pairs
            if not pairs and type(value.function) is Global and value.function.path in DICTS:
                pairs = listed_pairs(value.arguments)
        else:
            return {}
        self.spend(len(pairs) // 8)
        return {
            key_text(key, at): item
            for at, (key, item) in enumerate(zip(pairs[::2], pairs[1::2], strict=False))
        }

    def module_state(self, value: Any) -> dict[str, Any] | None:
        """The attributes of what is an ``nn.Module`` by what it holds, whatever its class."""
        if type(value) is not Object:
            return None
        arguments = value.arguments if type(value.arguments) is tuple else ()
        # torch.fx hands the attributes over as an argument (``reduce_graph_module``).
        for state in (attributes_of(value.state), *arguments[:1]):
            attributes = self.entries(state) if type(state) is Mapping else {}
            if "_parameters" in attributes and "_modules" in attributes:
                return attributes
        return None

    def is_tensor(self, value: Any) -> bool:
        return type(value) is Object and type(value.function) is Global and value.function in REBUILD

    def tensor(self, value: Any, depth: int = 0) -> Tensor | None:
        """The tensor that ``value`` is, None if it is none. Raises BadTensor for one that cannot be."""
        if type(value) is not Object or type(value.function) is not Global:
            return None
        rebuild = REBUILD.get(value.function)
        if rebuild is None:
            return self._of_class(value, depth)
        self.spend(1)
        if depth > MAX_WRAPPING:
            raise BadTensor("is wrapped too often")
        if type(value.arguments) is not tuple or len(value.arguments) > 16:
            raise BadTensor(f"does not have the arguments of {value.function.name}")
        try:
            return rebuild(self, value.arguments, depth)
        except (IndexError, ValueError):
            # Too few arguments, or a wrong number to unpack.
            raise BadTensor(f"does not have the arguments of {value.function.name}") from None

    def _of_class(self, value: Object, depth: int) -> Tensor | None:
        """Tensors and Parameters as torch < 0.4 saved them: a class, and a state put into it."""
        module, name = value.function
        if module != "torch" and not module.startswith(("torch.", "__torch__")):
            return None
        if name == "Parameter" or name == "Buffer":
            state = value.state if type(value.state) is tuple else value.arguments
            if type(state) is not tuple or not state or depth > MAX_WRAPPING:
                return None
            self.spend(1)
            found = self.tensor(state[0], depth + 1)
            return found and found._replace(layout=found.layout._replace(parameter=name == "Parameter"))
        if name.endswith("Tensor") and type(value.state) is tuple and len(value.state) >= 4:
            return self.strided(value.state)
        return None

    def strided(self, arguments: tuple[Any, ...], dtype: str | None = None) -> Tensor:
        """``_rebuild_tensor(storage, storage_offset, size, stride)``; v2 adds what does not matter here."""
        storage = self.storage(arguments[0])
        offset, shape, stride = count_of(arguments[1]), sizes_of(arguments[2]), sizes_of(arguments[3])
        dtype = dtype or storage.dtype
        kind = self.kind(dtype, shape)
        if len(stride) != len(shape):
            raise BadTensor(f"has {plural(len(shape), 'dimension')} but {plural(len(stride), 'stride')}")
        if dtype in PACKED:
            needed = kind.nbytes
        else:
            reach = sum((size - 1) * step for size, step in zip(shape, stride, strict=True))
            needed = (offset + reach + 1) * SIZES[dtype] if kind.elements else 0
        if needed > storage.nbytes:
            raise BadTensor(
                f"takes {needed:,} bytes of storage {storage.key!r}, which has {storage.nbytes:,}"
            )
        return Tensor(kind, Layout(storage.key, storage.shift + offset, stride, "strided"))

    def storage(self, value: Any) -> Storage:
        identifier = value.id if type(value) is Persistent else None
        if (
            type(identifier) is not tuple
            or not 5 <= len(identifier) <= 6
            or as_text(identifier[0]) != "storage"
        ):
            raise BadTensor("has no storage that the file keeps")
        _, cls, key, _, elements, *view = identifier
        if type(cls) is not Global or type(key) not in (str, int, bytes):
            raise BadTensor("has a storage without a class or a key")
        dtype = STORAGE_DTYPES.get(cls.name)
        if dtype is None:
            raise BadTensor(f"has a storage of unknown class {cls.path[:80]}")
        found = Storage(str(as_text(key))[:200], dtype, count_of(elements), 0)
        self.storages.setdefault(found.key, found)
        if view and type(view[0]) is tuple and len(view[0]) == 3:
            # (key of the view, where it begins, its size): its elements are still those of the root.
            begin, size = count_of(view[0][1]), count_of(view[0][2])
            if begin + size > found.elements:
                raise BadTensor(f"is a view beyond its storage {found.key!r}")
            return found._replace(elements=size, shift=begin)
        return found

    def kind(self, dtype: str, shape: tuple[int, ...]) -> TensorKind:
        kind = self._kinds.get((dtype, shape))
        if kind is None:
            elements = prod(shape)
            if elements >= MAX_COUNT // 16:
                raise BadTensor(f"has more elements than 64 bits can count bytes of: {shape!r}"[:200])
            packed = PACKED.get(dtype)
            if packed and shape:
                nbytes = prod(shape[:-1]) * -(-shape[-1] // packed)
            else:
                nbytes = elements * SIZES[dtype]
            kind = self._kinds[dtype, shape] = TensorKind(dtype, shape, elements, nbytes)
        return kind

    def inner(self, value: Any, depth: int) -> Tensor:
        found = self.tensor(value, depth + 1)
        if found is None:
            raise BadTensor("is made of something that is no tensor")
        return found
