"""The bundled box-prompted segmenter: `SmallSam` behind the `Segmenter` protocol."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from napari_scarseg.core.box import Box, BoxOrigin
from napari_scarseg.core.config import Device
from napari_scarseg.core.intensity import scale_pixels
from napari_scarseg.core.protocols import Detection, Detector, EngineInfo, Prompt, Region
from napari_scarseg.core.windows import Window, crop_context, window_around
from napari_scarseg.engines.device import resolve_device
from napari_scarseg.engines.lv_search import middle_starts, search_lv
from napari_scarseg.engines.mirroring import View, ask_all, average_views, mirror_all
from napari_scarseg.engines.prompt_grid import box_on_grid, point_on_grid
from napari_scarseg.engines.small_sam import ARCHITECTURE, Embedding, SmallSam, SmallSamConfig, scar_logits
from napari_scarseg.engines.weight_files import read_weights
from napari_scarseg.errors import WeightsError

# An LV that the detector is less sure of is not looked into.
LEAST_LV_SCORE = 0.1


class SmallSegmenter:
    """Box prompts to mask logits; no state between calls.

    Parameters
    ----------
    network : SmallSam
        In evaluation mode, on its device.
    info : EngineInfo
    locator : Detector, optional
        Finds the LV, round which the windows lie. Without one they lie round the box, which costs some accuracy.
    """

    def __init__(self, network: SmallSam, info: EngineInfo, locator: Detector | None = None) -> None:
        self._locator = locator
        self._network = network.eval().to(memory_format=torch.channels_last)
        self._device = next(network.parameters()).device
        self._info = info
        if locator is not None:
            both = f"{info.weights_sha256}+{locator.info.weights_sha256}"
            self._info = replace(info, weights_sha256=both)

    @property
    def info(self) -> EngineInfo:
        """What runs; the hash is that of both files where there is a locator."""
        return self._info

    @property
    def context(self) -> int:
        """Neighbouring slices on either side that the network sees."""
        return self._network.config.context

    def locate(self, volume: npt.NDArray[np.generic], slices: Sequence[int]) -> dict[int, Box]:
        """The LV on each of some slices, where there is one: see `lv_search`."""
        if self._locator is None:
            return {}
        shape = (volume.shape[1], volume.shape[2])
        lvs = {}
        for index, detections in zip(slices, self._locator.detect(volume, slices), strict=True):
            first = best_lv(detections, index)
            starts = [*([] if first is None else [first]), *middle_starts(index, shape)]
            lv = search_lv(starts, self._lv_window, lambda window: self._show(volume, window))
            if lv is not None:
                lvs[index] = lv
        return lvs

    def _lv_window(self, lv: Box) -> Window:
        return lv_window(lv, self._network.config)

    def _show(self, volume: npt.NDArray[np.generic], window: Window) -> npt.NDArray[np.float32]:
        """Class probabilities (4, S, S) in a window, without a prompt."""
        # One view is enough to find the place, and the place is looked for often.
        (embedding,) = self._encode([crop_context(volume, window, self.context)], views=1)
        probabilities: npt.NDArray[np.float32] = torch.softmax(embedding.classes[0], dim=0).cpu().numpy()
        return probabilities

    def window(self, prompt: Prompt, shape: tuple[int, int]) -> Window:
        """Square window on a coarse grid: around the LV where it is known and holds the box, else around the box."""
        config = self._network.config
        if prompt.lv is not None:
            window = lv_window(prompt.lv, config)
            if _holds(window, prompt.box):
                return window
        return box_window(prompt.box, shape, config)

    def embed(self, crops: Sequence[npt.NDArray[np.float32]]) -> list[Embedding]:
        """Encode raw crops (1 + 2 context, S, S) in one batch; one embedding of all the network's views each."""
        return self._encode(crops, self._network.config.views)

    @torch.inference_mode()
    def _encode(self, crops: Sequence[npt.NDArray[np.float32]], views: int) -> list[Embedding]:
        if not crops:
            return []
        scaled = torch.from_numpy(np.stack([[scale_pixels(plane) for plane in crop] for crop in crops]))
        windows = mirror_all(scaled.to(self._device), views).contiguous(memory_format=torch.channels_last)
        batch = self._network.encode(windows)
        return [Embedding(*(part[n : n + views].clone() for part in batch)) for n in range(0, len(windows), views)]

    @torch.inference_mode()
    def masks(self, embedding: Embedding, window: Window, prompts: Sequence[Prompt]) -> npt.NDArray[np.float32]:
        """Logits (P, S, S) over the window; prompts with equally many points share one decoder call."""
        size = self._network.config.window_size
        logits = np.zeros((len(prompts), size, size), dtype=np.float32)
        # One call per number of points: padding a prompt to its neighbours' length would change its answer.
        for count in sorted({len(prompt.points) for prompt in prompts}):
            chosen = [n for n, prompt in enumerate(prompts) if len(prompt.points) == count]
            logits[chosen] = self._decode(embedding, window, [prompts[n] for n in chosen])
        return logits

    def scar(self, embedding: Embedding) -> npt.NDArray[np.float32]:
        """Scar logits (S, S) without a prompt, from one embedding."""
        views = average_views(scar_logits(embedding.classes).float(), self._network.config.views)
        logits: npt.NDArray[np.float32] = views[0].cpu().numpy()
        return logits

    def _decode(self, embedding: Embedding, window: Window, prompts: Sequence[Prompt]) -> npt.NDArray[np.float32]:
        """Logits of prompts that all have the same number of points."""
        size, views = self._network.config.window_size, self._network.config.views
        boxes = torch.tensor(
            [box_on_grid(window, prompt.box) for prompt in prompts], dtype=torch.float32, device=self._device
        )
        points = _points(window, prompts, self._device)
        if points is not None:
            points = ask_all(size, points[0], views, View.places), points[1].repeat_interleave(views, dim=0)
        repeated = Embedding(*(part.repeat(len(prompts), 1, 1, 1) for part in embedding))
        logits = self._network.decode(repeated, ask_all(size, boxes, views, View.boxes), points)
        result: npt.NDArray[np.float32] = average_views(logits.float(), views).cpu().numpy()
        return result


