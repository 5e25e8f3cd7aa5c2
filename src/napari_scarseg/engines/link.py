"""What the client needs of an engine wherever it runs: here (`process`), or on another machine (`remote`)."""

from collections.abc import Callable
from typing import Protocol

from napari_scarseg.engines.messages import EngineDied, Order, Reply


class EngineLink(Protocol):
    """An engine and the connection to it. One thread speaks; any thread may end it."""

    @property
    def pid(self) -> int | None:
        """Process id; None where it is a process of another machine."""
        ...

    @property
    def is_running(self) -> bool:
        """Whether it has not ended, as far as is known."""
        ...

    @property
    def is_connected(self) -> bool:
        """Whether `connect` has done its work."""
        ...

    def connect(self, check: Callable[[], None]) -> None:
        """Wait until the engine listens, and connect. Does nothing when connected.

        Parameters
        ----------
        check : callable
            Called every 50 ms; what it raises ends the waiting.

        Raises
        ------
        EngineDied
            If there is nobody to connect to.
        """
        ...

    def send(self, order: Order, check: Callable[[], None] | None = None) -> None:
        """Send one order; EngineDied where the engine has ended.

        `check` is for an order that may be long on its way: called every 50 ms, what it raises ends the engine.
        """
        ...

    def receive(self) -> Reply | None:
        """Next reply, or None after 50 ms without one; EngineDied where the engine has ended."""
        ...

    def kill(self) -> None:
        """End it at once. Any thread."""
        ...

    def obituary(self) -> EngineDied:
        """The error that says how it ended (it is ended if it has not)."""
        ...
