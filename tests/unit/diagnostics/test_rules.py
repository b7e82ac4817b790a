"""The table of diagnostics is whole, and settings and comments go by it."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

from model_loupe.diagnostics.checkpoint_codes import CHECKPOINT_CODES
from model_loupe.diagnostics.levels import Levels, is_ignored
from model_loupe.diagnostics.reference import page, place_of
from model_loupe.diagnostics.rules import CHECKPOINT, LEVELS, OFF, RULES, code_of, rule_of
from model_loupe.lsp.settings import parse

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "server" / "model_loupe"
# How the readers of files name what they find, before its code.
NAMED = re.compile(
    r"(?:Warning|BadZip|Stop|_Bad|BadEntry|Problem|of_file|detail|_found|_warn|insert)"
    r"\((?:\s*0, Warning\()?\s*\"([a-z0-9]+(?:-[a-z0-9]+)+)\"|return \(?\"([a-z0-9]+(?:-[a-z0-9]+)+)\","
)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_rule_is_documented(rule: object) -> None:
    assert isinstance(rule, tuple)
    code, level, title, why, before, after, language, fix, no_fix = rule
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", code)
    assert level in LEVELS
    assert title.endswith(".") and title.count(". ") == 0
    assert len(why) > 60
    for example in (before, after):
        if language == "python":
            ast.parse(example)
    assert before != after or not before
    # Which of them have one is what the snippets with ``fixed`` are held to.
    assert bool(fix) != bool(no_fix) and (fix or no_fix).endswith(".")


def test_every_code_of_the_readers_is_documented() -> None:
    codes = {
        code
        for room in ("checkpoints", "inspector")
        for path in (PACKAGE / room).rglob("*.py")
        for found in NAMED.findall(path.read_text())
        for code in found
        if code
    }
    assert len(codes) > 80
    assert codes - CHECKPOINT_CODES.keys() - {code for code in codes if code_of(code) in RULES} == set()


def test_the_reference_has_every_code() -> None:
    text = page()
    for code in (*RULES, *CHECKPOINT_CODES):
        assert f"`{code}`" in text
        place = place_of(code)
        assert place is not None
        path, _, line = place.removeprefix("file://").partition("#L")
        assert Path(path).read_text().splitlines()[int(line) - 1] == f"## {rule_of(code).code}"


def test_severities_are_set_by_code() -> None:
    given = {"dtype-default": "off", "missing-shard": "error", "checkpoint": "hint"}
    settings, problems = parse({"diagnostics": {"severity": given}})
    assert problems == []
    levels = settings.diagnostics
    codes = ("dtype-default", "missing-shard", "lfs-pointer", "checkpoint", "gated")
    assert [levels.of(code) for code in codes] == [OFF, "error", "hint", "hint", "warning"]


def test_all_can_be_turned_off() -> None:
    settings, _ = parse({"modelLoupe.diagnostics.enabled": False})
    assert {settings.diagnostics.of(code) for code in (*RULES, *CHECKPOINT_CODES)} == {OFF}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"diagnostics": {"severity": {"dtype-defualt": "off"}}}, "no diagnostic 'dtype-defualt'"),
        ({"diagnostics": {"severity": {"dtype-default": "loud"}}}, "not 'loud'"),
        ({"diagnostics": {"enabled": "no"}}, "is true or false"),
    ],
)
def test_settings_that_are_not_understood_keep_the_default(given: object, says: str) -> None:
    settings, problems = parse(given)
    assert settings.diagnostics == Levels()
    assert len(problems) == 1 and says in problems[0]


def test_the_editors_settings_name_the_same_severities() -> None:
    manifest = json.loads((ROOT / "package.json").read_text())
    setting = manifest["contributes"]["configuration"]["properties"]["modelLoupe.diagnostics.severity"]
    assert set(setting["additionalProperties"]["enum"]) == {OFF, *LEVELS}


@pytest.mark.parametrize(
    ("comment", "ignored"),
    [
        ("x = f()  # loupe: ignore", True),
        ("x = f()  # loupe: ignore[gated]", True),
        ("x = f()  #loupe:ignore[dtype-default, gated]  # other", True),
        ("x = f()  # loupe: ignore[dtype-default]", False),
        ("x = f()  # loupe: ignore[]", False),
        ("x = f()  # loupe: ignored", False),
        ("x = f()  # noqa", False),
        ("x = f()", False),
    ],
)
def test_a_comment_leaves_a_place_out(comment: str, ignored: bool) -> None:
    assert is_ignored("gated", ["(", comment]) is ignored


def test_a_comment_may_name_all_findings_about_files() -> None:
    assert is_ignored("missing-shard", [f"f()  # loupe: ignore[{CHECKPOINT}]"])
    assert not is_ignored("gated", [f"f()  # loupe: ignore[{CHECKPOINT}]"])
