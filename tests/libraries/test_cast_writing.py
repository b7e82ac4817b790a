"""Casts that are written: what is in the new folder, that libraries load it, that nothing half is left."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    GemmaConfig,
    GemmaForCausalLM,
    T5Config,
    T5ForConditionalGeneration,
)

from model_loupe.domain.casts.targets import target_named
from model_loupe.domain.errors import LoupeError
from model_loupe.inspector import Inspector, ModelRequest
from model_loupe.inspector.cast_text import written_lines
from model_loupe.inspector.cast_writing import Written, write
from model_loupe.inspector.casting import Progress, preview
from model_loupe.inspector.worker_process import Cancelled, Worker
from tests.libraries.casts import hostile
from tests.libraries.quantized import tensors_of

MIB = 2**20
REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
FLOATS = ("float64", "float32", "bfloat16", "float16", "float8_e4m3fn", "float8_e5m2", "float8_e5m2fnuz")


@pytest.fixture(scope="module")
def gemma(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Gemma in several shards, as save_pretrained writes it, with what repositories have beside."""
    folder = tmp_path_factory.mktemp("models") / "gemma"
    torch.manual_seed(0)
    config = GemmaConfig(
        vocab_size=512, hidden_size=64, intermediate_size=128, num_hidden_layers=3, num_attention_heads=4,
        num_key_value_heads=1, head_dim=16,
    )  # fmt: skip
    model = GemmaForCausalLM(config).to(torch.bfloat16)
    with torch.no_grad():
        model.model.layers[1].mlp.up_proj.weight.copy_(hostile(torch.bfloat16, 128, 64))
    model.save_pretrained(folder, max_shard_size="100KB")
    (folder / "README.md").write_text("---\nlicense: mit\n---\n")
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "GemmaTokenizer"}')
    (folder / "pytorch_model.bin").write_bytes(b"a twin of the weights")
    (folder / "onnx").mkdir()
    (folder / "onnx" / "model.onnx").write_bytes(b"a twin in a folder of its own")
    (folder / "onnx" / "config.json").write_text("{}")
    (folder / "assets").mkdir()
    (folder / "assets" / "notes.txt").write_text("of the model")
    (folder / ".cache").mkdir()
    (folder / ".cache" / "state").write_text("of a tool")
    return folder


def cast_to(
    target: str,
    source: Path,
    output: Path,
    worker: Worker,
    *,
    variant: str | None = None,
    progress: Callable[[Progress], None] | None = None,
    cancelled: threading.Event | None = None,
) -> Written:
    description = Inspector().find(ModelRequest(str(source), variant=variant))
    found = preview(description, [target_named(target)], worker.interpreter)
    return write(found, str(output), worker, progress=progress, cancelled=cancelled)


