"""Torch at work: networks from a box or a slice to masks, in this process or in one of their own.

Importing this package imports no torch: the networks' libraries come with the first `load_…`. A window of its own uses
`engines.client`, which never loads them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from napari_scarseg.core.config import Device
from napari_scarseg.core.protocols import Detector, Segmenter
from napari_scarseg.engines.loading import goes_on_without_memory
from napari_scarseg.errors import ScarSegError

__all__ = ["load_detector", "load_segmenter"]

# What `DetectConfig` and `SegmentConfig` call the networks that come with the package.
BUNDLED = "bundled"
BUNDLED_SEGMENTER = "lge-segmenter"

# The libraries of the extra "engines"; anything else that cannot be imported is a mistake of ours.
_ENGINE_LIBRARIES = frozenset({"cv2", "safetensors", "segment_anything", "torch", "torchvision", "ultralytics"})


@goes_on_without_memory
def load_detector(name_or_path: str = BUNDLED, device: Device = Device.AUTO) -> Detector:
    """Load a detector of the LV and of scar.

    Parameters
    ----------
    name_or_path : str
        "bundled" (YOLO and the scar proposals in the LV's window, merged), a name of `scarseg models list`, the path of
        a safetensors file, or that of a folder with `detector.safetensors` and `segmenter.safetensors`.
    device : Device

    Raises
    ------
    WeightsError
        If there are no such weights, or they are damaged, unsafe or of another architecture.
    DeviceError
        If the device is absent.
    ScarSegError
        If the networks' libraries are not installed.
    """
    with engine_libraries():
        from napari_scarseg.engines.cascade import load_cascade

        return load_cascade(name_or_path, device)


@goes_on_without_memory
def load_segmenter(name_or_path: str = BUNDLED, device: Device = Device.AUTO) -> Segmenter[Any]:
    """Load a segmenter of boxes.

    Parameters
    ----------
    name_or_path : str
        "bundled", a name of `scarseg models list` (such as sam-vit-b, once fetched), the path of a safetensors file, or
        that of a folder with `detector.safetensors` and `segmenter.safetensors`.
    device : Device

    Raises
    ------
    WeightsError
        If there are no such weights, or they are damaged, unsafe or of another architecture.
    DeviceError
        If the device is absent.
    ScarSegError
        If the networks' libraries are not installed.
    """
    with engine_libraries():
        from napari_scarseg.engines.cascade import load_located
        from napari_scarseg.engines.catalogue import resolve_weights
        from napari_scarseg.engines.official_sam import holds_official_sam, load_official_sam

        if name_or_path != BUNDLED and not Path(name_or_path).expanduser().is_dir():
            weights = resolve_weights(name_or_path)
            if holds_official_sam(weights.path):
                return load_official_sam(weights.path, weights.name, device)
        return load_located(name_or_path, device)


@contextmanager
def engine_libraries() -> Iterator[None]:
    """Say how to install the networks' libraries where one is missing."""
    try:
        yield
    except ModuleNotFoundError as cause:
        missing = (cause.name or "").partition(".")[0]
        if missing not in _ENGINE_LIBRARIES:
            raise
        raise ScarSegError(
            f"The networks need {missing}, which is not installed; install what they need with: "
            "pip install napari-scarseg[engines]."
        ) from cause
