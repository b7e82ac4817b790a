"""The worker runs under the user's interpreter, which may be Python 3.9."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.worker_process import WORKER

FILES = sorted(WORKER.glob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_syntax(path: Path) -> None:
    tree = ast.parse(path.read_text(), feature_version=(3, 9))
    assert not list(_unions(tree)), "X | Y exists at run time from 3.10 on"


def test_standard_library() -> None:
    """What vermin knows of names and arguments that came later."""
    vermin = Path(sys.executable).with_name("vermin")
    command = [vermin, "-t=3.9-", "--no-tips", "--violations", str(WORKER)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def _unions(tree: ast.AST) -> Iterator[ast.BinOp]:
    """Unions of types outside annotations: those are text, by ``from __future__ import annotations``."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr) and _is_type(node.right):
            yield node
        for name in ("annotation", "returns"):
            if hasattr(node, name):
                setattr(node, name, None)
        yield from _unions(node)


def _is_type(node: ast.expr) -> bool:
    name = node.id if isinstance(node, ast.Name) else ""
    return (isinstance(node, ast.Constant) and node.value is None) or name in {"int", "str", "dict", "list"}
