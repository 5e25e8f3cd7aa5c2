"""The bundled box-prompted segmenter: `SmallSam` behind the `Segmenter` protocol."""

import functools
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from napari_scarseg.core.box import Box
from napari_scarseg.core.config import Device
from napari_scarseg.core.intensity import scale_pixels
from napari_scarseg.core.protocols import Asked, Detection, Detector, EngineInfo, Prompt
from napari_scarseg.core.windows import Window, crop_context
from napari_scarseg.engines.acceleration import (
    free_bytes,
    precision_name,
    resolve_batch,
    resolve_precision,
    running,
    to_device,
)
from napari_scarseg.engines.device import resolve_device
from napari_scarseg.engines.fusing import fuse_batch_norm
from napari_scarseg.engines.looks import LOOKS, PROMPT_LOOKS, SliceScar, average_looks
from napari_scarseg.engines.lv_search import (
    SearchedSlice,
    SeenWindows,
    agree,
    best_lv,
    middle_starts,
    search_lv,
    search_together,
    searched_slices,
    starts_beside,
)
from napari_scarseg.engines.prompt_grid import box_on_grid, point_on_grid
from napari_scarseg.engines.small_sam import ARCHITECTURE, Embedding, SmallSam, SmallSamConfig, scar_logits
from napari_scarseg.engines.small_windows import box_window, holds, look_window, lv_window, window_bytes
from napari_scarseg.engines.weight_files import read_weights
from napari_scarseg.errors import WeightsError

__all__ = ["SmallSegmenter", "best_lv", "box_window", "load_small_segmenter", "lv_window", "network_config"]

# More windows at once fill no GPU better.
_MOST_WINDOWS = 64
# Prompts per decoder call; each has its own copy of its window's embedding.
_PAIRS_PER_CALL = 64


