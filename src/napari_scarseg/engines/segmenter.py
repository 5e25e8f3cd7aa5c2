"""The bundled box-prompted segmenter: `SmallSam` behind the `Segmenter` protocol."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from napari_scarseg.core.box import Box
from napari_scarseg.core.config import Device
from napari_scarseg.core.intensity import scale_pixels
from napari_scarseg.core.protocols import EngineInfo, Prompt
from napari_scarseg.core.windows import Window, window_around
from napari_scarseg.engines.device import resolve_device
from napari_scarseg.engines.small_sam import ARCHITECTURE, Embedding, SmallSam, SmallSamConfig
from napari_scarseg.engines.weight_files import read_weights
from napari_scarseg.errors import WeightsError


class SmallSegmenter:
    """Box prompts to mask logits; no state between calls.

    Parameters
    ----------
    network : SmallSam
        In evaluation mode, on its device.
    info : EngineInfo
    """

    def __init__(self, network: SmallSam, info: EngineInfo) -> None:
        self._network = network.eval().to(memory_format=torch.channels_last)
        self._device = next(network.parameters()).device
        self._info = info

    @property
    def info(self) -> EngineInfo:
        """What runs."""
        return self._info

    def window(self, box: Box, shape: tuple[int, int]) -> Window:
        """Square window around the box, on a coarse grid. `shape` does not matter: a window may leave the slice."""
        config = self._network.config
        return window_around(
            box, factor=config.window_factor, min_side_px=config.window_min_px, size=config.window_size
        )

    @torch.inference_mode()
    def embed(self, crops: Sequence[npt.NDArray[np.float32]]) -> list[Embedding]:
        """Encode raw crops (S, S) in one batch; one embedding of batch size 1 each."""
        if not crops:
            return []
        scaled = torch.from_numpy(np.stack([scale_pixels(crop) for crop in crops]))[:, None]
        windows = scaled.to(self._device, memory_format=torch.channels_last)
        batch = self._network.encode(windows)
        return [Embedding(*(part[n : n + 1].clone() for part in batch)) for n in range(len(crops))]

    @torch.inference_mode()
    def masks(self, embedding: Embedding, window: Window, prompts: Sequence[Prompt]) -> npt.NDArray[np.float32]:
        """Logits (P, S/2, S/2) over the window; prompts with equally many points share one decoder call."""
        size = self._network.config.window_size
        logits = np.zeros((len(prompts), size // 2, size // 2), dtype=np.float32)
        # One call per number of points: padding a prompt to its neighbours' length would change its answer.
        for count in sorted({len(prompt.points) for prompt in prompts}):
            chosen = [n for n, prompt in enumerate(prompts) if len(prompt.points) == count]
            logits[chosen] = self._decode(embedding, window, [prompts[n] for n in chosen])
        return logits

    def _decode(self, embedding: Embedding, window: Window, prompts: Sequence[Prompt]) -> npt.NDArray[np.float32]:
        """Logits of prompts that all have the same number of points."""
        boxes = torch.tensor([_xyxy(window, prompt.box) for prompt in prompts], device=self._device)
        expanded = Embedding(*(part.expand(len(prompts), -1, -1, -1) for part in embedding))
        logits = self._network.decode(expanded, boxes, _points(window, prompts, self._device))
        result: npt.NDArray[np.float32] = logits.float().cpu().numpy()
        return result


def load_small_segmenter(path: Path, name: str, device: Device) -> SmallSegmenter:
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
    return SmallSegmenter(network.to(target), weights.engine_info(name, target))


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


def _xyxy(window: Window, box: Box) -> tuple[float, float, float, float]:
    """segment-anything's order, on the window's grid."""
    row_min, col_min, row_max, col_max = window.corners_to_grid(*box.corners)
    return (col_min, row_min, col_max, row_max)


def _points(window: Window, prompts: Sequence[Prompt], device: torch.device) -> tuple[Tensor, Tensor] | None:
    """Places (x, y) on the grid and signs of the points of all prompts; None where they have none."""
    if not prompts[0].points:
        return None
    places, signs = [], []
    for prompt in prompts:
        grid = [window.corners_to_grid(row, col, row, col) for row, col, _ in prompt.points]
        places.append([(col, row) for row, col, _, _ in grid])
        signs.append([float(positive) for _, _, positive in prompt.points])
    return torch.tensor(places, device=device), torch.tensor(signs, device=device)
