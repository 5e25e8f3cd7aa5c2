"""The GUI's only door to the networks: requests to the engine process, answers from it, cancel and recovery.

No torch, cv2 or ultralytics in here. The calls block and are meant for worker threads, `start`, `cancel`, `close` and
the properties for any thread.
"""

import contextlib
import itertools
import threading
from collections.abc import Generator, Iterator, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from napari_scarseg.core.config import DetectConfig, SegmentConfig
from napari_scarseg.core.protocols import EngineInfo, Prompt
from napari_scarseg.engines.conversation import Ticket, await_reply, check_cancelled, next_content, settle
from napari_scarseg.engines.link import EngineLink
from napari_scarseg.engines.messages import (
    Cancelled,
    CloseStack,
    DescribeRequest,
    DetectEvent,
    DetectRequest,
    EngineDied,
    Job,
    OpenStack,
    Ping,
    Pong,
    Request,
    SegmentEvent,
    SegmentRequest,
    StackOpened,
)
from napari_scarseg.engines.open_stacks import OpenStacks
from napari_scarseg.engines.process import ENGINE_COMMAND, EngineProcess
from napari_scarseg.engines.remote import EngineAddress, RemoteEngine, mark_elsewhere

__all__ = ["Cancelled", "DetectEvent", "EngineClient", "EngineDied", "SegmentEvent"]

_TURN_POLL_S = 0.05

Content = TypeVar("Content")


