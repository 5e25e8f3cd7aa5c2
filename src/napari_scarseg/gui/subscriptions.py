"""Callbacks that one widget has connected, so that closing it disconnects every one of them."""

import contextlib
from collections.abc import Callable
from typing import Any


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
        self._connected: list[tuple[Any, Callable[..., Any]]] = []

    def connect(self, emitter: Any, callback: Callable[..., Any]) -> None:
        """Connect `callback`, once."""
        if (emitter, callback) not in self._connected:
            emitter.connect(callback)
            self._connected.append((emitter, callback))

    def disconnect(self, emitter: Any) -> None:
        """Disconnect whatever was connected to `emitter` here."""
        for pair in [pair for pair in self._connected if pair[0] is emitter]:
            self._connected.remove(pair)
            _disconnect(*pair)

    def close(self) -> None:
        """Disconnect everything; further calls do nothing."""
        while self._connected:
            _disconnect(*self._connected.pop())


def _disconnect(emitter: Any, callback: Callable[..., Any]) -> None:
    # The emitter may be a Qt object that is gone already, or have let go of the callback by itself.
    with contextlib.suppress(ValueError, RuntimeError, TypeError):
        emitter.disconnect(callback)
