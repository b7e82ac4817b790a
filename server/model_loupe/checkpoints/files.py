"""The files of one model as a source lists them, and what kind of file each is."""

from __future__ import annotations

from model_loupe.domain.lean_typing import TYPE_CHECKING, NamedTuple, Protocol
from model_loupe.domain.warnings import Warning

if TYPE_CHECKING:
    from collections.abc import Sequence

    from model_loupe.checkpoints.safetensors_index import Claims

LFS_POINTER_PREFIX = b"version https://git-lfs.github.com/spec/v1"
LFS_POINTER_LIMIT = 1024
"""A Git-LFS pointer file is smaller than this (https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md)."""

# By how a file's name ends, and begins where that is not enough.
_FORMATS = (
    (".safetensors", "safetensors"),
    (".gguf", "gguf"),
    (".jit", "torchscript"),
    (".pt2", "torch-export"),
    (".bin", "pickle"),
    (".pt", "pickle"),
    (".pth", "pickle"),
    (".ckpt", "pickle"),
    (".h5", "tensorflow"),
    (".keras", "tensorflow"),
    ("saved_model.pb", "tensorflow"),
    (".ckpt.index", "tensorflow"),
    (".ckpt.meta", "tensorflow"),
    (".ckpt.data-00000-of-00001", "tensorflow"),
    (".msgpack", "flax"),
    (".onnx", "onnx"),
    # Weights of a graph beyond the 2 GiB of a protobuf message (ONNX's external data).
    (".onnx_data", "onnx"),
    (".onnx.data", "onnx"),
    (".ort", "onnx"),
    (".npz", "numpy"),
    (".npy", "numpy"),
    (".tflite", "tflite"),
    (".mlmodel", "coreml"),
    (".mlmodelc", "coreml"),
    (".pdparams", "paddle"),
    (".ot", "rust-bert"),
)
_BEGINNINGS = (("openvino_", (".xml", ".bin"), "openvino"), ("ggml-", (".bin",), "ggml"))
FORMAT_TITLES = {
    "coreml": "Core ML model",
    "flax": "Flax weights",
    "ggml": "GGML model",
    "numpy": "NumPy arrays",
    "onnx": "ONNX graph",
    "openvino": "OpenVINO model",
    "paddle": "PaddlePaddle weights",
    "rust-bert": "rust-bert weights",
    "tensorflow": "TensorFlow weights",
    "tflite": "LiteRT model",
    "torch-export": "exported PyTorch program",
    "torchscript": "TorchScript archive",
}
"""What to call a file of a format that is not read here."""


class File(NamedTuple):
    """A file of a model. ``nbytes`` is None and ``present`` False for one that is named but not there."""

    name: str
    nbytes: int | None
    present: bool = True


class Files(Protocol):
    """A model's files, wherever they are. Names are relative to the model and use ``/``."""

    def entries(self) -> dict[str, File]:
        """The files that are there, by name."""

    def read(self, name: str, start: int = 0, length: int | None = None) -> bytes:
        """Bytes from ``start``, at most ``length`` (all if None). Raises OSError."""

    def below(self, name: str) -> Files | None:
        """The files of the subfolder ``name``; None if there is no such folder."""

    def unfinished_download(self, name: str) -> str | None:
        """The name of the partial file if a download of ``name`` was begun and is not finished."""

    def foresee(self, names: Sequence[str], claims: Claims | None) -> None:
        """The headers of these files will be read next: a source that is far away fetches them at once."""


def format_of(name: str) -> str | None:
    """The weight format that a file's name promises; None if it is no weight file."""
    lowered = name.lower()
    base = lowered.rpartition("/")[2]
    for beginning, endings, form in _BEGINNINGS:
        if base.startswith(beginning) and base.endswith(endings):
            return form
    return next((fmt for suffix, fmt in _FORMATS if lowered.endswith(suffix)), None)


def unreadable(name: str, error: OSError) -> Warning:
    """The finding for a file that the system would not let us read."""
    return Warning("unreadable-file", f"{name} cannot be read: {error.strerror or type(error).__name__}")


def lfs_pointer_size(head: bytes) -> int | None:
    """The size of the real file if ``head`` is a Git-LFS pointer, else None (0 if the pointer has none)."""
    if not head.startswith(LFS_POINTER_PREFIX):
        return None
    for line in head.splitlines():
        if line.startswith(b"size ") and line[5:].isdigit() and len(line) < 32:
            return int(line[5:])
    return 0
