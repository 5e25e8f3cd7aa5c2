"""Callbacks that one widget has connected, so that closing it disconnects every one of them."""

import contextlib
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
        self._connected: list[tuple[Any, Callable[..., Any]]] = []
        self._owners: list[tuple[Any, QObject]] = []

    def connect(self, emitter: Any, callback: Callable[..., Any], owner: QObject | None = None) -> None:
        """Connect `callback`, once. A Qt signal needs its `owner`: to touch that of a destroyed object is a crash."""
        if (emitter, callback) not in self._connected:
            emitter.connect(callback)
            self._connected.append((emitter, callback))
            if owner is not None:
                self._owners.append((emitter, owner))

    def disconnect(self, emitter: Any) -> None:
        """Disconnect whatever was connected to `emitter` here."""
        for pair in [pair for pair in self._connected if pair[0] is emitter]:
            self._connected.remove(pair)
            self._disconnect(*pair)

    def close(self) -> None:
        """Disconnect everything; further calls do nothing."""
        while self._connected:
            self._disconnect(*self._connected.pop())
        self._owners.clear()

    def _disconnect(self, emitter: Any, callback: Callable[..., Any]) -> None:
        if any(known is emitter and not isalive(owner) for known, owner in self._owners):
            return
        # The emitter may have let go of the callback by itself. Where the callback's own object is gone, PySide6 says
        # so with a RuntimeError inside a SystemError.
        with contextlib.suppress(ValueError, RuntimeError, TypeError, SystemError):
            emitter.disconnect(callback)
