"""Files and folders as ``model-loupe scan`` reads them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from model_loupe.documents.scan import scan_paths

LOAD = "AutoModel.from_pretrained('gpt2')\n"


def notebook(*sources: str | list[str], **metadata: Any) -> str:
    cells = [{"cell_type": "code", "source": source} for source in sources]
    return json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4})


def write(folder: Path, files: dict[str, str | bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def scan(*paths: Path) -> tuple[list[dict[str, Any]], list[str]]:
    warnings: list[str] = []
    rows = list(scan_paths([str(path) for path in paths], warnings.append))
    return rows, warnings


def names(rows: list[dict[str, Any]], folder: Path) -> list[str]:
    return [os.path.relpath(row["file"], folder).replace(os.sep, "/") for row in rows]


def test_a_row_says_all_of_a_call(tmp_path: Path) -> None:
    code = "n = 'a/b'\n\nm = AutoModelForCausalLM.from_pretrained(\n    n, revision=r, device_map='auto')\n"
    rows, warnings = scan(write(tmp_path, {"x.py": code}) / "x.py")
    assert rows == [
        {
            "file": str(tmp_path / "x.py"),
            "cell": None,
            "line": 3,
            "column": 4,
            "end_line": 4,
            "end_column": 37,
            "callee": "AutoModelForCausalLM.from_pretrained",
            "argument": "pos0",
            "range": [4, 4, 4, 5],
            "model": "a/b",
            "candidates": [],
            "kind": "hub",
            "confidence": 0.95,
            "kwargs": {"revision": "r", "device_map": "'auto'"},
            "role": "model",
        }
    ]
    assert not warnings
    assert json.loads(json.dumps(rows)) == rows


@pytest.mark.parametrize(
    ("argument", "shown"),
    [
        ("token='hf_secret'", {"token": '"…"'}),
        ("use_auth_token=f'hf_{x}'", {"use_auth_token": '"…"'}),
        ("token=read('hf_secret')", {"token": '"…"'}),
        ("token=settings.token", {"token": "settings.token"}),
        ("token=False", {"token": "False"}),
        ("revision='v1'", {"revision": "'v1'"}),
    ],
)
def test_tokens_are_not_printed(argument: str, shown: dict[str, str], tmp_path: Path) -> None:
    write(tmp_path, {"a.py": LOAD.replace("'gpt2'", f"'gpt2', {argument}")})
    [row], _ = scan(tmp_path)
    assert row["kwargs"] == shown


def test_a_cell_s_number_is_its_place_in_the_notebook(tmp_path: Path) -> None:
    cells = [
        {"cell_type": "markdown", "source": "# Title"},
        {"cell_type": "raw", "source": "---"},
        {"cell_type": "code", "source": ["n = 'a/b'\n", LOAD]},
    ]
    write(tmp_path, {"x.ipynb": json.dumps({"cells": cells})})
    rows, _ = scan(tmp_path)
    assert [(row["cell"], row["line"], row["column"]) for row in rows] == [(2, 2, 0)]


def test_folders_are_walked_in_order_and_what_is_not_the_users_is_left_out(tmp_path: Path) -> None:
    skipped = [
        ".git/x.py",
        ".venv/lib/x.py",
        "node_modules/x.py",
        "a/__pycache__/x.py",
        ".ipynb_checkpoints/x-checkpoint.ipynb",
        ".virtual_documents/x.ipynb",
        "lib/site-packages/x.py",
        "notes.txt",
    ]
    kept = ["a/b.py", "a/c/d.py", "z.py", "a.py"]
    write(tmp_path, dict.fromkeys([*skipped, *kept], LOAD) | {"n.ipynb": notebook(LOAD)})
    rows, warnings = scan(tmp_path)
    assert names(rows, tmp_path) == ["a.py", "n.ipynb", "z.py", "a/b.py", "a/c/d.py"]
    assert not warnings


def test_paths_are_taken_in_the_order_given_and_files_whatever_their_name(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": LOAD, "script": LOAD})
    rows, _ = scan(tmp_path / "script", tmp_path / "a.py")
    assert names(rows, tmp_path) == ["script", "a.py"]


ENCODINGS = {
    "utf-8": "é = 1; ".encode() + LOAD.encode(),
    "with a byte order mark": b"\xef\xbb\xbf" + "é = 1; ".encode() + LOAD.encode(),
    "as the first line says": b"# -*- coding: latin-1 -*-\n\xe9 = 1; " + LOAD.encode(),
    "as the second line says": b"#!/bin/sh\n# vim: set fileencoding=cp1252 :\n\xe9 = 1; " + LOAD.encode(),
    "carriage returns": "x = 1\ré = 1; ".encode() + LOAD.encode(),
}


@pytest.mark.parametrize("case", ENCODINGS, ids=str)
def test_encodings(case: str, tmp_path: Path) -> None:
    rows, warnings = scan(write(tmp_path, {"x.py": ENCODINGS[case]}))
    assert [(row["model"], row["column"]) for row in rows] == [("gpt2", 7)]
    assert not warnings


BAD: dict[str, tuple[str, str | bytes]] = {
    "not utf-8": ("x.py", b"x = '\xff\xfe'\n"),
    "an encoding that does not exist": ("x.py", b"# coding: nonsense\nx = '\xff'\n"),
    "an encoding that is no text": ("x.py", b"# coding: rot13\nx = 1\n"),
    "half a notebook": ("x.ipynb", '{"cells": ['),
    "a list": ("x.ipynb", "[]"),
    "no cells": ("x.ipynb", "{}"),
    "cells that are no list": ("x.ipynb", '{"cells": {}}'),
    "an empty file": ("x.ipynb", ""),
    "deep nesting": ("x.ipynb", "[" * 200_000),
    "a notebook that is not utf-8": ("x.ipynb", b'{"cells": "\xff"}'),
}


@pytest.mark.parametrize("case", BAD, ids=str)
def test_a_bad_file_is_one_line_of_warning_and_stops_nothing(case: str, tmp_path: Path) -> None:
    name, content = BAD[case]
    write(tmp_path, {f"a/{name}": content, "b/good.py": LOAD})
    rows, warnings = scan(tmp_path)
    assert names(rows, tmp_path) == ["b/good.py"]
    assert len(warnings) == 1
    assert warnings[0].startswith(str(tmp_path / "a" / name))
    assert "\n" not in warnings[0]


ODD = {
    "cells that are no objects": '{"cells": [1, null, "x"]}',
    "a source that is a number": '{"cells": [{"cell_type": "code", "source": 3}]}',
    "worksheets of version 3": '{"worksheets": [{"cells": 3}, 4, {"cells": [{"cell_type": "code"}]}]}',
    "metadata that is a list": '{"cells": [], "metadata": []}',
}


@pytest.mark.parametrize("case", ODD, ids=str)
def test_odd_notebooks_are_empty(case: str, tmp_path: Path) -> None:
    assert scan(write(tmp_path, {"x.ipynb": ODD[case]})) == ([], [])


def test_notebooks_of_version_3_and_of_other_languages(tmp_path: Path) -> None:
    old = {"worksheets": [{"cells": [{"cell_type": "code", "input": [LOAD]}]}], "nbformat": 3}
    write(
        tmp_path,
        {
            "old.ipynb": json.dumps(old),
            "ipython.ipynb": notebook(LOAD, language_info={"name": "ipython3"}),
            "r.ipynb": notebook(LOAD, kernelspec={"language": "R"}),
            "unsaid.ipynb": notebook(LOAD, kernelspec={"language": ""}),
        },
    )
    rows, _ = scan(tmp_path)
    assert names(rows, tmp_path) == ["ipython.ipynb", "old.ipynb", "unsaid.ipynb"]


def test_what_cannot_be_opened_is_named(tmp_path: Path) -> None:
    write(tmp_path, {"good.py": LOAD})
    (tmp_path / "dangling.py").symlink_to("nowhere.py")
    (tmp_path / "folder.py").mkdir()
    os.mkfifo(tmp_path / "pipe.py")
    rows, warnings = scan(tmp_path, tmp_path / "missing.py")
    assert names(rows, tmp_path) == ["good.py"]
    assert [line.split(":")[0] for line in warnings] == [
        str(tmp_path / "dangling.py"),
        str(tmp_path / "missing.py"),
    ]


SETTINGS = {
    "config.yaml": "# x\nmodel:\n  name: x\n  model_name_or_path: org/model-7b  # base\nlr: 1\n",
    "quoted.yml": 'list:\n  - base_model: "org/model-7b"\n',
    "train.json": '{\n  "epochs": 3,\n  "model_id": "org/model-7b",\n  "dataset": "a/b"\n}\n',
    "train.toml": "[model]\npretrained_model_name_or_path = 'org/model-7b'\n",
    "crlf.yaml": "a: 1\r\nmodel: org/model-7b\r\n",
}


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_that_name_a_model(name: str, tmp_path: Path) -> None:
    rows, warnings = scan(write(tmp_path, {name: SETTINGS[name]}))
    assert [(row["model"], row["kind"], row["role"]) for row in rows] == [("org/model-7b", "hub", "setting")]
    assert 0 < rows[0]["confidence"] < 0.5
    line, column, end_line, end_column = rows[0]["range"]
    assert line == end_line == rows[0]["line"]
    text = SETTINGS[name].splitlines()[line - 1][column:end_column]
    assert text.strip("'\"") == "org/model-7b"
    assert not warnings


NO_SETTINGS: dict[str, str | bytes] = {
    "openapi.yaml": "model: gpt-4o\nmodel_name: llama3\n",
    "path.yaml": "model_name_or_path: ./checkpoints/last\nbase_model: path/to/model\n",
    "data.json": '{"dataset": "org/data", "name": "org/model"}',
    "package.json": '{"name": "x", "main": "a/b"}',
    "broken.json": '{"model_id": ',
    "binary.toml": b"\xff\xfe\x00model = 'a/b",
    "none.yaml": "model_name_or_path: null\ntokenizer_name: None\nbase_model: true\nmodel_id: 7b\n",
    "env.yaml": "image: org/image\nmodel: ${MODEL}\n",
    "large.json": '{\n"model_id": "a/b",\n"x": "' + "x" * 300_000 + '"}',
}


@pytest.mark.parametrize("name", NO_SETTINGS)
def test_settings_that_name_none(name: str, tmp_path: Path) -> None:
    assert scan(write(tmp_path, {name: NO_SETTINGS[name]})) == ([], [])


def test_modules_beside_the_file_and_above_it_are_read(tmp_path: Path) -> None:
    load = "AutoModel.from_pretrained(NAME)\n"
    three = ("from names import NAME", "from .near import NAME", "from pack import NAME")
    files: dict[str, str | bytes] = {
        "top/names.py": "NAME = 'top/names'",
        "top/a/near.py": "NAME = 'a/near'",
        "top/a/pack/__init__.py": "NAME = 'a/pack'",
        "top/a/x.py": "".join(f"{line}\n{load}" for line in three),
        "top/a/n.ipynb": notebook(f"from names import NAME\n{load}"),
        "top/a/z.py": f"from outside import NAME\n{load}",
        "outside.py": "NAME = 'out/side'",
    }
    rows, warnings = scan(write(tmp_path, files) / "top")
    assert [(Path(row["file"]).name, row["model"]) for row in rows] == [
        ("n.ipynb", "top/names"),
        ("x.py", "top/names"),
        ("x.py", "a/near"),
        ("x.py", "a/pack"),
        ("z.py", None),
    ]
    assert not warnings
