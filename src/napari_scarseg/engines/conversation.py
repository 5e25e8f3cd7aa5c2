"""One call to the engine process, from its job to its last answer, as the client's side sees it."""

import contextlib
import threading
import time

from napari_scarseg.core.protocols import EngineInfo
from napari_scarseg.engines.link import EngineLink
from napari_scarseg.engines.messages import (
    Answer,
    CancelJob,
    Cancelled,
    DetectEvent,
    EngineDied,
    Failed,
    Finished,
    Pong,
    SegmentEvent,
    StackOpened,
)

# A cancelled process may take this long to say so; then it is ended, and started again by the next call.
_POLITE_CANCEL_S = 0.5


class Ticket:
    """A call in progress, or waiting for its turn.

    Parameters
    ----------
    number : int
        Carried by the job and its answers.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.cancelled = threading.Event()
        self.thread = threading.get_ident()
        self.is_over = False


def await_reply(process: EngineLink, ticket: Ticket, kind: type[Pong] | type[StackOpened]) -> None:
    """Wait until the listening thread over there has confirmed; stale answers to earlier calls are dropped."""
    while not isinstance(process.receive(), kind):
        check_cancelled(ticket)


def next_content(process: EngineLink, ticket: Ticket) -> DetectEvent | SegmentEvent | EngineInfo | None:
    """Wait for the next answer to `ticket`; None at the end. What comes under other numbers is stale and dropped."""
    while True:
        if ticket.cancelled.is_set():
            settle(process, ticket)
            raise Cancelled
        reply = _receive_reply(process, ticket)
        if isinstance(reply, Failed):
            raise reply.error
        if isinstance(reply, Finished):
            return None
        if isinstance(reply, Answer):
            return reply.content


def _receive_reply(process: EngineLink, ticket: Ticket) -> Answer | Finished | Failed | None:
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


def settle(process: EngineLink, ticket: Ticket) -> None:
    """Have the process stop working for `ticket`: asked first, ended where it does not stop in time."""
    deadline = time.monotonic() + _POLITE_CANCEL_S
    with contextlib.suppress(EngineDied):
        process.send(CancelJob(ticket.number))
        while not ticket.is_over and time.monotonic() < deadline:
            _receive_reply(process, ticket)
    if not ticket.is_over:
        process.kill()
        ticket.is_over = True


def check_cancelled(ticket: Ticket) -> None:
    """Raise Cancelled when somebody has cancelled the call."""
    if ticket.cancelled.is_set():
        raise Cancelled
