"""YOLO as a detector: ultralytics builds the network, everything around it is ours and has no state.

Boxes go through a letterbox (shrink or enlarge to the network's square, pad the rest) and back, exactly to the native
pixels: row_native = (row_network - top) * native_height / resized_height, both with half-open edges.
"""

import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from napari_scarseg.core.config import Device
from napari_scarseg.core.intensity import scale_pixels
from napari_scarseg.core.protocols import Detection, EngineInfo, Region
from napari_scarseg.engines.device import memory_errors, resolve_device
from napari_scarseg.engines.ultralytics_guard import prepare_ultralytics, restored_environment
from napari_scarseg.engines.weight_files import LoadedWeights, WeightsHeader, read_weights, save_weights
from napari_scarseg.errors import InputError, WeightsError

with restored_environment():
    import cv2

# The families whose head gives boxes and class scores per anchor, in their five sizes.
_ARCHITECTURE = re.compile(r"yolo(v8|11|12)[nsmlx]")
_STRIDE_PX = 32
_PADDING_GREY = 114

SCORE_FLOOR = 0.01
NMS_IOU = 0.5
MAX_PER_PLANE = 50
_BATCH = 16

_REGIONS = {region.value: region for region in Region}

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class YoloConfig:
    """What a YOLO weights file's header says about its network.

    Parameters
    ----------
    architecture : str
        Name of the network as ultralytics' model files call it, e.g. "yolo11n".
    classes : tuple of str
        Names in the order of the outputs; those that are no `Region` are not reported.
    imgsz : int
        Side of the square the network sees, px; a multiple of 32.

    Raises
    ------
    WeightsError
        If one of them is not usable.
    """

    architecture: str
    classes: tuple[str, ...]
    imgsz: int

    def __post_init__(self) -> None:
        if not _ARCHITECTURE.fullmatch(self.architecture):
            raise WeightsError(
                f"The network {self.architecture} is not a detector this program can run; use YOLOv8, YOLO11 or YOLO12 "
                "weights in one of the sizes n, s, m, l, x."
            )
        if Region.SCAR.value not in self.classes or len(set(self.classes)) != len(self.classes):
            raise WeightsError(
                f"The detector's classes are {', '.join(self.classes) or 'not named'}, but one of them must be “scar” "
                "and none may occur twice; name them in order with: scarseg models convert --classes scar,lv."
            )
        if not 64 <= self.imgsz <= 2048 or self.imgsz % _STRIDE_PX:
            raise WeightsError(
                f"The detector's image size is {self.imgsz} px, but it must be a multiple of {_STRIDE_PX} from 64 to "
                "2048; convert the weights again."
            )

    @classmethod
    def from_header(cls, header: WeightsHeader) -> "YoloConfig":
        """Read the values out of a weights file's header."""
        classes, imgsz = header.config.get("classes"), header.config.get("imgsz")
        if not isinstance(classes, list) or not all(isinstance(name, str) for name in classes):
            raise WeightsError("The detector's weights do not name their classes; convert or train them again.")
        if not isinstance(imgsz, int):
            raise WeightsError("The detector's weights do not say their image size; convert or train them again.")
        return cls(header.architecture, tuple(classes), imgsz)

    def as_dict(self) -> dict[str, object]:
        """Values for the `config` of a weights file's header."""
        return {"classes": list(self.classes), "imgsz": self.imgsz}