class SmallSegmenter:
    """Box prompts to mask logits; no state between calls.

    Parameters
    ----------
    network : SmallSam
        On its device.
    info : EngineInfo
    locator : Detector, optional
        Finds the LV, round which the windows lie. Without one they lie round the box, which costs some accuracy.
    precision : torch.dtype, optional
        In which the U-Net computes; by default what the device is good at.
    """

    def __init__(
        self,
        network: SmallSam,
        info: EngineInfo,
        locator: Detector | None = None,
        *,
        precision: torch.dtype | None = None,
    ) -> None:
        self._locator = locator
        self._network = network.eval().to(memory_format=torch.channels_last)
        self._device = next(network.parameters()).device
        self._precision = resolve_precision(self._device) if precision is None else precision
        self._info = replace(info, precision=precision_name(self._precision))
        if locator is not None:
            both = f"{info.weights_sha256}+{locator.info.weights_sha256}"
            self._info = replace(self._info, weights_sha256=both)

    @property
    def info(self) -> EngineInfo:
        """What runs; the hash is that of both files where there is a locator."""
        return self._info

    @property
    def context(self) -> int:
        """Neighbouring slices on either side that the network sees."""
        return self._network.config.context

    @property
    def batch(self) -> int:
        """Windows that go through the network at once, by the device's free memory."""
        return resolve_batch(free_bytes(self._device), window_bytes(self._network.config), _MOST_WINDOWS)

    def locate(self, volume: npt.NDArray[np.generic], slices: Sequence[int]) -> dict[int, Box]:
        """The LV on each of some slices, where there is one: see `lv_search`."""
        if self._locator is None or not slices:
            return {}
        searched = searched_slices(slices, len(volume))
        found = dict(zip(searched, self._locator.detect(volume, searched), strict=True))
        return self.check_lvs(volume, slices, self.search_lvs(volume, found))

    def search_lvs(
        self, volume: npt.NDArray[np.generic], found: Mapping[int, Sequence[Detection]]
    ) -> dict[int, SearchedSlice]:
        """Search the LV on slices, each by itself, from what a detector found there; all in the same batches."""
        shape = (volume.shape[1], volume.shape[2])
        starts = {}
        for index, detections in found.items():
            first = best_lv(detections, index)
            starts[index] = [*([] if first is None else [first]), *middle_starts(index, shape)]
        seen: dict[int, SeenWindows] = {index: {} for index in found}
        lvs = self._follow(volume, starts, seen)
        return {index: SearchedSlice(lvs.get(index), seen[index]) for index in found}

    def check_lvs(
        self, volume: npt.NDArray[np.generic], slices: Sequence[int], searched: Mapping[int, SearchedSlice]
    ) -> dict[int, Box]:
        """The LVs on those of `slices` that were searched, checked against their neighbours'.

        `searched` is what `search_lvs` says of those of `searched_slices` that show anything.
        """
        found = {index: one.lv for index, one in searched.items() if one.lv is not None}
        beside = starts_beside(found, [index for index in slices if index in searched])
        seen = {index: searched[index].seen for index in beside}
        again = self._follow(volume, {index: [box] for index, box in beside.items()}, seen)
        moved = {index: box for index, box in again.items() if agree(box, beside[index])}
        return {index: box for index, box in (found | moved).items() if index in slices}

    def show_scar(self, volume: npt.NDArray[np.generic], lvs: Mapping[int, Box]) -> dict[int, SliceScar]:
        """Scar without a prompt on the slices of some LVs, averaged over `looks.LOOKS`."""
        config = self._network.config
        windows = {index: [look_window(look, lv, config) for look in LOOKS] for index, lv in lvs.items()}
        asked = [window for some in windows.values() for window in some]
        shown: list[npt.NDArray[np.float32]] = []
        size = self.batch
        for start in range(0, len(asked), size):
            crops = [crop_context(volume, window, self.context) for window in asked[start : start + size]]
            shown += [*scar_logits(self._encode(crops).classes).cpu().numpy()]
        shape = (volume.shape[1], volume.shape[2])
        answers = iter(shown)
        return {
            index: SliceScar(lvs[index], average_looks(some, list(itertools.islice(answers, len(some))), shape))
            for index, some in windows.items()
        }

    def _follow(
        self,
        volume: npt.NDArray[np.generic],
        starts: Mapping[int, Sequence[Box]],
        seen: Mapping[int, SeenWindows],
    ) -> dict[int, Box]:
        """The surest LV that each slice's starts lead to."""
        window_of = functools.partial(lv_window, config=self._network.config)
        searches = {index: search_lv(some, window_of, seen[index]) for index, some in starts.items()}
        return search_together(searches, lambda windows: self._show(volume, windows))

    def _show(self, volume: npt.NDArray[np.generic], windows: Sequence[Window]) -> list[npt.NDArray[np.float32]]:
        """Class probabilities (4, S, S) of windows, without a prompt."""
        shown: list[npt.NDArray[np.float32]] = []
        size = self.batch
        for start in range(0, len(windows), size):
            crops = [crop_context(volume, window, self.context) for window in windows[start : start + size]]
            shown += [*torch.softmax(self._encode(crops).classes, dim=1).cpu().numpy()]
        return shown

    def window(self, prompt: Prompt, shape: tuple[int, int]) -> Window:
        """Square window on a coarse grid: around the LV where it is known and holds the box, else around the box."""
        config = self._network.config
        if prompt.lv is not None:
            window = lv_window(prompt.lv, config)
            if holds(window, prompt.box):
                return window
        return box_window(prompt.box, shape, config)

    def windows(self, prompt: Prompt, shape: tuple[int, int]) -> list[Window]:
        """The window of `window`; where it lies around the LV, those of `looks.PROMPT_LOOKS` that hold the box."""
        first = self.window(prompt, shape)
        if prompt.lv is None or first != lv_window(prompt.lv, self._network.config):
            return [first]
        around = [look_window(look, prompt.lv, self._network.config) for look in PROMPT_LOOKS]
        return list(dict.fromkeys(window for window in around if holds(window, prompt.box)))

    def embed(self, crops: Sequence[npt.NDArray[np.float32]]) -> list[Embedding]:
        """Encode raw crops (1 + 2 context, S, S) in one batch; one embedding of batch size 1 each."""
        if not crops:
            return []
        batch = self._encode(crops)
        with torch.inference_mode():
            return [Embedding(*(part[n : n + 1].clone() for part in batch)) for n in range(len(crops))]

    def masks(self, embedding: Embedding, window: Window, prompts: Sequence[Prompt]) -> npt.NDArray[np.float32]:
        """Logits (P, S, S) over the window; prompts with equally many points share one decoder call."""
        (logits,) = self.masks_together([Asked(embedding, window, prompts)])
        return logits

    def masks_together(self, asked: Sequence[Asked[Embedding]]) -> list[npt.NDArray[np.float32]]:
        """As `masks` for several windows; all their prompts with equally many points share decoder calls."""
        size = self._network.config.window_size
        logits = [np.zeros((len(one.prompts), size, size), dtype=np.float32) for one in asked]
        pairs = [(n, p) for n, one in enumerate(asked) for p in range(len(one.prompts))]
        # One call per number of points: padding a prompt to its neighbours' length would change its answer.
        for count in sorted({len(asked[n].prompts[p].points) for n, p in pairs}):
            alike = [(n, p) for n, p in pairs if len(asked[n].prompts[p].points) == count]
            for start in range(0, len(alike), _PAIRS_PER_CALL):
                some = alike[start : start + _PAIRS_PER_CALL]
                for (n, p), mask in zip(some, self._decode(asked, some), strict=True):
                    logits[n][p] = mask
        return logits

    def scar(self, embedding: Embedding) -> npt.NDArray[np.float32]:
        """Scar logits (S, S) without a prompt, from one embedding."""
        logits: npt.NDArray[np.float32] = scar_logits(embedding.classes)[0].float().cpu().numpy()
        return logits

    def _encode(self, crops: Sequence[npt.NDArray[np.float32]]) -> Embedding:
        """One pass of the U-Net over raw crops; float32, whatever it was computed in."""
        lift = self._network.config.least_median
        scaled = to_device(np.stack([[scale_pixels(plane, lift) for plane in crop] for crop in crops]), self._device)
        with running(self._device, self._precision):
            windows = scaled.contiguous(memory_format=torch.channels_last)
            return Embedding(*(part.float() for part in self._network.encode(windows)))

    def _decode(self, asked: Sequence[Asked[Embedding]], pairs: Sequence[tuple[int, int]]) -> npt.NDArray[np.float32]:
        """Logits of (window, prompt) pairs that all have the same number of points. Places need float32 throughout."""
        windows = [asked[n].window for n, _ in pairs]
        prompts = [asked[n].prompts[p] for n, p in pairs]
        with running(self._device):
            boxes = torch.tensor(
                [box_on_grid(window, prompt.box) for window, prompt in zip(windows, prompts, strict=True)],
                dtype=torch.float32,
                device=self._device,
            )
            embedding = _for_pairs([asked[n].embedding for n, _ in pairs])
            answers = self._network.decode(embedding, boxes, _points(windows, prompts, self._device)).float()
        result: npt.NDArray[np.float32] = answers.cpu().numpy()
        return result


def _for_pairs(embeddings: Sequence[Embedding]) -> Embedding:
    """One embedding per prompt, side by side; not copied where all prompts lie in one window."""
    if all(embedding is embeddings[0] for embedding in embeddings):
        return Embedding(*(part.expand(len(embeddings), -1, -1, -1) for part in embeddings[0]))
    return Embedding(*(torch.cat(parts) for parts in zip(*embeddings, strict=True)))


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
    fuse_batch_norm(network.eval())
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


def _points(windows: Sequence[Window], prompts: Sequence[Prompt], device: torch.device) -> tuple[Tensor, Tensor] | None:
    """Places (x, y) on the grid and signs of the points of all prompts; None where they have none."""
    if not prompts[0].points:
        return None
    places, signs = [], []
    for window, prompt in zip(windows, prompts, strict=True):
        places.append([point_on_grid(window, point) for point in prompt.points])
        signs.append([float(positive) for _, _, positive in prompt.points])
    return torch.tensor(places, device=device), torch.tensor(signs, device=device)
