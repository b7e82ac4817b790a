"""Runs the benchmarks: ``python tests/benchmarks/run.py [--pairs N] [NAME …]`` (``make bench``).

Every figure is a ratio of two things that ran in turn in the same minute. A benchmark is no test: the exit
code is 0 whatever the ratios are, and something else only where a program that is measured fails.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import cached_property, partial
from pathlib import Path
from typing import Any, NamedTuple

# Run as a script: the tests' packages are found from the repository's root.
sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.benchmarks import checkpoints, packages
from tests.benchmarks.casting import memory_to_cast, seconds_to_cancel
from tests.benchmarks.hub import Asked, asked_by, local_hub
from tests.benchmarks.language_server import seconds_to_hover, seconds_to_initialize
from tests.benchmarks.pairs import Timing, environment, in_pairs, told_by_process, whole_process
from tests.benchmarks.workers import peak_memory, seconds_from_cold, seconds_to_tree, warm_script
from tests.support.published import DEEPSEEK_V3, GEMMA_2B, LLAMA_405B
from tests.support.worker_process import WorkerProcess

_YARDSTICKS = Path(__file__).with_name("yardsticks")


class Result(NamedTuple):
    """A measured pair. Lower is better; a target of infinity is none."""

    name: str
    timing: Timing
    target: float
    target_seconds: float | None = None
    unit: tuple[str, float] = ("ms", 1e-3)


class Asking(NamedTuple):
    """What two programs ask of the Hub for the same model."""

    name: str
    ours: Asked
    theirs: Asked


class Workbench:
    """What the benchmarks need, made when first asked for."""

    def __init__(self, folder: Path, pairs: int) -> None:
        self.folder = folder
        self.pairs = pairs

    @cached_property
    def gemma(self) -> str:
        return str(checkpoints.gemma_2b(self.folder / "gemma-2b"))

    @cached_property
    def deepseek(self) -> str:
        return str(checkpoints.deepseek_v3(self.folder / "DeepSeek-V3"))

    @cached_property
    def variables(self) -> dict[str, str]:
        """The environment with the package as installed and no cache; both sides of a pair run in it."""
        site = packages.install_model_loupe(self.folder / "site")
        return {**environment(str(site)), "MODEL_LOUPE_NO_CACHE": "1"}

    @cached_property
    def disk_variables(self) -> dict[str, str]:
        """The same with a cache on disk: what does not count, the first run of each pair, fills it."""
        kept = {name: value for name, value in self.variables.items() if name != "MODEL_LOUPE_NO_CACHE"}
        return {**kept, "MODEL_LOUPE_CACHE_DIR": str(self.folder / "cache")}

    @cached_property
    def hf_mem_variables(self) -> dict[str, str]:
        return environment(str(packages.install_hf_mem()))

    def yardstick(self, name: str, *arguments: str) -> list[str]:
        return [sys.executable, str(_YARDSTICKS / f"{name}.py"), *arguments]

    @cached_property
    def torch_python(self) -> str:
        """An interpreter with torch and transformers, which `make bench` names."""
        chosen = os.environ.get("MODEL_LOUPE_TORCH_PYTHON")
        return chosen or sys.exit("MODEL_LOUPE_TORCH_PYTHON names no interpreter with torch: use make bench")

    @cached_property
    def gigabyte(self) -> str:
        folder = str(self.folder / "gigabyte")
        subprocess.run(self.torch_yardstick("gigabyte", folder), check=True, stderr=subprocess.DEVNULL)
        return folder

    def weights(self, dtype: str, mebibytes: int) -> str:
        """A safetensors file of random matrices, made when first asked for."""
        path = self.folder / f"{dtype}-{mebibytes}" / "model.safetensors"
        if not path.exists():
            path.parent.mkdir()
            made = self.torch_yardstick("weights", str(path), dtype, str(mebibytes))
            subprocess.run(made, check=True)
        return str(path)

    def torch_yardstick(self, name: str, *arguments: str) -> list[str]:
        return [self.torch_python, *self.yardstick(name, *arguments)[1:]]

    def worker(self, libraries: str = "") -> WorkerProcess:
        """``libraries``: a folder that goes before the interpreter's own."""
        installed = Path(self.variables["PYTHONPATH"]) / "model_loupe" / "worker"
        return WorkerProcess(self.torch_python, environment(libraries), memory_limit=0, worker=installed)

    def config(self, name: str, config: dict[str, Any]) -> str:
        path = self.folder / f"{name}.json"
        path.write_text(json.dumps(config))
        return str(path)

    def inspect(self, folder: str, variables: dict[str, str] | None = None) -> Callable[[], float]:
        command = [sys.executable, "-m", "model_loupe", "inspect", "--json", folder]
        return whole_process(command, variables or self.variables)


