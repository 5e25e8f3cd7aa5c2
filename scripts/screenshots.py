"""Take the pictures of the README and the documentation anew, in a virtual window of 1366 × 768.

    python3 scripts/screenshots.py        in the environment that `make install` makes

Standard library only; the windows are those of `napari_scarseg.gui.tour`, on the sample heart, and of
scripts/morphology_picture.py.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import display
import install

IMAGES = install.ROOT / "docs" / "images"
SEED = 15
# The tour's pictures → ours, for each theme.
PICTURES = {
    "dark": {"window.png": "workbench.png", "window_keys.png": "keys.png"},
}


def take_pictures(folder: Path) -> None:
    """Compute the heart, run the tour in each theme, and put its pictures into the documentation."""
    scarseg, python = str(install.BIN / "scarseg"), str(install.BIN / "python")
    subprocess.run(
        [scarseg, "phantom", "-o", str(folder), "--patients", "1", "--seed", str(SEED), "--phase", "acute"], check=True
    )
    stack = next(folder.glob("images/*.nii.gz"))
    with display.virtual_display() as environment:
        # What is kept from the user's own work is not for the pictures to show.
        environment = {**environment, "XDG_STATE_HOME": str(folder / "state")}
        for theme, names in PICTURES.items():
            shots = folder / theme
            command = [python, "-m", "napari_scarseg.gui.tour", str(stack), str(shots), "--phase", "acute"]
            subprocess.run([*command, "--theme", theme], env=environment, check=True)
            for taken, name in names.items():
                shutil.copyfile(shots / taken, IMAGES / name)
                print(IMAGES / name)
        command = [python, str(install.ROOT / "scripts" / "morphology_picture.py"), str(IMAGES / "morphology.png")]
        subprocess.run(command, env=environment, check=True)
        print(IMAGES / "morphology.png")


def main() -> int:
    """Run, and turn what may go wrong into one sentence."""
    display.end_on_sigterm()
    try:
        with tempfile.TemporaryDirectory() as folder:
            take_pictures(Path(folder))
    except (RuntimeError, subprocess.CalledProcessError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