class EngineClient:
    """Speaks to one engine process, and starts it again when it has died.

    Parameters
    ----------
    command : sequence of str, optional
        What starts the engine process; by default this package's server in this Python.
    address : EngineAddress, optional
        An engine on another machine (`scarseg serve`), instead of a process of this one.

    Examples
    --------
    >>> client = EngineClient()
    >>> client.is_running
    False
    >>> client.close()
    """

    def __init__(self, command: Sequence[str] | None = None, *, address: EngineAddress | None = None) -> None:
        self._address = address
        self._command = tuple(command) if command is not None else ENGINE_COMMAND
        self._numbers = itertools.count(1)
        # Whoever holds the turn speaks to the process; the state lock guards the fields below and is held briefly.
        self._turn = threading.Lock()
        self._state = threading.Lock()
        self._tickets: dict[int, Ticket] = {}
        self._process: EngineLink | None = None
        self._closed = False
        self._stacks = OpenStacks(is_shared=address is None)
        self._attached: set[str] = set()

    @property
    def is_running(self) -> bool:
        """Whether an engine process is alive."""
        process = self._process
        return process is not None and process.is_running

    @property
    def pid(self) -> int | None:
        """Process id of the engine process; None where there is none."""
        process = self._process
        return process.pid if process is not None and process.is_running else None

    def start(self) -> None:
        """Start the engine process, which then loads the bundled networks; returns at once.

        Raises
        ------
        EngineDied
            If no process can be started.
        Cancelled
            If the client is closed.
        """
        self._running_process()

    def close(self) -> None:
        """End the engine process and release all stacks. Calls in progress raise `Cancelled`, and so do later ones."""
        with self._state:
            self._closed = True
            process, self._process = self._process, None
            tickets = list(self._tickets.values())
        for ticket in tickets:
            ticket.cancelled.set()
        if process is not None:
            process.kill()
        self._stacks.close()

    def open_stack(self, data: npt.NDArray[np.generic]) -> str:
        """Copy a stack to where the engine process sees it.

        Parameters
        ----------
        data : ndarray (Z, Y, X)
            Any real type; may change afterwards.

        Returns
        -------
        str
            Key of the content: the same voxels opened again give the same key and no second copy. Each opening wants
            its own `close_stack`.

        Raises
        ------
        InputError
            If the data is no usable image.
        Cancelled
            If the client is closed.
        """
        self._check_open()
        return self._stacks.open(data)

    def close_stack(self, key: str) -> None:
        """Release a stack once; unknown keys are let pass. Memory that a call is using goes when the call ends."""
        if self._stacks.retire(key):
            self._release_retired()

    def detect(
        self, key: str, slices: Sequence[int], config: DetectConfig = DetectConfig()
    ) -> Generator[DetectEvent, None, None]:
        """Find the LV and scar candidates on `slices` of an opened stack, in the order given.

        Closing the generator cancels. It is closed or run to its end before the same thread makes another call.

        Yields
        ------
        DetectEvent
            One per slice, with all candidates: filter by `config.confidence` with `pipeline.select_boxes`.

        Raises
        ------
        ScarSegError
            What the engines raised, with its own class and sentence.
        EngineDied
            If the engine process ended on the way; the next call starts it again.
        Cancelled
            After `cancel` or `close`.
        """
        return self._answers(DetectRequest(key, tuple(int(z) for z in slices), config), DetectEvent)

    def segment(
        self, key: str, prompts: Sequence[Prompt], config: SegmentConfig = SegmentConfig()
    ) -> Generator[SegmentEvent, None, None]:
        """Answer boxes (each with a `lesion_id`) of an opened stack with mask logits. Otherwise as `detect`.

        Yields
        ------
        SegmentEvent
            One per prompt; those that share a window come together.
        """
        return self._answers(SegmentRequest(key, tuple(prompts), config), SegmentEvent)

    def describe(self, config: DetectConfig | SegmentConfig) -> EngineInfo:
        """Load the networks of `config` and say what they are and where they run. Raises as `detect`."""
        (info,) = self._answers(DescribeRequest(config), EngineInfo)
        return info

    def cancel(self) -> None:
        """Cancel every call made so far that is not over; returns at once.

        Their iterators raise `Cancelled` within a second: the engine process is asked to stop, and ended where it does
        not answer in time (the next call starts it again).
        """
        with self._state:
            tickets = list(self._tickets.values())
        for ticket in tickets:
            ticket.cancelled.set()

    def _answers(self, request: Request, kind: type[Content]) -> Generator[Content, None, None]:
        """Send one request and yield its answers; alone, and until the process has nothing more to say about it."""
        with self._own_turn() as ticket:
            process = self._listening_process(ticket)
            if not isinstance(request, DescribeRequest):
                self._attach_stack(process, request.key, ticket)
            process.send(Job(ticket.number, request))
            try:
                while (content := next_content(process, ticket)) is not None:
                    if not isinstance(content, kind):
                        raise RuntimeError(f"{type(content).__name__} does not answer {type(request).__name__}")
                    yield content if self._address is None else mark_elsewhere(content)
            finally:
                if not ticket.is_over:
                    settle(process, ticket)

    @contextlib.contextmanager
    def _own_turn(self) -> Iterator[Ticket]:
        """Wait until no other thread speaks to the process."""
        ticket = Ticket(next(self._numbers))
        with self._state:
            self._check_open()
            if any(other.thread == ticket.thread for other in self._tickets.values()):
                raise RuntimeError("an iterator of this thread is not at its end; close it before the next call")
            self._tickets[ticket.number] = ticket
        try:
            while not self._turn.acquire(timeout=_TURN_POLL_S):
                check_cancelled(ticket)
            try:
                check_cancelled(ticket)
                yield ticket
            except EngineDied as death:
                # Ended by `close` or with `cancel`: then its end is no surprise.
                if ticket.cancelled.is_set():
                    raise Cancelled from death
                raise
            finally:
                self._turn.release()
        finally:
            with self._state:
                del self._tickets[ticket.number]
            self._release_retired()

    def _new_link(self) -> EngineLink:
        return EngineProcess(self._command) if self._address is None else RemoteEngine(self._address)

    def _running_process(self) -> EngineLink:
        """The engine process, started (again) where it does not run."""
        with self._state:
            self._check_open()
            if self._process is None or not self._process.is_running:
                if self._process is not None:
                    self._process.kill()
                self._process = self._new_link()
                self._attached = set()
            return self._process

    def _listening_process(self, ticket: Ticket) -> EngineLink:
        """The engine process, connected. One that died since the last call is replaced without a word."""
        process = self._running_process()
        if process.is_connected:
            try:
                process.send(Ping())
                await_reply(process, ticket, Pong)
            except EngineDied:
                process = self._running_process()
        process.connect(lambda: check_cancelled(ticket))
        return process

    def _attach_stack(self, process: EngineLink, key: str, ticket: Ticket) -> None:
        """Make sure that this process has the stack."""
        if key in self._attached:
            return
        process.send(OpenStack(self._stacks.handle(key)), lambda: check_cancelled(ticket))
        await_reply(process, ticket, StackOpened)
        self._stacks.drop_name(key)
        self._attached.add(key)

    def _release_retired(self) -> None:
        """Let go of closed stacks here and in the engine process; where a call is going on, it does so at its end."""
        if not self._turn.acquire(blocking=False):
            return
        try:
            process = self._process
            for key in self._stacks.release_retired():
                self._attached.discard(key)
                # Also where it was not heard to have attached it: then there is nothing to close.
                if process is not None and process.is_connected:
                    with contextlib.suppress(EngineDied):
                        process.send(CloseStack(key))
        finally:
            self._turn.release()

    def _check_open(self) -> None:
        if self._closed:
            raise Cancelled("The engine client is closed.")
