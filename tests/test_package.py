"""What is in the wheel, what it asks for, and what it offers to napari and to the command line."""

import configparser
import json
import subprocess
import sys
import zipfile
from email.message import Message
from email.parser import Parser
from importlib.util import find_spec
from pathlib import Path

import pytest

import napari_scarseg

ROOT = Path(__file__).resolve().parent.parent
WEIGHTS = "napari_scarseg/engines/weights/"
MAX_WEIGHTS_MB = 40
FORBIDDEN_IN_BASE = ("torch", "torchvision", "ultralytics", "napari", "pyqt5", "pyqt6", "pyside6", "qtpy", "magicgui")
WIDGETS = {"Case worklist", "Load stack", "Detect scars", "Segment scars", "Morphology", "Scar workbench"}
SAMPLES = {"LGE phantom (acute)", "LGE phantom (chronic)", "LGE phantom (no scar)"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel, built from the source tree with the hatchling that is installed."""
    folder = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


@pytest.fixture(scope="module")
def metadata(wheel: zipfile.ZipFile) -> Message:
    """METADATA of the wheel."""
    return Parser().parsestr(_dist_info(wheel, "METADATA"))


def _dist_info(wheel: zipfile.ZipFile, name: str) -> str:
    (path,) = (n for n in wheel.namelist() if n.endswith(f".dist-info/{name}"))
    return wheel.read(path).decode()


def test_wheel_holds_the_package_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert tops == {"napari_scarseg", f"napari_scarseg-{napari_scarseg.__version__}.dist-info"}
    stray = [n for n in wheel.namelist() if "test" in n.split("/")[1] or n.endswith((".pyc", ".pt", ".pth", ".pkl"))]
    assert not stray


def test_wheel_holds_every_source_file(wheel: zipfile.ZipFile) -> None:
    sources = {f.relative_to(ROOT / "src").as_posix() for f in (ROOT / "src").rglob("*.py")}
    assert sources <= set(wheel.namelist())


@pytest.mark.parametrize("name", ["py.typed", "napari.yaml", "engines/weights/LICENSE"])
def test_wheel_holds(wheel: zipfile.ZipFile, name: str) -> None:
    assert f"napari_scarseg/{name}" in wheel.namelist()


def test_weights_come_with_a_card_each_and_within_the_limit(wheel: zipfile.ZipFile) -> None:
    weights = [i for i in wheel.infolist() if i.filename.startswith(WEIGHTS) and i.filename.endswith(".safetensors")]
    names = {Path(info.filename).stem for info in weights}
    assert {"lge-detector", "lge-segmenter"} <= names
    for name in names:
        card = wheel.read(f"{WEIGHTS}{name}.md").decode()
        assert "not a medical device" in card.lower()
        assert "CC BY-NC-SA 4.0" in card or "CC-BY-NC-SA-4.0" in card
    assert sum(info.file_size for info in weights) < MAX_WEIGHTS_MB * 1e6


def test_weights_are_plain_tensors_with_a_header(wheel: zipfile.ZipFile) -> None:
    """Every header says by whose leave the weights are passed on; a pickle would have no such header."""
    names = [n for n in wheel.namelist() if n.endswith(".safetensors")]
    assert names
    for name in names:
        with wheel.open(name) as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(length))
        assert "CC-BY-NC-SA-4.0" in json.dumps(header["__metadata__"])


def test_both_licences_are_declared_and_shipped(wheel: zipfile.ZipFile, metadata: Message) -> None:
    assert metadata["License-Expression"] == "AGPL-3.0-or-later AND CC-BY-NC-SA-4.0"
    shipped = [n for n in wheel.namelist() if ".dist-info/licenses/" in n]
    texts = [wheel.read(n).decode() for n in shipped]
    assert any("GNU AFFERO GENERAL PUBLIC LICENSE" in text for text in texts)
    assert any("creativecommons.org/licenses/by-nc-sa/4.0" in text and "EMIDEC" in text for text in texts)


def test_base_asks_for_no_network_and_no_window(metadata: Message) -> None:
    base = [r for r in metadata.get_all("Requires-Dist") or [] if "extra ==" not in r]
    assert base
    names = {_requirement_name(r) for r in base}
    assert not names & set(FORBIDDEN_IN_BASE)


def test_no_extra_but_their_own_brings_a_qt_binding(metadata: Message) -> None:
    bindings = [r for r in metadata.get_all("Requires-Dist") or [] if "pyqt" in r.lower() or "pyside" in r.lower()]
    extras = {r.split("extra ==")[1].strip(" \"'") for r in bindings}
    assert extras == {"pyqt6", "pyside6"}


@pytest.mark.parametrize("extra", ["engines", "training", "gui", "all"])
def test_extra_is_offered(metadata: Message, extra: str) -> None:
    assert extra in (metadata.get_all("Provides-Extra") or [])


def test_entry_points(wheel: zipfile.ZipFile) -> None:
    points = configparser.ConfigParser()
    points.read_string(_dist_info(wheel, "entry_points.txt"))
    assert dict(points["console_scripts"]) == {"scarseg": "napari_scarseg.cli.main:main"}
    assert dict(points["napari.manifest"]) == {"napari-scarseg": "napari_scarseg:napari.yaml"}


@pytest.mark.skipif(find_spec("npe2") is None, reason="needs npe2")
def test_manifest_is_valid_and_every_command_imports() -> None:
    """What `npe2 validate --imports` checks, with its warnings taken as errors."""
    import npe2

    manifest = npe2.PluginManifest.from_file(ROOT / "src" / "napari_scarseg" / "napari.yaml")
    manifest.validate_imports()
    assert manifest.name == "napari-scarseg"
    contributions = manifest.contributions
    assert {w.display_name for w in contributions.widgets or []} == WIDGETS
    assert {s.display_name for s in contributions.sample_data or []} == SAMPLES
    assert contributions.readers
    known = {command.id for command in contributions.commands or []}
    used = {w.command for w in contributions.widgets or []} | {r.command for r in contributions.readers or []}
    assert used <= known


def _requirement_name(requirement: str) -> str:
    for index, character in enumerate(requirement):
        if not (character.isalnum() or character in "-_."):
            return requirement[:index].lower()
    return requirement.lower()