def describe(bench: Workbench) -> Iterator[Result]:
    """A description in a fresh process, against json over the same headers: cold, and from the disk."""
    folder = bench.deepseek
    theirs = told_by_process(bench.yardstick("json_headers", folder), bench.variables)
    for label, variables, target in (
        ("cold description of DeepSeek-V3", bench.variables, 1.5),
        ("description of DeepSeek-V3 from the disk cache", bench.disk_variables, 0.25),
    ):
        ours = told_by_process(bench.yardstick("describe", folder), variables)
        yield Result(f"{label} / json.loads of its headers", in_pairs(ours, theirs, bench.pairs), target)
    whole = whole_process(bench.yardstick("json_headers", folder), bench.variables)
    timing = in_pairs(bench.inspect(folder, bench.disk_variables), whole, bench.pairs)
    yield Result("whole processes: inspect --json from the disk cache / the same", timing, float("inf"))


def safe_open(bench: Workbench) -> Iterator[Result]:
    """``inspect --json`` against a loop over safetensors' own reader, as whole processes."""
    for label, folder, target in (
        ("gemma-2b", bench.gemma, 1 / 3),
        ("DeepSeek-V3", bench.deepseek, 1 / 1.5),
    ):
        theirs = whole_process(bench.yardstick("safe_open_loop", folder), bench.variables)
        timing = in_pairs(bench.inspect(folder), theirs, bench.pairs)
        yield Result(f"inspect --json {label}, cold / a loop over safe_open", timing, target)


def hf_mem(bench: Workbench) -> Iterator[Result]:
    """``inspect --json`` against hf-mem, as whole processes."""
    for label, folder, target in (("gemma-2b", bench.gemma, 1 / 8), ("DeepSeek-V3", bench.deepseek, 1 / 4)):
        theirs = whole_process(bench.yardstick("hf_mem_of_folder", folder), bench.hf_mem_variables)
        timing = in_pairs(bench.inspect(folder), theirs, bench.pairs)
        yield Result(f"inspect --json {label}, cold / hf-mem", timing, target)


def tree(bench: Workbench) -> Iterator[Result]:
    """The first level of the module tree once the model is described: in 20 ms."""
    timing = in_pairs(
        told_by_process(bench.yardstick("first_level", bench.deepseek), bench.variables),
        told_by_process(bench.yardstick("sort_names", bench.deepseek), bench.variables),
        bench.pairs,
    )
    # The limit is one of time; the ratio tells the machine's share in it.
    yield Result("first level of DeepSeek-V3's tree / sorting its names", timing, float("inf"), 0.020)


def serve(bench: Workbench) -> Iterator[Result]:
    """The language server's start, against one on pygls that can do nothing."""
    timing = in_pairs(
        seconds_to_initialize([sys.executable, "-m", "model_loupe", "serve"], bench.variables),
        seconds_to_initialize(bench.yardstick("bare_server"), bench.variables),
        bench.pairs,
    )
    yield Result("serve until initialize is answered / pygls without features", timing, 1.15)


def documents(bench: Workbench) -> Iterator[Result]:
    """A notebook of 1,000 cells and 300 references: all of it, and again after a keystroke in one cell."""
    parse = told_by_process(bench.yardstick("parse_notebook"), bench.variables)
    scan = told_by_process(bench.yardstick("scan_notebook"), bench.variables)
    timing = in_pairs(scan, parse, bench.pairs)
    yield Result("analysis of a 1,000-cell notebook / ast.parse of its text", timing, 3)
    typed = told_by_process(bench.yardstick("scan_notebook", "keystroke"), bench.variables)
    timing = in_pairs(typed, parse, bench.pairs)
    yield Result("the same after one keystroke / ast.parse", timing, float("inf"), 0.005)


def hover(bench: Workbench) -> Iterator[Result]:
    """A hover on a model's name over stdio, against a constant answer of bare pygls."""
    text = f"AutoModelForCausalLM.from_pretrained({bench.gemma!r})\n"
    document = ("file:///example.py", text, text.index("gemma"))
    timing = in_pairs(
        seconds_to_hover([sys.executable, "-m", "model_loupe", "serve"], bench.variables, *document),
        seconds_to_hover(bench.yardstick("constant_hover"), bench.variables, *document),
        bench.pairs,
    )
    yield Result("hover on a name over stdio / a constant hover of pygls", timing, 1.5)


