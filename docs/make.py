"""Writes the reference (``make docs``) from what the code goes by: tables, the manifest, real answers."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from model_loupe.diagnostics.reference import page as diagnostics

sys.path.insert(0, str(Path(__file__).resolve().parent))
from json_fields import ANSWERS, Field

ROOT = Path(__file__).resolve().parents[1]
HERE = ROOT / "docs" / "reference"
# How VS Code links to another setting.
_LINK = re.compile(r"`#([\w.]+)#`")


def pages() -> dict[str, str]:
    """Every page by its file's name."""
    manifest = _translated(json.loads((ROOT / "package.json").read_text(encoding="utf-8")))
    contributes = manifest["contributes"]
    return {
        "diagnostics.md": diagnostics(),
        "settings.md": _settings(contributes["configuration"]),
        "commands.md": _commands(contributes),
        "json.md": _json(),
        **{
            f"{command}.schema.json": json.dumps(_schema(command, fields), indent=2, ensure_ascii=False)
            + "\n"
            for command, (_, fields) in ANSWERS.items()
        },
    }


def _translated(value: Any) -> Any:
    """The manifest with its texts in place of their keys (``%command.refresh%``)."""
    texts = ROOT / "package.nls.json"
    words = json.loads(texts.read_text(encoding="utf-8")) if texts.exists() else {}

    def walk(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: walk(each) for key, each in node.items()}
        if isinstance(node, list):
            return [walk(each) for each in node]
        is_key = isinstance(node, str) and node.startswith("%") and node.endswith("%")
        return words.get(node.strip("%"), node) if is_key else node

    return walk(value)


def _settings(configuration: Any) -> str:
    sections = configuration if isinstance(configuration, list) else [configuration]
    properties = {name: each for section in sections for name, each in section["properties"].items()}
    parts = [
        "# Settings\n\nVS Code's and JupyterLab's alike; the language server takes them from any client.\n"
    ]
    for name, setting in sorted(properties.items()):
        text = setting.get("markdownDescription") or setting.get("description", "")
        kind = setting["type"] if isinstance(setting["type"], str) else " or ".join(setting["type"])
        default = json.dumps(setting.get("default"), ensure_ascii=False)
        parts.append(
            f"\n## {name}\n\n{kind} · default `{default}` · scope {setting.get('scope', 'window')}\n\n"
        )
        parts.append(_LINK.sub(r"`\1`", text) + "\n")
        values = list(zip(setting.get("enum", ()), setting.get("enumDescriptions", ()), strict=False))
        parts += (
            ["\n", *(f"- `{json.dumps(value)}`: {meaning}\n" for value, meaning in values)] if values else []
        )
    return "".join(parts)


def _commands(contributes: Any) -> str:
    hidden = {
        each["command"] for each in contributes["menus"]["commandPalette"] if each.get("when") == "false"
    }
    keys = {each["command"]: each["key"] for each in contributes.get("keybindings", ())}
    parts = [
        "# Commands\n\nThose of VS Code. A command that is not in the palette is in the menu of the rows or"
        " lenses that it is for.\n\n| Command | Title | In the palette | Key |\n|:--|:--|:--|:--|\n"
    ]
    for command in sorted(contributes["commands"], key=lambda each: each["command"]):
        name = command["command"]
        shown = "no" if name in hidden else "yes"
        title = f"{command.get('category', '')}: {command['title']}".removeprefix(": ")
        parts.append(f"| `{name}` | {title} | {shown} | {keys.get(name, '')} |\n")
    return "".join(parts)


def _json() -> str:
    parts = [
        "# JSON of the command line\n\nCounts are exact unless `exact` says otherwise. `a.b` is a field,"
        " `a[]` an item of a list, `a.*` any field.\n"
    ]
    for command, (call, fields) in ANSWERS.items():
        parts.append(f"\n## {command}\n\n`{call}` · [JSON Schema]({command}.schema.json)\n\n")
        parts.append("| Field | Type | |\n|:--|:--|:--|\n")
        parts += [f"| `{each.path}` | {' or '.join(each.kinds)} | {each.meaning} |\n" for each in fields]
    return "".join(parts)


def _schema(command: str, fields: list[Field]) -> dict[str, Any]:
    """The fields as a JSON Schema; what is not listed is allowed, since fields may be added."""
    is_list = fields[0].path == "[]"
    root: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"model-loupe {command} --json",
        "type": "array" if is_list else "object",
    }
    for field in fields:
        node = root
        for step in re.findall(r"\[\]|\*|[^.\[\]]+", field.path):
            if step == "[]":
                node = node.setdefault("items", {})
            elif step == "*":
                node = node.setdefault("additionalProperties", {})
            else:
                node = node.setdefault("properties", {}).setdefault(step, {})
        node |= {"type": field.kinds[0] if len(field.kinds) == 1 else list(field.kinds)}
        node["description"] = field.meaning
        if field.path == "tree.children[]":
            node["$ref"] = "#/properties/tree"
    return root


def main() -> int:
    HERE.mkdir(exist_ok=True)
    for name, text in pages().items():
        (HERE / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
