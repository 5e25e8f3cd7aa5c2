"""Networks that are arithmetic, and an engine process that serves them (run as a script). No torch."""

import os
import sys
import time
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from napari_scarseg.core.box import Box
from napari_scarseg.core.config import Device
from napari_scarseg.core.masks import component_boxes
from napari_scarseg.core.protocols import Detection, EngineInfo, Prompt, Region
from napari_scarseg.core.windows import Window, window_around
from napari_scarseg.errors import DeviceError, WeightsError

LV_LEVEL, SCAR_LEVEL = 100, 200
THRESHOLD_LOGIT = 0.25


class FakeDetector:
    """Scar is above 200, the LV above 100; `before` runs ahead of every batch."""

    def __init__(self, name: str = "fake", before=lambda: None, device: str = "cpu") -> None:
        self.calls: list[int] = []
        self._name, self._before, self._device = name, before, device

    @property
    def info(self) -> EngineInfo:
        return EngineInfo(self._name, "d" * 64, self._device, "none")

    def detect(self, volume: npt.NDArray[np.generic], slices: Sequence[int]) -> list[list[Detection]]:
        self.calls.append(len(slices))
        self._before()
        return [self._detect_plane(volume[index]) for index in slices]

    def _detect_plane(self, plane: npt.NDArray[np.generic]) -> list[Detection]:
        level = min(float(plane.max()) / 255, 1.0)
        scars = component_boxes(plane > SCAR_LEVEL, 0)
        found = [Detection(*box.corners, score=level, region=Region.SCAR) for box in scars]
        found += [Detection(*box.corners, score=0.99, region=Region.LV) for box in component_boxes(plane > LV_LEVEL, 0)]
        return sorted(found, key=lambda find: -find.score)


class FakeSegmenter:
    """The embedding is the crop, the logits are how far it lies above the scar's level, in hundreds."""

    def __init__(self, name: str = "fake", before=lambda: None, device: str = "cpu") -> None:
        self.embedded: list[int] = []
        self.decoded: list[int] = []
        self._name, self._before, self._device = name, before, device

    @property
    def info(self) -> EngineInfo:
        return EngineInfo(self._name, "e" * 64, self._device, "none", THRESHOLD_LOGIT)

    @property
    def context(self) -> int:
        return 0

    def locate(self, volume: npt.NDArray[np.generic], slices: Sequence[int]) -> dict[int, Box]:
        return {}

    def window(self, prompt: Prompt, shape: tuple[int, int]) -> Window:
        return window_around(prompt.box, factor=1.8, min_side_px=32, size=64)

    def embed(self, crops: Sequence[npt.NDArray[np.float32]]) -> list[npt.NDArray[np.float32]]:
        self.embedded.append(len(crops))
        self._before()
        return [crop[0].copy() for crop in crops]

    def masks(
        self, embedding: npt.NDArray[np.float32], window: Window, prompts: Sequence[Prompt]
    ) -> npt.NDArray[np.float32]:
        self.decoded.append(len(prompts))
        return np.stack([(embedding - SCAR_LEVEL) / 100] * len(prompts))


def _crash() -> None:
    raise ValueError("the arithmetic broke")


BEHAVIOURS = {
    "bundled": lambda: None,
    "slow": lambda: time.sleep(0.1),
    "stuck": lambda: time.sleep(60),
    "crash": _crash,
    "exit": lambda: os._exit(7),
    "noisy": lambda: (print("x" * 200_000), sys.stderr.write("y" * 200_000)),
}


class FakeFactory:
    """Loads a fake by the name of its behaviour; other names are refused as real weights are."""

    def load_detector(self, name_or_path: str, device: Device) -> FakeDetector:
        return FakeDetector(name_or_path, self._behaviour(name_or_path, device))

    def load_segmenter(self, name_or_path: str, device: Device) -> FakeSegmenter:
        return FakeSegmenter(name_or_path, self._behaviour(name_or_path, device))

    def _behaviour(self, name: str, device: Device):
        if device is Device.CUDA:
            raise DeviceError("There is no CUDA here; choose auto.")
        if name not in BEHAVIOURS:
            raise WeightsError(f"There are no weights {name}; choose others.")
        return BEHAVIOURS[name]


if __name__ == "__main__":
    from napari_scarseg.engines.server import serve

    serve(FakeFactory(), warm_up="--warm-up" in sys.argv)
