"""An engine on another machine: where it is, the key that opens it, and the connection to it.

The other side is `scarseg serve`. Both prove to each other that they have the key (an HMAC challenge, both ways) before
a message crosses; messages are those of `wire`, which cannot carry code. The connection itself is not encrypted:
between machines it belongs into an ssh tunnel.
"""

import os
import secrets
import stat
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, replace
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client
from pathlib import Path
from typing import TypeVar

import platformdirs

from napari_scarseg.core.protocols import EngineInfo
from napari_scarseg.engines.messages import DetectEvent, EngineDied, Order, Reply, SegmentEvent
from napari_scarseg.engines.wire import Wire, WireError
from napari_scarseg.errors import InputError

ADDRESS_VARIABLE = "SCARSEG_ENGINE"
KEY_VARIABLE = "SCARSEG_ENGINE_KEY"
DEFAULT_PORT = 7531

_KEY_BYTES = 32
_POLL_S = 0.05
_ELSEWHERE = "Computed on another machine."

Content = TypeVar("Content")


@dataclass(frozen=True, slots=True)
class EngineAddress:
    """Where an engine listens, and the file with its key.

    Parameters
    ----------
    host : str
    port : int
    key_file : Path
    """

    host: str
    port: int
    key_file: Path

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def resolve_address() -> EngineAddress | None:
    """The engine that the environment names (`SCARSEG_ENGINE`, host:port); None where it names none.

    Raises
    ------
    InputError
        If it is no host and port.
    """
    text = os.environ.get(ADDRESS_VARIABLE, "").strip()
    if not text:
        return None
    host, colon, port = text.rpartition(":")
    if not colon:
        host, port = text, str(DEFAULT_PORT)
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise InputError(f"{ADDRESS_VARIABLE} is '{text}', which is no host and port such as 127.0.0.1:{DEFAULT_PORT}.")
    return EngineAddress(host, int(port), key_path())


def key_path() -> Path:
    """The file with the key: `SCARSEG_ENGINE_KEY`, else engine.key in the user's configuration folder."""
    named = os.environ.get(KEY_VARIABLE)
    return Path(named).expanduser() if named else platformdirs.user_config_path("napari-scarseg") / "engine.key"


def read_key(path: Path) -> bytes:
    """The key in a file that only its owner can read.

    Raises
    ------
    InputError
        If there is no such file, others can read it, or it holds no key.
    """
    try:
        text = path.read_text(encoding="ascii").strip()
        mode = path.stat().st_mode
    except (OSError, UnicodeDecodeError) as cause:
        raise InputError(
            f"There is no readable key file '{path.name}'; copy the one that scarseg serve made, and name it with "
            f"{KEY_VARIABLE}."
        ) from cause
    if os.name != "nt" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise InputError(f"Others can read the key file '{path.name}'; make it yours alone with: chmod 600.")
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise InputError(f"The key file '{path.name}' does not hold a key of scarseg serve; copy it again.")
    return key


def make_key(path: Path) -> bytes:
    """A new random key in a file that only its owner can read.

    Raises
    ------
    InputError
        If the file is there already, or cannot be written.
    """
    key = secrets.token_bytes(_KEY_BYTES)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # The mode is there from the first moment on.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, stat.S_IRUSR | stat.S_IWUSR)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(key.hex() + "\n")
    except OSError as cause:
        raise InputError(f"The key file '{path.name}' cannot be written; choose another place with --key.") from cause
    return key


def mark_elsewhere(content: Content) -> Content:
    """The same answer, whose record says that another machine gave it."""
    if isinstance(content, EngineInfo):
        return replace(content, note=f"{content.note} {_ELSEWHERE}".strip())
    if isinstance(content, DetectEvent | SegmentEvent):
        return replace(content, info=mark_elsewhere(content.info))
    return content


