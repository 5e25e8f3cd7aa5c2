"""One job: answers, progress, errors, cancel."""

import threading
import time
from collections.abc import Iterator

import pytest
from napari.utils.notifications import notification_manager
from qtpy.QtCore import QThread, QThreadPool
from qtpy.QtWidgets import QApplication

from napari_scarseg.engines.client import Cancelled
from napari_scarseg.errors import InputError
from napari_scarseg.gui.engine_home import EngineHome
from napari_scarseg.gui.jobs import Job, JobEnd, Progress


@pytest.fixture
def job(qtbot) -> Iterator[Job]:
    job = Job()
    job.heard = []
    job.ends = []
    job.answered.connect(job.heard.append)
    job.ended.connect(job.ends.append)
    yield job
    job.shut()


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    messages: list[str] = []
    monkeypatch.setattr("napari_scarseg.gui.jobs.show_error", messages.append)
    return messages


def test_answers_arrive_on_the_window_s_thread_in_order(qtbot, job: Job) -> None:
    threads, worker = [], []
    job.answered.connect(lambda _: threads.append(QThread.currentThread()))

    def work(stop: threading.Event) -> Iterator[object]:
        worker.append(threading.get_ident())
        yield from ("a", Progress(1, 2), "b")

    steps = []
    job.progressed.connect(lambda done, total: steps.append((done, total)))
    job.start(work, "Working", total=2)
    assert job.is_running
    qtbot.waitUntil(lambda: job.ends == [JobEnd.DONE])
    assert job.heard == ["a", "b"]
    assert steps == [(0, 2), (1, 2)]
    assert set(threads) == {QApplication.instance().thread()}
    assert worker != [threading.get_ident()]
    assert not job.is_running


def test_our_errors_are_shown_as_their_sentence(qtbot, job: Job, told: list[str]) -> None:
    def work(stop: threading.Event) -> Iterator[object]:
        yield "first"
        raise InputError("The image is empty; choose another.")

    job.start(work, "Working")
    qtbot.waitUntil(lambda: job.ends == [JobEnd.FAILED])
    assert told == ["The image is empty; choose another."]
    assert job.heard == ["first"]


