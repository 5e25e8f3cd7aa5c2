"""The GUI's only door to the networks: requests to the engine process, answers from it, cancel and recovery.

No torch, cv2 or ultralytics in here. The calls block and are meant for worker threads, `start`, `cancel`, `close` and
the properties for any thread.
"""

import contextlib
import itertools
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from napari_scarseg.core.config import DetectConfig, SegmentConfig
from napari_scarseg.core.protocols import EngineInfo, Prompt
from napari_scarseg.core.stack import check_image_array, voxel_sha256
from napari_scarseg.engines.messages import (
    Answer,
    CancelJob,
    Cancelled,
    CloseStack,
    DescribeRequest,
    DetectEvent,
    DetectRequest,
    EngineDied,
    Failed,
    Finished,
    Job,
    OpenStack,
    Ping,
    Pong,
    Request,
    SegmentEvent,
    SegmentRequest,
    StackOpened,
)
from napari_scarseg.engines.process import ENGINE_COMMAND, EngineProcess
from napari_scarseg.engines.shared_volume import OwnedVolume
from napari_scarseg.errors import InputError

__all__ = ["Cancelled", "DetectEvent", "EngineClient", "EngineDied", "SegmentEvent"]

# A cancelled process may take this long to say so; then it is ended, and started again by the next call.
_POLITE_CANCEL_S = 0.5
_TURN_POLL_S = 0.05

Content = TypeVar("Content")


