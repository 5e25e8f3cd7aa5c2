"""What the workers of `test_many.py` do; a file of its own, so that their processes can import it."""

import os
import signal
from pathlib import Path

import dask

from napari_scarseg.errors import DeviceError, InputError


def double(number: int, bench: object) -> int:
    if number == 3:
        raise InputError("Three is no number.")
    return 2 * number


def dies_once(folder: Path, number: int, bench: object) -> int:
    """Number 2 takes its process along, the first time."""
    with (folder / f"{number}").open("a") as file:
        file.write("begun\n")
    if number == 2 and not (folder / "died").exists():
        (folder / "died").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def always_dies(number: int, bench: object) -> int:
    if number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def no_device(number: int, bench: object) -> int:
    raise DeviceError("There is no such device; choose auto.")


def memory_settings(number: int, bench: object) -> tuple[str | None, bool]:
    """What glibc was told about freed memory, and whether dask watches this worker's stack."""
    return os.environ.get("MALLOC_TRIM_THRESHOLD_"), dask.config.get("distributed.worker.profile.enabled")
