"""One engine process: started, spoken to, ended. Which requests it answers is the client's business.

A `subprocess` and not `multiprocessing.Process`, whose spawn runs a user's unguarded script again. The start is one
line on standard input (a random key and where to listen; nothing on the command line, which others can read) and one
line on standard output (where it listens). Standard input then stays open: its end tells the engine process that this
process is gone.
"""

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from multiprocessing.connection import Client
from pathlib import Path
from typing import IO, Any

from napari_scarseg.engines.messages import EngineDied, Order, Reply
from napari_scarseg.engines.wire import MOST_BYTES, Wire, WireError, decode, encode

# -P: a file of the user's in the working directory must not stand in for a library.
# Added where the client is on another machine: no memory is shared, and weights go by name.
REMOTE_FLAG = "--remote"
ENGINE_COMMAND = (sys.executable, "-P", "-m", "napari_scarseg.engines.server")

_POLL_S = 0.05
_KEPT_STDERR_LINES = 50
_SHOWN_REASON_CHARACTERS = 200
# The path of a Unix socket must fit its struct: 104 bytes on macOS, 108 on Linux.
_SOCKET_PATH_LIMIT = 100


class EngineProcess:
    """An engine process and the connection to it. One thread speaks; any thread may end it.

    Parameters
    ----------
    command : sequence of str
        Program and arguments that end in `server.serve`.

    Raises
    ------
    EngineDied
        If the program cannot be started.
    """

    def __init__(self, command: Sequence[str] = ENGINE_COMMAND) -> None:
        self._key = secrets.token_bytes(32)
        self._folder = Path(tempfile.mkdtemp(prefix="scarseg-"))
        self._wire: Wire | None = None
        try:
            self._popen = _start_process(command)
        except OSError as cause:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise EngineDied(
                f"The engine process cannot be started ({cause.strerror}); your layers are untouched, check that "
                "Python and this package are still installed where they were."
            ) from cause
        self._end = weakref.finalize(self, _end_process, self._popen, self._folder)
        self._stderr: deque[str] = deque(maxlen=_KEPT_STDERR_LINES)
        self._address: list[Any] = []
        self._listens = threading.Event()
        self._stderr_reader = threading.Thread(
            target=_collect_lines, args=(self._popen.stderr, self._stderr), name="scarseg-stderr", daemon=True
        )
        self._stderr_reader.start()
        threading.Thread(
            target=_await_address,
            args=(self._popen.stdout, self._address, self._listens),
            name="scarseg-stdout",
            daemon=True,
        ).start()
        self._introduce()

    @property
    def pid(self) -> int:
        """Process id."""
        return self._popen.pid

    @property
    def is_running(self) -> bool:
        """Whether the process has not ended."""
        return self._popen.poll() is None

    @property
    def is_connected(self) -> bool:
        """Whether `connect` has done its work."""
        return self._wire is not None

    def connect(self, check: Callable[[], None]) -> None:
        """Wait until the process listens, and connect. Does nothing when connected.

        Parameters
        ----------
        check : callable
            Called every 50 ms; what it raises ends the waiting.

        Raises
        ------
        EngineDied
            If the process ends before.
        """
        if self._wire is not None:
            return
        while not self._listens.wait(_POLL_S):
            check()
        if not self._address:
            raise self.obituary()
        address = self._address[0]
        try:
            self._wire = Wire(Client(address if isinstance(address, str) else tuple(address), authkey=self._key))
        except (OSError, EOFError) as cause:
            raise self.obituary() from cause
        shutil.rmtree(self._folder, ignore_errors=True)

    def send(self, order: Order, check: Callable[[], None] | None = None) -> None:
        """Send one order to the connected process; it takes no time, so `check` is not asked.

        Raises
        ------
        EngineDied
            If the process has ended.
        """
        self.send_bytes(encode(order))

    def send_bytes(self, order: bytes) -> None:
        """As `send`, for an order that is bytes already."""
        try:
            self._connected().connection.send_bytes(order)
        except (OSError, ValueError) as cause:
            raise self.obituary() from cause

    def receive(self, timeout_s: float = _POLL_S) -> Reply | None:
        """Next reply, or None after `timeout_s` seconds without one.

        Raises
        ------
        EngineDied
            If the process has ended.
        """
        data = self.receive_bytes(timeout_s)
        if data is None:
            return None
        try:
            reply: Reply = decode(data)
        except WireError as cause:
            raise self.obituary() from cause
        return reply

    def receive_bytes(self, timeout_s: float = _POLL_S) -> bytes | None:
        """As `receive`, without a look at what the reply says."""
        try:
            wire = self._connected()
            return wire.connection.recv_bytes(MOST_BYTES) if wire.poll(timeout_s) else None
        except (OSError, EOFError) as cause:
            raise self.obituary() from cause

    def kill(self) -> None:
        """End the process at once and wait until it has. Any thread."""
        self._end()

    def obituary(self) -> EngineDied:
        """The error that says how the process ended (it is ended if it has not)."""
        try:
            status: int | None = self._popen.wait(1.0)
        except subprocess.TimeoutExpired:
            status = None
        self.kill()
        self._stderr_reader.join(1.0)
        return EngineDied(
            f"The engine process ended unexpectedly ({self._reason(status)}); your layers are untouched, press the "
            "button again."
        )

    def _reason(self, status: int | None) -> str:
        if status is None:
            return "it hung up"
        if status < 0:
            return f"signal {-status}" + (", perhaps for want of memory" if status == -9 else "")
        last = next((line for line in reversed(self._stderr) if line.strip()), "")
        said = f": {last.strip()[:_SHOWN_REASON_CHARACTERS]}" if last else ""
        return f"exit status {status}{said}"

    def _connected(self) -> Wire:
        if self._wire is None:
            raise RuntimeError("the engine process is spoken to before it is connected")
        return self._wire

    def _introduce(self) -> None:
        """Tell the process its key and where to listen, and leave its standard input open."""
        line = json.dumps({"key": self._key.hex(), "address": _wanted_address(self._folder)}) + "\n"
        # It may have ended already; then reading its address will say so.
        with contextlib.suppress(OSError):
            stdin = self._popen.stdin
            if stdin is not None:
                stdin.write(line.encode())
                stdin.flush()