class _Ticket:
    """A call in progress, or waiting for its turn."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.cancelled = threading.Event()
        self.thread = threading.get_ident()
        self.is_over = False


class EngineClient:
    """Speaks to one engine process, and starts it again when it has died.

    Parameters
    ----------
    command : sequence of str, optional
        What starts the engine process; by default this package's server in this Python.

    Examples
    --------
    >>> client = EngineClient()
    >>> client.is_running
    False
    >>> client.close()
    """

    def __init__(self, command: Sequence[str] | None = None) -> None:
        self._command = tuple(command) if command is not None else ENGINE_COMMAND
        self._numbers = itertools.count(1)
        # Whoever holds the turn speaks to the process; the state lock guards the fields below and is held briefly.
        self._turn = threading.Lock()
        self._state = threading.Lock()
        self._tickets: dict[int, _Ticket] = {}
        self._process: EngineProcess | None = None
        self._closed = False
        self._volumes: dict[str, OwnedVolume] = {}
        self._openings: dict[str, int] = {}
        self._retired: list[OwnedVolume] = []
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
        with self._state:
            for volume in (*self._volumes.values(), *self._retired):
                volume.close()
            self._volumes.clear()
            self._openings.clear()
            self._retired.clear()

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
        check_image_array(data)
        key = voxel_sha256(data)
        with self._state:
            self._check_open()
            if key not in self._volumes:
                self._volumes[key] = OwnedVolume(key, data)
            self._openings[key] = self._openings.get(key, 0) + 1
        return key

    def close_stack(self, key: str) -> None:
        """Release a stack once; unknown keys are let pass. Memory that a call is using goes when the call ends."""
        with self._state:
            if key not in self._openings:
                return
            self._openings[key] -= 1
            if self._openings[key]:
                return
            del self._openings[key]
            self._retired.append(self._volumes.pop(key))
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
                while (content := _next_content(process, ticket)) is not None:
                    if not isinstance(content, kind):
                        raise RuntimeError(f"{type(content).__name__} does not answer {type(request).__name__}")
                    yield content
            finally:
                if not ticket.is_over:
                    _settle(process, ticket)

    @contextlib.contextmanager
    def _own_turn(self) -> Iterator[_Ticket]:
        """Wait until no other thread speaks to the process."""
        ticket = _Ticket(next(self._numbers))
        with self._state:
            self._check_open()
            if any(other.thread == ticket.thread for other in self._tickets.values()):
                raise RuntimeError("an iterator of this thread is not at its end; close it before the next call")
            self._tickets[ticket.number] = ticket
        try:
            while not self._turn.acquire(timeout=_TURN_POLL_S):
                _check_cancelled(ticket)
            try:
                _check_cancelled(ticket)
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

    def _running_process(self) -> EngineProcess:
        """The engine process, started (again) where it does not run."""
        with self._state:
            self._check_open()
            if self._process is None or not self._process.is_running:
                if self._process is not None:
                    self._process.kill()
                self._process = EngineProcess(self._command)
                self._attached = set()
            return self._process

    def _listening_process(self, ticket: _Ticket) -> EngineProcess:
        """The engine process, connected. One that died since the last call is replaced without a word."""
        process = self._running_process()
        if process.is_connected:
            try:
                process.send(Ping())
                _await_reply(process, ticket, Pong)
            except EngineDied:
                process = self._running_process()
        process.connect(lambda: _check_cancelled(ticket))
        return process

    def _attach_stack(self, process: EngineProcess, key: str, ticket: _Ticket) -> None:
        """Make sure that this process has the stack."""
        if key in self._attached:
            return
        with self._state:
            self._check_open()
            volume = self._volumes.get(key)
            if volume is None:
                raise InputError("This stack is no longer open for the engines; open it again.")
            handle = volume.handle()
        process.send(OpenStack(handle))
        _await_reply(process, ticket, StackOpened)
        with self._state:
            volume.drop_name()
        self._attached.add(key)

    def _release_retired(self) -> None:
        """Let go of closed stacks here and in the engine process; where a call is going on, it does so at its end."""
        if not self._turn.acquire(blocking=False):
            return
        try:
            with self._state:
                retired, self._retired = self._retired, []
                process = self._process
            for volume in retired:
                volume.close()
                if process is not None and volume.key in self._attached:
                    self._attached.discard(volume.key)
                    with contextlib.suppress(EngineDied):
                        process.send(CloseStack(volume.key))
        finally:
            self._turn.release()

    def _check_open(self) -> None:
        if self._closed:
            raise Cancelled("The engine client is closed.")


def _await_reply(process: EngineProcess, ticket: _Ticket, kind: type[Pong] | type[StackOpened]) -> None:
    """Wait until the listening thread over there has confirmed; stale answers to earlier calls are dropped."""
    while not isinstance(process.receive(), kind):
        _check_cancelled(ticket)


def _next_content(process: EngineProcess, ticket: _Ticket) -> DetectEvent | SegmentEvent | EngineInfo | None:
    """Wait for the next answer to `ticket`; None at the end. What comes under other numbers is stale and dropped."""
    while True:
        if ticket.cancelled.is_set():
            _settle(process, ticket)
            raise Cancelled
        reply = _receive_reply(process, ticket)
        if isinstance(reply, Failed):
            raise reply.error
        if isinstance(reply, Finished):
            return None
        if isinstance(reply, Answer):
            return reply.content


def _receive_reply(process: EngineProcess, ticket: _Ticket) -> Answer | Finished | Failed | None:
    """One reply to `ticket`, or None when a short wait brought none; notes when the call is over."""
    try:
        reply = process.receive()
    except EngineDied:
        ticket.is_over = True
        raise
    if reply is None or isinstance(reply, Pong | StackOpened) or reply.number != ticket.number:
        return None
    ticket.is_over = isinstance(reply, Finished | Failed)
    return reply


def _settle(process: EngineProcess, ticket: _Ticket) -> None:
    """Have the process stop working for `ticket`: asked first, ended where it does not stop in time."""
    deadline = time.monotonic() + _POLITE_CANCEL_S
    with contextlib.suppress(EngineDied):
        process.send(CancelJob(ticket.number))
        while not ticket.is_over and time.monotonic() < deadline:
            _receive_reply(process, ticket)
    if not ticket.is_over:
        process.kill()
        ticket.is_over = True


def _check_cancelled(ticket: _Ticket) -> None:
    if ticket.cancelled.is_set():
        raise Cancelled
