"""Classes and callables of packages on a path, read as text: a package of every kind of them, made here."""

from __future__ import annotations

from pathlib import Path

import pytest

from model_loupe.inspector.installed.callables import callable_named
from model_loupe.inspector.installed.classes import class_named
from model_loupe.inspector.installed.outline import Outline
from model_loupe.inspector.installed.packages import Folders, defining_module, outline_of

FILES = {
    "__init__.py": """
raise SystemExit("nobody may import this")
if TYPE_CHECKING:
    from .configs import (  # all of them
        LoraConfig,
        Base as BaseConfig,
    )
""",
    "configs/__init__.py": "from ..inner.lora import LoraConfig\nfrom .base import Base\n",
    "configs/base.py": '''
class Base:
    """Args:
        shared (`int`): Of all.
        own (`int`): Hidden by the class that says it better.
        popped (`str`): Taken out of kwargs.
    """

    kind = "base"

    def __init__(self, shared=1, **kwargs):
        self.popped = kwargs.pop("popped", "x")
        self.silent = kwargs.pop("silent", None)

    def to_dict(self): ...
''',
    "inner/__init__.py": "",
    "inner/lora.py": '''
from dataclasses import dataclass, field
from typing import ClassVar
from ..configs.base import Base

@dataclass
class LoraConfig(Base):
    """Args:
        own (`int`): Its own.
    """

    own: int = 2
    rank: int | None = field(default=8, metadata={"help": "How   wide."})
    names: list = field(default_factory=list)
    context: int = 4096 * 32
    spread: float = interval(min=0.0, max=1.0)(default=0.02)
    shown: ClassVar[int] = 3
    kind = "lora"

@overload
def load(path): ...

def load(path, *, strict: bool = True):
    """Loads.

    Args:
        path (`str`): Where.
    """
''',
}


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    for name, text in FILES.items():
        path = tmp_path / "peft" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return ("", str(tmp_path), str(tmp_path / "later"))


def test_names_are_followed_to_where_they_are_defined(folders: Folders) -> None:
    assert defining_module(folders, "peft", "LoraConfig") == ("peft.inner.lora", "LoraConfig")
    assert defining_module(folders, "peft", "BaseConfig") == ("peft.configs.base", "Base")
    assert defining_module(folders, "peft", "Missing") is None
    assert defining_module(folders, "nowhere", "Missing") is None


def test_a_class_has_its_fields_and_those_of_its_bases(folders: Folders) -> None:
    found = class_named(folders, "peft", "LoraConfig")
    assert found is not None
    said = {
        field.name: (field.type, field.default, field.documented and field.documented.text)
        for field in found.fields.values()
    }
    assert said == {
        "own": ("int", "2", "Its own."),
        "rank": ("int | None", "8", "How wide."),
        "names": ("list", "list()", None),
        # As transformers 5 writes them: what is told is what a file would give.
        "context": ("int", "131072", None),
        "spread": ("float", "0.02", None),
        "shared": ("", "1", "Of all."),
        "popped": ("", "'x'", "Taken out of kwargs."),
    }
    assert found.variables["kind"] == "lora"


def test_a_function_is_its_last_definition(folders: Folders) -> None:
    found = callable_named(folders, "peft.inner.lora.load")
    assert found is not None
    assert list(found.parameters) == ["path", "strict"]
    assert found.parameters["path"].documented is not None


def test_a_call_of_no_library_is_not_explained(folders: Folders) -> None:
    assert callable_named(folders, "os.path.join") is None
    assert callable_named(folders, "peft.nothing") is None


def test_a_package_hides_those_of_its_name_behind_it(folders: Folders, tmp_path: Path) -> None:
    behind = tmp_path / "later" / "peft"
    behind.mkdir(parents=True)
    (behind / "__init__.py").write_text("")
    (behind / "newer.py").write_text("x = 1")
    assert outline_of(folders, "peft.newer") is None


def test_a_changed_file_is_read_again(folders: Folders, tmp_path: Path) -> None:
    path = tmp_path / "peft" / "newer.py"
    path.write_text("x = 1\n")
    first = outline_of(folders, "peft.newer")
    path.write_text("x = 2\ny = 3\n")
    second = outline_of(folders, "peft.newer")
    assert first is not None and second is not None
    assert (first.defines("y"), second.defines("y")) == (False, True)


def test_statements_that_do_not_parse_are_none() -> None:
    outline = Outline("class A(:\n    x: int = 1\ndef f(:\nx = (\n")
    assert outline.defines("A")
    assert (outline.class_("A"), outline.function("f"), outline.value("x")) == (None, None, None)


def test_of_a_class_only_what_is_asked_for_is_kept() -> None:
    text = FILES["configs/base.py"].replace(
        "def to_dict(self): ...", "def to_dict(self):\n        return ((\n\n    y: int = 2"
    )
    found = Outline(text).class_("Base")
    assert found is not None
    assert [type(each).__name__ for each in found.body] == ["Expr", "Assign", "FunctionDef", "AnnAssign"]
