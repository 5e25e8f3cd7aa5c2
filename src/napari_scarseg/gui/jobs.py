"""One job of a widget: started, watched, cancelled; answers of an older run are dropped, errors reach the user.

The work is a generator that runs in a worker thread; everything it yields arrives on the window's thread.
"""

import contextlib
import io
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from napari.qt.threading import create_worker
from napari.utils import cancelable_progress
from napari.utils.notifications import notification_manager, show_error
from qtpy.QtCore import QObject, QThreadPool, QTimer, Signal

from napari_scarseg.engines.client import Cancelled
from napari_scarseg.errors import ScarSegError

# Cancel is repeated at this interval until the work has ended: it may have been between two calls to the engine.
_CANCEL_AGAIN_MS = 200
_BAR_INTERVAL_S = 0.15

Work = Callable[[threading.Event], Iterator[object]]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job has come; yielded by its work.

    Parameters
    ----------
    done, total : int
    """

    done: int
    total: int


class JobEnd(StrEnum):
    """How a job ended."""

    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class _Message:
    """One thing the worker says, under the number of its run."""

    run: int
    content: object


@dataclass(frozen=True, slots=True)
class _Failure:
    """An error, and whether its text is a sentence for a person."""

    error: Exception
    is_ours: bool


class Job(QObject):
    """Runs one piece of work at a time.

    Parameters
    ----------
    parent : QObject
        The widget; destroyed with it.
    cancel_engine : callable, optional
        Told the stop event of a run that is cancelled (`EngineHome.cancel`).

    Signals
    -------
    progressed(done, total), answered(object), ended(JobEnd)
        On the window's thread; from the newest run only.
    """

    progressed = Signal(int, int)
    answered = Signal(object)
    ended = Signal(object)

    def __init__(self, parent: QObject | None = None, cancel_engine: Callable[[threading.Event], None] | None = None):
        super().__init__(parent)
        self._cancel_engine = cancel_engine or threading.Event.set
        self._runs = itertools.count(1)
        self._run = 0
        self._stop: threading.Event | None = None
        self._bar: cancelable_progress | None = None
        self._is_moving_bar = False
        self._bar_moved_s = 0.0
        self._unended: dict[int, threading.Event] = {}
        self._again = QTimer(self)
        self._again.setInterval(_CANCEL_AGAIN_MS)
        self._again.timeout.connect(self._press_cancel)
        # The cross in napari's activity dock tells nobody, and the work may be silent for long.
        self._look = QTimer(self)
        self._look.setInterval(_CANCEL_AGAIN_MS)
        self._look.timeout.connect(self._look_at_cross)

    @property
    def is_running(self) -> bool:
        """Whether a run is on and not cancelled."""
        return self._stop is not None

    def start(self, work: Work, title: str = "", total: int = 0) -> None:
        """Run `work` in a worker thread; a run that is still on is cancelled first.

        Parameters
        ----------
        work : callable
            Takes the event that says stop, gives the generator. `Progress` it yields moves the bars, anything else is
            emitted by `answered`.
        title : str
            Shown in napari's activity dock; a job without one is not shown there.
        total : int
            Steps; 0 where unknown.
        """
        run = next(self._runs)
        # Into napari's activity dock only; tqdm would write to the terminal as well.
        bar = cancelable_progress(total=total, desc=title, file=io.StringIO()) if title else None
        if self._run > run:
            # napari lets events through while it makes a bar, and one of them has started a newer run.
            if bar is not None:
                bar.close()
            return
        if self.is_running:
            self.cancel()
        self._bar = bar
        if bar is not None:
            self._look.start()
        self._run = run
        self._stop = threading.Event()
        self._unended[self._run] = self._stop
        worker = create_worker(_report, self._run, work, self._stop, _start_thread=False)
        worker.yielded.connect(self._hear)
        worker.start()
        self.progressed.emit(0, total)

    def cancel(self) -> None:
        """Stop the run: its answers no longer arrive, and its engine call ends within a second."""
        stop = self._stop
        if stop is None:
            return
        self._finish(JobEnd.CANCELLED)
        self._cancel_engine(stop)
        self._again.start()

    def shut(self) -> None:
        """Cancel without telling anybody: the widget closes."""
        self.blockSignals(True)
        self.cancel()

    def _hear(self, message: _Message) -> None:
        if isinstance(message.content, JobEnd | _Failure):
            self._unended.pop(message.run, None)
        if message.run != self._run or self._stop is None:
            return
        if isinstance(message.content, JobEnd):
            self._finish(message.content)
        elif isinstance(message.content, _Failure):
            self._finish(JobEnd.FAILED)
            _tell(message.content)
        elif isinstance(message.content, Progress):
            self._show(message.content)
        else:
            self.answered.emit(message.content)

    def _look_at_cross(self) -> None:
        if self._bar is not None and self._bar.is_canceled:
            self.cancel()

    def _show(self, progress: Progress) -> None:
        self.progressed.emit(progress.done, progress.total)
        # napari's bar lets Qt deliver events while it moves, the next messages of this job among them: once is enough,
        # and a few times a second, as it has the whole window painted.
        now = time.monotonic()
        if self._bar is None or self._is_moving_bar or now - self._bar_moved_s < _BAR_INTERVAL_S:
            return
        self._is_moving_bar = True
        self._bar_moved_s = now
        try:
            if self._bar.total != progress.total:
                self._bar.total = progress.total
            self._bar.update(progress.done - self._bar.n)
        finally:
            self._is_moving_bar = False

    def _finish(self, end: JobEnd) -> None:
        self._stop = None
        self._look.stop()
        if self._bar is not None:
            # Closed by napari already where its own cross was pressed.
            with contextlib.suppress(KeyError):
                self._bar.close()
            self._bar = None
        self.ended.emit(end)

    def _press_cancel(self) -> None:
        stopped = [stop for stop in self._unended.values() if stop.is_set()]
        for stop in stopped:
            self._cancel_engine(stop)
        if not stopped:
            self._again.stop()


def _report(run: int, work: Work, stop: threading.Event) -> Iterator[_Message]:
    """Run the work in the worker thread, and say how it ended."""
    end: JobEnd | _Failure = JobEnd.DONE
    # Qt runs as many workers at once as there are cores, and work that waits for the engine process would keep all
    # others from running, autosave among them: it counts for none.
    pool = QThreadPool.globalInstance()
    pool.releaseThread()
    try:
        with contextlib.closing(work(stop)) as answers:  # type: ignore[type-var]
            for answer in answers:
                if stop.is_set():
                    break
                yield _Message(run, answer)
    except Cancelled:
        end = JobEnd.CANCELLED
    except ScarSegError as error:
        end = _Failure(error, True)
    except Exception as error:  # whatever it is, the user is told, and napari lives on
        end = _Failure(error, False)
    finally:
        pool.reserveThread()
    yield _Message(run, end)


def _tell(failure: _Failure) -> None:
    if failure.is_ours:
        show_error(str(failure.error))
    else:
        notification_manager.receive_error(type(failure.error), failure.error, failure.error.__traceback__)
