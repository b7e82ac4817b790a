"""The functions of ``torch/_utils.py`` that make tensors, each as what it says of its tensor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from model_loupe.checkpoints.pickle_opcodes import Global, Mapping, Object
from model_loupe.checkpoints.pytorch.arguments import (
    MAX_WRAPPING,
    BadTensor,
    Tensor,
    count_of,
    dtype_of,
    sizes_of,
)
from model_loupe.checkpoints.pytorch.results import Layout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from model_loupe.checkpoints.pytorch.tensors import Tensors


# Each is given the arguments of the function of the same name in torch/_utils.py.


def _tensor_v2(tensors: Tensors, arguments: tuple[Any, ...], depth: int) -> Tensor:
    return tensors.strided(arguments)


def _tensor_v3(tensors: Tensors, arguments: tuple[Any, ...], depth: int) -> Tensor:
    return tensors.strided(arguments, dtype_of(arguments[6]))


def _qtensor(tensors: Tensors, arguments: tuple[Any, ...], depth: int) -> Tensor:
    found = tensors.strided(arguments)
    return found._replace(layout=found.layout._replace(form="quantized"))


def _parameter(tensors: Tensors, arguments: tuple[Any, ...], depth: int) -> Tensor:
    found = tensors.inner(arguments[0], depth)
    return found._replace(layout=found.layout._replace(parameter=True))


def _sparse(tensors: Tensors, arguments: tuple[Any, ...], depth: int) -> Tensor:
    layout, data = arguments
    if type(data) is not tuple:
        raise BadTensor("is sparse and has no indices")
    # COO: indices, values, size (since torch 2.1, whether coalesced); compressed layouts: two indices.
    form = layout.arguments[0] if type(layout) is Object and type(layout.arguments) is tuple else None
    form = form.removeprefix("torch.") if type(form) is str else "sparse"
    count = 2 if form == "sparse_coo" else 3
    parts = [tensors.inner(part, depth) for part in data[:count]]
    shape = sizes_of(data[count])
    logical = tensors.kind(parts[-1].kind.dtype, shape)
    # Its elements are those of the matrix, its bytes those of what is stored of it.
    kind = logical._replace(nbytes=sum(part.kind.nbytes for part in parts))
    return Tensor(kind, Layout(None, 0, (), form[:40]))


def _meta(tensors: Tensors, arguments: tuple[Any, ...], depth: int) -> Tensor:
    dtype, shape, stride, *_ = arguments
    kind = tensors.kind(dtype_of(dtype), sizes_of(shape))._replace(nbytes=0)
    return Tensor(kind, Layout(None, 0, sizes_of(stride), "meta"))


def _nested(tensors: Tensors, arguments: tuple[Any, ...], depth: int) -> Tensor:
    # The sizes of the pieces are tensor data: only the buffer's are known.
    found = tensors.inner(arguments[0], depth)
    return found._replace(layout=found.layout._replace(form="nested"))


def _from_cpu(tensors: Tensors, arguments: tuple[Any, ...], depth: int) -> Tensor:
    data, dtype, *_ = arguments
    found = tensors.inner(data, depth)
    return found._replace(kind=tensors.kind(dtype_of(dtype), found.kind.shape))


def _wrapper(tensors: Tensors, arguments: tuple[Any, ...], depth: int) -> Tensor:
    cls, dtype, shape, stride, offset, *_ = arguments
    form = cls.path if type(cls) is Global else "wrapper"
    kind = tensors.kind(dtype_of(dtype), sizes_of(shape))._replace(nbytes=0)
    return Tensor(kind, Layout(None, count_of(offset), sizes_of(stride), form[:200]))


def _from_type(tensors: Tensors, arguments: tuple[Any, ...], depth: int) -> Tensor:
    """``_rebuild_from_type_v2(function, type, arguments, state)``: a subclass; its state may wrap tensors."""
    function, cls, inner, state = arguments
    found = tensors.inner(Object(function, inner), depth)
    if type(cls) is not Global or cls.name in ("Tensor", "Parameter"):
        return found
    kind, layout = found
    if layout.storage is None:
        # A wrapper stores nothing itself; what it stands for is stored as the tensors that it wraps.
        kind = kind._replace(nbytes=sum(_wrapped_bytes(tensors, state, depth + 1)))
    return Tensor(kind, layout._replace(form=cls.path[:200]))


def _wrapped_bytes(tensors: Tensors, value: Any, depth: int) -> Iterable[int]:
    found = tensors.tensor(value, depth)
    if found:
        yield found.kind.nbytes
    elif depth < MAX_WRAPPING:
        items: Iterable[Any] = ()
        if type(value) is Mapping:
            items = value.pairs[1::2]
        elif type(value) in (tuple, list):
            items = value
        elif type(value) is Object:
            items = (value.state, value.arguments)
        for item in items:
            tensors.spend(1)
            yield from _wrapped_bytes(tensors, item, depth + 1)


REBUILD: dict[Global, Callable[[Tensors, tuple[Any, ...], int], Tensor]] = {
    Global("torch._tensor", "_rebuild_from_type_v2"): _from_type,
    **{
        Global("torch._utils", f"_rebuild_{name}"): rebuild
        for name, rebuild in {
            "tensor": _tensor_v2,
            "tensor_v2": _tensor_v2,
            "tensor_v3": _tensor_v3,
            "qtensor": _qtensor,
            "parameter": _parameter,
            "parameter_with_state": _parameter,
            "sparse_tensor": _sparse,
            "sparse_csr_tensor": _sparse,
            "meta_tensor_no_storage": _meta,
            "nested_tensor": _nested,
            "device_tensor_from_cpu_tensor": _from_cpu,
            "wrapper_subclass": _wrapper,
        }.items()
    },
}
