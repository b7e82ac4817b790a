"""A measurement as a process: progress, cancelling, damaged and changing files, memory, samples."""

from __future__ import annotations

import json
import os
import struct
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from model_loupe.domain.casts.numerics import sums_of, total
from model_loupe.domain.casts.targets import target_named
from model_loupe.domain.errors import LoupeError
from model_loupe.inspector import Inspector, ModelRequest
from model_loupe.inspector.cast_json import to_json
from model_loupe.inspector.casting import Preview, Progress, measure, preview
from model_loupe.inspector.worker_process import Cancelled, Worker
from model_loupe.worker.casting import exact, sample
from model_loupe.worker.casting.files import TensorFile
from model_loupe.worker.casting.formats import format_named
from model_loupe.worker.stack import one_thread
from tests.libraries.casts import hostile

MIB = 2**20


@pytest.fixture(autouse=True)
def no_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_LOUPE_NO_CACHE", "1")


def model(folder: Path, tensors: dict[str, torch.Tensor]) -> Path:
    folder.mkdir()
    save_file(tensors, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"model_type": "gemma"}))
    return folder


def large(folder: Path, mebibytes: int) -> Path:
    layer = torch.randn(1024, 1024, generator=torch.Generator().manual_seed(1)).bfloat16()
    count = mebibytes // 2
    return model(folder, {f"model.layers.{number}.fc.weight": layer + number for number in range(count)})


def planned(folder: Path, *targets: str, exact: bool = True) -> Preview:
    description = Inspector().describe(ModelRequest(str(folder)))
    return preview(description, [target_named(name) for name in targets], sys.executable, exact=exact)