class RemoteEngine:
    """The connection to an engine on another machine, as an `EngineLink`.

    Parameters
    ----------
    address : EngineAddress

    Raises
    ------
    InputError
        If its key file cannot be used.
    """

    def __init__(self, address: EngineAddress) -> None:
        self._address = address
        self._key = read_key(address.key_file)
        self._wire: Wire | None = None
        self._ended = False

    @property
    def pid(self) -> None:
        """The process is another machine's."""
        return

    @property
    def is_running(self) -> bool:
        """Whether the connection was neither lost nor closed."""
        return not self._ended

    @property
    def is_connected(self) -> bool:
        """Whether `connect` has done its work."""
        return self._wire is not None

    def connect(self, check: Callable[[], None]) -> None:
        """Connect, both sides proving that they have the key. Does nothing when connected. See `EngineLink`."""
        if self._wire is not None:
            return
        attempt = _Attempt(self._address, self._key)
        with ExitStack() as unless_done:
            unless_done.callback(attempt.abandon)
            while not attempt.done.wait(_POLL_S):
                check()
            unless_done.pop_all()
        if attempt.wire is None:
            self.kill()
            raise EngineDied(attempt.reason)
        self._wire = attempt.wire

    def send(self, order: Order, check: Callable[[], None] | None = None) -> None:
        """Send one order. See `EngineLink`."""
        if check is None:
            self._send(order)
            return
        # A stack on a slow line takes minutes, and Cancel has to be heard.
        with ThreadPoolExecutor(1) as thread, ExitStack() as unless_sent:
            unless_sent.callback(self.kill)
            sent = thread.submit(self._send, order)
            while not wait([sent], timeout=_POLL_S).done:
                check()
            unless_sent.pop_all()
            sent.result()

    def _send(self, order: Order) -> None:
        try:
            self._connected().send(order)
        except (OSError, ValueError) as cause:
            raise self.obituary() from cause

    def receive(self) -> Reply | None:
        """Next reply, or None. See `EngineLink`."""
        try:
            wire = self._connected()
            if not wire.poll(_POLL_S):
                return None
            reply: Reply = wire.recv()
        except (OSError, EOFError, WireError) as cause:
            raise self.obituary() from cause
        return reply

    def kill(self) -> None:
        """Close the connection; the process over there ends with it."""
        self._ended = True
        if self._wire is not None:
            self._wire.hang_up()

    def obituary(self) -> EngineDied:
        """The error that says that the connection is lost."""
        self.kill()
        return EngineDied(
            f"The connection to the engine at {self._address} was lost; your layers are untouched, check that scarseg "
            "serve and the ssh tunnel run there, and press the button again."
        )

    def _connected(self) -> Wire:
        if self._wire is None:
            raise RuntimeError("the engine is spoken to before it is connected")
        return self._wire


class _Attempt:
    """Connects in a thread of its own: a machine that does not answer keeps the caller for minutes."""

    def __init__(self, address: EngineAddress, key: bytes) -> None:
        self.done = threading.Event()
        self.wire: Wire | None = None
        self.reason = ""
        self._address = address
        self._key = key
        self._lock = threading.Lock()
        self._abandoned = False
        threading.Thread(target=self._connect, name="scarseg-connect", daemon=True).start()

    def abandon(self) -> None:
        """Nobody waits any more."""
        with self._lock:
            self._abandoned = True
            if self.wire is not None:
                self.wire.hang_up()

    def _connect(self) -> None:
        try:
            wire = Wire(Client((self._address.host, self._address.port), authkey=self._key))
        except AuthenticationError:
            self.reason = (
                f"The engine at {self._address} has another key; copy the key file that scarseg serve names there."
            )
        except (OSError, EOFError):
            self.reason = (
                f"No engine answers at {self._address}; start scarseg serve there and the ssh tunnel here, or unset "
                f"{ADDRESS_VARIABLE} to use this machine."
            )
        else:
            with self._lock:
                self.wire = wire
                if self._abandoned:
                    wire.hang_up()
        self.done.set()
