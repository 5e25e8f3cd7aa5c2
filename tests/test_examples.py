"""Every example runs as it stands, in an empty folder."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).resolve().parent.parent / "examples").glob("*.py"))
MAX_LINES = 40


def _marks(example: Path) -> list[pytest.MarkDecorator]:
    """What the example's imports ask of the environment."""
    text = example.read_text(encoding="utf-8")
    marks = []
    if "napari_scarseg.engines" in text:
        marks.append(pytest.mark.weights)
    if "import napari\n" in text:
        absent = find_spec("napari") is None or find_spec("pytestqt") is None
        marks.append(pytest.mark.skipif(absent, reason="needs napari"))
    return marks


@pytest.mark.parametrize("example", [pytest.param(e, marks=_marks(e), id=e.stem) for e in EXAMPLES])
def test_example_runs(example: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error:::__main__", str(example)],
        cwd=tmp_path,
        # What an example does not save is not kept among this user's own work.
        env={**os.environ, "SCARSEG_EXAMPLE_CLOSES": "1", "XDG_STATE_HOME": str(tmp_path / "state")},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip(), "an example shows what it does"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e.stem)
def test_example_is_short_and_says_what_it_shows(example: Path) -> None:
    text = example.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MAX_LINES
    assert text.startswith('"""')


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 3
