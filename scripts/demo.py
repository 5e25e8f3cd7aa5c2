"""`make demo`: install, run the main job on a computed heart, and leave its results in demo-output/.

With a display and a terminal the window stays open on the result; otherwise it takes its own picture and closes.
Standard library only.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile

import debian_packages
import display
import install

OUTPUT = install.ROOT / "demo-output"


def run_demo() -> int:
    """Run `scarseg demo` on the display that is there, else on a virtual one, else without a window."""
    virtual = not display.has_display()
    missing = debian_packages.provide_packages(virtual_display=virtual, environment=not install.has_venv())
    if debian_packages.environment_package() in missing:
        return 1
    install.install(install.RUN_EXTRAS)
    command = [str(install.BIN / "scarseg"), "demo", "-o", str(OUTPUT)]
    if missing:
        print("Going on without the window, and so without its picture.", flush=True)
        status = subprocess.run([*command, "--no-gui"], cwd=install.ROOT, check=False).returncode
        print(
            f"For the window, run this line, then `make demo` again:\n\n    {debian_packages.install_line(missing)}\n"
        )
        return status
    if not virtual:
        return subprocess.run(command, cwd=install.ROOT, check=False).returncode
    with display.virtual_display() as environment, tempfile.TemporaryDirectory() as state:
        # The pictures are of the demo alone, and not of unsaved work that this user has.
        environment = {**environment, "XDG_STATE_HOME": state}
        # Nobody sees this screen, so nobody could close the window: no terminal to wait for.
        ran = subprocess.run(command, cwd=install.ROOT, env=environment, stdin=subprocess.DEVNULL, check=False)
    return ran.returncode


def main() -> int:
    """Run, and turn what may go wrong into one sentence."""
    display.end_on_sigterm()
    try:
        return run_demo()
    except (install.SetupError, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
