"""Importing ultralytics without its side effects: no network, no telemetry, no writes outside our own cache.

Everything that imports ultralytics calls `prepare_ultralytics` first. What it holds back (ultralytics 8.4): DNS
look-ups and automatic installation at import, usage events that carry the weights' file name, a settings file in the
user's configuration folder, `runs/` in the working directory, and patches of PIL, numpy, torch, OpenCV and Qt's
environment.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import PIL.Image
import torch

from napari_scarseg.engines.catalogue import cache_folder

# Read by ultralytics when it is imported, and inherited by the workers of its data loaders.
_ENVIRONMENT = {
    "YOLO_OFFLINE": "1",
    "YOLO_AUTOINSTALL": "false",
    "YOLO_VERBOSE": "false",
    "ULTRALYTICS_SKIP_REQUIREMENTS_CHECKS": "1",
    "ULTRALYTICS_SAFE_LOAD": "true",
}


def prepare_ultralytics() -> None:
    """Import ultralytics with every guard on. Cheap when called again."""
    if "ultralytics" not in sys.modules:
        os.environ.update(_ENVIRONMENT)
        os.environ["YOLO_CONFIG_DIR"] = str(_config_folder())
        with restored_environment(), _restored_libraries():
            import ultralytics  # noqa: F401
    _silence_settings()


@contextmanager
def kept_threads() -> Iterator[None]:
    """Torch's number of threads stays as it is: ultralytics sets it for the whole process."""
    threads = torch.get_num_threads()
    try:
        yield
    finally:
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)


def _config_folder() -> Path:
    folder = cache_folder() / "ultralytics"
    # Where the home cannot be written to, ultralytics takes a private folder under the system's temporary one.
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def _silence_settings() -> None:
    """Switch every integration off, in memory only: the file is the user's own where ultralytics was there first."""
    from ultralytics.utils import SETTINGS

    switches = [name for name, value in SETTINGS.items() if isinstance(value, bool)]
    dict.update(SETTINGS, dict.fromkeys(switches, False))
    folder = _config_folder()
    dict.update(SETTINGS, {f"{name}_dir": str(folder / name) for name in ("datasets", "weights", "runs")})
    sender = getattr(sys.modules.get("ultralytics.utils.events"), "events", None)
    if sender is not None:
        sender.enabled = False


@contextmanager
def restored_environment() -> Iterator[None]:
    """Variables are afterwards what they were: OpenCV's wheel points Qt to its own plugins, and napari's Qt then finds
    none that it can load (QT_QPA_PLATFORM_PLUGIN_PATH); ultralytics sets thread counts and log levels for everybody.
    """
    before = dict(os.environ)
    # Ultralytics sets 1 where it finds none.
    os.environ.setdefault("OMP_NUM_THREADS", str(torch.get_num_threads()))
    try:
        yield
    finally:
        for name in set(os.environ) - set(before):
            del os.environ[name]
        os.environ.update(before)


@contextmanager
def _restored_libraries() -> Iterator[None]:
    """Undo the patches of PIL, torch, numpy's and torch's printing, and OpenCV's threads."""
    import cv2

    open_image, save = PIL.Image.open, torch.save
    numpy_printing, torch_printing = np.get_printoptions(), vars(torch._tensor_str.PRINT_OPTS).copy()
    opencv_threads = cv2.getNumThreads()
    try:
        with kept_threads():
            yield
    finally:
        PIL.Image.open, torch.save = open_image, save
        np.set_printoptions(**numpy_printing)
        vars(torch._tensor_str.PRINT_OPTS).update(torch_printing)
        cv2.setNumThreads(opencv_threads)