def test_other_errors_reach_napari_with_their_traceback(qtbot, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    received = []
    monkeypatch.setattr(notification_manager, "receive_error", lambda *error: received.append(error))

    def work(stop: threading.Event) -> Iterator[object]:
        raise ZeroDivisionError("bug")
        yield

    job.start(work, "Working")
    qtbot.waitUntil(lambda: job.ends == [JobEnd.FAILED])
    assert received[0][0] is ZeroDivisionError


def test_an_older_run_s_answers_are_dropped(qtbot, job: Job) -> None:
    go = threading.Event()

    def slow(stop: threading.Event) -> Iterator[object]:
        yield "old 1"
        go.wait(5)
        yield "old 2"

    job.start(slow, "Old")
    qtbot.waitUntil(lambda: job.heard == ["old 1"])
    job.start(lambda stop: iter_of("new"), "New")
    go.set()
    qtbot.waitUntil(lambda: job.ends == [JobEnd.CANCELLED, JobEnd.DONE])
    qtbot.wait(50)
    assert job.heard == ["old 1", "new"]


def iter_of(*values: object) -> Iterator[object]:
    yield from values


def test_a_run_started_while_napari_makes_the_bar_of_another_is_the_newer_one(
    qtbot, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[object] = []
    job.answered.connect(answers.append)

    def make_bar(**_: object) -> None:
        # What napari's own bar does: it lets events through, and one of them starts the job again.
        job.start(lambda stop: iter(["newer"]))

    monkeypatch.setattr("napari_scarseg.gui.jobs.cancelable_progress", make_bar)
    job.start(lambda stop: iter(["older"]), "With a bar")
    qtbot.waitUntil(lambda: not job.is_running)
    qtbot.wait(50)
    assert answers == ["newer"]


def test_work_that_waits_keeps_no_other_from_running(qtbot, job: Job) -> None:
    pool = QThreadPool.globalInstance()
    go, waiting = threading.Event(), [Job() for _ in range(pool.maxThreadCount() + 1)]
    begun = []

    def wait(stop: threading.Event) -> Iterator[object]:
        begun.append(stop)
        go.wait(60)
        yield "late"

    active = pool.activeThreadCount()
    try:
        for other in waiting:
            other.start(wait)
        qtbot.waitUntil(lambda: len(begun) == len(waiting), timeout=30_000)
        job.start(lambda stop: iter_of("soon"))
        qtbot.waitUntil(lambda: job.ends == [JobEnd.DONE], timeout=30_000)
        assert all(other.is_running for other in waiting)
    finally:
        go.set()
    qtbot.waitUntil(lambda: not any(other.is_running for other in waiting), timeout=30_000)
    qtbot.waitUntil(lambda: pool.activeThreadCount() == active, timeout=30_000)


def test_cancel_ends_at_once_and_closes_the_work(qtbot, job: Job) -> None:
    closed = threading.Event()

    def work(stop: threading.Event) -> Iterator[object]:
        try:
            while True:
                time.sleep(0.01)
                yield Progress(0, 0)
        finally:
            closed.set()

    job.start(work, "Endless")
    qtbot.wait(50)
    job.cancel()
    assert job.ends == [JobEnd.CANCELLED]
    assert not job.is_running
    assert closed.wait(2)


def test_cancel_is_repeated_until_the_engine_has_heard_it(qtbot) -> None:
    asked = []
    release = threading.Event()

    def cancel_engine(stop: threading.Event) -> None:
        stop.set()
        asked.append(time.monotonic())
        if len(asked) == 3:
            release.set()

    job = Job(None, cancel_engine)
    ends = []
    job.ended.connect(ends.append)

    def deaf(stop: threading.Event) -> Iterator[object]:
        release.wait(10)
        raise Cancelled
        yield

    job.start(deaf, "Deaf")
    qtbot.wait(30)
    job.cancel()
    qtbot.waitUntil(lambda: len(asked) >= 3, timeout=3000)
    assert ends == [JobEnd.CANCELLED]


def test_an_engine_that_cancels_by_itself_is_a_cancelled_job(qtbot, job: Job, told: list[str]) -> None:
    def work(stop: threading.Event) -> Iterator[object]:
        raise Cancelled
        yield

    job.start(work, "Working")
    qtbot.waitUntil(lambda: job.ends == [JobEnd.CANCELLED])
    assert told == []


def test_many_quick_answers_do_not_pile_up(qtbot, job: Job) -> None:
    job.start(lambda stop: (Progress(i, 3000) for i in range(3000)), "Quick", total=3000)
    qtbot.waitUntil(lambda: job.ends == [JobEnd.DONE], timeout=20000)


def test_shutting_says_nothing_any_more(qtbot, job: Job) -> None:
    job.start(lambda stop: iter_of("late"), "Working")
    job.shut()
    qtbot.wait(50)
    assert (job.heard, job.ends) == ([], [])


def test_the_engine_serves_one_job_after_another(qtbot, home: EngineHome) -> None:
    order = []

    def work(name: str):
        def run(stop: threading.Event) -> Iterator[object]:
            with home.turn(stop):
                order.append(f"{name} in")
                time.sleep(0.1)
                order.append(f"{name} out")
                yield name

        return run

    first, second = Job(None, home.cancel), Job(None, home.cancel)
    ends = []
    for job in (first, second):
        job.ended.connect(ends.append)
    first.start(work("a"), "a")
    second.start(work("b"), "b")
    qtbot.waitUntil(lambda: len(ends) == 2)
    assert order in (["a in", "a out", "b in", "b out"], ["b in", "b out", "a in", "a out"])


def test_cancelling_a_waiting_job_leaves_the_other_s_turn_alone(qtbot, home: EngineHome, engine) -> None:
    inside, go = threading.Event(), threading.Event()
    cancelled = []
    engine.cancel = lambda: cancelled.append(True)

    def holding(stop: threading.Event) -> Iterator[object]:
        with home.turn(stop):
            inside.set()
            go.wait(5)
            yield "done"

    def waiting(stop: threading.Event) -> Iterator[object]:
        with home.turn(stop):
            yield "never"

    first, second = Job(None, home.cancel), Job(None, home.cancel)
    answers = []
    first.answered.connect(answers.append)
    second.answered.connect(answers.append)
    first.start(holding, "first")
    qtbot.waitUntil(inside.is_set)
    second.start(waiting, "second")
    qtbot.wait(50)
    second.cancel()
    go.set()
    qtbot.waitUntil(lambda: answers == ["done"])
    assert cancelled == []


def test_the_cross_in_the_activity_dock_is_heard_while_the_work_is_silent(qtbot) -> None:
    job, ends = Job(), []
    job.ended.connect(ends.append)

    def silent(stop: threading.Event) -> Iterator[object]:
        stop.wait(10)
        yield Progress(1, 1)

    job.start(silent, "Silent", 1)
    qtbot.wait(50)
    pressed = time.monotonic()
    job._bar.cancel()
    qtbot.waitUntil(lambda: ends == [JobEnd.CANCELLED], timeout=2000)
    assert time.monotonic() - pressed < 1.0
