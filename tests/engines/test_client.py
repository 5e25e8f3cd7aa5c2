"""The engine process as a window sees it: real processes, networks that are arithmetic."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from multiprocessing import shared_memory
from pathlib import Path

import numpy as np
import psutil
import pytest

from napari_scarseg.core.box import Box
from napari_scarseg.core.config import DetectConfig, Device, SegmentConfig
from napari_scarseg.core.protocols import EngineInfo, Prompt
from napari_scarseg.engines.client import Cancelled, EngineClient, EngineDied
from napari_scarseg.engines.pipeline import detect_slices, segment_prompts
from napari_scarseg.errors import DeviceError, InputError, WeightsError

SCAR = Box(1, 22, 24, 28, 32, lesion_id=1)
DEATH = r"^The engine process ended unexpectedly \({}\); your layers are untouched, press the button again\.$"


def wait_until(condition: Callable[[], bool], limit_s: float = 20.0) -> bool:
    """Whether the condition came true in time."""
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return condition()


@contextlib.contextmanager
def called_soon(action: Callable[[], object], delay_s: float) -> Iterator[None]:
    timer = threading.Timer(delay_s, action)
    timer.start()
    try:
        yield
    finally:
        timer.join()


def shared_names() -> set[str]:
    return {path.name for path in Path("/dev/shm").glob("psm_*")} if Path("/dev/shm").is_dir() else set()


def test_answers_are_those_of_the_networks_in_this_process(client, fakes, heart):
    key = client.open_stack(heart)
    slices = [3, 1, 0, 5]
    events = list(client.detect(key, slices))
    assert [(event.done, event.total) for event in events] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    for event, direct in zip(events, detect_slices(heart, fakes.FakeDetector(), slices), strict=True):
        assert event.detections.slice == direct.slice
        assert [box.corners for box in event.detections.scars] == [box.corners for box in direct.scars]
    assert events[0].info == EngineInfo("bundled", "d" * 64, "cpu", "none")
    prompts = [Prompt(SCAR), Prompt(replace(SCAR, slice=2, lesion_id=2), points=((25.0, 28.0, True),))]
    answers = list(client.segment(key, prompts))
    assert [(event.done, event.total) for event in answers] == [(1, 2), (2, 2)]
    for event, direct in zip(answers, segment_prompts(heart, prompts, fakes.FakeSegmenter()), strict=True):
        np.testing.assert_array_equal(event.mask.logits, direct.logits)
        assert (event.mask.box_id, event.mask.row, event.mask.col) == (direct.box_id, direct.row, direct.col)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32, np.float64, bool, ">u2"])
def test_every_kind_of_voxel_arrives(client, fakes, heart, dtype):
    data = heart.astype(dtype)
    key = client.open_stack(data[:, ::-1])
    events = list(client.detect(key, [2]))
    direct = next(detect_slices(data[:, ::-1], fakes.FakeDetector(), [2]))
    assert [box.corners for box in events[0].detections.scars] == [box.corners for box in direct.scars]


def test_the_stack_may_change_after_it_was_opened(client, heart):
    key = client.open_stack(heart)
    heart[:] = 0
    (event,) = client.detect(key, [2])
    assert len(event.detections.scars) == 1


def test_describing_says_what_runs(client):
    assert client.describe(DetectConfig()) == EngineInfo("bundled", "d" * 64, "cpu", "none")
    assert client.describe(SegmentConfig()).threshold_logit == 0.25


def test_no_slices_and_no_prompts_give_nothing(client, heart):
    key = client.open_stack(heart)
    assert list(client.detect(key, [])) == []
    assert list(client.segment(key, [])) == []


def test_starting_returns_at_once_and_starts_one_process(make_client, heart):
    client = make_client()
    begun = time.monotonic()
    client.start()
    assert time.monotonic() - begun < 0.5
    pid = client.pid
    client.start()
    key = client.open_stack(heart)
    list(client.detect(key, [1]))
    assert client.is_running
    assert client.pid == pid


def test_warming_up_does_not_hold_back_cancel(make_client, heart):
    client = make_client("--warm-up")
    key = client.open_stack(heart)
    assert len(list(client.detect(key, [1, 2]))) == 2
    assert client.describe(SegmentConfig()).name == "bundled"


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (lambda c, k: c.detect(k, [1], DetectConfig("nowhere")), WeightsError, "There are no weights nowhere; choose "),
        (lambda c, k: c.detect(k, [1], DetectConfig(device=Device.CUDA)), DeviceError, "There is no CUDA here"),
        (lambda c, k: c.detect(k, [6]), InputError, "Slice 6 was asked for"),
        (lambda c, k: c.segment(k, [Prompt(replace(SCAR, lesion_id=None))]), InputError, "no lesion yet"),
        (lambda c, k: c.detect("unknown", [1]), InputError, "no longer open"),
    ],
)
def test_errors_arrive_with_their_class_and_sentence_and_the_process_lives_on(client, heart, call, error, sentence):
    key = client.open_stack(heart)
    with pytest.raises(error, match=sentence) as caught:
        list(call(client, key))
    assert type(caught.value) is error
    pid = client.pid
    assert len(list(client.detect(key, [1]))) == 1
    assert client.pid == pid


# --- cancel -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("behaviour", "survives"), [("slow", True), ("stuck", False)])
def test_cancel_answers_within_a_second(client, heart, behaviour, survives):
    key = client.open_stack(heart)
    client.describe(DetectConfig(behaviour))
    pid = client.pid
    moments = []
    events = []
    with called_soon(lambda: (moments.append(time.monotonic()), client.cancel()), 0.5), pytest.raises(Cancelled):
        for event in client.detect(key, [1, 2, 3, 4] * 50, DetectConfig(behaviour)):
            events.append(event)
    assert time.monotonic() - moments[0] < 1.0
    assert bool(events) is survives
    assert psutil.pid_exists(pid) is survives
    assert [event.done for event in client.detect(key, [1, 2])] == [1, 2]


def test_closing_the_iterator_cancels(client, heart):
    key = client.open_stack(heart)
    events = client.detect(key, [1, 2, 3, 4] * 50, DetectConfig("slow"))
    next(events)
    pid = client.pid
    begun = time.monotonic()
    events.close()
    assert time.monotonic() - begun < 1.0
    assert client.pid == pid
    # The next answers are those of the next call, none left over.
    assert [event.total for event in client.detect(key, [1, 2])] == [2, 2]


def test_cancel_while_the_process_is_starting(make_client, heart):
    client = make_client()
    key = client.open_stack(heart)
    with called_soon(client.cancel, 0.05), pytest.raises(Cancelled):
        list(client.detect(key, [1] * 200, DetectConfig("slow")))
    assert len(list(client.detect(key, [1]))) == 1


def test_cancel_with_nothing_going_on_does_nothing(client, heart):
    client.cancel()
    key = client.open_stack(heart)
    assert len(list(client.detect(key, [1]))) == 1
    client.cancel()
    assert len(list(client.detect(key, [1]))) == 1


def test_two_threads_take_turns(client, heart):
    key = client.open_stack(heart)
    totals = {}

    def detect(count: int) -> None:
        totals[count] = [event.total for event in client.detect(key, [1] * count, DetectConfig("slow"))]

    threads = [threading.Thread(target=detect, args=(count,)) for count in (4, 6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert totals == {4: [4] * 4, 6: [6] * 6}


def test_a_thread_that_would_wait_for_itself_is_told(client, heart):
    key = client.open_stack(heart)
    events = client.detect(key, [1, 2, 3])
    next(events)
    with pytest.raises(RuntimeError, match="close it before the next call"):
        next(client.detect(key, [1]))
    events.close()


# --- death ------------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_killed_in_the_middle_says_so_and_the_next_call_works(client, heart):
    key = client.open_stack(heart)
    events = client.detect(key, [1, 2, 3, 4] * 50, DetectConfig("slow"))
    next(events)
    first = client.pid
    os.kill(first, signal.SIGKILL)
    with pytest.raises(EngineDied, match=DEATH.format("signal 9, perhaps for want of memory")):
        list(events)
    assert not client.is_running
    assert client.pid is None
    assert len(list(client.detect(key, [1, 2]))) == 2
    assert client.pid not in (None, first)


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_killed_between_calls_goes_unnoticed(client, heart):
    key = client.open_stack(heart)
    list(client.detect(key, [1]))
    os.kill(client.pid, signal.SIGKILL)
    assert len(list(client.detect(key, [1, 2]))) == 2


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [("crash", "exit status 1: ValueError: the arithmetic broke"), ("exit", "exit status 7")],
)
def test_an_unexpected_error_ends_the_process_with_its_last_words(client, heart, behaviour, reason):
    key = client.open_stack(heart)
    with pytest.raises(EngineDied, match=DEATH.format(reason)):
        list(client.detect(key, [1], DetectConfig(behaviour)))
    assert len(list(client.detect(key, [1]))) == 1


def test_what_networks_print_neither_blocks_nor_shows(client, heart, capfd):
    key = client.open_stack(heart)
    assert len(list(client.detect(key, [1, 2, 3], DetectConfig("noisy")))) == 3
    assert capfd.readouterr() == ("", "")


def test_a_program_that_is_not_there():
    client = EngineClient(["/nowhere/python"])
    with pytest.raises(EngineDied, match=r"cannot be started \(No such file"):
        client.start()
    client.close()


def test_a_program_that_ends_before_it_listens():
    client = EngineClient([sys.executable, "-c", "raise SystemExit('no networks today')"])
    with pytest.raises(EngineDied, match=DEATH.format("exit status 1: no networks today")):
        client.describe(DetectConfig())
    client.close()


# --- what is left behind ----------------------------------------------------------------------------------------------


def test_closing_ends_the_process_and_later_calls(make_client, heart):
    client = make_client()
    key = client.open_stack(heart)
    list(client.detect(key, [1]))
    pid = client.pid
    client.close()
    assert wait_until(lambda: not psutil.pid_exists(pid), 2.0)
    for call in (client.start, lambda: client.open_stack(heart), lambda: list(client.detect(key, [1]))):
        with pytest.raises(Cancelled):
            call()
    client.close()


def test_closing_ends_a_call_in_progress(make_client, heart):
    client = make_client()
    key = client.open_stack(heart)
    client.describe(DetectConfig("stuck"))
    begun = time.monotonic()
    with called_soon(client.close, 0.3), pytest.raises(Cancelled):
        list(client.detect(key, [1], DetectConfig("stuck")))
    assert time.monotonic() - begun < 1.3


def test_the_same_content_is_one_stack_until_closed_as_often_as_opened(client, heart):
    heart[5] = 51
    key = client.open_stack(heart)
    assert client.open_stack(heart.copy()) == key
    assert client.open_stack(heart + 1) != key
    client.close_stack(key)
    assert len(list(client.detect(key, [1]))) == 1
    client.close_stack(key)
    with pytest.raises(InputError, match="no longer open"):
        list(client.detect(key, [1]))
    client.close_stack(key)


def test_a_stack_closed_during_a_call_is_released_at_its_end(client, heart):
    heart[5] = 52
    key = client.open_stack(heart)
    events = client.detect(key, [1, 2, 3, 4])
    next(events)
    client.close_stack(key)
    assert len(list(events)) == 3
    with pytest.raises(InputError, match="no longer open"):
        list(client.detect(key, [1]))


def test_a_stack_opened_again_while_its_closing_is_on_the_way(client, heart):
    heart[5] = 53
    key = client.open_stack(heart)
    for _ in range(20):
        assert len(list(client.detect(key, [1]))) == 1
        client.close_stack(key)
        assert client.open_stack(heart) == key
    client.close_stack(key)


def test_cancelled_again_and_again_at_any_moment(client, heart):
    for delay_ms in range(12):
        key = client.open_stack(heart + delay_ms)
        with called_soon(client.cancel, delay_ms / 1000), contextlib.suppress(Cancelled):
            list(client.detect(key, [1, 2], DetectConfig("bundled")))
        assert [event.detections.slice for event in client.detect(key, [4, 3])] == [4, 3]
        client.close_stack(key)


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="shared memory has no folder here")
def test_no_shared_memory_has_a_name_once_the_process_has_it(make_client, heart):
    before = shared_names()
    client = make_client()
    key = client.open_stack(heart)
    assert len(shared_names() - before) == 1
    list(client.detect(key, [1]))
    assert shared_names() == before
    os.kill(client.pid, signal.SIGKILL)
    list(client.detect(key, [1]))
    assert shared_names() == before
    unused = make_client()
    unused.open_stack(heart)
    unused.close()
    assert shared_names() == before


def test_without_room_in_shared_memory_the_voxels_are_sent(make_client, heart, monkeypatch):
    client = make_client()

    def refuse(*arguments, **options):
        raise AssertionError("shared memory was used")

    monkeypatch.setattr("napari_scarseg.engines.shared_volume._has_room", lambda size_bytes: False)
    monkeypatch.setattr(shared_memory, "SharedMemory", refuse)
    key = client.open_stack(heart)
    heart[:] = 0
    (event,) = client.detect(key, [2])
    assert len(event.detections.scars) == 1


PARENT = """
import sys, time
import numpy as np
from napari_scarseg.core.config import DetectConfig
from napari_scarseg.engines.client import EngineClient