def _start_process(command: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start the process with pipes of its own, out of reach of the terminal's Ctrl+C."""
    pipe = subprocess.PIPE
    if sys.platform == "win32":
        flags = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
        return subprocess.Popen(list(command), stdin=pipe, stdout=pipe, stderr=pipe, creationflags=flags)
    return subprocess.Popen(list(command), stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True)


def _end_process(popen: subprocess.Popen[bytes], folder: Path) -> None:
    """End the process, close what leads to it, remove its socket's folder."""
    popen.kill()
    popen.wait()
    if popen.stdin is not None:
        with contextlib.suppress(OSError):
            popen.stdin.close()
    shutil.rmtree(folder, ignore_errors=True)


def _wanted_address(folder: Path) -> str | None:
    """Where the process shall listen: a pipe's or a socket's name; None for a port of the loopback."""
    if sys.platform == "win32":
        return rf"\\.\pipe\scarseg-{secrets.token_hex(16)}"
    path = str(folder / "engine")
    return path if len(os.fsencode(path)) < _SOCKET_PATH_LIMIT else None


def _collect_lines(stream: IO[bytes] | None, lines: deque[str]) -> None:
    """Read a stream to its end, so that its writer never blocks, and keep its last lines."""
    if stream is None:
        return
    with stream:
        for line in iter(lambda: stream.readline(4096), b""):
            lines.append(line.decode(errors="replace"))


def _await_address(stream: IO[bytes] | None, address: list[Any], listens: threading.Event) -> None:
    """Read the one line that says where the process listens; nothing where it ended before."""
    if stream is not None:
        with stream:
            line = stream.readline()
            if line:
                address.append(json.loads(line))
    listens.set()