def worker(bench: Workbench) -> Iterator[Result]:
    """A module tree from the worker, against building the same model on the meta device in a bare script."""
    configs = {"gemma-2b": GEMMA_2B, "Llama-3.1-405B": LLAMA_405B, "DeepSeek-V3": DEEPSEEK_V3}
    with bench.worker() as process:
        for label, config in configs.items():
            script = bench.torch_yardstick("meta_model", bench.config(label, config))
            with warm_script(script, environment()) as build:
                ours = seconds_to_tree(process, {"config": config, "builder": "AutoModelForCausalLM"})
                timing = in_pairs(ours, lambda build=build: build()[0], bench.pairs)
            yield Result(f"warm worker's tree of {label} / building it on meta", timing, 1.3)
    cold = seconds_from_cold(bench.worker, {"config": GEMMA_2B, "builder": "AutoModelForCausalLM"})
    once = bench.torch_yardstick("meta_model", bench.config("gemma-2b", GEMMA_2B), "once")
    timing = in_pairs(cold, whole_process(once, environment()), bench.pairs)
    yield Result("cold worker's tree of gemma-2b / a script that builds and prints it", timing, 1)


def notebook(bench: Workbench) -> Iterator[Result]:
    """The worker's tree of a 1 GB checkpoint, against loading, printing and looping; with its memory."""
    # The notebook's own version copies and casts what it loads; the newest maps the file into memory.
    for label, libraries in (
        ("4.38.0", os.environ.get("MODEL_LOUPE_NOTEBOOK_LIBRARIES", "")),
        ("newest", ""),
    ):
        yield from _against_loading(bench, label, libraries)


def _against_loading(bench: Workbench, label: str, libraries: str) -> Iterator[Result]:
    config = json.loads((Path(bench.gigabyte) / "config.json").read_text())
    memory: list[float] = []
    script = bench.torch_yardstick("notebook", bench.gigabyte)
    with bench.worker(libraries) as process, warm_script(script, environment(libraries)) as look:

        def theirs() -> float:
            taken, peak = look()
            memory.append(peak)
            return taken

        ours = seconds_to_tree(process, {"config": config, "builder": "AutoModelForCausalLM"})
        timing = in_pairs(ours, theirs, bench.pairs)
        peak = peak_memory(process)
    yield Result(f"warm worker's tree of a 1 GB model / loading it ({label})", timing, 0.01)
    told = Timing(peak, max(memory), peak / max(memory))
    yield Result(f"its peak memory / the loading script's ({label})", told, 1, unit=("MiB", 2**20))


def hub(bench: Workbench) -> Iterator[Result | Asking]:
    """A model of the Hub with cold caches, as whole processes, against huggingface_hub and hf-mem."""
    models = {"google/gemma-2b-it": bench.gemma, "deepseek-ai/DeepSeek-V3": bench.deepseek}
    with local_hub(models) as local:
        here = {
            "HF_ENDPOINT": local.endpoint,
            "HF_HOME": str(bench.folder / "huggingface"),
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "MODEL_LOUPE_NO_CACHE": "1",
        }
        for repo_id in models:
            command = [sys.executable, "-m", "model_loupe", "inspect", "--json", repo_id]
            ours = whole_process(command, {**bench.variables, **here})
            asked = asked_by(local, ours)
            for name, theirs in (
                ("get_safetensors_metadata", ("safetensors_metadata", bench.variables)),
                ("hf-mem", ("hf_mem_of_hub", bench.hf_mem_variables)),
            ):
                yardstick, variables = theirs
                other = whole_process(bench.yardstick(yardstick, repo_id), {**variables, **here})
                yield Asking(f"{repo_id} / {name}", asked, asked_by(local, other))
                target = 0.5 if "DeepSeek" in repo_id else float("inf")
                yield Result(f"inspect {repo_id} / {name}", in_pairs(ours, other, bench.pairs), target)


def cast_plan(bench: Workbench) -> Iterator[Result]:
    """What all 22 casts make of DeepSeek-V3, from its headers, against json over the same headers."""
    timing = in_pairs(
        told_by_process(bench.yardstick("cast_plan", bench.deepseek), bench.variables),
        told_by_process(bench.yardstick("json_headers", bench.deepseek), bench.variables),
        bench.pairs,
    )
    yield Result("plans of 22 casts of DeepSeek-V3 / json.loads of its headers", timing, 2)


