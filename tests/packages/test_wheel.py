"""The Python package as it is shipped: every file of it."""

from __future__ import annotations

import re
import zipfile

import pytest

from tests.packages.build import ROOT, WHEEL, package, rebuild, wheel_in

LABEXTENSION = "data/data/share/jupyter/labextensions/@model-loupe/jupyterlab/"
# JupyterLab's part is split as its bundler sees fit, with names that tell the contents.
BUILT = re.compile(
    LABEXTENSION + r"(package|install|static/third-party-licenses)\.json|"
    rf"{LABEXTENSION}schemas/@model-loupe/jupyterlab/(package\.json\.orig|server\.json)|"
    rf"{LABEXTENSION}static/(style|remoteEntry\.[0-9a-f]{{16}}|\w+\.[0-9a-f]{{16}})\.js"
)
ABOUT = {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE"}


@pytest.fixture(scope="module")
def files() -> set[str]:
    with zipfile.ZipFile(wheel_in(ROOT)) as archive:
        return set(archive.namelist())


def test_it_holds_the_server_the_labextension_and_nothing_else(files: set[str]) -> None:
    assert {name for name in files if name.startswith("model_loupe/")} == package()
    rest = {
        re.sub(r"^model_loupe-[\d.]+\.", "", name) for name in files if not name.startswith("model_loupe/")
    }
    assert {name.removeprefix("dist-info/") for name in rest if name.startswith("dist-info/")} == ABOUT
    others = {name for name in rest if not name.startswith("dist-info/")}
    assert [name for name in others if not BUILT.fullmatch(name)] == []
    assert len(others) > 3


def test_it_tells_jupyter_lsp_of_the_server() -> None:
    with zipfile.ZipFile(wheel_in(ROOT)) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("entry_points.txt"))
        assert "[jupyter_lsp_spec_v1]\nmodel-loupe = model_loupe.lsp.jupyter:" in archive.read(name).decode()


def test_two_builds_are_the_same_byte_by_byte() -> None:
    again = rebuild(WHEEL)
    assert wheel_in(again).read_bytes() == wheel_in(ROOT).read_bytes()
