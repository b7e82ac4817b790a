"""A few hundred damaged files of each format, and all that was ever found (`make fuzz` is the long test)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.harness import MAX_SECONDS, Folder, mutant
from tests.fuzz.regressions import CASES
from tests.fuzz.seeds import formats

FORMATS = formats()
FILES = 300
SEED = 3
# On a machine that does much else even processor time doubles; what hangs takes longer than any factor. The
# second that an answer may take is for `make fuzz`, which has the machine to itself.
SECONDS = 3 * MAX_SECONDS


@pytest.mark.parametrize("name", FORMATS)
def test_honest_files_are_described(name: str, tmp_path: Path) -> None:
    folder = Folder(tmp_path, FORMATS[name])
    assert [folder.check(content) for content in FORMATS[name].seeds] == [None] * len(FORMATS[name].seeds)


@pytest.mark.parametrize("name", FORMATS)
def test_damaged_files_end_in_an_answer(name: str, tmp_path: Path) -> None:
    folder = Folder(tmp_path, FORMATS[name])
    for number in range(FILES):
        problem = folder.check(mutant(FORMATS[name], SEED, number), deep=number % 10 == 0)
        assert problem is None, f"seed {SEED}, file {number}: {problem}"


@pytest.mark.parametrize("case", CASES)
def test_what_was_found_stays_mended(case: str, tmp_path: Path) -> None:
    name, content = CASES[case]()
    assert Folder(tmp_path, FORMATS[name], SECONDS).check(content) is None