def best_lv(detections: Sequence[Detection], index: int) -> Box | None:
    """The surest LV among the finds on slice `index`, if it is sure enough: the heart has one."""
    lvs = [find for find in detections if find.region is Region.LV and find.score >= LEAST_LV_SCORE]
    best = max(lvs, key=lambda find: find.score, default=None)
    if best is None:
        return None
    return Box(
        index, best.row_min, best.col_min, best.row_max, best.col_max, score=best.score, origin=BoxOrigin.DETECTOR
    )


def lv_window(lv: Box, config: SmallSamConfig) -> Window:
    """Window around the LV's box."""
    return window_around(lv, factor=config.lv_factor, min_side_px=16.0, size=config.window_size)


def box_window(box: Box, shape: tuple[int, int], config: SmallSamConfig) -> Window:
    """Window around a box alone: wide enough to show the wall that the box lies in."""
    least = max(config.box_min_px, config.box_min_share * max(shape))
    return window_around(box, factor=config.box_factor, min_side_px=least, size=config.window_size)


def _holds(window: Window, box: Box) -> bool:
    """Whether the whole box lies in the window."""
    inside_rows = window.row_min <= box.row_min and box.row_max <= window.row_max
    return inside_rows and window.col_min <= box.col_min and box.col_max <= window.col_max


def load_small_segmenter(path: Path, name: str, device: Device, locator: Detector | None = None) -> SmallSegmenter:
    """Read a safetensors file of the small network and put it on a device.

    Raises
    ------
    WeightsError
        If the file is unsafe, damaged or of another architecture.
    DeviceError
        If the device is absent.
    """
    target = resolve_device(device)
    weights = read_weights(path)
    weights.check_architecture(ARCHITECTURE)
    config = network_config(weights.header.config)
    network = SmallSam(config)
    weights.load_into(network)
    return SmallSegmenter(network.to(target), weights.engine_info(name, target), locator)


def network_config(values: object) -> SmallSamConfig:
    """Rebuild the configuration that a weights file's header holds."""
    try:
        settings = dict(values)  # type: ignore[call-overload]
        settings["widths"] = tuple(settings["widths"])
        return SmallSamConfig(**settings)
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(
            "The weights file's header does not describe the small network; fetch or train the weights again."
        ) from error


def _points(window: Window, prompts: Sequence[Prompt], device: torch.device) -> tuple[Tensor, Tensor] | None:
    """Places (x, y) on the grid and signs of the points of all prompts; None where they have none."""
    if not prompts[0].points:
        return None
    places, signs = [], []
    for prompt in prompts:
        places.append([point_on_grid(window, point) for point in prompt.points])
        signs.append([float(positive) for _, _, positive in prompt.points])
    return torch.tensor(places, device=device), torch.tensor(signs, device=device)
