"""Where the two threads of the engine process meet: jobs that wait, the job being done, and the line to the client."""

import os
import queue
import threading
from typing import NoReturn

from napari_scarseg.engines.messages import CloseStack, Failed, Finished, Job, Reply
from napari_scarseg.engines.wire import Wire


class Desk:
    """The jobs that wait, the one being done, and the line to the client. Shared by the two threads."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.waiting: queue.SimpleQueue[Job | CloseStack] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._current: int | None = None
        self._last_ended = 0
        self._cancelled: set[int] = set()

    def send(self, reply: Reply) -> None:
        """Send one reply; ends the process when nobody is there to read it."""
        with self._lock:
            self._send(reply)

    def begin(self, number: int) -> bool:
        """Whether a job should be done; False when it was cancelled (and answered) while it waited."""
        with self._lock:
            if number in self._cancelled:
                self._cancelled.discard(number)
                return False
            self._current = number
            return True

    def is_cancelled(self, number: int) -> bool:
        with self._lock:
            return number in self._cancelled

    def end(self, reply: Finished | Failed) -> None:
        """Answer the job being done for the last time."""
        with self._lock:
            self._current = None
            self._last_ended = reply.number
            self._cancelled.discard(reply.number)
            self._send(reply)

    def cancel(self, number: int) -> None:
        """Note that a job is not wanted; one that has not begun is over with that. Numbers grow from job to job."""
        with self._lock:
            if number <= self._last_ended:
                return
            self._cancelled.add(number)
            if self._current != number:
                self._send(Finished(number))

    def _send(self, reply: Reply) -> None:
        try:
            self.wire.send(reply)
        except OSError:
            leave()


def leave() -> NoReturn:
    """End the process at once, whatever its threads are doing: nobody is there any more."""
    os._exit(0)
