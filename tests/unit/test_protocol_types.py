"""The clients' types of the protocol are those of the server."""

from __future__ import annotations

import runpy
from pathlib import Path

CORE = Path(__file__).resolve().parents[2] / "client" / "core"


def test_the_clients_types_have_not_drifted() -> None:
    written = (CORE / "src" / "generated.ts").read_text(encoding="utf-8")
    generated = runpy.run_path(str(CORE / "protocol_types.py"))["generated"]
    assert written == generated(), "run `python client/core/protocol_types.py`"
