"""Make `.venv` and install napari-scarseg into it, from nothing but Python 3.11 or newer.

    python3 scripts/install.py

What it does, in this order, saying each step:

1. Make `.venv` with this Python (or a newer one on the PATH where this one is too old).
2. Put uv, a fast installer, into it. Where that fails, pip does the work.
3. Install the project. torch and torchvision are chosen together, since they only work in matching builds: those that
   suit this machine's GPU, or the small CPU builds, where PyTorch's own index answers; else at once the registry's.
4. Leave a stamp, so that the next run is over in a moment until pyproject.toml changes.

Standard library only.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import debian_packages

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
STAMP = VENV / "scarseg-install.json"
OLDEST = (3, 11)

RUN_EXTRAS = ("all", "pyqt6")
DEVELOPER_EXTRAS = (*RUN_EXTRAS, "pyside6", "test-gui", "lint", "types", "docs", "tox")

# Asking PyTorch's index must not hold anybody up who cannot reach it.
INDEX_TIMEOUT_S = 60
COMPILE_TIMEOUT_S = 300
NEEDED_SPACE_GB = 9


class SetupError(Exception):
    """The installation cannot go on; the text says why and what to do."""


def install(extras: tuple[str, ...]) -> None:
    """Make `.venv` hold the project with at least `extras`; nothing to do where it does already.

    Raises
    ------
    SetupError
        With a sentence for a person.
    """
    digest = hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()
    if _installed(digest, extras):
        return
    _make_venv()
    wanted = tuple(sorted(set(extras) | _stamped_extras()))
    target = f".[{','.join(wanted)}]"
    free_gb = shutil.disk_usage(ROOT).free / 1e9
    if free_gb < NEEDED_SPACE_GB:
        _say(f"Only {free_gb:.0f} GB are free here; an installation with CUDA needs about {NEEDED_SPACE_GB} GB.")
    if not (_install_with_uv(target) or _run([str(PYTHON), "-m", "pip", "install", "-e", target])):
        raise SetupError("The installation failed; the lines above say why. Check the network and run it again.")
    _compile_libraries()
    STAMP.write_text(json.dumps({"pyproject_sha256": digest, "extras": wanted}))


def _compile_libraries() -> None:
    """Compile the libraries to bytecode once: torch alone costs ten seconds at every start where Python may not."""
    _say("Compiling the libraries, so that every start is quick.")
    # Some libraries ship templates that are no Python; what does not compile is compiled at import, as ever.
    _works([str(PYTHON), "-m", "compileall", "-qq", "-j", "0", str(VENV / "lib")], timeout_s=COMPILE_TIMEOUT_S)


def _install_with_uv(target: str) -> bool:
    """Install `target` with uv. False where uv is not to be had or did not manage."""
    if not _works([str(PYTHON), "-m", "uv", "--version"]):
        _say("Installing uv, a fast installer, into .venv.")
        if not _run([str(PYTHON), "-m", "pip", "install", "--quiet", "uv"]):
            _say("uv could not be installed; going on with pip.")
            return False
    command = [str(PYTHON), "-m", "uv", "pip", "install", "--python", str(PYTHON), "-e", target]
    if sys.platform != "darwin" and not _works([str(PYTHON), "-c", "import torch, torchvision"]):
        suited = [*command, "--torch-backend=auto"]
        _say("Asking PyTorch's own index for builds that suit this machine (CPU builds are small).")
        if _works([*suited, "--dry-run"], timeout_s=INDEX_TIMEOUT_S, UV_HTTP_TIMEOUT="10", UV_HTTP_RETRIES="0"):
            if _run(suited):
                return True
        else:
            _say("It does not answer; taking the registry's builds, which run on a CPU as well (about 3 GB).")
    return _run(command)


def has_venv() -> bool:
    """Whether a `.venv` that works is there."""
    return _works([str(PYTHON), "-c", "import sys, pip; sys.exit(sys.version_info < (3, 11))"])


def _make_venv() -> None:
    """Create `.venv`, unless a working one is there."""
    if has_venv():
        return
    python = _new_enough_python()
    if python == sys.executable and not debian_packages.can_make_environments():
        package = [debian_packages.environment_package()]
        if not debian_packages.install_packages(package):
            raise SetupError(
                "This Python cannot make environments. Run this line once, then the same command again:\n\n"
                f"    {debian_packages.install_line(package)}\n"
            )
    _say(f"Making {VENV.name} with {python}.")
    if not _run([python, "-m", "venv", "--clear", str(VENV)]):
        raise SetupError("The environment .venv could not be made; the lines above say why.")


def _new_enough_python() -> str:
    """This Python, or one on the PATH where this one is too old."""
    if sys.version_info >= OLDEST:
        return sys.executable
    for name in ("python3.13", "python3.12", "python3.11"):
        found = shutil.which(name)
        if found:
            return found
    raise SetupError("napari-scarseg needs Python 3.11 or newer, and there is none on the PATH; install one.")


def _installed(digest: str, extras: tuple[str, ...]) -> bool:
    """Whether the stamp says that nothing is to do, and the environment still starts."""
    try:
        stamp = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return False
    complete = stamp["pyproject_sha256"] == digest and set(extras) <= set(stamp["extras"])
    return complete and _works([str(PYTHON), "-c", "import napari_scarseg"])


def _stamped_extras() -> set[str]:
    """Extras of the installation that is there, which a smaller wish must not lose."""
    try:
        return set(json.loads(STAMP.read_text())["extras"])
    except (OSError, ValueError):
        return set()


def _run(command: list[str]) -> bool:
    """Run in the repository's root with its output shown; True if it went well."""
    return subprocess.run(command, cwd=ROOT, check=False).returncode == 0


def _works(command: list[str], timeout_s: float = 60, **environment: str) -> bool:
    """Whether a command ends well in time, its output unseen. `environment` is added to ours."""
    try:
        done = subprocess.run(
            command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, timeout=timeout_s, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _say(sentence: str) -> None:
    print(sentence, flush=True)


def main() -> int:
    """Install everything a developer needs."""
    try:
        install(DEVELOPER_EXTRAS)
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(f"Everything is in {VENV}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
