"""PyTorch checkpoints: names, dtypes, shapes and shared storages, without running anything of them.

A file of ``torch.save`` is a pickle whose storages lie outside of it: in a zip archive beside ``data.pkl``
(torch >= 1.6) or, in the legacy format, after it. Only the pickle is read, by ``pickle_opcodes``, and the
calls in it that torch knows (``torch/_utils.py``: ``_rebuild_tensor_v2`` …) are understood as tensors.

``reader`` tells the container, ``legacy`` and ``archive`` find the pickles in it, ``contents`` what they say.
"""
