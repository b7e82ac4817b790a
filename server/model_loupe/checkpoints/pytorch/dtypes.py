"""torch's dtypes by name: their sizes, and the storage classes that stand for them in a pickle."""

from __future__ import annotations

# torch's name → bytes of an element. Integers of less than 8 bits and bits* take a byte each.
SIZES = {
    **dict.fromkeys(("bool", "uint8", "int8", "qint8", "quint8", "float4_e2m1fn_x2"), 1),
    **dict.fromkeys(("bits8", "bits1x8", "bits2x4", "bits4x2"), 1),
    **dict.fromkeys((f"{sign}int{bits}" for sign in ("u", "") for bits in range(1, 8)), 1),
    **dict.fromkeys(
        ("float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu"), 1
    ),
    **dict.fromkeys(("int16", "uint16", "float16", "bfloat16", "bits16"), 2),
    **dict.fromkeys(("int32", "uint32", "float32", "qint32", "complex32"), 4),
    **dict.fromkeys(("int64", "uint64", "float64", "complex64"), 8),
    "complex128": 16,
    "quint4x2": 1,
    "quint2x4": 1,
}
# Elements to a byte, along the last dimension (aten/src/ATen/quantized): their storages count bytes.
PACKED = {"quint4x2": 2, "quint2x4": 4}
# Storage classes of torch and torch.cuda (``_dtype_to_storage_type_map`` in torch/storage.py).
STORAGE_DTYPES = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "BFloat16Storage": "bfloat16",
    "ComplexDoubleStorage": "complex128",
    "ComplexFloatStorage": "complex64",
    "QInt8Storage": "qint8",
    "QInt32Storage": "qint32",
    "QUInt8Storage": "quint8",
    "QUInt4x2Storage": "quint4x2",
    "QUInt2x4Storage": "quint2x4",
    # Its elements are bytes; the tensor says what they mean.
    "UntypedStorage": "uint8",
}