def fingerprint(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def same(ours: torch.Tensor, theirs: torch.Tensor) -> bool:
    """Bit by bit, NaN too."""
    ours, theirs = ours.reshape(-1), theirs.reshape(-1)
    return ours.dtype == theirs.dtype and torch.equal(ours.view(torch.uint8), theirs.view(torch.uint8))


@pytest.mark.parametrize("target", FLOATS)
def test_every_tensor_is_as_torch_casts_it(target: str, gemma: Path, tmp_path: Path, worker: Worker) -> None:
    before = fingerprint(gemma)
    written = cast_to(target, gemma, tmp_path / "cast", worker)
    assert fingerprint(gemma) == before
    stored, cast = tensors_of(gemma), tensors_of(tmp_path / "cast")
    assert cast.keys() == stored.keys()
    assert all(same(cast[name], stored[name].to(getattr(torch, target))) for name in stored)
    assert written.nbytes == sum(each.nbytes for each in cast.values())
    told = written.as_json()
    beyond = sum(int((each.abs() > torch.finfo(cast[name].dtype).max).sum()) for name, each in stored.items())
    assert told["to_inf"] == sum(int((~each.float().isfinite()).sum()) for each in cast.values())
    assert told["to_inf"] + told["saturated"] == beyond
    assert (beyond > 0) == (target == "float16" or target.startswith("float8"))


def test_the_folder_is_a_whole_checkpoint(gemma: Path, tmp_path: Path, worker: Worker) -> None:
    output = tmp_path / "new" / "folders" / "cast"
    written = cast_to("float16", gemma, output, worker)
    shards = sorted(path.name for path in gemma.glob("*.safetensors"))
    assert len(shards) > 2
    assert sorted(path.name for path in output.glob("*.safetensors")) == shards
    assert {path.name for path in output.iterdir()} == {
        *shards, "model.safetensors.index.json", "config.json", "generation_config.json", "README.md",
        "tokenizer_config.json", "assets",
    }  # fmt: skip
    assert written.left_out == ["pytorch_model.bin", "onnx/config.json", "onnx/model.onnx"]
    assert written.files.keys() == fingerprint(output).keys()
    assert all((output / name).stat().st_size == size for name, size in written.files.items())
    theirs, ours = (
        json.loads((folder / "model.safetensors.index.json").read_text()) for folder in (gemma, output)
    )
    assert ours["weight_map"] == theirs["weight_map"]
    assert ours["metadata"] == {**theirs["metadata"], "total_size": written.nbytes}
    for name in shards:
        with safe_open(output / name, "pt") as file, safe_open(gemma / name, "pt") as source:
            assert file.metadata() == source.metadata()
    before, after = (json.loads((folder / "config.json").read_text()) for folder in (gemma, output))
    key = "dtype" if "dtype" in before else "torch_dtype"
    assert after == {**before, key: "float16"}
    schema = json.loads((REFERENCE / "cast-output.schema.json").read_text())
    assert written.as_json().keys() == schema["properties"].keys()
    assert output.stat().st_mode == (tmp_path / "new").stat().st_mode
    assert not [path for path in output.parent.iterdir() if path != output]


@pytest.mark.parametrize("target", ["float64", "float16", "float8_e4m3fn"])
def test_transformers_loads_it(target: str, gemma: Path, tmp_path: Path, worker: Worker) -> None:
    cast_to(target, gemma, tmp_path / "cast", worker)
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "cast", dtype="auto")
    # No model runs in 8 bits: these come back in the dtype that the config keeps.
    assert model.dtype == (torch.bfloat16 if target.startswith("float8") else getattr(torch, target))
    theirs = GemmaForCausalLM.from_pretrained(gemma, dtype=torch.bfloat16)
    expected = theirs.model.embed_tokens.weight.to(getattr(torch, target)).to(model.dtype)
    assert torch.equal(model.model.embed_tokens.weight, expected)
    assert model.lm_head.weight is model.model.embed_tokens.weight
    assert model(torch.tensor([[1, 2, 3]])).logits.shape == (1, 3, 512)


def test_what_the_class_keeps_in_float32_is_written_so(tmp_path: Path, worker: Worker) -> None:
    config = T5Config(vocab_size=64, d_model=32, d_kv=8, d_ff=64, num_layers=1, num_heads=4)
    T5ForConditionalGeneration(config).save_pretrained(tmp_path / "t5")
    cast_to("float16", tmp_path / "t5", tmp_path / "cast", worker)
    cast = tensors_of(tmp_path / "cast")
    assert cast["encoder.block.0.layer.1.DenseReluDense.wo.weight"].dtype == torch.float32
    assert cast["encoder.block.0.layer.1.DenseReluDense.wi.weight"].dtype == torch.float16
    loaded = AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "cast", dtype="auto").state_dict()
    assert {name: loaded[name].dtype for name in cast} == {name: each.dtype for name, each in cast.items()}


def test_tensors_of_other_dtypes_stay_and_all_are_aligned(tmp_path: Path, worker: Worker) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    tensors = {
        "a": torch.tensor([True, False, True]),
        "b.weight": torch.randn(3, 5),
        "c": torch.arange(7),
        "d.weight": torch.randn(3).to(torch.float8_e5m2),
        "e.weight": torch.empty(0, 4),
        "f.weight": torch.tensor(1.5),
    }
    save_file(tensors, folder / "odd name.safetensors", metadata={"format": "pt", "ключ": "значение"})
    cast_to("bfloat16", folder / "odd name.safetensors", tmp_path / "cast", worker)
    path = tmp_path / "cast" / "odd name.safetensors"
    cast = load_file(path)
    for name, tensor in tensors.items():
        assert same(cast[name], tensor.bfloat16() if tensor.dtype == torch.float32 else tensor)
        assert cast[name].shape == tensor.shape
    with safe_open(path, "pt") as file:
        assert file.metadata() == {"format": "pt", "ключ": "значение"}
    raw = path.read_bytes()
    header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])
    del header["__metadata__"]
    sizes = {"BOOL": 1, "BF16": 2, "I64": 8, "F8_E5M2": 1}
    for entry in header.values():
        assert (8 + int.from_bytes(raw[:8], "little") + entry["data_offsets"][0]) % sizes[entry["dtype"]] == 0
    # Beside one file that was asked for by name nothing else is looked for.
    assert [each.name for each in (tmp_path / "cast").iterdir()] == ["odd name.safetensors"]


