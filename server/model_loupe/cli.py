"""The ``model-loupe`` command.

Every command imports what it needs when it runs: ``inspect`` must not pay for the language server.
"""

from __future__ import annotations

import gc
import os
import sys
from types import SimpleNamespace

from model_loupe.domain.errors import LoupeError
from model_loupe.domain.lean_typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence
    from typing import TypeVar

    from model_loupe.inspector.casting import Preview, Progress
    from model_loupe.inspector.description import Description
    from model_loupe.inspector.inspect import Inspector
    from model_loupe.inspector.worker_process import Worker
    from model_loupe.sources.locate import ModelRequest

    Result = TypeVar("Result")

_OK, _FAILED, _MISUSED, _INTERRUPTED = 0, 1, 2, 130
# The options of ``inspect`` without and with a value.
_FLAGS = ("--json", "--tree", "--offline")
_VALUES = (
    *("revision", "subfolder", "variant", "gguf_file", "cache_dir", "context", "batch"),
    *("builder", "dtype", "python", "device_map", "memory"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code: 0 done, 1 failed (one line on stderr), 2 wrong usage."""
    argv = sys.argv[1:] if argv is None else argv
    arguments = _plain_inspect(list(argv)) or _parser().parse_args(argv)
    try:
        code: int = arguments.run(arguments)
        sys.stdout.flush()
        return code
    except LoupeError as error:
        _complain(error.message)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except OSError as error:
        if not isinstance(error, BrokenPipeError):
            _complain(f"cannot write the answer: {error.strerror or error}")
            return _FAILED
        # The reader (head, less) has left; Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:
        if os.environ.get("MODEL_LOUPE_DEBUG"):
            raise
        _complain(f"internal error: {type(error).__name__}: {error} (MODEL_LOUPE_DEBUG=1 shows where)")
    return _FAILED


def run() -> None:
    """The command as a process: runs it and ends at once.

    Freeing a description of 100,000 tensors object by object takes a third as long as reading it did; the
    system takes the memory back in no time. For the same reason nothing is collected meanwhile.
    """
    gc.disable()
    # Python has None for what was closed by who started it.
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115 (until the process ends)
    sys.stderr = sys.stderr or sys.stdout
    try:
        code = main()
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else _FAILED
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            code = code or _FAILED
    os._exit(code)


def _complain(message: str) -> None:
    line = " ".join(message.split())
    print(f"model-loupe: {line}", file=sys.stderr)


def _plain_inspect(argv: Sequence[str]) -> SimpleNamespace | None:
    """What argparse makes of ``inspect [--json] [--tree] [--offline] MODEL``, as programs mostly call it.

    Anything else is None and left to argparse, which takes 8 ms, a third of such a call.
    """
    others = [argument for argument in argv[1:] if argument not in _FLAGS]
    if argv[:1] != ["inspect"] or len(others) != 1 or others[0].startswith("-"):
        return None
    flags = {flag.removeprefix("--"): flag in argv for flag in _FLAGS}
    return SimpleNamespace(**dict.fromkeys(_VALUES), **flags, model=others[0], run=_inspect)


def _parser() -> argparse.ArgumentParser:
    import argparse
    from functools import partial

    from model_loupe import __version__

    # Told the width, argparse need not import shutil, and zlib, bz2 and lzma with it, to ask for it.
    formatter = partial(argparse.HelpFormatter, width=_help_width())
    parser = argparse.ArgumentParser(
        prog="model-loupe",
        description="Shows what a Hugging Face model is, without loading it.",
        formatter_class=formatter,
    )
    parser.add_argument("--version", action="version", version=f"model-loupe {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_command = partial(commands.add_parser, formatter_class=formatter)

    serve = add_command("serve", help="run the language server on standard input and output")
    serve.set_defaults(run=_serve)

    inspect = add_command("inspect", help="describe a model")
    inspect.add_argument("model", metavar="MODEL", help="a folder, a checkpoint file or a Hub id")
    inspect.add_argument("--revision", metavar="R", help="branch, tag or commit of a Hub id")
    inspect.add_argument("--subfolder", metavar="S", help="folder inside the model's")
    inspect.add_argument("--variant", metavar="V", help="weights' variant, as in model.V.safetensors")
    inspect.add_argument("--gguf-file", metavar="FILE", help="take this GGUF file of the model")
    inspect.add_argument("--cache-dir", metavar="DIR", help="Hugging Face cache to look in")
    inspect.add_argument(
        "--context", metavar="N", type=_count, help="tokens of the KV cache (default: up to 8192)"
    )
    inspect.add_argument("--batch", metavar="N", type=_count, help="sequences of the KV cache (default: 1)")
    inspect.add_argument("--json", action="store_true", help="print JSON (schema 1)")
    inspect.add_argument(
        "--tree",
        action="store_true",
        help="print what print(model) would, or add the module tree to the JSON",
    )
    inspect.add_argument(
        "--class", metavar="NAME", dest="builder", help="built by this class's from_pretrained (AutoModel, …)"
    )
    inspect.add_argument("--dtype", metavar="D", help="loaded with dtype=D")
    inspect.add_argument(
        "--device-map",
        metavar="STRATEGY",
        nargs="?",
        const="auto",
        choices=("auto", "balanced", "balanced_low_0", "sequential"),
        help="print where accelerate puts each module (default: auto)",
    )
    inspect.add_argument(
        "--memory",
        metavar="SIZES",
        help="what --device-map may use: 0=24GiB,cpu=64GiB (default: what is here)",
    )
    inspect.add_argument(
        "--python", metavar="PATH", help="interpreter that has torch and transformers (default: this one)"
    )
    inspect.add_argument("--offline", action="store_true", help="never ask the Hub")
    inspect.set_defaults(run=_inspect)

    cast = add_command("cast", help="show what a cast would do to a model's weights")
    cast.add_argument("model", metavar="MODEL", help="a folder, a checkpoint file or a Hub id")
    cast.add_argument("--to", metavar="DTYPE[,DTYPE…]", required=True, help="float16, nf4, Q4_K, … or all")
    cast.add_argument("--exact", action="store_true", help="read all values instead of a sample")
    cast.add_argument("--plan", action="store_true", help="bytes and what stays alone, from the headers")
    cast.add_argument("--tensors", action="store_true", help="add what each tensor becomes to the JSON")
    cast.add_argument("--skip", metavar="MODULE[,MODULE…]", help="llm_int8_skip_modules")
    cast.add_argument(
        "--output", metavar="DIR", help="write the cast checkpoint into this new folder (floating dtypes)"
    )
    cast.add_argument(
        "--spend",
        action="store_true",
        help="read a sample of a model that is not on this machine; without it, how much that is is told",
    )
    cast.add_argument(
        "--budget", metavar="SIZE", type=_size, default=2**25, help="what --spend may read (default: 32MiB)"
    )
    cast.add_argument("--json", action="store_true", help="print JSON (schema 1)")
    cast.add_argument("--revision", metavar="R", help="branch, tag or commit of a Hub id")
    cast.add_argument("--subfolder", metavar="S", help="folder inside the model's")
    cast.add_argument("--variant", metavar="V", help="weights' variant, as in model.V.safetensors")
    cast.add_argument("--cache-dir", metavar="DIR", help="Hugging Face cache to look in")
    cast.add_argument("--python", metavar="PATH", help="interpreter that has torch (default: this one)")
    cast.add_argument("--offline", action="store_true", help="never ask the Hub")
    cast.set_defaults(run=_cast, gguf_file=None)

    scan = add_command("scan", help="list the model references in Python files, notebooks and settings")
    scan.add_argument("paths", metavar="PATH", nargs="+", help="a file or a folder")
    scan.add_argument("--json", action="store_true", help="print a JSON list")
    scan.set_defaults(run=_scan)

    demo = add_command("demo", help="open JupyterLab on a sample notebook with a small model")
    demo.add_argument("--port", type=int, help="port to listen on (default: a free one)")
    demo.add_argument("--no-browser", action="store_true", help="do not open a browser")
    demo.add_argument("--folder", metavar="DIR", help="where to write the sample (default: a new folder)")
    demo.set_defaults(run=_demo)
    return parser


def _count(text: str) -> int:
    value = int(text.replace("_", "").replace(",", ""))
    if not 0 < value < 2**40:
        raise ValueError
    return value


def _size(text: str) -> int:
    """``8MiB``, ``8 MB``, ``8388608``."""
    from model_loupe.domain.units import parse_bytes

    return parse_bytes(text) or _count(text)


# As argparse calls them in its errors.
_count.__name__, _size.__name__ = "count", "size"


def _help_width() -> int:
    try:
        return os.get_terminal_size(sys.__stdout__.fileno()).columns - 2 if sys.__stdout__ else 78
    except OSError:
        return 78


def _serve(arguments: argparse.Namespace) -> int:
    from model_loupe.lsp.server import serve

    return serve()


def _request(arguments: argparse.Namespace | SimpleNamespace) -> ModelRequest:
    from model_loupe.sources.locate import ModelRequest

    return ModelRequest(
        arguments.model,
        arguments.revision,
        arguments.subfolder,
        arguments.variant,
        arguments.cache_dir,
        base=os.getcwd(),
        gguf_file=arguments.gguf_file,
    )


def _inspector(arguments: argparse.Namespace | SimpleNamespace, *, trees: bool) -> Inspector:
    from model_loupe.inspector.inspect import Inspector

    offline = "--offline was given" if arguments.offline else None
    return Inspector(offline=offline, trees=trees, disk=True)


def _inspect(arguments: argparse.Namespace | SimpleNamespace) -> int:
    from model_loupe.domain.memory import Wanted

    description = _inspector(arguments, trees=arguments.tree).find(_request(arguments))
    if any((arguments.tree, arguments.builder, arguments.dtype, arguments.python, arguments.device_map)):
        description = _built(description, arguments)
    wanted = Wanted(arguments.context, arguments.batch)
    if arguments.json:
        from model_loupe.inspector.schema import to_json

        _print_json(to_json(description, tree=arguments.tree, wanted=wanted))
        return _OK
    from model_loupe.inspector import terminal

    print(terminal.tree(description) if arguments.tree else terminal.table(description, wanted))
    if description.placement:
        print(terminal.placement(description.placement))
    return _OK


def _built(description: Description, arguments: argparse.Namespace | SimpleNamespace) -> Description:
    """With what transformers would build; if that cannot be known, why goes to stderr."""
    from model_loupe.domain.loading import LoadOptions
    from model_loupe.inspector.builder import Builder
    from model_loupe.inspector.worker_process import Worker
    from model_loupe.sources.store import user_store

    worker = Worker(_interpreter(arguments.python))
    try:
        builder = Builder(worker, user_store())
        builder.devices = _devices(arguments.memory)
        options = LoadOptions(arguments.dtype, builder=arguments.builder, device_map=arguments.device_map)
        found = builder.build_wholly(description, options)
        if arguments.device_map and not found.placement:
            found = found._replace(placement=builder.placement(description, options))
    finally:
        worker.stop()
    if found.not_built and found.not_built.code == "bad-dtype":
        raise found.not_built
    # Where there is no torch, the tree of the files is what can be expected.
    expected = found.not_built is None or found.not_built.code.endswith("-missing")
    if found.not_built and not (expected and options == LoadOptions() and not arguments.python):
        _complain(f"from the files alone: {found.not_built.message}")
    return found


def _cast(arguments: argparse.Namespace) -> int:
    from model_loupe.domain.casts.targets import TARGETS, target_named
    from model_loupe.inspector import casting

    wanted = [name for name in arguments.to.split(",") if name.strip()]
    chosen = TARGETS.values() if wanted == ["all"] else map(target_named, wanted)
    targets = list(dict.fromkeys(chosen))
    skip = tuple(name.strip() for name in (arguments.skip or "").split(",") if name.strip())
    python = _interpreter(arguments.python)
    if not targets:
        _complain("--to names no dtype: give one, as float16, or all")
        return _MISUSED
    if arguments.output is not None and len(targets) != 1:
        _complain("--output takes one dtype: give --to just one")
        return _MISUSED
    if arguments.output == "":
        _complain("--output names no folder")
        return _MISUSED
    inspector = _inspector(arguments, trees=False)
    description = inspector.find(_request(arguments))
    found = casting.preview(description, targets, python, exact=arguments.exact, skip=skip)
    if arguments.output is not None:
        return _write_cast(found, python, arguments)
    if not arguments.plan and description.source == "hub" and not arguments.exact:
        _sample_hub(found, inspector, python, arguments)
    elif not arguments.plan:
        _with_worker(python, "measured", lambda worker, show: casting.measure(found, worker, progress=show))
    if arguments.json:
        from model_loupe.inspector.cast_json import to_json

        _print_json(to_json(found, tensors=arguments.tensors))
    else:
        from model_loupe.inspector.cast_text import cast_table

        print(cast_table(found))
    # Without torch a plan is all there can be; any other failure is one.
    failed = [why for why in found.unmeasured.values() if why.code not in _ACCEPTED]
    if failed:
        _complain(failed[0].message)
    return _FAILED if failed else _OK


# Why a cast is planned and not measured, where that is no failure.
_ACCEPTED = ("torch-missing", "not-safetensors", "unknown-dtype", "needs-exact", "not-downloaded")


def _sample_hub(found: Preview, inspector: Inspector, python: str, arguments: argparse.Namespace) -> None:
    """Says what a sample reads from the Hub, or, told to spend that, reads and measures it."""
    from model_loupe.inspector.cast_remote import RemoteSample

    sample = RemoteSample(found, python, arguments.budget)
    if found.complete:
        return
    if not arguments.spend:
        offer = sample.offer
        more = " (--spend does)" if offer.code == "not-downloaded" else ""
        found.give_up(LoupeError(offer.code, offer.message + more))
        return
    files = inspector.files_on_hub(found.description.request)
    _with_worker(python, "read", lambda worker, show: sample.measure(files, worker, progress=show))


def _write_cast(found: Preview, python: str, arguments: argparse.Namespace) -> int:
    from model_loupe.inspector.cast_text import written_lines
    from model_loupe.inspector.cast_writing import Written, write

    def work(worker: Worker, show: Callable[[Progress], None] | None) -> Written:
        return write(found, arguments.output, worker, progress=show)

    written = _with_worker(python, "written and read back", work)
    if arguments.json:
        _print_json(written.as_json())
    else:
        print(written_lines(written))
    return _OK


def _with_worker(
    python: str, done: str, work: Callable[[Worker, Callable[[Progress], None] | None], Result]
) -> Result:
    """What a worker makes; how far it is is shown to a person who waits. The worker is ended."""
    from model_loupe.inspector.worker_process import Worker

    def show(progress: Progress) -> None:
        share = 100 * progress.done // max(progress.total, 1)
        print(f"\r{share:3} % {done}", end="", file=sys.stderr, flush=True)

    watched = sys.stderr.isatty()
    worker = Worker(python)
    try:
        return work(worker, show if watched else None)
    finally:
        worker.stop()
        if watched:
            print("\r" + " " * 40 + "\r", end="", file=sys.stderr, flush=True)


def _interpreter(path: str | None) -> str:
    """A relative path is meant from here: the worker is started elsewhere."""
    if path is None:
        return sys.executable
    return os.path.abspath(path) if os.path.dirname(path) else path


def _devices(text: str | None) -> dict[str, str]:
    """``0=24GiB,cpu=64GiB`` as a mapping; raises LoupeError."""
    devices = {}
    for part in text.split(",") if text else ():
        device, equals, size = part.strip().partition("=")
        if not equals or not device or not size:
            raise LoupeError("bad-memory", f"--memory is like 0=24GiB,cpu=64GiB, not {text!r}")
        devices[device] = size
    return devices


def _scan(arguments: argparse.Namespace) -> int:
    from model_loupe.documents.scan import scan_paths
    from model_loupe.inspector.terminal import printable

    missing = [path for path in arguments.paths if not os.path.exists(path)]
    if missing:
        raise LoupeError("no-such-path", f"{missing[0]}: no such file or folder")
    found = list(scan_paths(arguments.paths, _complain))
    if arguments.json:
        _print_json(found)
        return _OK
    for row in found:
        cell = "" if row["cell"] is None else f" cell {row['cell']},"
        model = row["model"] if row["model"] is not None else "?"
        where = f"{row['file']}:{cell} line {row['line']}"
        print(printable(f"{where}: {row['callee']} → {model} ({row['kind']})"))
    return _OK


def _demo(arguments: argparse.Namespace) -> int:
    from model_loupe.demo import run_demo

    return run_demo(port=arguments.port, browser=not arguments.no_browser, folder=arguments.folder)


def _print_json(value: object) -> None:
    # For eyes it is indented; a program gets one line, which is written ten times as fast.
    if sys.stdout.isatty():
        import json

        print(json.dumps(value, indent=1, ensure_ascii=not _prints_unicode()))
    else:
        from model_loupe.domain import lean_json

        print(lean_json.dumps(value, ensure_ascii=not _prints_unicode()))


def _prints_unicode() -> bool:
    return (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
