"""Runs the benchmarks: ``python tests/benchmarks/run.py [--pairs N] [NAME …]`` (``make bench``).

Every figure is a ratio of two things that ran in turn in the same minute. A benchmark is no test: the exit
code is 0 whatever the ratios are, and something else only where a program that is measured fails.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import cached_property, partial
from pathlib import Path
from typing import NamedTuple

# Run as a script: the tests' packages are found from the repository's root.
sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.benchmarks import checkpoints, packages
from tests.benchmarks.language_server import seconds_to_hover, seconds_to_initialize
from tests.benchmarks.pairs import Timing, environment, in_pairs, told_by_process, whole_process

_YARDSTICKS = Path(__file__).with_name("yardsticks")


class Result(NamedTuple):
    """A measured pair. Lower is better; ``stretch`` is what would be better than asked."""

    name: str
    timing: Timing
    target: float
    stretch: float | None = None
    target_seconds: float | None = None


class Workbench:
    """What the benchmarks need, made when first asked for."""

    def __init__(self, folder: Path, pairs: int) -> None:
        self._folder = folder
        self.pairs = pairs

    @cached_property
    def gemma(self) -> str:
        return str(checkpoints.gemma_2b(self._folder / "gemma-2b"))

    @cached_property
    def deepseek(self) -> str:
        return str(checkpoints.deepseek_v3(self._folder / "DeepSeek-V3"))

    @cached_property
    def variables(self) -> dict[str, str]:
        """The environment with the package as installed; both sides of a pair run in it."""
        return environment(str(packages.install_model_loupe(self._folder / "site")))

    @cached_property
    def hf_mem_variables(self) -> dict[str, str]:
        return environment(str(packages.install_hf_mem()))

    def yardstick(self, name: str, *arguments: str) -> list[str]:
        return [sys.executable, str(_YARDSTICKS / f"{name}.py"), *arguments]

    def inspect(self, folder: str) -> Callable[[], float]:
        return whole_process(
            [sys.executable, "-m", "model_loupe", "inspect", "--json", folder], self.variables
        )


def describe(bench: Workbench) -> Iterator[Result]:
    """A cold description in a fresh process, against json over the same headers."""
    folder = bench.deepseek
    timing = in_pairs(
        told_by_process(bench.yardstick("describe", folder), bench.variables),
        told_by_process(bench.yardstick("json_headers", folder), bench.variables),
        bench.pairs,
    )
    yield Result("cold description of DeepSeek-V3 / json.loads of its headers", timing, 2, 1.5)


def safe_open(bench: Workbench) -> Iterator[Result]:
    """``inspect --json`` against a loop over safetensors' own reader, as whole processes."""
    for label, folder, stretch in (
        ("gemma-2b", bench.gemma, 1 / 3),
        ("DeepSeek-V3", bench.deepseek, 1 / 1.5),
    ):
        theirs = whole_process(bench.yardstick("safe_open_loop", folder), bench.variables)
        timing = in_pairs(bench.inspect(folder), theirs, bench.pairs)
        yield Result(f"inspect --json {label} / a loop over safe_open", timing, 1, stretch)


def hf_mem(bench: Workbench) -> Iterator[Result]:
    """``inspect --json`` against hf-mem, as whole processes."""
    for label, folder in (("gemma-2b", bench.gemma), ("DeepSeek-V3", bench.deepseek)):
        theirs = whole_process(bench.yardstick("hf_mem_of_folder", folder), bench.hf_mem_variables)
        timing = in_pairs(bench.inspect(folder), theirs, bench.pairs)
        yield Result(f"inspect --json {label} / hf-mem", timing, 1 / 3)


def tree(bench: Workbench) -> Iterator[Result]:
    """The first level of the module tree once the model is described: in 20 ms."""
    timing = in_pairs(
        told_by_process(bench.yardstick("first_level", bench.deepseek), bench.variables),
        told_by_process(bench.yardstick("sort_names", bench.deepseek), bench.variables),
        bench.pairs,
    )
    # The limit is one of time; the ratio tells the machine's share in it.
    yield Result("first level of DeepSeek-V3's tree / sorting its names", timing, float("inf"), None, 0.020)


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
    yield Result("the same after one keystroke / ast.parse", timing, float("inf"), None, 0.005)


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


BENCHMARKS: dict[str, Callable[[Workbench], Iterator[Result]]] = {
    "describe": describe,
    "safe_open": safe_open,
    "hf_mem": hf_mem,
    "tree": tree,
    "serve": serve,
    "documents": documents,
    "hover": hover,
}


def line(result: Result) -> str:
    """One result in words: ratio, target and whether it was met, then the times behind it."""
    timing = result.timing
    if result.target_seconds is None:
        met = timing.ratio <= result.target
        target = f"target ≤ {result.target:.2f}"
    else:
        met = timing.ours <= result.target_seconds
        target = f"target ≤ {result.target_seconds * 1e3:.0f} ms"
    stretched = result.stretch is not None and timing.ratio <= result.stretch
    verdict = f"met, and the stretch of {result.stretch:.2f}" if stretched else "met" if met else "MISSED"
    times = f"{timing.ours * 1e3:.1f} ms / {timing.theirs * 1e3:.1f} ms"
    return f"{timing.ratio:6.2f}  {result.name:<62} {target}: {verdict}  ({times})"


def main() -> None:
    parser = argparse.ArgumentParser(description="Benchmarks of Model Loupe, as ratios of pairs of runs.")
    parser.add_argument("--pairs", type=int, default=11, help="pairs of runs a figure (default: 11)")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which of {', '.join(BENCHMARKS)}")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"no benchmark is called {unknown[0]}: there are {', '.join(BENCHMARKS)}")
    show = partial(print, flush=True)
    show(f"medians of {arguments.pairs} pairs, ours / theirs: less is better")
    with tempfile.TemporaryDirectory(prefix="model-loupe-bench-") as folder:
        bench = Workbench(Path(folder), arguments.pairs)
        for name in arguments.names or BENCHMARKS:
            for result in BENCHMARKS[name](bench):
                show(line(result))


if __name__ == "__main__":
    main()
