"""The server side of an engine for other machines: one engine process for each client that has the key.

The relay carries bytes and looks into none: what they mean is decided in the engine process, by `wire`. A client that
goes, or whose cancel is not heard in time, has its process ended, as a window has on its own machine; a process that
dies closes its client's connection and nothing else.
"""

import contextlib
import socket
import threading
from collections.abc import Sequence
from multiprocessing import AuthenticationError
from multiprocessing.connection import Connection, Listener, answer_challenge, deliver_challenge

from napari_scarseg.engines.messages import EngineDied
from napari_scarseg.engines.process import ENGINE_COMMAND, REMOTE_FLAG, EngineProcess
from napari_scarseg.engines.wire import MOST_BYTES, hang_up
from napari_scarseg.errors import InputError

REMOTE_COMMAND = (*ENGINE_COMMAND, REMOTE_FLAG)

_POLL_S = 0.05
# A visitor who does not prove that he has the key is sent away.
_PATIENCE_S = 10.0


class EngineRelay:
    """Listens for clients, and gives each an engine process of its own.

    One process waits with its networks loaded, so that the next client need not.

    Parameters
    ----------
    host : str
    port : int
        0 for any that is free; `port` says which.
    key : bytes
    command : sequence of str, optional
        What starts an engine process.

    Raises
    ------
    InputError
        If nobody can listen there.
    """

    def __init__(self, host: str, port: int, key: bytes, command: Sequence[str] = REMOTE_COMMAND) -> None:
        self._key = key
        self._command = command
        try:
            # Without a key here: `accept` would do one handshake after the other, and wait for each.
            self._listener = Listener((host, port), backlog=8)
        except OSError as cause:
            raise InputError(
                f"Nobody can listen at {host}:{port} ({cause.strerror or 'no such address'}); choose another --port or "
                "--host."
            ) from cause
        self._lock = threading.Lock()
        self._engines: set[EngineProcess] = set()
        self._closed = threading.Event()
        self._spare = EngineProcess(command)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._listener.address[1])

    def serve(self) -> None:
        """Serve clients until `close`; each in threads of its own."""
        while not self._closed.is_set():
            try:
                connection = self._listener.accept()
            except (OSError, EOFError):
                # A visitor who was gone again at once, or `close`; or no descriptor is left, and one may be soon.
                self._closed.wait(_POLL_S)
                continue
            threading.Thread(target=self._welcome, args=(connection,), name="scarseg-client", daemon=True).start()

    def close(self) -> None:
        """Stop listening, and end every engine process."""
        self._closed.set()
        with contextlib.suppress(OSError):
            # `accept` does not hear of a close; it does of a visitor.
            socket.create_connection(self._listener.address, timeout=1).close()
        self._listener.close()
        with self._lock:
            engines = [*self._engines, self._spare]
        for engine in engines:
            engine.kill()

    def _welcome(self, visitor: Connection) -> None:
        """Let a visitor prove that he has the key, prove it to him, and relay between him and an engine."""
        with visitor:
            if not _has_key(visitor, self._key) or self._closed.is_set():
                return
            engine = self._take_engine()
            try:
                engine.connect(lambda: None)
                _relay(visitor, engine)
            except EngineDied:
                # The connection closes, and the client says so.
                return
            finally:
                engine.kill()
                with self._lock:
                    self._engines.discard(engine)

    def _take_engine(self) -> EngineProcess:
        """The process that waits; another one takes its place."""
        with self._lock:
            engine = self._spare if self._spare.is_running else EngineProcess(self._command)
            self._engines.add(engine)
            self._spare = EngineProcess(self._command)
        return engine


def _has_key(visitor: Connection, key: bytes) -> bool:
    """Challenge and answer, both ways; a visitor who takes too long is sent away."""
    timer = threading.Timer(_PATIENCE_S, hang_up, args=(visitor,))
    timer.daemon = True
    timer.start()
    try:
        deliver_challenge(visitor, key)
        answer_challenge(visitor, key)
    except (AuthenticationError, OSError, EOFError, ValueError):
        return False
    finally:
        timer.cancel()
    return not visitor.closed


def _relay(visitor: Connection, engine: EngineProcess) -> None:
    """Carry messages both ways until one of the two is gone."""
    gone = threading.Event()

    def orders() -> None:
        try:
            while True:
                engine.send_bytes(visitor.recv_bytes(MOST_BYTES))
        except (OSError, EOFError, EngineDied):
            gone.set()

    threading.Thread(target=orders, name="scarseg-orders", daemon=True).start()
    try:
        while not gone.is_set():
            reply = engine.receive_bytes()
            if reply is not None:
                visitor.send_bytes(reply)
    except OSError:
        return
    finally:
        # Wakes the thread that waits for orders.
        hang_up(visitor)