def test_a_variant_and_the_parts_of_a_composite_config(tmp_path: Path, worker: Worker) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    save_file({"fc.weight": torch.randn(4, 4).half()}, folder / "model.fp16.safetensors")
    config = {
        "model_type": "llava",
        "torch_dtype": "float16",
        "text_config": {"model_type": "llama", "torch_dtype": "float16"},
        "vision_config": {"model_type": "clip_vision_model"},
        "rope_scaling": None,
    }
    (folder / "config.json").write_text(json.dumps(config))
    cast_to("bfloat16", folder, tmp_path / "cast", worker, variant="fp16")
    assert load_file(tmp_path / "cast" / "model.safetensors")["fc.weight"].dtype == torch.bfloat16
    config["torch_dtype"] = config["text_config"]["torch_dtype"] = "bfloat16"  # type: ignore[index]
    assert json.loads((tmp_path / "cast" / "config.json").read_text()) == config


def test_a_config_that_names_no_dtype_gets_one(tmp_path: Path, worker: Worker) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    save_file({"fc.weight": torch.randn(4, 4)}, folder / "model.safetensors")
    (folder / "config.json").write_text('{"model_type": "gemma"}')
    for target, declared in (("bfloat16", torch.bfloat16), ("float8_e5m2", torch.float32)):
        cast_to(target, folder, tmp_path / target, worker)
        assert AutoConfig.from_pretrained(tmp_path / target).dtype == declared