def test_partial_results_come_with_progress(tmp_path: Path, worker: Worker) -> None:
    found = planned(large(tmp_path / "model", 64), "Q6_K", "float16")
    seen: list[tuple[Progress, int]] = []
    measure(found, worker, progress=lambda at: seen.append((at, len(found.sums["Q6_K"]))))
    assert found.complete
    assert len(seen) > 3
    assert [at.done for at, _ in seen] == sorted(at.done for at, _ in seen)
    assert {at.total for at, _ in seen} == {64 * MIB}
    assert 0 < seen[len(seen) // 2][1] < 32
    assert len(found.sums["Q6_K"]) == 32


def test_cancel_takes_effect_at_once_and_the_process_lives_on(tmp_path: Path, worker: Worker) -> None:
    found = planned(large(tmp_path / "model", 256), "Q4_K")
    pid = worker.call("installed", {})["pid"]
    cancelled = threading.Event()
    when: list[float] = []

    def cancel(progress: Progress) -> None:
        if not when:
            when.append(time.monotonic())
            cancelled.set()

    with pytest.raises(Cancelled):
        measure(found, worker, cancelled=cancelled, progress=cancel)
    assert not found.complete
    # The limit of the promise is 0.2 s; a machine that runs other things gets more.
    assert time.monotonic() - when[0] < 1.0
    assert worker.call("installed", {})["pid"] == pid
    assert measured(planned(large(tmp_path / "other", 4), "float16"), worker).complete


def measured(found: Preview, worker: Worker) -> Preview:
    measure(found, worker)
    return found


def failure(found: Preview, worker: Worker) -> LoupeError:
    measure(found, worker)
    assert not any(found.sums.values())
    return next(iter(found.unmeasured.values()))


def test_a_truncated_shard_is_named(tmp_path: Path, worker: Worker) -> None:
    folder = large(tmp_path / "model", 8)
    os.truncate(folder / "model.safetensors", 7 * MIB)
    error = failure(planned(folder, "float16"), worker)
    assert error.code == "incomplete-file"
    assert "model.safetensors ends 1," in error.message


def test_a_file_that_is_cut_off_meanwhile(tmp_path: Path, worker: Worker) -> None:
    folder = large(tmp_path / "model", 128)
    found = planned(folder, "Q6_K")
    cut: list[Progress] = []

    def cut_off(progress: Progress) -> None:
        if not cut:
            os.truncate(folder / "model.safetensors", 8 * MIB)
        cut.append(progress)

    measure(found, worker, progress=cut_off)
    assert not found.complete
    assert found.unmeasured["Q6_K"].code == "file-changed"
    assert "became shorter" in found.unmeasured["Q6_K"].message


def test_a_file_that_is_written_meanwhile(tmp_path: Path, worker: Worker) -> None:
    folder = large(tmp_path / "model", 128)
    found = planned(folder, "Q6_K")

    def write(progress: Progress) -> None:
        with (folder / "model.safetensors").open("r+b") as file:
            file.seek(-2, os.SEEK_END)
            file.write(b"xx")

    measure(found, worker, progress=write)
    assert found.unmeasured["Q6_K"].code == "file-changed"
    assert "changed while it was read" in found.unmeasured["Q6_K"].message


def test_memory_is_bounded_whatever_the_tensor(tmp_path: Path, worker: Worker) -> None:
    """One tensor of 4 GB, most of it a hole in the file, with real values at its end."""
    folder = tmp_path / "model"
    folder.mkdir()
    rows, columns, nbytes = 2**18, 8192, 2**32
    entry = {"dtype": "BF16", "shape": [rows, columns], "data_offsets": [0, nbytes]}
    header = json.dumps({"fc.weight": entry}).encode()
    with (folder / "model.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        file.truncate(8 + len(header) + nbytes - MIB)
        file.seek(0, os.SEEK_END)
        values = hostile(torch.bfloat16, 64, 8192).view(torch.int16).numpy().tobytes()
        file.write(values)
    (folder / "config.json").write_text("{}")
    measure(planned(large(tmp_path / "small", 4), "float16", "int8", "nf4"), worker)
    status = Path(f"/proc/{worker.call('installed', {})['pid']}/status")
    idle = mebibytes(status, "VmRSS")
    found = measured(planned(folder, "float16", "float8_e4m3fn"), worker)
    numerics = to_json(found)["targets"][0]["numerics"]
    assert numerics["elements"] == 2**31
    assert numerics["to_inf"] == 1
    assert measured(planned(large(tmp_path / "blocks", 32), "int8", "nf4_double", "Q4_K"), worker).complete
    assert mebibytes(status, "VmHWM") - idle < 600


def mebibytes(status: Path, name: str) -> float:
    """``VmRSS``: memory that the process holds; ``VmHWM``: that it has held at most."""
    line = next(line for line in status.read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) / 1024


def test_results_are_remembered_by_content(
    tmp_path: Path, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MODEL_LOUPE_NO_CACHE")
    folder = large(tmp_path / "model", 8)
    weights = folder / "model.safetensors"
    os.utime(weights, ns=(1, 10**18))
    first = to_json(measured(planned(folder, "float16", "nf4"), worker))
    nobody = Worker("/nowhere/python")
    nobody.interpreter = worker.interpreter
    nobody.stop()
    assert to_json(measured(planned(folder, "nf4"), nobody))["targets"] == first["targets"][1:]
    os.utime(weights, ns=(1, 10**18 + 1))
    assert failure(planned(folder, "nf4"), nobody).code == "worker-stopped"


SAMPLED = ("bfloat16", "float16", "float8_e4m3fn", "nf4", "mxfp4", "nvfp4", "Q8_0")


def populations(folder: Path) -> Iterator[dict[str, torch.Tensor]]:
    """Models of different make: gaussian, heavy-tailed, with outlier columns, rows of different scale."""
    for number in range(3):
        generator = torch.Generator().manual_seed(number)

        def gaussian(rows: int, columns: int, generator: torch.Generator = generator) -> torch.Tensor:
            return torch.randn(rows, columns, generator=generator) * 0.02

        column_outliers = gaussian(512, 512)
        column_outliers[:, ::64] *= 8
        rows = gaussian(512, 512) * torch.rand(512, 1, generator=generator)
        yield {
            "a.weight": gaussian(512, 512),
            "b.weight": gaussian(256, 1024) / torch.rand(256, 1024, generator=generator).clamp(min=0.05),
            "c.weight": column_outliers,
            "d.weight": rows,
        }


def test_the_interval_of_a_sample_holds(tmp_path: Path) -> None:
    """In 95 of 100 cases at least: four makes of weights, three of each, thirty samples, seven formats."""
    with one_thread():
        held, cases = outcomes(tmp_path)
    assert cases == 3 * 4 * 30 * len(SAMPLED)
    assert held / cases >= 0.95


def outcomes(tmp_path: Path) -> tuple[int, int]:
    """In how many cases the interval held, and how many there were."""
    formats = [each for name in SAMPLED if (each := format_named(name))]
    held = cases = 0
    for number, tensors in enumerate(populations(tmp_path)):
        path = tmp_path / f"{number}.safetensors"
        save_file(tensors, path)
        file = TensorFile(str(path))
        for stored in file.tensors().values():
            tallies = exact.ExactPass(file, stored, formats, lambda nbytes: None).run()
            truth = {name: sums_of(tally.as_json()) for name, tally in tallies.items()}
            for seed in range(30):
                # Of few tensors and of many: the less of each is taken, the sooner an interval fails.
                runs = sample.runs_of_each((1, 1000)[seed % 2])
                estimates = sample.estimates(sample.sample_of(file, stored, seed, runs), formats)
                for name, sums in estimates.items():
                    cases += 1
                    interval = total([sums_of(sums)]).snr_interval
                    snr = truth[name].snr_db
                    assert interval and snr
                    held += interval[0] <= snr <= interval[1]
        file.close()
    return held, cases


def test_a_sample_reads_little_and_does_not_guess_what_is_rare(tmp_path: Path, worker: Worker) -> None:
    folder = large(tmp_path / "model", 64)
    found = measured(planned(folder, "float8_e5m2", "float32", "float16", "int8", exact=False), worker)
    small, wide, half, int8 = (
        each.get("numerics") or each["unmeasured"] for each in to_json(found)["targets"]
    )
    assert 0 < small["read_bytes"] < 0.05 * 64 * MIB
    low, high = small["interval"]["snr_db"]
    assert low < small["snr_db"] < high
    rare = ("nan_in", "inf_in", "to_inf", "saturated", "to_zero", "to_subnormal", "changed")
    assert {name: small[name] for name in rare[:4]} == dict.fromkeys(rare[:4])
    assert 0 < small["changed"] < small["elements"]
    # That bfloat16 fits into float32 needs no sample; that a sample saw no zeros does not say there are none.
    assert [wide[name] for name in rare] == [None, None, 0, 0, 0, 0, 0]
    assert half["to_zero"] is None
    assert half["snr_db"] is None
    assert int8["code"] == "needs-exact"


def test_figures_of_modules_add_up(tmp_path: Path, worker: Worker) -> None:
    tensors = {
        f"{block}.fc.weight": torch.randn(64, 64, generator=torch.Generator().manual_seed(at)) * 40.0**at
        for at, block in enumerate(("layers.0", "layers.1", "head"))
    }
    found = measured(planned(model(tmp_path / "model", tensors), "float8_e4m3fn"), worker)
    (target,) = to_json(found, tensors=True)["targets"]
    modules = {row["path"]: row["numerics"] for row in target["modules"]}
    assert modules.keys() == {"layers", "head.fc"}
    by_name = {row["name"]: row for row in target["tensors"]}
    assert modules["head.fc"]["snr_db"] == by_name["head.fc.weight"]["snr_db"]
    for name in ("elements", "changed", "saturated"):
        assert modules["layers"][name] == sum(by_name[f"layers.{at}.fc.weight"][name] for at in range(2))
        assert target["numerics"][name] == sum(each[name] for each in modules.values())
    assert target["numerics"]["saturated"] > 0


def test_a_model_in_several_folders_is_measured_part_by_part(tmp_path: Path, worker: Worker) -> None:
    folder = model(tmp_path / "sentences", {"fc.weight": torch.randn(8, 8)})
    (folder / "1_Dense").mkdir()
    save_file({"fc.weight": torch.full((8, 8), 1e6)}, folder / "1_Dense" / "model.safetensors")
    parts = [("", "Transformer"), ("1_Dense", "Dense")]
    modules = [
        {"idx": at, "name": str(at), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for at, (path, kind) in enumerate(parts)
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    found = measured(planned(folder, "float16"), worker)
    assert {name: sums.to_inf for name, sums in found.sums["float16"].items()} == {
        "0.fc.weight": 0,
        "1.fc.weight": 64,
    }