def casts(bench: Workbench) -> Iterator[Result]:
    """What casts do to real values: all element-wise ones at once, block formats, a sample."""

    def seconds(way: str, path: str) -> Callable[[], float]:
        script = bench.torch_yardstick("casts", way, path, bench.variables["PYTHONPATH"])
        return told_by_process(script, environment())

    # What torch and bitsandbytes do with 1 GiB takes minutes: a part of it has the same ratio.
    size = 1024 if os.environ.get("MODEL_LOUPE_BENCH_FULL") else 32
    small = bench.weights("bfloat16", size)
    large, single = bench.weights("bfloat16", 1024), bench.weights("float32", 1024)
    pairs = min(bench.pairs, 3)
    timing = in_pairs(seconds("element-wise", small), seconds("naive", small), pairs)
    yield Result(f"8 element-wise casts of {size} MiB bf16, exact / naive torch passes for 5", timing, 1 / 40)
    timing = in_pairs(seconds("element-wise", large), seconds("bincount", large), pairs)
    yield Result("8 element-wise casts of 1 GiB bf16, exact / one bincount", timing, 1 / 0.8)
    timing = in_pairs(seconds("float16", single), seconds("element-wise", large), pairs)
    yield Result("float16 of 1 GiB float32, exact / the histogram of 1 GiB bf16", timing, 5)
    for name in ("nf4", "int8"):
        timing = in_pairs(seconds(f"{name},", small), seconds(name, small), pairs)
        yield Result(f"{name} of {size} MiB bf16, exact / bitsandbytes' own, there and back", timing, 3)
    for name in ("float16", "nf4"):
        timing = in_pairs(seconds(f"sampled:{name}", large), seconds(f"{name},", large), pairs)
        yield Result(f"{name} of 1 GiB bf16, sampled / exact", timing, 1 / 20)


def cast_worker(bench: Workbench) -> Iterator[Result]:
    """The process that casts: how soon it stops, and how much memory it takes."""
    large, pairs = bench.weights("bfloat16", 1024), min(bench.pairs, 5)
    for target in ("float16", "Q4_K"):
        taken = seconds_to_cancel(bench.torch_python, large, target, pairs)
        told = Timing(taken, 0.2, taken / 0.2)
        yield Result(f"cancelling {target} of 1 GiB bf16 / 200 ms", told, float("inf"), 0.2)
    huge = checkpoints.four_gigabytes(bench.folder / "four-gigabytes")
    limit = 600 * 2**20
    targets = ("float16", "int8", "nf4_double", "mxfp4", "Q4_K")
    taken = memory_to_cast(bench.torch_python, bench.weights("bfloat16", 32), huge, targets)
    name = f"memory above idle for {len(targets)} casts of 4 GiB, sparse and real / 600 MiB"
    yield Result(name, Timing(taken, limit, taken / limit), 1, unit=("MiB", 2**20))


BENCHMARKS: dict[str, Callable[[Workbench], Iterator[Result | Asking]]] = {
    "describe": describe,
    "safe_open": safe_open,
    "hf_mem": hf_mem,
    "tree": tree,
    "serve": serve,
    "documents": documents,
    "hover": hover,
    "worker": worker,
    "notebook": notebook,
    "hub": hub,
    "cast_plan": cast_plan,
    "casts": casts,
    "cast_worker": cast_worker,
}


def line(result: Result | Asking) -> str:
    """One result in words: ratio, target and whether it was met, then the times behind it."""
    if isinstance(result, Asking):
        ours, theirs = result.ours, result.theirs
        requests = f"{ours.requests} / {theirs.requests} requests"
        return f"        {result.name:<62} {requests}, {ours.nbytes:,} / {theirs.nbytes:,} bytes"
    timing = result.timing
    if result.target_seconds is None:
        met = timing.ratio <= result.target
        target = "no target" if result.target == float("inf") else f"target ≤ {result.target:.3g}"
    else:
        met = timing.ours <= result.target_seconds
        target = f"target ≤ {result.target_seconds * 1e3:.0f} ms"
    verdict = f"{target}: {'met' if met else 'MISSED'}" if target != "no target" else target
    unit, size = result.unit
    times = f"{timing.ours / size:.1f} {unit} / {timing.theirs / size:.1f} {unit}"
    return f"{timing.ratio:6.3f}  {result.name:<74} {verdict}  ({times})"


def main() -> None:
    parser = argparse.ArgumentParser(description="Benchmarks of Model Loupe, as ratios of pairs of runs.")
    parser.add_argument("--pairs", type=int, default=11, help="pairs of runs a figure (default: 11)")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which of {', '.join(BENCHMARKS)}")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"no benchmark is called {unknown[0]}: there are {', '.join(BENCHMARKS)}")
    show = partial(print, flush=True)
    # What is measured is worked out, not looked up.
    os.environ["MODEL_LOUPE_NO_CACHE"] = "1"
    show(f"medians of {arguments.pairs} pairs, ours / theirs: less is better")
    with tempfile.TemporaryDirectory(prefix="model-loupe-bench-") as folder:
        bench = Workbench(Path(folder), arguments.pairs)
        for name in arguments.names or BENCHMARKS:
            for result in BENCHMARKS[name](bench):
                show(line(result))


if __name__ == "__main__":
    main()
