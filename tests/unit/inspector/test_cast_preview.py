"""Cast previews as editors have them: rows that lead to a tensor, what fits, what can be applied."""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from model_loupe.domain.errors import LoupeError
from model_loupe.inspector import Inspector, LoadOptions, ModelRequest
from model_loupe.inspector.cast_preview import CastPreview, Wish
from model_loupe.inspector.description import Description
from model_loupe.inspector.rows import Place
from model_loupe.inspector.tree_path import path_to
from tests.support import checkpoints as made


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "small"
    return made.write_checkpoint(folder, made.SMALL_CONFIG, made.small_gemma_tensors())


def described(folder: Path) -> tuple[Inspector, Description, Place]:
    inspector, request = Inspector(), ModelRequest(str(folder))
    return inspector, inspector.find(request), Place(request)


def labels(inspector: Inspector, path: list[str]) -> list[str]:
    """The labels of the rows of a path, each found below the one before it."""
    found = []
    for above, node in pairwise(path):
        rows = inspector.children(above)
        while node not in {row.id for row in rows}:
            rows = inspector.children(rows[-1].id)
        found.append(next(row.label for row in rows if row.id == node))
    return found


def test_the_way_to_a_tensor_leads_through_folded_runs(small: Path) -> None:
    inspector, description, place = described(small)
    last = description.model_type and description.dimensions.layers
    assert last and last > 1
    path = path_to(place, description, f"model.layers.{last - 1}.mlp.up_proj.weight")
    assert path[0] == inspector.root(place.request).id
    run = f"0-{last - 1}: {last} ×"
    assert labels(inspector, path) == ["Architecture", "model", "layers", run, "mlp", "up_proj", "weight"]


def test_the_way_leads_as_far_as_there_is_one(small: Path) -> None:
    inspector, description, place = described(small)
    path = path_to(place, description, "model.layers.0.nothing.weight")
    assert labels(inspector, path)[:3] == ["Architecture", "model", "layers"]
    assert len(path) == 5
    assert len(path_to(place, description, "elsewhere")) == 2


def test_the_way_leads_beyond_the_first_page(tmp_path: Path) -> None:
    # Each has another shape, so that none are folded.
    tensors = {f"m.{number}.weight": np.zeros((1, number + 1), np.float16) for number in range(450)}
    save_file(tensors, str(tmp_path / "model.safetensors"), metadata={"format": "pt"})
    (tmp_path / "config.json").write_text("{}")
    inspector, description, place = described(tmp_path)
    path = path_to(place, description, "m.437.weight")
    assert labels(inspector, path) == ["Architecture", "m", "437", "weight"]


def preview(folder: Path, wish: Wish) -> CastPreview:
    _, description, _ = described(folder)
    return CastPreview(description, LoadOptions(), wish)


def test_what_fits_is_weights_and_cache(small: Path) -> None:
    wish = Wish(("float32", "nf4"), devices=(("0", "24GiB"), ("cpu", "1 KB")), interpreter=sys.executable)
    answer = preview(small, wish).to_json()
    whole, packed = answer["targets"]
    assert [each["device"] for each in whole["fits"]] == ["GPU 0 · 24.00 GiB", "cpu · 1000 B"]
    assert [each["fits"] for each in whole["fits"]] == [True, False]
    context, batch = answer["memory"]["context"], answer["memory"]["batch"]
    # The cache follows a dtype, and stays as it is where weights alone are quantised.
    cache = whole["kv_cache"]
    assert whole["fits"][0]["bytes"] == whole["bytes"] + batch * context * cache["bytes_per_token"]
    assert packed["fits"][0]["bytes"] == packed["bytes"] + batch * context * cache["bytes_per_token_before"]


def test_what_is_quantised_already_is_not_quantised_again(tmp_path: Path) -> None:
    quantized = {
        **made.SMALL_CONFIG,
        "quantization_config": {"quant_method": "bitsandbytes", "load_in_8bit": True},
    }
    made.write_checkpoint(tmp_path, quantized, made.small_gemma_tensors())
    by_name = {
        each["dtype"]: each for each in preview(tmp_path, Wish(("float16", "nf4"))).to_json()["targets"]
    }
    assert by_name["float16"]["apply"]
    assert not by_name["nf4"]["apply"]
    assert "quantised already" in by_name["nf4"]["apply_reason"]


def test_a_scope_without_weights_is_refused(small: Path) -> None:
    with pytest.raises(LoupeError, match=r"no weights under model\.layer$"):
        preview(small, Wish(scope="model.layer"))
