"""Callbacks that one widget has connected, so that closing it disconnects every one of them."""

import contextlib
import inspect
import weakref
from collections.abc import Callable
from typing import Any

from qtpy.compat import isalive
from qtpy.QtCore import QObject


class Subscriptions:
    """Connections to napari's events or Qt's signals (anything with `connect` and `disconnect`).

    Examples
    --------
    >>> from psygnal import SignalInstance
    >>> signal, heard = SignalInstance((int,)), []
    >>> subscriptions = Subscriptions()
    >>> subscriptions.connect(signal, heard.append)
    >>> signal.emit(1); subscriptions.close(); signal.emit(2)
    >>> heard
    [1]
    """

    def __init__(self) -> None:
        self._connected: list[_Connection] = []

    def connect(self, emitter: Any, callback: Callable[..., Any], owner: QObject | None = None) -> None:
        """Connect `callback`, once. A Qt signal needs its `owner`: to touch that of a destroyed object is a crash."""
        if any(known.emitter == emitter and known.callback == callback for known in self._connected):
            return
        connection = _QtConnection(emitter, callback, owner) if owner is not None else _Connection(emitter, callback)
        connection.open()
        self._connected.append(connection)

    def disconnect(self, emitter: Any) -> None:
        """Disconnect whatever was connected to `emitter` here."""
        for connection in [known for known in self._connected if known.emitter is emitter]:
            self._connected.remove(connection)
            connection.close()

    def close(self) -> None:
        """Disconnect everything; further calls do nothing."""
        while self._connected:
            self._connected.pop().close()


class _Connection:
    """A callback on one of napari's events.

    Emitters compare what is connected with what is to be disconnected. A method of a destroyed object can be neither
    looked up nor compared with PySide6, so what is connected is a function, which is compared by identity.
    """

    def __init__(self, emitter: Any, callback: Callable[..., Any]) -> None:
        self.emitter = emitter
        # A method does not keep its object alive.
        self._find = weakref.WeakMethod(callback) if inspect.ismethod(callback) else lambda: callback
        self._relay = _make_relay(self._find)

    @property
    def callback(self) -> Callable[..., Any] | None:
        """None where its object is gone."""
        found: Callable[..., Any] | None = self._find()
        return found

    def open(self) -> None:
        """Connect."""
        self.emitter.connect(self._relay)

    def close(self) -> None:
        """Disconnect."""
        self.emitter.disconnect(self._relay)


class _QtConnection(_Connection):
    """A callback on a Qt signal, which lets go by itself where one of the two objects is destroyed."""

    def __init__(self, emitter: Any, callback: Callable[..., Any], owner: QObject) -> None:
        super().__init__(emitter, callback)
        self._owner = owner

    def open(self) -> None:
        self.emitter.connect(self.callback)

    def close(self) -> None:
        callback = self.callback
        receiver = getattr(callback, "__self__", None)
        is_gone = callback is None or (isinstance(receiver, QObject) and not isalive(receiver))
        if isalive(self._owner) and not is_gone:
            self.emitter.disconnect(callback)


def _make_relay(find: Callable[[], Callable[..., Any] | None]) -> Callable[..., None]:
    """A function that calls what `find` gives, and takes as many arguments."""

    def relay(*arguments: Any) -> None:
        if (callback := find()) is not None:
            callback(*arguments)

    # Builtins do not say how many.
    with contextlib.suppress(ValueError, TypeError):
        relay.__signature__ = inspect.signature(find())  # type: ignore[attr-defined,arg-type]
    return relay
