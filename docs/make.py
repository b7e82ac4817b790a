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
LAB_SETTINGS = ROOT / "client" / "jupyterlab" / "schema" / "server.json"
# How VS Code links to another setting.
_LINK = re.compile(r"`#([\w.]+)#`")
# Jupyter itself starts the language server, and keeps its log.
_VSCODE_ALONE = ("modelLoupe.interpreter", "modelLoupe.trace.server")
# Where VS Code's text tells of VS Code.
_LAB_TEXTS = {
    "modelLoupe.inlayHints": "What to show behind the model's name in each call that loads one.",
    "modelLoupe.worker.interpreter": "Path of the Python interpreter (3.9 or newer) whose torch and"
    " transformers will run the code. Empty: the one that runs Jupyter.",
}


def pages() -> dict[str, str]:
    """Every page by its file's name."""
    contributes = _manifest()["contributes"]
    return {
        "diagnostics.md": diagnostics(),
        "settings.md": _settings(_properties(contributes)),
        "commands.md": _commands(contributes),
        "json.md": _json(),
        **{
            f"{command}.schema.json": json.dumps(_schema(command, fields), indent=2, ensure_ascii=False)
            + "\n"
            for command, (_, fields) in ANSWERS.items()
        },
    }


def lab_settings() -> str:
    """The schema of JupyterLab's settings, from VS Code's: the same names, types, values and defaults."""
    kept = {
        name: setting for name, setting in _properties(_manifest()["contributes"]).items() if _is_in_lab(name)
    }
    schema = {
        "title": "Model Loupe",
        "description": "What Model Loupe shows, and what its language server may do.",
        "jupyter.lab.setting-icon": "model-loupe:loupe",
        "jupyter.lab.setting-icon-label": "Model Loupe",
        "type": "object",
        "properties": {name: _lab_setting(name, setting) for name, setting in kept.items()},
        "additionalProperties": False,
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _is_in_lab(name: str) -> bool:
    return name not in _VSCODE_ALONE


def _lab_setting(name: str, setting: dict[str, Any]) -> dict[str, Any]:
    # JupyterLab shows plain text, and has none of a value beside the value itself.
    text = (_LAB_TEXTS.get(name) or _text(setting)).replace("`", "")
    meanings = [f"“{value}”: {meaning}" for value, meaning in _meanings(setting)]
    of_vscode = ("scope", "description", "markdownDescription", "enumDescriptions")
    kept = {key: value for key, value in setting.items() if key not in of_vscode}
    return {"title": _title(name), "description": " ".join([text, *meanings]), **kept}


def _title(name: str) -> str:
    """As VS Code makes one of a name: ``modelLoupe.codeLens.enabled`` is "Code Lens: Enabled"."""
    parts = name.removeprefix("modelLoupe.").split(".")
    return ": ".join(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", part[:1].upper() + part[1:]) for part in parts)


def _manifest() -> Any:
    """VS Code's manifest, which has the tables of settings and commands."""
    return _translated(json.loads((ROOT / "package.json").read_text(encoding="utf-8")))


def _properties(contributes: Any) -> dict[str, dict[str, Any]]:
    configuration = contributes["configuration"]
    sections = configuration if isinstance(configuration, list) else [configuration]
    return {name: each for section in sections for name, each in section["properties"].items()}


def _text(setting: dict[str, Any]) -> str:
    text: str = setting.get("markdownDescription") or setting.get("description", "")
    return _LINK.sub(r"`\1`", text)


def _meanings(setting: dict[str, Any]) -> list[tuple[str, str]]:
    """The values that a setting may have, with what each means; none where that is not told."""
    return list(zip(setting.get("enum", ()), setting.get("enumDescriptions", ()), strict=False))


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


def _settings(properties: dict[str, dict[str, Any]]) -> str:
    parts = [
        "# Settings\n\nThe language server takes them from any client. In VS Code they are under *Settings ›"
        " Extensions › Model Loupe*, in JupyterLab under *Settings › Settings Editor › Model Loupe*; they"
        " count at once. In JupyterLab a setting of Model Loupe goes before the same name in the JSON of"
        " *Language Servers* (`python-model-loupe`), and that before the default.\n"
    ]
    for name, setting in sorted(properties.items()):
        kind = setting["type"] if isinstance(setting["type"], str) else " or ".join(setting["type"])
        default = json.dumps(setting.get("default"), ensure_ascii=False)
        parts.append(
            f"\n## {name}\n\n{kind} · default `{default}` · scope {setting.get('scope', 'window')}"
            f"{'' if _is_in_lab(name) else ' · VS Code alone'}\n\n{_text(setting)}\n"
        )
        values = [f"- `{json.dumps(value)}`: {meaning}\n" for value, meaning in _meanings(setting)]
        parts += ["\n", *values] if values else []
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
    LAB_SETTINGS.write_text(lab_settings(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
