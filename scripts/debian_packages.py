"""System packages that the plugin's window needs on Debian and Ubuntu: find what is missing, install it or say how.

    python3 scripts/debian_packages.py

Standard library only: this runs before anything is installed.
"""

from __future__ import annotations

import glob
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig

# Debian package → the shared library in it. These are what the Qt wheels' X11 plugin, their OpenGL and OpenCV name as
# needed and do not bring along.
SHARED_LIBRARIES = {
    "libdbus-1-3": "libdbus-1.so.3",
    "libegl1": "libEGL.so.1",
    "libfontconfig1": "libfontconfig.so.1",
    "libgl1": "libGL.so.1",
    "libglib2.0-0": "libgthread-2.0.so.0",
    "libx11-xcb1": "libX11-xcb.so.1",
    "libxcb-cursor0": "libxcb-cursor.so.0",
    "libxcb-glx0": "libxcb-glx.so.0",
    "libxcb-icccm4": "libxcb-icccm.so.4",
    "libxcb-image0": "libxcb-image.so.0",
    "libxcb-keysyms1": "libxcb-keysyms.so.1",
    "libxcb-randr0": "libxcb-randr.so.0",
    "libxcb-render-util0": "libxcb-render-util.so.0",
    "libxcb-shape0": "libxcb-shape.so.0",
    "libxcb-shm0": "libxcb-shm.so.0",
    "libxcb-sync1": "libxcb-sync.so.1",
    "libxcb-util1": "libxcb-util.so.1",
    "libxcb-xfixes0": "libxcb-xfixes.so.0",
    "libxcb-xkb1": "libxcb-xkb.so.1",
    "libxkbcommon-x11-0": "libxkbcommon-x11.so.0",
}
# Debian package → where one of its files lies: a software OpenGL driver, and letters for the window.
FILES = {
    "libgl1-mesa-dri": (
        "/usr/lib/*/dri/swrast_dri.so",
        "/usr/lib/*/dri/libdril_dri.so",
        "/usr/lib64/dri/swrast_dri.so",
    ),
    "fonts-dejavu-core": ("/usr/share/fonts/*/*/*.[to]tf", "/usr/share/fonts/*/*.[to]tf", "/usr/share/fonts/*.[to]tf"),
}
VIRTUAL_DISPLAY = "xvfb"


def missing_packages(*, virtual_display: bool, environment: bool = False) -> list[str]:
    """Names of the Debian packages whose files are not here. Empty where this is not Linux.

    Parameters
    ----------
    virtual_display : bool
        Whether Xvfb is needed as well.
    environment : bool
        Whether this Python will make an environment, for which Debian's needs a package of its own.
    """
    if not sys.platform.startswith("linux"):
        return []
    libraries = _loadable_libraries()
    missing = [package for package, library in SHARED_LIBRARIES.items() if library not in libraries]
    missing += [p for p, patterns in FILES.items() if not any(glob.glob(pattern) for pattern in patterns)]
    if virtual_display and shutil.which("Xvfb") is None:
        missing.append(VIRTUAL_DISPLAY)
    if environment and not can_make_environments():
        missing.append(environment_package())
    return sorted(missing)


def can_make_environments() -> bool:
    """Whether `python -m venv` works in full: Debian packs the part that brings pip separately."""
    importlib.invalidate_caches()
    return importlib.util.find_spec("ensurepip") is not None


def environment_package() -> str:
    """Debian package with which this Python can make environments."""
    return f"python{sysconfig.get_python_version()}-venv"


def install_packages(packages: list[str]) -> bool:
    """Install with apt-get, where this user may do so without a password; say what happens. True if it was done."""
    prefix = _root_prefix()
    if prefix is None or shutil.which("apt-get") is None:
        return False
    print(f"Installing system packages with apt-get: {' '.join(packages)}", flush=True)
    apt = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-o", "DPkg::Lock::Timeout=120"]
    # A stale or missing list is no reason to stop: the installation itself tells.
    _run_quietly([*apt, "update"])
    done = _run_quietly([*apt, "install", "-y", "--no-install-recommends", *packages])
    if done.returncode != 0:
        print(f"apt-get did not manage:\n{done.stdout}", flush=True)
    return done.returncode == 0


def install_line(packages: list[str]) -> str:
    """The one line that a person with the right to do so runs."""
    prefix = "" if os.geteuid() == 0 else "sudo "
    return f"{prefix}apt-get update && {prefix}apt-get install -y {' '.join(packages)}"


def provide_packages(*, virtual_display: bool, environment: bool = False) -> list[str]:
    """Install what is missing where that is allowed; return what is missing after that, with the line printed.

    The parameters are those of `missing_packages`.
    """
    missing = missing_packages(virtual_display=virtual_display, environment=environment)
    if missing and install_packages(missing):
        missing = missing_packages(virtual_display=virtual_display, environment=environment)
    if missing:
        print(f"\nThese system packages are missing and were not installed: {' '.join(missing)}")
        if shutil.which("apt-get"):
            print(f"Run this line once, then the same command again:\n\n    {install_line(missing)}\n", flush=True)
        else:
            print("They are named as in Debian; install your system's packages of the same libraries.\n", flush=True)
    return missing


def _loadable_libraries() -> set[str]:
    """Names of the shared libraries that the loader knows, as `ldconfig -p` lists them."""
    ldconfig = shutil.which("ldconfig") or "/sbin/ldconfig"
    try:
        listing = subprocess.run([ldconfig, "-p"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return set()
    return {line.split()[0] for line in listing.splitlines() if "=>" in line}


def _run_quietly(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run with the output kept for the case that something goes wrong."""
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )


def _root_prefix() -> list[str] | None:
    """What stands before a command that root must run: nothing, sudo, or None where neither is possible."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") is None:
        return None
    may = subprocess.run(["sudo", "-n", "true"], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return ["sudo", "-n"] if may.returncode == 0 else None


if __name__ == "__main__":
    sys.exit(1 if provide_packages(virtual_display=True) else 0)
