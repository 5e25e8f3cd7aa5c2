"""Killed at any moment, the work comes back whole, and at most the last second of it is gone."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from napari_scarseg.cases import Manifest, find_unsaved, load_case

SCRIPT = Path(__file__).with_name("editing_script.py")
LOST_S = 1.0
# Importing napari takes a while where others work as well.
START_PATIENCE_S = 600.0

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")


def start(folder: Path) -> subprocess.Popen[bytes]:
    folder.mkdir(parents=True)
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    return subprocess.Popen([sys.executable, str(SCRIPT), str(folder)], env=environment)


def edits(folder: Path) -> list[tuple[int, float]]:
    """(number, time) of every edit that was made."""
    if not (folder / "log").exists():
        return []
    lines = (folder / "log").read_text(encoding="ascii").splitlines(keepends=True)
    return [(int(n), float(at)) for n, at in (line.split() for line in lines if line.endswith("\n"))]


def kill(process: subprocess.Popen[bytes], folder: Path, after_s: float) -> float:
    """Kill a script so long after its work was first noted; seconds of edits that are gone."""
    patience = time.monotonic() + START_PATIENCE_S
    while not find_unsaved(folder / "unsaved") and time.monotonic() < patience:
        assert process.poll() is None, "the script ended by itself"
        time.sleep(0.02)
    time.sleep(after_s)
    process.send_signal(signal.SIGKILL)
    # A clock that all processes share, and that nobody sets.
    killed = time.monotonic()
    process.wait()
    (work,) = find_unsaved(folder / "unsaved")
    case = load_case(work, Manifest.AUTOSAVED)
    (box,) = case.boxes[0].boxes
    kept = round(box.row_min * 10)
    assert int(case.labels[0].labels[0, 0, 0]) == kept, "boxes and labels are of one moment"
    lost = [at for number, at in edits(folder) if number > kept]
    return killed - min(lost) if lost else 0.0


def test_killed_at_three_moments(tmp_path):
    folders = [tmp_path / str(n) for n in range(3)]
    processes = [start(folder) for folder in folders]
    try:
        gone = [kill(*pair, random.uniform(0.0, 1.0)) for pair in zip(processes, folders, strict=True)]
    finally:
        for process in processes:
            process.kill()
    # Three at once, beside whatever else the machine does; the long suite measures the second itself.
    assert max(gone) < 5 * LOST_S, gone


@pytest.mark.long
def test_killed_at_fifty_moments(tmp_path, capsys):
    gone = []
    for n in range(50):
        folder = tmp_path / str(n)
        gone.append(kill(start(folder), folder, random.uniform(0.0, 3.0)))
    with capsys.disabled():
        sys.stdout.write(f"seconds of work gone: median {sorted(gone)[25]:.2f}, most {max(gone):.2f}\n")
    assert max(gone) <= LOST_S