if __name__ == "__main__":
    client = EngineClient(sys.argv[2:])
    data = np.arange(4 * 16 * 16, dtype=np.uint16).reshape(4, 16, 16)
    key = client.open_stack(data)
    client.open_stack(data + 1)
    client.describe(DetectConfig("stuck"))
    print(client.pid, flush=True)
    if sys.argv[1] == "leave":
        sys.exit()
    list(client.detect(key, [1], DetectConfig(sys.argv[1])))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("state", ["stuck", "idle", "leave"])
def test_the_engine_process_ends_with_its_parent(fake_command, tmp_path, state):
    before = shared_names()
    behaviour = {"stuck": "stuck", "idle": "slow", "leave": "leave"}[state]
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    parent = subprocess.Popen(
        [sys.executable, str(script), behaviour, *fake_command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    engine = psutil.Process(int(parent.stdout.readline()))
    if state != "leave":
        time.sleep(0.3)
        parent.send_signal(signal.SIGKILL)
    said = parent.communicate(timeout=20)[1]
    assert wait_until(lambda: not engine.is_running() or engine.status() == psutil.STATUS_ZOMBIE, 5.0)
    assert wait_until(lambda: shared_names() == before, 5.0)
    if state == "leave":
        assert said == ""


def test_no_file_is_left_in_the_temporary_folder(make_client, heart, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    client = make_client()
    key = client.open_stack(heart)
    list(client.detect(key, [1]))
    assert list(tmp_path.iterdir()) == []
    client.close()
    unused = make_client()
    unused.start()
    unused.close()
    assert list(tmp_path.iterdir()) == []


def test_a_long_temporary_folder_means_the_loopback(make_client, heart, tmp_path, monkeypatch):
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    client = make_client()
    key = client.open_stack(heart)
    assert len(list(client.detect(key, [1]))) == 1


def test_the_key_is_not_on_the_command_line(client, heart):
    key = client.open_stack(heart)
    list(client.detect(key, [1]))
    process = psutil.Process(client.pid)
    assert len(process.cmdline()) == 2
    assert not any("SCARSEG" in name for name in process.environ())


def test_the_client_loads_no_networks():
    code = (
        "import sys; from napari_scarseg.engines.client import EngineClient; EngineClient(); "
        "print([n for n in ('torch', 'cv2', 'ultralytics') if n in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


@pytest.mark.weights
def test_the_bundled_networks_answer_as_in_this_process(heart):
    from napari_scarseg.engines import load_segmenter

    client = EngineClient()
    try:
        key = client.open_stack(heart)
        assert [event.detections.slice for event in client.detect(key, [2, 0], DetectConfig(device=Device.CPU))] == [
            2,
            0,
        ]
        (event,) = client.segment(key, [Prompt(SCAR)], SegmentConfig(device=Device.CPU))
    finally:
        client.close()
    segmenter = load_segmenter(device=Device.CPU)
    assert event.info == segmenter.info
    (direct,) = segment_prompts(heart, [Prompt(SCAR)], segmenter)
    np.testing.assert_allclose(event.mask.logits, direct.logits, atol=0.05)
