"""Many cases: the same outcomes side by side as one by one, whoever dies on the way."""

import functools
import importlib
import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from napari_scarseg.cli.many import Pool, report_failures, resolve_workers, run_many
from napari_scarseg.errors import DeviceError, InputError, ScarSegError
from napari_scarseg.io.write_image import write_stack_nifti
from napari_scarseg.phantom import make_phantom

pytest.importorskip("distributed")


@pytest.fixture
def work(monkeypatch):
    """The functions of `many_work.py`, which workers can import: they get this process' path."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    return importlib.import_module("many_work")


SCRIPT = Path(__file__).with_name("many_script.py")


def collect(work, items, **pool):
    """Outcomes in the order of the items, one for each."""
    outcomes = sorted(run_many(work, items, Pool(**pool), factory=None), key=lambda outcome: outcome.index)
    assert [outcome.index for outcome in outcomes] == list(range(len(items)))
    return outcomes


@pytest.mark.parametrize("workers", [1, 2])
def test_an_items_own_error_is_its_outcome(work, workers):
    outcomes = collect(work.double, range(40), workers=workers)
    assert [outcome.result for outcome in outcomes] == [None if n == 3 else 2 * n for n in range(40)]
    assert [str(outcome.error) for outcome in outcomes if outcome.error] == ["Three is no number."]


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_that_is_every_items_ends_all(work, workers):
    with pytest.raises(DeviceError, match="^There is no such device; choose auto.$"):
        list(run_many(work.no_device, range(5), Pool(workers), factory=None))


def test_a_killed_worker_is_replaced_and_its_case_begun_again(work, tmp_path):
    outcomes = collect(functools.partial(work.dies_once, tmp_path), range(6), workers=2)
    assert [outcome.result for outcome in outcomes] == list(range(6))
    begun = {n: len((tmp_path / f"{n}").read_text().splitlines()) for n in range(6)}
    assert begun[2] == 2


def test_a_case_that_kills_every_worker_is_its_own_outcome(work):
    outcomes = collect(work.always_dies, range(4), workers=2)
    assert [outcome.result for outcome in outcomes if outcome.index != 1] == [0, 2, 3]
    assert "ended every time it was tried" in str(outcomes[1].error)


def test_workers_keep_their_memory_and_are_not_profiled(work, monkeypatch):
    monkeypatch.delenv("MALLOC_TRIM_THRESHOLD_", raising=False)
    outcomes = collect(work.memory_settings, range(4), workers=2)
    assert [outcome.result for outcome in outcomes] == [(None, False)] * 4


def test_workers_follow_cases_cores_memory_and_gpus():
    many = 2**40
    assert resolve_workers(1000, 3, cores=2, free_bytes=0) == 3, "the user's word"
    assert resolve_workers(2, 8, cores=8, free_bytes=many) == 2
    assert resolve_workers(1000, None, cores=8, free_bytes=5 * 2**30) == 2
    assert resolve_workers(1000, None, cores=8, free_bytes=0) == 1
    assert resolve_workers(0, None, cores=8, free_bytes=many) == 1


def test_failures_end_in_one_sentence():
    error = InputError("It is constant.")
    assert report_failures([], 3, "measured") is None
    assert report_failures([("a", error)], 1, "measured") is error
    found = report_failures([(name, error) for name in "abcd"], 9, "measured")
    assert type(found) is ScarSegError
    assert str(found).startswith("4 of 9 cases were not measured (a, b, c, …), each")


# --- the client dies --------------------------------------------------------------------------------------------------


def start(stacks: Path, out: Path) -> subprocess.Popen:
    """`scarseg segment` on a folder, with two workers and slow networks."""
    command = [sys.executable, str(SCRIPT), "segment", str(stacks), "-o", str(out), "--workers", "2"]
    command += ["--detector", "slow", "--segmenter", "slow"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def done_in(out: Path) -> dict[str, int]:
    """Cases that are whole, and when; not the hidden files that are just being written."""
    return {path.name.removesuffix("_scar.json"): path.stat().st_mtime_ns for path in out.glob("[!.]*_scar.json")}


def wait_for_cases(out: Path, count: int, process: subprocess.Popen) -> None:
    end = time.monotonic() + 900
    while len(done_in(out)) < count:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "nothing is done"
        time.sleep(0.05)


def kill_in_the_middle(stacks: Path, out: Path, first: int, second: int) -> None:
    """SIGKILL a worker after `first` cases and the client after `second`; nobody is left over."""
    process = start(stacks, out)
    wait_for_cases(out, first, process)
    everybody = psutil.Process(process.pid).children(recursive=True)
    workers = [child for child in everybody if "spawn_main" in " ".join(child.cmdline())]
    assert len(workers) == 2
    workers[0].kill()
    wait_for_cases(out, second, process)
    everybody += psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.communicate()
    _, alive = psutil.wait_procs(everybody, timeout=60)
    assert not alive, "workers end with their client"


@pytest.mark.parametrize("count", [8, pytest.param(1000, marks=[pytest.mark.long])], ids=["few", "thousand"])
@pytest.mark.timeout(3600)
def test_killed_worker_and_client_lose_nothing_and_repeat_nothing(tmp_path, count):
    stacks, out = tmp_path / "stacks", tmp_path / "out"
    phantoms = [tiny(make_phantom(seed).stack) for seed in range(2)]
    for number in range(count):
        # Other voxels in every one: what is done is known by its contents.
        data = phantoms[number % 2].data.copy()
        data[0, 0, 0] = number
        write_stack_nifti(stacks / f"s{number:04}.nii.gz", replace(phantoms[number % 2], data=data))
    kill_in_the_middle(stacks, out, count // 8, count // 2)
    before = done_in(out)
    process = start(stacks, out)
    lines = process.communicate(timeout=3000)[0].splitlines()
    assert process.returncode == 0
    names = [f"s{number:04}" for number in range(count)]
    assert sorted(line.partition(":")[0] for line in lines) == names, "none lost, none twice"
    repeated = [line for line in lines if line.partition(":")[0] in before and not line.endswith("(done before)")]
    assert not repeated
    after = done_in(out)
    assert sorted(after) == names
    assert all(after[name] == time for name, time in before.items())
    for name in names:
        record = json.loads((out / f"{name}_measures.json").read_text())
        assert record["key"] == json.loads((out / f"{name}_boxes.json").read_text())["key"]


def tiny(stack):
    """A corner of a phantom's stack."""
    return replace(stack, data=np.ascontiguousarray(stack.data[:2, 100:164, 100:164]))
