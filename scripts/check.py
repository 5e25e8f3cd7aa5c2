"""`make test`: install, then every check, one after the other; a table of them at the end.

    python3 scripts/check.py [NAME …]       all checks of `make test`, or those named

Standard library only.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

import debian_packages
import display
import install

PYTEST = ("pytest", "-q", "--durations=5")
# Where no window opens, Qt and napari stay out of the test process.
WITHOUT_QT = ("-p", "no:pytest-qt", "-p", "no:napari", "-p", "no:npe2", "-p", "no:napari-plugin-engine")
# The windows have tests of their own; the trainer for nnU-Net is imported by nnU-Net alone, which is not installed.
NO_DOCTESTS = (
    "--ignore=src/napari_scarseg/gui",
    "--ignore=src/napari_scarseg/experiments/nnunet_trainers",
)


@dataclass(frozen=True)
class Check:
    """One command of `.venv/bin` and what it proves."""

    name: str
    command: tuple[str, ...]
    qt_api: str = ""


def all_checks(scratch: str) -> list[Check]:
    """The checks in the order of `make test`: quick ones first. `scratch` is a folder for what they write."""
    plain = (*PYTEST, *WITHOUT_QT, "-m", "not long")
    window = (*PYTEST, "-m", "not long", "tests/gui")
    return [
        Check("lint", ("ruff", "check", ".")),
        Check("format", ("ruff", "format", "--check", ".")),
        Check("contracts", ("lint-imports",)),
        Check("types", ("mypy",)),
        Check("docs", ("mkdocs", "build", "--strict", "--site-dir", scratch)),
        Check("core", ("tox", "run", "-q", "-e", "core")),
        Check("doctests", (*plain, "--doctest-modules", "src/napari_scarseg", *NO_DOCTESTS)),
        Check("unit", (*plain, "tests", "--ignore=tests/gui"), qt_api="pyqt6"),
        Check("gui-pyside6", window, qt_api="pyside6"),
        Check("gui-pyqt6", window, qt_api="pyqt6"),
    ]


LONG = Check("long", ("pytest", "-m", "long", "--timeout=3600", "tests"), qt_api="pyqt6")


def run_check(check: Check) -> bool:
    """Run one check in the repository's root, on a virtual display where it opens windows. True if it passed."""
    print(f"\n=== {check.name}: {' '.join(check.command)}", flush=True)
    executable = str(install.BIN / check.command[0])
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "NO_MKDOCS_2_WARNING": "1"}
    # The tools of .venv find each other.
    environment["PATH"] = f"{install.BIN}{os.pathsep}{environment.get('PATH', '')}"
    if check.qt_api:
        environment.update(QT_API=check.qt_api, PYTEST_QT_API=check.qt_api)
    if check.qt_api and sys.platform.startswith("linux"):
        # Not the screen that is there: a person's clicks would reach the tests' windows.
        with display.virtual_display() as screen:
            environment["DISPLAY"] = screen["DISPLAY"]
            environment.pop("WAYLAND_DISPLAY", None)
            return _passes([executable, *check.command[1:]], environment)
    return _passes([executable, *check.command[1:]], environment)


def _passes(command: list[str], environment: dict[str, str]) -> bool:
    return subprocess.run(command, cwd=install.ROOT, env=environment, check=False).returncode == 0


def run_checks(names: list[str]) -> int:
    """Run the checks named (all where none is) and print a table. 0 if all passed."""
    with tempfile.TemporaryDirectory() as scratch:
        known = {check.name: check for check in [*all_checks(scratch), LONG]}
        unknown = [name for name in names if name not in known]
        if unknown:
            print(f"No such check: {', '.join(unknown)}; there are {', '.join(known)}.", file=sys.stderr)
            return 2
        chosen = [known[name] for name in names] or all_checks(scratch)
        opens_windows = any(check.qt_api for check in chosen)
        if opens_windows and debian_packages.provide_packages(virtual_display=True, environment=not install.has_venv()):
            return 1
        install.install(install.DEVELOPER_EXTRAS)
        rows = []
        for check in chosen:
            start = time.monotonic()
            passed = run_check(check)
            rows.append((check.name, passed, time.monotonic() - start))
    print()
    for name, passed, seconds in rows:
        print(f"{'passed' if passed else 'FAILED':8}{name:14}{seconds:7.1f} s")
    return 0 if all(passed for _, passed, _ in rows) else 1


def main() -> int:
    """Run, and turn what may go wrong into one sentence."""
    display.end_on_sigterm()
    try:
        return run_checks(sys.argv[1:])
    except (install.SetupError, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
