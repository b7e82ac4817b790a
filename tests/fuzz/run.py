"""``python -m tests.fuzz.run``: the long test. Prints the seed; what it finds is kept in findings/."""

from __future__ import annotations

import argparse
import resource
import secrets
import sys
import tempfile
import time
from hashlib import sha256
from pathlib import Path

from tests.fuzz.harness import MAX_SECONDS, Folder, mutant
from tests.fuzz.seeds import Format, formats

FINDINGS = Path(__file__).parent / "findings"
_MAX_ADDRESS_SPACE = 2 * 1024**3
_MAX_FINDINGS = 5
# The whole tree costs more than all else: looked at in one file of so many.
_DEEP = 10


def main() -> int:
    known = formats()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20_000, help="files per format")
    parser.add_argument("--seed", type=int, default=None, help="that of an earlier run, to repeat it")
    parser.add_argument("--format", choices=known, action="append", help="only this one")
    options = parser.parse_args()
    seed = secrets.randbelow(10**6) if options.seed is None else options.seed
    # What takes more than this dies of a MemoryError, which is a finding, and not of the machine.
    resource.setrlimit(resource.RLIMIT_AS, (_MAX_ADDRESS_SPACE, _MAX_ADDRESS_SPACE))
    chosen = options.format or list(known)
    found = sum(_fuzz(name, known[name], seed, options.count) for name in chosen)
    print(f"seed {seed}: {_told(found)} in {options.count:,} files each of {', '.join(chosen)}")
    return 1 if found else 0


def _told(found: int) -> str:
    return "nothing found" if not found else f"{found} findings, kept in {FINDINGS}"


def _fuzz(name: str, form: Format, seed: int, count: int) -> int:
    found = 0
    slowest, began = 0.0, time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Folder(Path(scratch), form)
        for number in range(count):
            content = mutant(form, seed, number)
            before = time.process_time()
            problem = folder.check(content, deep=number % _DEEP == 0)
            slowest = max(slowest, time.process_time() - before)
            if problem:
                found += 1
                print(f"{name}: seed {seed}, file {number}: {problem}\n  kept as {_keep(name, content)}")
                if found == _MAX_FINDINGS:
                    break
    took = time.perf_counter() - began
    print(
        f"{name}: seed {seed}, {number + 1:,} files in {took:.0f} s, {found or 'no'} findings; "
        f"the slowest took {1000 * slowest:.0f} ms of {1000 * MAX_SECONDS:.0f} allowed",
        flush=True,
    )
    return found


def _keep(name: str, content: bytes) -> Path:
    path = FINDINGS / f"{name}-{sha256(content).hexdigest()[:12]}"
    FINDINGS.mkdir(exist_ok=True)
    path.write_bytes(content)
    return path


if __name__ == "__main__":
    sys.exit(main())