def test_a_model_in_several_folders(tmp_path: Path, worker: Worker) -> None:
    folder = tmp_path / "sentences"
    (folder / "1_Pooling").mkdir(parents=True)
    (folder / "2_Dense").mkdir()
    save_file({"fc.weight": torch.randn(4, 4)}, folder / "model.safetensors")
    save_file({"fc.weight": torch.ones(2, 4)}, folder / "2_Dense" / "model.safetensors")
    (folder / "config.json").write_text('{"model_type": "bert", "torch_dtype": "float32"}')
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode_mean_tokens": true}')
    (folder / "2_Dense" / "config.json").write_text('{"in_features": 4}')
    modules = [
        {"idx": at, "name": str(at), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for at, (path, kind) in enumerate(
            (("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Dense", "Dense"))
        )
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    written = cast_to("float16", folder, tmp_path / "cast", worker)
    assert written.tensors == 2
    assert set(written.files) == set(fingerprint(folder))
    dense = load_file(tmp_path / "cast" / "2_Dense" / "model.safetensors")
    assert same(dense["fc.weight"], torch.ones(2, 4).half())


def test_a_snapshot_of_the_cache_is_copied_and_links_elsewhere_are_not(
    gemma: Path, tmp_path: Path, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = tmp_path / "cache" / "models--google--tiny"
    snapshot = repository / "snapshots" / ("0" * 40) / "part"
    snapshot.mkdir(parents=True)
    (repository / "blobs").mkdir()
    for number, path in enumerate(path for path in gemma.iterdir() if path.is_file()):
        blob = repository / "blobs" / f"{number:040}"
        blob.write_bytes(path.read_bytes())
        (snapshot / path.name).symlink_to(f"../../../blobs/{number:040}")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0" * 40)
    (tmp_path / "secret").write_text("not the model's")
    (snapshot / "link.txt").symlink_to(tmp_path / "secret")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    request = ModelRequest("google/tiny", subfolder="part", cache_dir=str(tmp_path / "cache"))
    found = preview(Inspector().find(request), [target_named("float32")], worker.interpreter)
    written = write(found, str(tmp_path / "cast"), worker)
    assert not any(path.is_symlink() for path in (tmp_path / "cast").iterdir())
    assert "README.md" in written.files
    assert written.left_out == ["link.txt", "pytorch_model.bin"]
    assert tensors_of(tmp_path / "cast").keys() == tensors_of(gemma).keys()


# --- what is refused ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("output", "code", "words"),
    [
        ("gemma", "output-is-source", "the model itself"),
        ("link", "output-is-source", "the model itself"),
        ("gemma/cast", "output-in-source", "inside the model's own folder"),
        ("full", "output-exists", "is not empty"),
        ("file", "output-exists", "is a file"),
        ("file/cast", "unwritable-folder", "Not a directory"),
        # Others may be made there, but not the hidden one beside it.
        ("x" * 250, "unwritable-folder", ", where a cast is written first: File name too long"),
        ("/", "output-exists", "where a disk is mounted: choose a new folder on it"),
    ],
)
def test_where_nothing_is_written(
    output: str, code: str, words: str, gemma: Path, tmp_path: Path, worker: Worker
) -> None:
    model = tmp_path / "gemma"
    subprocess.run(["cp", "-r", gemma, model], check=True)
    (tmp_path / "link").symlink_to("gemma")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "note").write_text("mine")
    (tmp_path / "file").write_text("mine")
    before = fingerprint(tmp_path)
    with pytest.raises(LoupeError) as raised:
        cast_to("float16", model, tmp_path / output, worker)
    assert (raised.value.code, words in raised.value.message) == (code, True)
    assert fingerprint(tmp_path) == before


def test_an_empty_folder_is_taken(gemma: Path, tmp_path: Path, worker: Worker) -> None:
    (tmp_path / "cast").mkdir()
    cast_to("float16", gemma, tmp_path / "cast", worker)
    assert tensors_of(tmp_path / "cast")


@pytest.mark.parametrize(
    ("target", "words"),
    [("nf4", "BitsAndBytesConfig"), ("mxfp4", "TorchAoConfig"), ("Q4_K", "llama-quantize")],
)
def test_formats_that_others_make(
    target: str, words: str, gemma: Path, tmp_path: Path, worker: Worker
) -> None:
    with pytest.raises(LoupeError) as raised:
        cast_to(target, gemma, tmp_path / "cast", worker)
    assert raised.value.code == "not-written-here"
    assert words in raised.value.message
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("dtype", [torch.int32, torch.float8_e4m3fn])
def test_nothing_to_cast_is_not_said_to_be_cast(dtype: torch.dtype, tmp_path: Path, worker: Worker) -> None:
    save_file({"a": torch.ones(4, 4).to(dtype)}, tmp_path / "model.safetensors")
    name = str(dtype).partition(".")[2]
    with pytest.raises(LoupeError, match=f"nothing to cast to bfloat16: all of it stays {name}"):
        cast_to("bfloat16", tmp_path, tmp_path / "cast", worker)
    assert not (tmp_path / "cast").exists()


def test_what_stays_is_not_counted_with_what_is_cast(tmp_path: Path, worker: Worker) -> None:
    tensors = {"weight": torch.ones(4, 4), "ids": torch.arange(4)}
    save_file(tensors, tmp_path / "model.safetensors")
    written = cast_to("float16", tmp_path / "model.safetensors", tmp_path / "cast", worker)
    assert (written.tensors, written.kept) == (2, 1)
    assert "1 tensor in float16 and 1 as stored" in written_lines(written)


def test_models_that_cannot_be_cast(gemma: Path, tmp_path: Path, worker: Worker) -> None:
    model = tmp_path / "model"
    subprocess.run(["cp", "-r", gemma, model], check=True)
    shard = sorted(model.glob("*.safetensors"))[1]
    raw = shard.read_bytes()
    shard.unlink()
    assert refusal(model, tmp_path, worker) == f"{model} is not whole: {shard.name} is missing"
    shard.write_bytes(raw[:-10])
    # Either its header or its data tells: the file is named.
    assert shard.name in refusal(model, tmp_path, worker)
    shard.write_bytes(raw)
    config = json.loads((model / "config.json").read_text())
    config["quantization_config"] = {"quant_method": "fp8"}
    (model / "config.json").write_text(json.dumps(config))
    assert "quantised already" in refusal(model, tmp_path, worker)


def refusal(model: Path, tmp_path: Path, worker: Worker) -> str:
    with pytest.raises(LoupeError) as raised:
        cast_to("float16", model, tmp_path / "cast", worker)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert "\n" not in raised.value.message
    return raised.value.message


# --- what goes wrong meanwhile --------------------------------------------------------------------------


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """128 MiB in two shards, in a folder of its own."""
    folder = tmp_path / "source" / "model"
    folder.mkdir(parents=True)
    layer = torch.randn(1024, 1024, generator=torch.Generator().manual_seed(1)).bfloat16()
    for shard in range(2):
        tensors = {f"model.layers.{shard * 32 + at}.fc.weight": layer + at for at in range(32)}
        save_file(tensors, folder / f"model-{shard + 1:05}-of-00002.safetensors")
    (folder / "config.json").write_text('{"model_type": "gemma"}')
    return folder


def nothing_left(tmp_path: Path) -> bool:
    return [path.name for path in tmp_path.iterdir()] == ["source"]


def failure(large: Path, tmp_path: Path, worker: Worker, progress: Callable[[Progress], None]) -> LoupeError:
    with pytest.raises(LoupeError) as raised:
        cast_to("float32", large, tmp_path / "cast", worker, progress=progress)
    assert nothing_left(tmp_path)
    return raised.value


def test_a_shard_that_changes_meanwhile(large: Path, tmp_path: Path, worker: Worker) -> None:
    def touch(progress: Progress) -> None:
        os.utime(large / "model-00002-of-00002.safetensors")

    error = failure(large, tmp_path, worker, touch)
    assert (error.code, error.message) == (
        "file-changed",
        "model-00002-of-00002.safetensors changed while it was read: try again",
    )


def test_a_shard_that_another_takes_the_place_of(large: Path, tmp_path: Path, worker: Worker) -> None:
    shard = large / "model-00001-of-00002.safetensors"
    found = shard.stat()

    def replace(progress: Progress) -> None:
        if shard.stat().st_ino == found.st_ino:
            (large / "new").write_bytes(shard.read_bytes())
            os.utime(large / "new", ns=(found.st_atime_ns, found.st_mtime_ns))
            os.replace(large / "new", shard)

    assert failure(large, tmp_path, worker, replace).code == "file-changed"


def test_a_shard_that_is_removed_meanwhile(large: Path, tmp_path: Path, worker: Worker) -> None:
    def remove(progress: Progress) -> None:
        (large / "model-00001-of-00002.safetensors").unlink(missing_ok=True)

    error = failure(large, tmp_path, worker, remove)
    assert error.message == "model-00001-of-00002.safetensors is gone: No such file or directory"


def test_what_is_read_back_is_compared(large: Path, tmp_path: Path, worker: Worker) -> None:
    damaged: list[Path] = []

    def damage(progress: Progress) -> None:
        for path in tmp_path.glob(".cast.*.unfinished/*.safetensors"):
            if not damaged and path.stat().st_size > 16 * MIB:
                with path.open("r+b") as file:
                    file.seek(8 * MIB)
                    file.write(b"x")
                damaged.append(path)

    error = failure(large, tmp_path, worker, damage)
    assert error.code == "not-verified"
    assert "was read back and is not what was written: model.layers." in error.message


def test_a_write_that_is_cancelled(large: Path, tmp_path: Path, worker: Worker) -> None:
    cancelled = threading.Event()
    when: list[float] = []

    def cancel(progress: Progress) -> None:
        when.append(time.monotonic())
        cancelled.set()

    with pytest.raises(Cancelled):
        cast_to("float32", large, tmp_path / "cast", worker, progress=cancel, cancelled=cancelled)
    assert time.monotonic() - when[0] < 2.0
    assert nothing_left(tmp_path)


def command(large: Path, tmp_path: Path, *arguments: str) -> list[str]:
    output = str(tmp_path / "cast")
    return [sys.executable, "-m", "model_loupe", "cast", str(large), "--to", "float64", "--output", output]


def test_a_disk_that_fills(large: Path, tmp_path: Path) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20 * MIB, 20 * MIB))

    done = subprocess.run(command(large, tmp_path), capture_output=True, text=True, preexec_fn=limit)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == (
        "model-loupe: model-00001-of-00002.safetensors needs 268,435,456 bytes, and there is no room for "
        "them: File too large\n"
    )
    assert nothing_left(tmp_path)


@pytest.mark.parametrize(
    ("victim", "sent", "code"),
    [
        ("worker", signal.SIGKILL, 1),
        ("command", signal.SIGINT, 130),
        ("command", signal.SIGKILL, -signal.SIGKILL),
    ],
)
def test_processes_that_end_meanwhile(
    victim: str, sent: signal.Signals, code: int, large: Path, tmp_path: Path
) -> None:
    """Whichever of the two is left removes what was begun."""
    process = subprocess.Popen(
        command(large, tmp_path), stderr=subprocess.PIPE, text=True, preexec_fn=_heed_interrupts
    )
    wait_for(lambda: list(tmp_path.glob(".cast.*.unfinished/*.safetensors")))
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.kill(int(children[0]) if victim == "worker" else process.pid, sent)
    stderr = process.communicate(timeout=60)[1]
    assert process.returncode == code
    wait_for(lambda: nothing_left(tmp_path))
    if victim == "worker":
        assert stderr.startswith("model-loupe: the worker under ")
        assert stderr.count("\n") == 1


def _heed_interrupts() -> None:
    """What is started from a shell's background inherits that SIGINT is ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
