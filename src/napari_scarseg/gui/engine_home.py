"""Where a viewer's engine client lives.

The client belongs to the viewer's window: an `EngineHome` is a child object of the main window, found by asking the
window for it, so that all our widgets in one window share one engine process and two windows have two, without a global
registry. It ends when the last widget that joined it has left, and at the latest when Qt destroys the window with its
children. A widget outside any main window (in a script) is its own home's window.
"""

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import QObject
from qtpy.QtWidgets import QWidget

from napari_scarseg.core.config import DetectConfig, SegmentConfig
from napari_scarseg.core.protocols import EngineInfo, Prompt
from napari_scarseg.engines.choice import open_client
from napari_scarseg.engines.client import Cancelled, DetectEvent, SegmentEvent
from napari_scarseg.errors import ScarSegError
from napari_scarseg.gui.main_window import main_window_of

# A job that waits for another one's turn looks this often whether it was cancelled.
_POLL_S = 0.05

# Stacks that a person switches between; each costs its size in memory.
_KEPT_STACKS = 3


class Engine(Protocol):
    """What the GUI needs of an `EngineClient`; the tests' fake has the same."""

    @property
    def is_running(self) -> bool: ...

    def start(self) -> None: ...

    def close(self) -> None: ...

    def cancel(self) -> None: ...

    def open_stack(self, data: npt.NDArray[np.generic]) -> str: ...

    def close_stack(self, key: str) -> None: ...

    def detect(self, key: str, slices: Sequence[int], config: DetectConfig) -> Generator[DetectEvent, None, None]: ...

    def segment(
        self, key: str, prompts: Sequence[Prompt], config: SegmentConfig
    ) -> Generator[SegmentEvent, None, None]: ...

    def describe(self, config: DetectConfig | SegmentConfig) -> EngineInfo: ...


class _Opened:
    """An engine whose stacks stay open between jobs, so that an edit finds the embeddings of the one before.

    The most recent few; what is beyond them is closed.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._kept: OrderedDict[str, None] = OrderedDict()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def open_stack(self, data: npt.NDArray[np.generic]) -> str:
        key = self._engine.open_stack(data)
        if key in self._kept:
            self._kept.move_to_end(key)
            self._engine.close_stack(key)
        self._kept[key] = None
        return key

    def close_stack(self, key: str) -> None:
        while len(self._kept) > _KEPT_STACKS:
            self._engine.close_stack(self._kept.popitem(last=False)[0])


class _Resident:
    """The client in force, in an object of its own: it must be reachable while Qt destroys the home."""

    def __init__(self, make_client: Callable[[], Engine]) -> None:
        self._make_client = make_client
        self.client: Engine | None = None

    def wake(self) -> Engine:
        if self.client is None:
            self.client = cast(Engine, _Opened(self._make_client()))
        return self.client

    def close(self) -> None:
        client, self.client = self.client, None
        if client is not None:
            client.close()


class EngineHome(QObject):
    """One engine client for all widgets of a window; its engine may run on another machine (`SCARSEG_ENGINE`).

    Parameters
    ----------
    parent : QObject, optional
        The window that owns it.
    make_client : callable, optional
        Makes the client; tests give a fake's.
    """

    def __init__(self, parent: QObject | None = None, make_client: Callable[[], Engine] = open_client) -> None:
        super().__init__(parent)
        self._resident = _Resident(make_client)
        self._members: set[int] = set()
        self._turn = threading.Lock()
        self._holder: threading.Event | None = None
        self.destroyed.connect(self._resident.close)

    @property
    def is_running(self) -> bool:
        """Whether an engine process is alive."""
        client = self._resident.client
        return client is not None and client.is_running

    def join(self, member: QWidget) -> None:
        """A widget needs the engine: start its process, so that the networks are loaded before the first click."""
        self._members.add(id(member))
        # A process that does not start is told by the first job that needs it.
        with contextlib.suppress(ScarSegError, Cancelled):
            self._resident.wake().start()

    def leave(self, member: QWidget) -> None:
        """A widget closes: the last one ends the process."""
        self._members.discard(id(member))
        if not self._members:
            self._resident.close()

    @contextmanager
    def turn(self, stop: threading.Event) -> Iterator[Engine]:
        """Have the client to oneself; for worker threads.

        Raises
        ------
        Cancelled
            If `stop` is set while others have their turn.
        """
        while not self._turn.acquire(timeout=_POLL_S):
            if stop.is_set():
                raise Cancelled
        try:
            self._holder = stop
            if stop.is_set():
                raise Cancelled
            yield self._resident.wake()
        finally:
            self._holder = None
            self._turn.release()

    def cancel(self, stop: threading.Event) -> None:
        """Stop the job that polls `stop`: at once if it waits, within a second if it has its turn. Returns at once."""
        stop.set()
        client = self._resident.client
        if self._holder is stop and client is not None:
            client.cancel()


def find_engine_home(widget: QWidget) -> EngineHome:
    """The home in the window that `widget` lies in; made there on first need."""
    window = main_window_of(widget)
    home = window.findChild(EngineHome)
    return home if home is not None else EngineHome(window)
