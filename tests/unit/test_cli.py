"""The command as people and programs run it: a process with output, errors and exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from model_loupe import cli
from tests.support import checkpoints as made


def run(*arguments: str | Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    ran = subprocess.run(
        [sys.executable, "-m", "model_loupe", *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert ran.returncode == code, ran.stderr
    assert "Traceback" not in ran.stdout + ran.stderr
    return ran


def test_inspect_prints_a_table(gemma: Path) -> None:
    out = run("inspect", gemma).stdout
    assert out.startswith("GemmaForCausalLM\n")
    for fact in (
        "2,506,172,416 parameters (2.51 B)",
        "bfloat16 · 4.67 GiB",
        "18,432 bytes per token",
        "8 heads",
    ):
        assert fact in out


def test_inspect_json(gemma: Path) -> None:
    answer = json.loads(run("inspect", gemma, "--json").stdout)
    assert answer["schema"] == 1
    assert answer["model"] == {"id": str(gemma), "source": "folder", "revision": None, "path": str(gemma)}
    assert "tree" not in answer
    tree = json.loads(run("inspect", gemma, "--json", "--tree").stdout)["tree"]
    assert tree["children"][0]["children"][1]["children"][0]["count"] == 18


def test_inspect_tree(gemma: Path) -> None:
    assert "0-17: 18 ×" in run("inspect", "--tree", gemma).stdout


def test_inspect_of_half_a_model_tells_the_rest(gemma: Path) -> None:
    (gemma / "model-00002-of-00002.safetensors").unlink()
    out = run("inspect", gemma).stdout
    assert "model-00002-of-00002.safetensors is named by the index but is not there" in out
    assert "164 tensors over 2 shards · 5,012,344,832 bytes (4.67 GiB) · 1 of 2 weight files missing" in out
    assert "2,506,172,416" not in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["inspect", "./nope"], "no such folder or file"),
        (["inspect", "no-such-owner/no-such-model"], "not in the local Hugging Face cache"),
        (["inspect", "/dev/null"], "neither a folder nor a regular file"),
        (["scan", "./nope"], "no such file or folder"),
    ],
)
def test_errors_are_one_line(arguments: list[str], message: str, tmp_path: Path) -> None:
    ran = run(*arguments, code=1)
    assert ran.stdout == ""
    assert ran.stderr.startswith("model-loupe: ")
    assert ran.stderr.count("\n") == 1
    assert message in ran.stderr


@pytest.mark.parametrize(
    "arguments", [[], ["inspect"], ["nope"], ["inspect", "x", "--nope"], ["demo", "--port", "x"]]
)
def test_wrong_usage_is_2(arguments: list[str]) -> None:
    assert "usage: model-loupe" in run(*arguments, code=2).stderr


def test_help_and_version() -> None:
    assert "inspect" in run("--help").stdout
    assert run("--version").stdout.startswith("model-loupe 0.")


def test_a_reader_that_leaves(gemma: Path) -> None:
    ran = subprocess.run(
        f'"{sys.executable}" -m model_loupe inspect --tree "{gemma}" | head -1',
        shell=True,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert ran.stdout == "GemmaForCausalLM\n"
    assert ran.stderr == ""


def test_scan(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(
        '# é\nname = "gpt2"\nm = AutoModel.from_pretrained(name, dtype="auto")\n'
    )
    cells = [
        {"cell_type": "markdown", "source": "# Title"},
        {"cell_type": "code", "source": ["x = 1\n", "AutoTokenizer.from_pretrained('a/b')"]},
    ]
    (tmp_path / "study.ipynb").write_text(json.dumps({"cells": cells}))
    (tmp_path / "broken.ipynb").write_text("{")
    (tmp_path / "latin.py").write_bytes(
        b"# -*- coding: latin-1 -*-\nx = '\xe9'; AutoModel.from_pretrained('c/d')\n"
    )
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "hidden.py").write_text("AutoModel.from_pretrained('hidden')")
    ran = run("scan", tmp_path, "--json")
    rows = json.loads(ran.stdout)
    assert [(Path(row["file"]).name, row["cell"], row["line"], row["model"]) for row in rows] == [
        ("latin.py", None, 2, "c/d"),
        ("study.ipynb", 1, 2, "a/b"),
        ("train.py", None, 3, "gpt2"),
    ]
    assert rows[2] == {
        "file": str(tmp_path / "train.py"),
        "cell": None,
        "line": 3,
        "column": 4,
        "end_line": 3,
        "end_column": 49,
        "callee": "AutoModel.from_pretrained",
        "argument": "pos0",
        "range": [3, 30, 3, 34],
        "model": "gpt2",
        "candidates": [],
        "kind": "hub",
        "confidence": 0.95,
        "kwargs": {"dtype": '"auto"'},
        "role": "model",
    }
    assert "broken.ipynb: not a notebook" in ran.stderr
    text = run("scan", tmp_path / "study.ipynb").stdout
    assert text == f"{tmp_path / 'study.ipynb'}: cell 1, line 2: AutoTokenizer.from_pretrained → a/b (hub)\n"


def test_a_hundred_thousand_tensors(tmp_path: Path) -> None:
    """Its memory is a small multiple of its headers, and nothing is read of its terabytes."""
    folder = made.write_checkpoint(
        tmp_path / "ds", made.DEEPSEEK_V3_CONFIG, made.deepseek_v3_tensors(), shards=163
    )
    answer = json.loads(run("inspect", folder, "--json").stdout)
    assert answer["bytes"]["stored"] > 600 * 2**30
    assert answer["warnings"] == []


def test_memory_for_a_context_and_a_batch(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    model = tmp_path / "small"
    made.write_checkpoint(model, made.SMALL_CONFIG, made.small_gemma_tensors())
    assert cli.main(["inspect", str(model), "--context", "1_000", "--batch", "3", "--json", "--tree"]) == 0
    answer = json.loads(capsys.readouterr().out)
    cache = answer["kv_cache"]
    assert (cache["context"], cache["batch"]) == (1000, 3)
    assert cache["total_bytes"] == 3000 * cache["bytes_per_token"]
    inference = answer["memory"][0]
    assert inference["parts"] == {"weights": answer["bytes"]["stored"], "kv_cache": cache["total_bytes"]}
    assert inference["bytes"] == sum(inference["parts"].values())
    assert {row["key"] for row in answer["memory"]} >= {"training_mixed", "lora", "qlora"}
    assert answer["largest"][0]["name"] == "model.embed_tokens.weight"
    assert [block["copies"] for block in answer["blocks"]] == [1, 18, 1]
    assert cli.main(["inspect", str(model), "--context", "1000"]) == 0
    text = capsys.readouterr().out
    assert "with the cache of 1 × 1,000 tokens" in text
    assert "18 × model.layers.0-17" in text


@pytest.mark.parametrize("value", ["0", "-3", "many"])
def test_a_context_is_a_number(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        cli.main(["inspect", "x", "--context", value])
    assert leaving.value.code == 2
    assert "--context" in capsys.readouterr().err


PLAIN = ["model", "", "../a b", "org/model", "é"]
NOT_PLAIN = [
    [],
    ["inspect"],
    ["inspect", "--json"],
    ["inspect", "-"],
    ["inspect", "--js", "model"],
    ["inspect", "--json=1", "model"],
    ["inspect", "--", "--json"],
    ["inspect", "model", "--revision", "main"],
    ["inspect", "model", "another"],
    ["inspect", "-h"],
    ["--version"],
    ["scan", "--json", "model"],
]


@pytest.mark.parametrize("model", PLAIN)
def test_plain_arguments_are_what_argparse_makes_of_them(model: str) -> None:
    options = ["--json", "--tree", "--offline"]
    for chosen in ([], ["--json"], ["--tree", "--json"], options, ["--json", "--json"]):
        for position in range(len(chosen) + 1):
            argv = ["inspect", *chosen[:position], model, *chosen[position:]]
            plain = cli._plain_inspect(argv)
            assert plain is not None
            assert vars(plain) == vars(cli._parser().parse_args(argv))


@pytest.mark.parametrize("argv", NOT_PLAIN)
def test_all_other_arguments_are_left_to_argparse(argv: list[str]) -> None:
    assert cli._plain_inspect(argv) is None


def test_cast_plans_without_torch(gemma: Path) -> None:
    out = run("cast", gemma, "--to", "float32,nf4_double", "--python", sys.executable).stdout
    assert "GemmaForCausalLM · stored bfloat16 4.67 GiB" in out
    assert "9.34 GiB" in out
    assert "stays · nf4_double: an embedding (bfloat16, 1000.00 MiB); a norm" in out
    assert "torch is not installed" in out


def test_cast_tells_what_is_wrong_with_the_files(gemma: Path) -> None:
    """One shard of two is here: the figures are of that alone."""
    (gemma / "model-00001-of-00002.safetensors").unlink()
    missing = "model-00001-of-00002.safetensors is named by the index but is not there"
    assert missing in run("cast", gemma, "--to", "float16", "--plan").stdout
    answer = json.loads(run("cast", gemma, "--to", "float16", "--plan", "--json").stdout)
    assert [each["code"] for each in answer["warnings"]] == ["missing-shard"]


def test_cast_json(gemma: Path) -> None:
    answer = json.loads(run("cast", gemma, "--to", "float16,Q4_K", "--plan", "--tensors", "--json").stdout)
    assert answer["schema"] == 1
    assert answer["model"]["id"] == str(gemma)
    assert answer["stored"] == {"dtype": "bfloat16", "bytes": 5012344832}
    half, q4_k = answer["targets"]
    assert (half["dtype"], half["bytes"], half["bits_per_parameter"]) == ("float16", 5012344832, 16.0)
    assert half["kept"] == []
    assert half["kv_cache"]["bytes_per_token"] == 18432
    assert "numerics" not in half
    assert half["tensors"][0] == {
        "name": "model.embed_tokens.weight",
        "shape": [256000, 2048],
        "from": "bfloat16",
        "to": "float16",
        "bytes": 1048576000,
        "reason": None,
    }
    assert q4_k["bits_per_parameter"] == 4.5
    assert q4_k["kept"][0]["dtype"] == "float32"


def test_cast_writes_nothing_it_cannot_finish(gemma: Path, tmp_path: Path) -> None:
    output = tmp_path / "cast"
    for options, code, message in (
        (("--to", "float16,bfloat16"), 2, "--output takes one dtype: give --to just one"),
        (("--to", ","), 2, "--to names no dtype: give one, as float16, or all"),
        (("--to", "Q4_K"), 1, "Q4_K is not written here: llama.cpp makes it: convert_hf_to_gguf.py, then "
         "llama-quantize"),
        (("--to", "float16"), 1, f"torch is not installed in {sys.executable}: the values are not written "
         f"({sys.executable} -m pip install torch)"),
    ):  # fmt: skip
        ran = run("cast", gemma, *options, "--output", output, code=code)
        assert (ran.stdout, ran.stderr) == ("", f"model-loupe: {message}\n")
    ran = run("cast", gemma, "--to", "float16", "--output", "", code=2)
    assert ran.stderr == "model-loupe: --output names no folder\n"
    ran = run("cast", gemma, "--to", "float16", "--budget", "much", code=2)
    assert "argument --budget: invalid size value: 'much'" in ran.stderr
    assert not output.exists()


def test_cast_says_which_formats_there_are(gemma: Path) -> None:
    assert (
        "'float7' is no format to cast to: there are float64"
        in run("cast", gemma, "--to", "float7", code=1).stderr
    )
    run("cast", gemma, code=2)


def test_a_stdout_that_is_closed_or_full(gemma: Path) -> None:
    for where, said in (
        (">&-", ""),
        ("> /dev/full", "model-loupe: cannot write the answer: No space left on device"),
    ):
        ran = subprocess.run(
            f'"{sys.executable}" -m model_loupe inspect --json "{gemma}" {where}',
            shell=True,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ran.stderr.strip() == said
