"""Whether values are what TypeScript's compiler takes for a type of ``client/core``."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]
COMPILER = REPOSITORY / "node_modules/typescript/bin/tsc"
OPTIONS = {
    "extends": str(REPOSITORY / "tsconfig.base.json"),
    "compilerOptions": {
        "lib": ["DOM", "DOM.Iterable", "ES2022"],
        "module": "esnext",
        "moduleResolution": "bundler",
        "noEmit": True,
    },
}


def mismatches(answers: Iterable[tuple[str, Any]], folder: Path) -> list[str]:
    """A line of the compiler for each answer that is not of the type named with it.

    Fields that a type does not have are no mismatch: clients need not know all that the server says.
    Writes into ``folder``.
    """
    source = str(REPOSITORY / "client/core/src/index")
    lines = [f"import type * as core from {json.dumps(source)};"]
    for number, (name, answer) in enumerate(answers):
        lines.append(f"const answer{number} = {json.dumps(answer)} as const;")
        lines.append(f"export const held{number}: core.{name} = answer{number};")
    (folder / "answers.ts").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "tsconfig.json").write_text(json.dumps({**OPTIONS, "files": ["answers.ts"]}), encoding="utf-8")
    command = ["node", str(COMPILER), "-p", str(folder)]
    told = subprocess.run(command, capture_output=True, text=True, cwd=folder).stdout
    # What follows a line, indented, is why.
    return [line for line in told.splitlines() if not line.startswith(" ")]