@dataclass(frozen=True, slots=True)
class Letterbox:
    """How a plane lies in the network's square: resized to (height, width) at (top, left), grey around it."""

    plane_shape: tuple[int, int]
    size: int
    height: int
    width: int
    top: int
    left: int

    @classmethod
    def fit(cls, plane_shape: tuple[int, int], size: int) -> "Letterbox":
        """Largest centred fit, with the rounding of ultralytics' training."""
        ratio = min(size / plane_shape[0], size / plane_shape[1])
        height, width = (max(round(side * ratio), 1) for side in plane_shape)
        return cls(plane_shape, size, height, width, round((size - height) / 2 - 0.1), round((size - width) / 2 - 0.1))

    def apply(self, image: Bytes) -> Bytes:
        """(Y, X, 3) uint8 → (size, size, 3) uint8."""
        resized = image
        if image.shape[:2] != (self.height, self.width):
            resized = cv2.resize(image, (self.width, self.height), interpolation=cv2.INTER_LINEAR)
        square = np.full((self.size, self.size, 3), _PADDING_GREY, dtype=np.uint8)
        square[self.top : self.top + self.height, self.left : self.left + self.width] = resized
        return square

    def corners_to_plane(self, xyxy: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Edges (N, 4) x_min, y_min, x_max, y_max in the square → row_min, col_min, row_max, col_max, clipped."""
        rows = (xyxy[:, [1, 3]] - self.top) * (self.plane_shape[0] / self.height)
        cols = (xyxy[:, [0, 2]] - self.left) * (self.plane_shape[1] / self.width)
        rows, cols = np.clip(rows, 0, self.plane_shape[0]), np.clip(cols, 0, self.plane_shape[1])
        return np.stack([rows[:, 0], cols[:, 0], rows[:, 1], cols[:, 1]], axis=1)


class YoloDetector:
    """Scar and LV boxes on slices of raw intensities.

    Parameters
    ----------
    network : nn.Module
        Ultralytics' DetectionModel, on its device.
    config : YoloConfig
    info : EngineInfo
    """

    def __init__(self, network: nn.Module, config: YoloConfig, info: EngineInfo) -> None:
        self._network = network.eval().to(memory_format=torch.channels_last)
        self._device = next(network.parameters()).device
        self._config = config
        self._info = info
        # The head keeps the anchors of its last input's shape.
        self._lock = threading.Lock()

    @property
    def info(self) -> EngineInfo:
        """What runs."""
        return self._info

    def detect(self, volume: npt.NDArray[np.generic], slices: Sequence[int]) -> list[list[Detection]]:
        """Find regions on some slices of (Z, Y, X) raw intensities, each by itself.

        Returns
        -------
        list of list of Detection
            One list per slice, best score first, scores from `SCORE_FLOOR` on; empty for a constant plane.

        Raises
        ------
        InputError
            If `volume` is not three-dimensional.
        DeviceError
            If the device runs out of memory.
        """
        if volume.ndim != 3 or 0 in volume.shape[1:]:
            raise InputError(f"The detector takes a stack (Z, Y, X), not the shape {volume.shape}; give it one.")
        planes = [volume[index] for index in slices]
        letterbox = Letterbox.fit((volume.shape[1], volume.shape[2]), self._config.imgsz)
        found: list[list[Detection]] = [[] for _ in planes]
        # A constant plane shows nothing, whatever the network would say to grey.
        seen = [n for n, plane in enumerate(planes) if bool((plane != plane.flat[0]).any())]
        for start in range(0, len(seen), _BATCH):
            indices = seen[start : start + _BATCH]
            squares = np.stack([letterbox.apply(plane_to_rgb8(planes[n])) for n in indices])
            for n, raw in zip(indices, self._forward(squares), strict=True):
                found[n] = self._detections(raw, letterbox)
        return found

    def _forward(self, squares: Bytes) -> Tensor:
        """(B, S, S, 3) bytes → the head's (B, 4 + classes, anchors): box centres and sizes in px, class scores."""
        with self._lock, memory_errors(self._device), torch.inference_mode():
            images = torch.from_numpy(squares).to(self._device).permute(0, 3, 1, 2)
            outputs = self._network(images.to(torch.float32, memory_format=torch.channels_last) / 255)
            return outputs[0].float().cpu()  # type: ignore[no-any-return]  # ultralytics ships no types

    def _detections(self, raw: Tensor, letterbox: Letterbox) -> list[Detection]:
        """One plane's answer, without boxes that overlap a better one of their class."""
        boxes, scores, classes = _suppress(raw)
        found = []
        for corners, score, number in zip(letterbox.corners_to_plane(boxes), scores, classes, strict=True):
            row_min, col_min, row_max, col_max = (float(edge) for edge in corners)
            region = _REGIONS.get(self._config.classes[number])
            if region is not None and row_max > row_min and col_max > col_min:
                found.append(Detection(row_min, col_min, row_max, col_max, float(score), region))
        return found


def plane_to_rgb8(plane: npt.NDArray[np.generic]) -> Bytes:
    """The 8-bit picture of a raw (Y, X) plane that the detector sees; training writes its pictures with this too.

    Returns
    -------
    ndarray of uint8, (Y, X, 3)
        Three equal channels, so that RGB and BGR are the same.

    Examples
    --------
    >>> import numpy as np
    >>> plane_to_rgb8(np.array([[0, 50, 100]]))[0, :, 0].tolist()
    [0, 128, 255]
    """
    grey = np.rint(scale_pixels(plane) * 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def load_yolo(path: Path, name: str, device: Device) -> YoloDetector:
    """Read a YOLO detector's safetensors file and put the network on a device.

    Parameters
    ----------
    path : Path
    name : str
        Name of the weights in results; never a path.
    device : Device

    Raises
    ------
    WeightsError
        If the file is unsafe, damaged, or not a YOLO detector.
    DeviceError
        If the device is absent.
    """
    target = resolve_device(device)
    weights = read_weights(path)
    config = YoloConfig.from_header(weights.header)
    network = build_yolo(config)
    weights.load_into(network)
    # Batch norm folded into the convolutions: the same function, a few milliseconds less.
    network = network.eval().fuse(verbose=False)  # type: ignore[operator]  # a method of ultralytics' BaseModel
    return YoloDetector(network.to(target), config, weights.engine_info(name, target))


def build_yolo(config: YoloConfig) -> nn.Module:
    """The network of `config` with random weights: ultralytics' own DetectionModel, from its own model file."""
    prepare_ultralytics()
    from ultralytics.nn.tasks import DetectionModel

    network: nn.Module = DetectionModel(f"{config.architecture}.yaml", nc=len(config.classes), verbose=False)
    return network


def export_yolo(
    model: nn.Module | Mapping[str, Tensor], path: Path, header: WeightsHeader, *, half: bool = True
) -> None:
    """Write a trained ultralytics DetectionModel (or its `state_dict`) to a safetensors file that `load_yolo` reads.

    Parameters
    ----------
    model : nn.Module or mapping of name → Tensor
        Not fused. Its number of classes is that of the header.
    path : Path
    header : WeightsHeader
        `architecture` as "yolo11n", `config` as `YoloConfig.as_dict` gives it.
    half : bool
        Store float16.

    Raises
    ------
    WeightsError
        If the tensors are not those of the network that the header names; nothing is written then.
    """
    tensors = dict(model.state_dict() if isinstance(model, nn.Module) else model)
    network = build_yolo(YoloConfig.from_header(header))
    LoadedWeights(tensors, header, "").load_into(network)
    save_weights(path, tensors, header, half=half)


def _suppress(raw: Tensor) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], list[int]]:
    """Non-maximum suppression of one plane: edges (N, 4) xyxy, scores and classes, best first.

    Not ultralytics' own function: that one stops after a time limit, so a busy machine would find less.
    """
    from torchvision.ops import batched_nms  # type: ignore[import-untyped]

    scores, classes = raw[4:].max(dim=0)
    kept = scores > SCORE_FLOOR
    scores, classes = scores[kept], classes[kept]
    centres, sizes = raw[0:2, kept].T, raw[2:4, kept].T
    boxes = torch.cat([centres - sizes / 2, centres + sizes / 2], dim=1)
    best = batched_nms(boxes, scores, classes, NMS_IOU)[:MAX_PER_PLANE]
    return boxes[best].double().numpy(), scores[best].double().numpy(), classes[best].tolist()
