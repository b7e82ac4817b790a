"""Descriptions of checkpoints as they lie on disk: whole, sharded, half there, and hostile."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from model_loupe.domain.errors import LoupeError
from model_loupe.inspector import Description, Inspector, LoadOptions, ModelRequest, card, summary
from model_loupe.inspector.schema import to_json
from tests.support import checkpoints as made

FIRST = "model-00001-of-00002.safetensors"
SECOND = "model-00002-of-00002.safetensors"
INDEX = "model.safetensors.index.json"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 4945242264\n"


def describe(path: Path, **request: Any) -> Description:
    return Inspector().describe(ModelRequest(str(path), **request))


def codes(description: Description) -> list[str]:
    return [warning.code for warning in description.warnings]


def test_gemma_2b(gemma: Path) -> None:
    answer = to_json(describe(gemma))
    assert answer["parameters"]["total"] == 2_506_172_416
    assert answer["parameters"]["by_dtype"] == {
        "bfloat16": {
            "tensors": 164,
            "elements": 2_506_172_416,
            "parameters": 2_506_172_416,
            "bytes": 5_012_344_832,
        }
    }
    assert answer["parameters"]["tied"] == [["lm_head.weight", "model.embed_tokens.weight"]]
    assert answer["bytes"]["stored"] == 5_012_344_832
    assert answer["kv_cache"]["bytes_per_token"] == 18_432
    assert answer["kv_cache"]["dtype"] == "bfloat16"
    assert answer["architecture"]["class"] == "GemmaForCausalLM"
    assert answer["index"] == {"name": INDEX, "tensors": 164, "shards": 2, "total_size": 5_012_344_832}
    assert answer["warnings"] == []


def test_an_index_without_its_weights(gemma: Path) -> None:
    (gemma / FIRST).unlink()
    (gemma / SECOND).unlink()
    answer = to_json(describe(gemma))
    assert answer["parameters"]["total"] is None
    assert answer["parameters"]["exact"] is False
    assert answer["bytes"]["stored"] is None
    assert answer["bytes"]["loaded"] is None or answer["bytes"]["loaded"]["bytes"] is None
    assert answer["index"]["tensors"] == 164
    assert answer["index"]["total_size"] == 5_012_344_832
    assert [warning["code"] for warning in answer["warnings"]] == ["missing-shard", "missing-shard"]
    assert FIRST in answer["warnings"][0]["message"]
    assert SECOND in answer["warnings"][1]["message"]
    first = next(file for file in answer["files"] if file["name"] == FIRST)
    assert (first["bytes"], first["format"], first["present"]) == (None, "safetensors", False)
    # What the config alone tells is exact all the same.
    assert answer["kv_cache"]["bytes_per_token"] == 18_432


def test_deepseek_v3(tmp_path: Path) -> None:
    tensors = made.deepseek_v3_tensors()
    assert len(tensors) == 91_991
    folder = made.write_checkpoint(tmp_path / "ds", made.DEEPSEEK_V3_CONFIG, tensors, shards=163)
    description = describe(folder)
    count = description.parameters
    assert description.warnings == []
    assert count.by_dtype["float8_e4m3fn"].parameters == 680_571_043_840
    assert count.by_dtype["bfloat16"].parameters == 3_918_786_560
    assert count.by_dtype["float32"].elements == 41_555_600
    # The float32 elements are no parameters: the routers' biases are buffers, the rest scales FP8 blocks.
    assert count.by_dtype["float32"].parameters == 0
    assert (count.buffers, count.overhead) == (59 * 256, 41_555_600 - 59 * 256)
    assert count.total == 680_571_043_840 + 3_918_786_560
    # Layer 61 predicts a token more; transformers leaves it out, and builds what is left.
    assert count.total - count.mtp == 671_026_404_352
    assert count.exact
    # Latent attention: 512 compressed + 64 rotary elements a token and layer.
    assert description.kv_cache is not None
    assert description.kv_cache.bytes_per_token == 61 * 576 * 2


def test_buffers_are_no_parameters(tmp_path: Path) -> None:
    tensors = [
        ("embeddings.position_ids", "I64", [1, 512]),
        ("embeddings.word_embeddings.weight", "F32", [100, 8]),
        ("h.0.attn.bias", "F32", [1, 1, 16, 16]),
        ("h.0.attn.masked_bias", "F32", []),
        ("h.0.attn.c_attn.bias", "F32", [24]),
        ("rotary.inv_freq", "F32", [4]),
        ("bn.running_mean", "F32", [8]),
        ("bn.num_batches_tracked", "I64", []),
        ("conv.weight", "F32", [4, 3, 2, 2]),
    ]
    made.write_checkpoint(tmp_path, {"model_type": "bert"}, tensors)
    count = describe(tmp_path).parameters
    assert count.total == 800 + 24 + 48
    assert count.buffers == 512 + 256 + 1 + 4 + 8 + 1
    assert count.by_dtype["int64"].parameters == 0


def test_tied_weights_that_are_both_stored_count_once(tmp_path: Path) -> None:
    tensors = [
        ("model.embed_tokens.weight", "BF16", [100, 8]),
        ("lm_head.weight", "BF16", [100, 8]),
    ]
    config = {"architectures": ["LlamaForCausalLM"], "tie_word_embeddings": True}
    made.write_checkpoint(tmp_path, config, tensors)
    description = describe(tmp_path)
    assert description.parameters.total == 800
    assert not description.parameters.exact
    assert "≈" in card(description, LoadOptions(), requested="x")
    made.write_checkpoint(tmp_path, {**config, "tie_word_embeddings": False}, tensors)
    assert describe(tmp_path).parameters.total == 1600


def test_an_unknown_scheme_is_named_and_marked(tmp_path: Path) -> None:
    config = {"quantization_config": {"quant_method": "quip", "bits": 2}}
    made.write_checkpoint(tmp_path, config, [("q_proj.Qidxs", "I32", [256, 2048])])
    description = describe(tmp_path)
    assert description.parameters.total == 256 * 2048
    assert not description.parameters.exact
    assert "quip" in (description.parameters.reason or "")
    assert "≈" in summary(description, LoadOptions())


def test_the_real_library_s_file(tmp_path: Path) -> None:
    save_file(
        {"w": np.zeros((3, 4), np.float32), "b": np.zeros(4, np.float16)}, tmp_path / "model.safetensors"
    )
    description = describe(tmp_path / "model.safetensors")
    assert description.parameters.total == 16
    assert description.stored_bytes == 56
    assert description.weights.first_floating_dtype in ("float32", "float16")


def test_repository_names_in_the_index_differ(gemma: Path) -> None:
    index = json.loads((gemma / INDEX).read_text())
    index["weight_map"]["model.norm.weight"] = FIRST
    index["weight_map"]["not.there"] = FIRST
    del index["weight_map"]["model.layers.0.mlp.up_proj.weight"]
    index["metadata"]["total_size"] += 2
    (gemma / INDEX).write_text(json.dumps(index))
    description = describe(gemma)
    assert codes(description) == [
        "tensors-not-in-index",
        "tensors-in-other-shard",
        "tensors-not-in-shards",
        "index-total-size",
    ]
    assert description.parameters.total == 2_506_172_416


def test_a_tensor_in_two_shards_counts_once(gemma: Path) -> None:
    made.write_safetensors(gemma / SECOND, made.gemma_2b_tensors()[80:])
    description = describe(gemma)
    assert "duplicate-tensors" in codes(description)
    assert description.parameters.total == 2_506_172_416


def break_index(text: str) -> Callable[[Path], None]:
    return lambda folder: (folder / INDEX).write_text(text) and None


def cut(folder: Path) -> None:
    with (folder / SECOND).open("r+b") as file:
        file.truncate(1_000_000)


def fifo(folder: Path) -> None:
    (folder / FIRST).unlink()
    os.mkfifo(folder / FIRST)


def rename(suffix: str) -> Callable[[Path], None]:
    return lambda folder: (folder / FIRST).rename(folder / (FIRST + suffix)) and None


def local_dir_download(folder: Path) -> None:
    """As ``hf download --local-dir`` leaves it when it is interrupted."""
    (folder / FIRST).unlink()
    begun = folder / ".cache" / "huggingface" / "download"
    begun.mkdir(parents=True)
    import base64
    import hashlib

    mark = base64.urlsafe_b64encode(hashlib.sha1(f"{FIRST}.metadata".encode()).digest()).decode()
    (begun / f"{mark}.abc.incomplete").write_bytes(b"x")


def link_outside(folder: Path) -> None:
    outside = folder.parent / "elsewhere.safetensors"
    shutil.move(folder / FIRST, outside)
    (folder / FIRST).symlink_to(outside)


def map_to(file: str) -> str:
    return json.dumps({"weight_map": {"a": file, "b": FIRST, "c": SECOND}})


# What happens to the sharded gemma → the warning that must be among those found.
DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "a missing shard": (lambda folder: (folder / FIRST).unlink(), "missing-shard"),
    "a git-lfs pointer": (lambda folder: (folder / FIRST).write_bytes(POINTER), "lfs-pointer"),
    "a zero-byte shard": (lambda folder: (folder / FIRST).write_bytes(b""), "empty-file"),
    "a shard cut off": (cut, "incomplete-file"),
    "a browser's download": (rename(".crdownload"), "incomplete-download"),
    "a tool's download": (rename(".incomplete"), "incomplete-download"),
    "an interrupted hf download": (local_dir_download, "incomplete-download"),
    "a dangling link": (
        lambda folder: ((folder / FIRST).unlink(), (folder / FIRST).symlink_to("nowhere")),
        "broken-link",
    ),
    "a link out of the folder": (link_outside, "link-outside"),
    "a pipe for a shard": (fifo, "missing-shard"),
    "an index that is a list": (break_index("[]"), "bad-json"),
    "an index cut off": (break_index('{"weight_map": {"a": "mo'), "bad-json"),
    "an empty index": (break_index(""), "empty-file"),
    "an index of git-lfs": (break_index(POINTER.decode()), "lfs-pointer"),
    "an index nested without end": (break_index('{"a":' + "[" * 100_000), "bad-json"),
    "an index without weight_map": (break_index("{}"), "bad-index"),
    "a weight_map that is a list": (break_index('{"weight_map": []}'), "bad-index"),
    "a weight_map with numbers": (break_index('{"weight_map": {"a": 1}}'), "bad-index"),
    "an empty weight_map": (break_index('{"weight_map": {}}'), "bad-index"),
    "a total_size that is text": (
        break_index(json.dumps({"metadata": {"total_size": "x"}, "weight_map": {"a": FIRST}})),
        "bad-index",
    ),
    "a shard above the folder": (break_index(map_to("../x.safetensors")), "unsafe-path"),
    "a shard hidden above the folder": (break_index(map_to("a/../../x.safetensors")), "unsafe-path"),
    "an absolute shard": (break_index(map_to("/etc/passwd")), "unsafe-path"),
    "a shard on a drive": (break_index(map_to("C:\\x.safetensors")), "unsafe-path"),
    "a shard with a zero byte": (break_index(map_to("a\0b")), "unsafe-path"),
    "a shard without a name": (break_index(map_to("")), "unsafe-path"),
    "a config that is a list": (lambda folder: (folder / "config.json").write_text("[1]"), "bad-json"),
    "a config that is no JSON": (lambda folder: (folder / "config.json").write_text("{'a': 1}"), "bad-json"),
    "a config in UTF-16": (
        lambda folder: (folder / "config.json").write_text("{}", encoding="utf-16"),
        "bad-json",
    ),
    "an empty config": (lambda folder: (folder / "config.json").write_text(""), "empty-file"),
    "a config of git-lfs": (lambda folder: (folder / "config.json").write_bytes(POINTER), "lfs-pointer"),
}


@pytest.mark.parametrize("case", DAMAGE, ids=str)
def test_damage_is_named_and_the_rest_is_told(case: str, gemma: Path) -> None:
    damage, expected = DAMAGE[case]
    damage(gemma)
    description = describe(gemma)
    assert expected in codes(description)
    assert len(set(description.warnings)) == len(description.warnings), "said twice"
    for warning in description.warnings:
        assert "\n" not in warning.message
    # Whatever is wrong, the rest is shown: the card, the lens and the JSON all can be made.
    assert card(description, LoadOptions(), requested="gemma").startswith("**")
    assert "\n" not in summary(description, LoadOptions())
    json.dumps(to_json(description, tree=True))
    assert description.architecture == "GemmaForCausalLM" or "config" in case


CONFIGS: list[Any] = [
    {"architectures": "GemmaForCausalLM"},
    {"architectures": []},
    {"architectures": [None]},
    {"model_type": 7, "hidden_size": "2048", "num_attention_heads": 0},
    {"hidden_size": 10**400, "num_hidden_layers": -1, "num_attention_heads": 1.5},
    {
        "architectures": ["XForCausalLM"],
        "num_hidden_layers": True,
        "num_attention_heads": 8,
        "hidden_size": 64,
    },
    {"architectures": ["X\nForCausalLM](command:x) <script>"], "torch_dtype": ["float16"]},
    {"quantization_config": [], "text_config": 3, "torch_dtype": "no-such-dtype"},
    {"quantization_config": {"quant_method": None, "bits": "four"}},
    {"layer_types": [{}], "architectures": ["XForCausalLM"], "num_hidden_layers": 1},
]


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: str(config)[:60])
def test_odd_configs_break_nothing(config: dict[str, Any], small: Path) -> None:
    (small / "config.json").write_text(json.dumps(config))
    description = describe(small)
    text = card(description, LoadOptions(), requested="x")
    assert "<script" not in text
    assert "](command" not in text
    assert "\n" not in summary(description, LoadOptions())
    assert description.weights.table.nbytes > 0
    json.dumps(to_json(description, tree=True))


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(LoupeError) as raised:
        describe(tmp_path)
    assert raised.value.code == "not-a-model"


def test_a_single_file_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(LoupeError) as raised:
        describe(tmp_path / "model.safetensors")
    assert raised.value.code == "empty-file"


def test_shards_without_an_index(gemma: Path) -> None:
    (gemma / INDEX).unlink()
    description = describe(gemma)
    assert codes(description) == ["missing-index"]
    assert description.parameters.total == 2_506_172_416
    (gemma / SECOND).unlink()
    description = describe(gemma)
    assert codes(description) == []  # One file of another name is all that there is to take.


def test_variant_and_subfolder(small: Path) -> None:
    made.write_safetensors(small / "model.fp16.safetensors", [("w", "F16", [5])])
    assert describe(small, variant="fp16").parameters.total == 5
    assert codes(describe(small, variant="nope")) == ["no-such-variant"]
    made.write_checkpoint(small / "unet", {}, [("w", "F32", [7])])
    assert describe(small, subfolder="unet").parameters.total == 7
    for subfolder, code in [
        ("nope", "model-not-found"),
        ("../x", "bad-subfolder"),
        ("/etc", "bad-subfolder"),
    ]:
        with pytest.raises(LoupeError) as raised:
            describe(small, subfolder=subfolder)
        assert raised.value.code == code


def test_a_changed_file_is_read_anew(small: Path) -> None:
    inspector = Inspector()
    request = ModelRequest(str(small))
    assert inspector.peek(request) is None
    first = inspector.describe(request)
    assert inspector.describe(request) is first
    assert inspector.peek(request) is first
    made.write_safetensors(small / "model.safetensors", [("w", "F32", [3])])
    assert inspector.describe(request).parameters.total == 3
    inspector.invalidate(str(small / "model.safetensors"))
    assert inspector.peek(request) is None


OTHER_FORMATS = {
    "model.onnx": "ONNX graph",
    "model.onnx_data": "ONNX graph",
    "tf_model.h5": "TensorFlow weights",
    "saved_model.pb": "TensorFlow weights",
    "model.ckpt.index": "TensorFlow weights",
    "flax_model.msgpack": "Flax weights",
    "openvino_model.bin": "OpenVINO model",
    "openvino_model.xml": "OpenVINO model",
    "model.mlmodel": "Core ML model",
    "model.tflite": "LiteRT model",
    "weights.npz": "NumPy arrays",
    "rust_model.ot": "rust-bert weights",
    "model.pt2": "exported PyTorch program",
}


@pytest.mark.parametrize("name", OTHER_FORMATS)
def test_formats_that_are_not_read_are_named(name: str, small: Path) -> None:
    (small / name).write_bytes(b"whatever")
    (shown,) = (file for file in to_json(describe(small))["files"] if file["name"] == name)
    assert not shown["taken"]
    assert OTHER_FORMATS[name] in shown["not_taken"]
    assert codes(describe(small)) == []
    (small / "model.safetensors").unlink()
    description = describe(small)
    assert codes(description) == ["format-not-read"]
    assert f"{name} ({OTHER_FORMATS[name]})" in description.warnings[0].message
    assert description.parameters.total is None


def test_twins_in_folders_are_listed_as_not_used(small: Path) -> None:
    parameters = describe(small).parameters
    for folder, name in (
        ("original", "consolidated.00.pth"),
        ("onnx", "model.onnx"),
        ("onnx", "config.json"),
    ):
        (small / folder).mkdir(exist_ok=True)
        (small / folder / name).write_bytes(b"whatever")
    answer = to_json(describe(small))
    twins = {file["name"]: file for file in answer["files"] if "/" in file["name"]}
    assert set(twins) == {"original/consolidated.00.pth", "onnx/model.onnx"}
    assert all(not file["taken"] and "subfolder=" in file["not_taken"] for file in twins.values())
    assert answer["parameters"]["total"] == parameters.total
    assert answer["warnings"] == []


def test_a_file_that_is_not_read_is_called_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"whatever")
    assert card(describe(tmp_path / "model.onnx"), LoadOptions(), requested="x").startswith("**ONNX graph**")


def test_a_gguf_file_that_is_none_is_named_and_the_config_stays(small: Path) -> None:
    (small / "model.safetensors").rename(small / "model.gguf")
    description = describe(small)
    assert codes(description) == ["not-gguf"]
    assert description.architecture == "GemmaForCausalLM"
    assert description.parameters.total is None


def test_a_pickle_that_is_none_is_named(small: Path) -> None:
    (small / "model.safetensors").rename(small / "pytorch_model.bin")
    description = describe(small)
    assert len(description.warnings) > 0
    assert description.parameters.total is None


def test_a_legacy_pickle_of_a_tied_model(tmp_path: Path) -> None:
    """Written by hand as torch.save's pickle of {"a": t, "b": t} beside a zip archive's storages."""
    import zipfile

    tensor = (
        b"ctorch._utils\n_rebuild_tensor_v2\n("
        b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x06tQ"
        b"K\0K\x02K\x03\x86K\x03K\x01\x86\x89}tR"
    )
    pickle = b"\x80\x02}(X\x01\0\0\0a" + tensor + b"X\x01\0\0\0b" + tensor + b"u."
    with zipfile.ZipFile(tmp_path / "pytorch_model.bin", "w") as archive:
        archive.writestr("archive/data.pkl", pickle)
        archive.writestr("archive/data/0", bytes(24))
        archive.writestr("archive/version", "3\n")
    description = describe(tmp_path)
    assert codes(description) == []
    assert description.parameters.total == 6
    assert description.parameters.exact
    assert description.parameters.tied == [["a", "b"]]
    assert description.weights.table.tensors["a"].shape == (2, 3)


@pytest.mark.parametrize(
    ("dtype", "version", "expected"),
    [
        (None, "4.57.1", ("float32", 10_024_689_664)),
        (None, "5.23.0", ("bfloat16", 5_012_344_832)),
        ("auto", "4.57.1", ("bfloat16", 5_012_344_832)),
        ("None", "5.23.0", ("bfloat16", 5_012_344_832)),
        ("None", "4.57.1", ("float32", 10_024_689_664)),
        ("float16", None, ("float16", 5_012_344_832)),
        ("torch.float64", None, ("float64", 20_049_379_328)),
        ("nonsense", "5.23.0", (None, None)),
        (None, None, (None, None)),
    ],
)
def test_load_dtype(dtype: str | None, version: str | None, expected: Any, gemma: Path) -> None:
    description = describe(gemma)._replace(transformers=version)
    loaded, nbytes = description.loaded(LoadOptions(dtype=dtype))
    assert (loaded.dtype, nbytes) == expected
    line = summary(description, LoadOptions(dtype=dtype))
    assert line.startswith("GemmaForCausalLM · 2.51 B params · stored bfloat16 4.67 GiB")
    assert ("loads" in line) == (expected[0] is not None)


def taken(answer: dict[str, Any]) -> list[str]:
    return [file["name"] for file in answer["files"] if file["taken"]]


def test_the_call_decides_the_format(small: Path) -> None:
    (small / "pytorch_model.bin").write_bytes(b"no pickle")
    both = to_json(describe_request(small))
    assert taken(both) == ["model.safetensors"]
    others = {file["name"]: file["not_taken"] for file in both["files"] if file["not_taken"]}
    assert others == {"pytorch_model.bin": "the safetensors weights are taken, formats are never mixed"}
    assert taken(to_json(describe_request(small, use_safetensors=True))) == ["model.safetensors"]
    assert taken(to_json(describe_request(small, use_safetensors=False))) == ["pytorch_model.bin"]


def test_safetensors_asked_for_and_not_there(small: Path) -> None:
    (small / "model.safetensors").rename(small / "pytorch_model.bin")
    answer = to_json(describe_request(small, use_safetensors=True))
    assert taken(answer) == []
    assert [warning["code"] for warning in answer["warnings"]] == ["no-safetensors"]


def test_the_config_may_name_the_file(small: Path) -> None:
    (small / "model.safetensors").rename(small / "other.safetensors")
    config = json.loads((small / "config.json").read_text())
    (small / "config.json").write_text(json.dumps({**config, "transformers_weights": "other.safetensors"}))
    assert taken(to_json(describe_request(small))) == ["other.safetensors"]
    (small / "config.json").write_text(json.dumps({**config, "transformers_weights": "../x.safetensors"}))
    answer = to_json(describe_request(small))
    assert taken(answer) == []
    assert "bad-file-name" in [warning["code"] for warning in answer["warnings"]]


def describe_request(folder: Path, **selection: Any) -> Description:
    return Inspector().describe(ModelRequest(str(folder), **selection))
