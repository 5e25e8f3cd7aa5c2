"""A screen for programs with a window: the one that is there, or a virtual one (Xvfb) that ends with the program.

    python scripts/display.py COMMAND [ARGUMENT …]

Standard library only.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

START_TIMEOUT_S = 30.0


def has_display() -> bool:
    """Whether a window can open without our help."""
    if not sys.platform.startswith("linux") or os.environ.get("WAYLAND_DISPLAY"):
        return True
    name = os.environ.get("DISPLAY", "")
    if not name:
        return False
    if not name.startswith(":"):
        return True  # forwarded from another machine
    # A number that was left behind in the environment has nobody listening.
    with socket.socket(socket.AF_UNIX) as screen:
        path = f"/tmp/.X11-unix/X{name[1:].split('.')[0]}"
        return screen.connect_ex(path) == 0 or screen.connect_ex("\0" + path) == 0


@contextlib.contextmanager
def virtual_display() -> Iterator[dict[str, str]]:
    """Start Xvfb on a free display and end it at the end, whatever happens; yields the environment to use.

    Raises
    ------
    RuntimeError
        If Xvfb is not installed or does not start.
    """
    if shutil.which("Xvfb") is None:
        raise RuntimeError("There is no display and no Xvfb; install it with: apt-get install xvfb")
    reader, writer = os.pipe()
    # The server picks a free number itself and writes it to `writer`. A session of its own keeps Ctrl-C away from it:
    # the program in the window ends first, then the screen.
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writer), "-screen", "0", "1600x1000x24", "-nolisten", "tcp", "-noreset"],
        pass_fds=(writer,),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        os.close(writer)
        number = _read_line(reader)
        if not number:
            raise RuntimeError("Xvfb did not start; run `Xvfb :99` by hand to see why.")
        environment = {name: value for name, value in os.environ.items() if name != "WAYLAND_DISPLAY"}
        environment.update(DISPLAY=f":{number}", XDG_SESSION_TYPE="x11")
        yield environment
    finally:
        os.close(reader)
        server.terminate()
        try:
            server.wait(timeout=10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


@contextlib.contextmanager
def any_display() -> Iterator[dict[str, str]]:
    """The environment of the display that is there, or else of a virtual one."""
    if has_display():
        yield dict(os.environ)
    else:
        with virtual_display() as environment:
            yield environment


def end_on_sigterm() -> None:
    """Let a polite kill end this program like Ctrl-C does, so that what it started is ended too."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def _read_line(descriptor: int) -> str:
    """First line that arrives within the time allowed; empty if none does."""
    text = b""
    while not text.endswith(b"\n"):
        ready, _, _ = select.select([descriptor], [], [], START_TIMEOUT_S)
        chunk = os.read(descriptor, 64) if ready else b""
        if not chunk:
            return ""
        text += chunk
    return text.decode().strip()


def main() -> int:
    """Run the command line's command on a display; its exit status is ours."""
    if len(sys.argv) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    end_on_sigterm()
    try:
        with any_display() as environment:
            return subprocess.run(sys.argv[1:], env=environment, check=False).returncode
    except (RuntimeError, FileNotFoundError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
