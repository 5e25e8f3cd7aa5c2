"""The program itself: what it lists, how it ends, and what it does not import."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from napari_scarseg import __version__
from napari_scarseg.cli import main as program
from napari_scarseg.errors import DeviceError, InputError

MAIN = "from napari_scarseg.cli.main import main; main()"


def run_program(*arguments, before=""):
    return subprocess.run(
        [sys.executable, "-c", f"{before}\n{MAIN}", *map(str, arguments)], capture_output=True, text=True, timeout=120
    )


@pytest.fixture
def raise_in_measure(monkeypatch):
    """Let `scarseg measure` raise an error."""

    def prepare(error):
        def measure(labels: list[Path], output: str = "") -> None:
            raise error

        monkeypatch.setattr("napari_scarseg.cli.measure.measure", measure)

    return prepare


def test_help_lists_every_command(scarseg):
    result = scarseg("--help")
    assert result.status == 0
    for name, entry in program._COMMANDS.items():
        assert name in result.out
        assert entry.about in result.out


@pytest.mark.parametrize("name", program._COMMANDS)
def test_every_command_of_the_list_is_there_and_has_help(scarseg, name):
    pytest.importorskip("torch")
    result = scarseg(name, "--help")
    assert result.status == 0
    assert f"scarseg {name}" in result.out


def test_listing_and_version_import_no_libraries():
    heavy = ("numpy", "pandas", "scipy", "torch", "napari", "nibabel", "matplotlib")
    before = f"import atexit, sys; atexit.register(lambda: print([m for m in {heavy!r} if m in sys.modules]))"
    for option in ("--help", "--version"):
        result = run_program(option, before=before)
        assert result.returncode == 0, result.stderr
        assert result.stdout.splitlines()[-1] == "[]"


def test_version(scarseg):
    assert scarseg("--version").out == f"napari-scarseg {__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["detect"],
        ["detect", "x.nii"],
        ["detect", "x.nii", "-o", "out", "--confidence", "1.5"],
        ["detect", "x.nii", "-o", "out", "--device", "tpu"],
        ["segment", "x.nii", "-o", "out", "--spacing", "1,2"],
        ["segment", "x.nii", "-o", "out", "--frobnicate"],
    ],
)
def test_wrong_usage_is_2(scarseg, tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.nii").write_bytes(b"")
    result = scarseg(*arguments)
    assert result.status == 2
    assert "Traceback" not in result.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (InputError("The file is broken;\nchoose another."), "The file is broken; choose another."),
        (DeviceError("No GPU; choose cpu."), "No GPU; choose cpu."),
        (PermissionError(13, "Permission denied", "x"), "The system refused a file (Permission denied); check "),
        (MemoryError(), "There is not enough memory for this; close other programs"),
        (
            ModuleNotFoundError("No module named 'torch.nn'", name="torch.nn"),
            "This command needs torch, which is not installed; install what it needs with: pip install "
            "napari-scarseg[engines].",
        ),
        (ModuleNotFoundError("No module named 'napari'", name="napari"), "This command needs napari, which is not in"),
    ],
)
def test_errors_are_one_line_and_1(scarseg, raise_in_measure, error, line):
    raise_in_measure(error)
    assert scarseg("measure", "x").sentence.startswith(line)


def test_a_mistake_of_ours_is_not_hidden(scarseg, raise_in_measure):
    for error in (ValueError("ours"), ModuleNotFoundError("No module named 'mistake'", name="mistake")):
        raise_in_measure(error)
        with pytest.raises(type(error)):
            scarseg("measure", "x")


def test_interrupting_is_130(scarseg, raise_in_measure):
    raise_in_measure(KeyboardInterrupt())
    result = scarseg("measure", "x")
    assert result.status == 130
    assert result.out == result.err == ""


def test_without_torch_the_sentence_says_what_to_install(heart_file, tmp_path):
    before = "import sys; sys.modules['torch'] = None"
    result = run_program("detect", heart_file, "-o", tmp_path / "out", before=before)
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert "need torch, which is not installed" in line
    assert "napari-scarseg[engines]" in line
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_leaves_no_half_result(heart_file, tmp_path):
    before = (
        # A test run in the background of a shell inherits an ignored SIGINT, which no terminal's Ctrl+C is.
        "import signal\nimport time\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from napari_scarseg.cli import detect as module\n"
        "def load(name, device):\n    print('loading', flush=True)\n    time.sleep(60)\n"
        "module.load_detector = load"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", f"{before}\n{MAIN}", "detect", str(heart_file), "-o", str(tmp_path / "out")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "loading\n"
    process.send_signal(signal.SIGINT)
    begun = time.monotonic()
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert time.monotonic() - begun < 20
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="pipes")
def test_a_reader_that_left_is_no_traceback():
    read_end, write_end = os.pipe()
    os.close(read_end)
    with os.fdopen(write_end, "w") as closed:
        result = subprocess.run(
            [sys.executable, "-c", MAIN, "--help"], stdout=closed, stderr=subprocess.PIPE, text=True, timeout=60
        )
    assert "Traceback" not in result.stderr


def test_every_command_module_is_in_the_list():
    folder = Path(program.__file__).parent
    for entry in program._COMMANDS.values():
        assert (folder / f"{entry.module}.py").is_file()
    listed = {entry.module for entry in program._COMMANDS.values()}
    for path in folder.glob("*.py"):
        if path.stem in ("__init__", "main", *listed):
            continue
        # A module of the folder that is no command has no function of its own name, and no Typer.
        source = path.read_text(encoding="utf-8")
        assert f"\ndef {path.stem}(" not in source, f"{path.name} looks like a command that is not in the list"
        assert "\napp = typer.Typer" not in source, f"{path.name} looks like a command that is not in the list"
