"""Prints the seconds of one way to measure casts of a file's tensors: ``casts.py WAY FILE SITE``.

Ours are those of ``model_loupe/worker/casting`` in the folder ``SITE``; others are a bare ``bincount``, naive
passes of torch over whole tensors, and bitsandbytes' own quantise and dequantise.
"""

import sys
import time

import numpy as np
import torch
from safetensors import safe_open

FIVE = ("float32", "float16", "float8_e4m3fn", "float8_e5m2", "bfloat16")
ELEMENT_WISE = (*FIVE, "float64", "float8_e4m3fnuz", "float8_e5m2fnuz")


def tensors(path):
    with safe_open(path, "pt") as file:
        for name in file.keys():  # noqa: SIM118
            yield file.get_tensor(name)


def bincount(path):
    for tensor in tensors(path):
        np.bincount(tensor.view(torch.int16).numpy().view(np.uint16).reshape(-1), minlength=65536)


def naive(path):
    for tensor in tensors(path):
        for name in FIVE:
            before, after = tensor.double(), tensor.to(getattr(torch, name)).double()
            error = before - after
            finite = after.isfinite()
            (before.isfinite() & ~finite).sum().item()
            ((before != 0) & (after == 0)).sum().item()
            error[finite].abs().max().item()
            (before[finite].square().sum() / error[finite].square().sum()).item()


def nf4(path):
    from bitsandbytes.functional import dequantize_4bit, quantize_4bit

    yield
    for tensor in tensors(path):
        dequantize_4bit(*quantize_4bit(tensor, blocksize=64, quant_type="nf4"))


def int8(path):
    from bitsandbytes.functional import int8_vectorwise_dequant, int8_vectorwise_quant

    yield
    for tensor in tensors(path):
        int8_vectorwise_dequant(*int8_vectorwise_quant(tensor.half())[:2])


def ours(path, site, targets, *, sampled=False):
    sys.path.insert(0, site)
    from model_loupe.worker.casting import exact, sample
    from model_loupe.worker.casting.files import TensorFile
    from model_loupe.worker.casting.formats import format_named

    torch.set_num_threads(1)
    yield
    file = TensorFile(path)
    formats = [format_named(name) for name in targets]
    tensors = file.tensors().values()
    runs = sample.runs_of_each(len(tensors))
    for stored in tensors:
        if sampled:
            sample.estimates(sample.sample_of(file, stored, 0, runs), formats)
        else:
            exact.ExactPass(file, stored, formats, lambda nbytes: None).run()


def main():
    way, path, site = sys.argv[1:]
    if way in ("bincount", "naive"):
        work = None
    elif way in ("nf4", "int8"):
        work = globals()[way](path)
    else:
        names = (
            ELEMENT_WISE
            if way == "element-wise"
            else [name for name in way.removeprefix("sampled:").split(",") if name]
        )
        work = ours(path, site, names, sampled=way.startswith("sampled:"))
    if work is not None:
        next(work)  # the imports
    start = time.perf_counter()
    if work is None:
        globals()[way](path)
    else:
        for _ in work:
            pass
    print(time.perf_counter() - start)


torch.set_grad_enabled(False)
main()
