"""Other people's checkpoints → safetensors of ours, without running anything they bring."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from napari_scarseg.core.intensity import SCALING_ID
from napari_scarseg.core.provenance import library_versions
from napari_scarseg.engines.official_sam import build_sam, sam_header
from napari_scarseg.engines.safe_checkpoint import Inert, module_tensors, read_checkpoint
from napari_scarseg.engines.sam_network import VIT_B, VIT_H, VIT_L, SamConfig
from napari_scarseg.engines.weight_files import LoadedWeights, WeightsHeader, file_sha256, save_weights
from napari_scarseg.engines.yolo import YoloConfig, export_yolo
from napari_scarseg.errors import WeightsError

UNKNOWN_LICENCE = "unknown"

_STRIDE_PX = 32
_DEFAULT_IMGSZ = 640
_SAM_SIZES = {config.embed_dim: config for config in (VIT_B, VIT_L, VIT_H)}


def convert_weights(
    source: Path,
    destination: Path,
    *,
    classes: Sequence[str] | None = None,
    licence: str | None = None,
    half: bool = True,
) -> WeightsHeader:
    """Convert an ultralytics .pt or a Segment Anything .pth to a safetensors file that the engines load.

    Parameters
    ----------
    source : Path
        Read with torch's restricted unpickler; nothing in it is executed.
    destination : Path
        Ends in .safetensors. Written only once the tensors were seen to fit their network.
    classes : sequence of str, optional
        Names of a detector's classes in the order of its outputs, where the checkpoint's own are not "scar" and "lv".
    licence : str, optional
        Where the checkpoint says none, or another.
    half : bool
        Store float16.

    Returns
    -------
    WeightsHeader
        What was written.

    Raises
    ------
    WeightsError
        If the source is hostile, damaged, or not a network that the engines run.
    """
    if destination.suffix != ".safetensors":
        raise WeightsError(f"The result {destination.name} must be called *.safetensors; change its name.")
    checkpoint = read_checkpoint(source)
    provenance = {"source_sha256": file_sha256(source), "versions": library_versions()}
    sam = _find_sam_tensors(checkpoint)
    if sam is not None:
        header = sam_header(
            _sam_config(sam), licence or UNKNOWN_LICENCE, {"converted_from": "segment-anything", **provenance}
        )
        build_sam(LoadedWeights(sam, header, ""))
        save_weights(destination, sam, header, half=half)
        return header
    network = _find_yolo(checkpoint)
    config = _yolo_config(checkpoint, network, classes)
    header = WeightsHeader(
        config.architecture,
        config.as_dict(),
        SCALING_ID,
        0.0,
        licence or _licence(checkpoint),
        {"converted_from": "ultralytics", **_origin(checkpoint), **provenance},
    )
    export_yolo(module_tensors(network), destination, header, half=half)
    return header


# --- Segment Anything -------------------------------------------------------------------------------------------------


def _find_sam_tensors(checkpoint: Any) -> dict[str, Tensor] | None:
    """A state_dict of Segment Anything, also one level down as training scripts save it; None for anything else."""
    if not isinstance(checkpoint, Mapping):
        return None
    for candidate in (checkpoint, checkpoint.get("model"), checkpoint.get("state_dict")):
        if isinstance(candidate, Mapping):
            tensors = {str(name).removeprefix("module."): value for name, value in candidate.items()}
            if "image_encoder.pos_embed" in tensors and all(isinstance(value, Tensor) for value in tensors.values()):
                return tensors
    return None


def _sam_config(tensors: Mapping[str, Tensor]) -> SamConfig:
    """The official size that the tensors have."""
    position = tensors["image_encoder.pos_embed"]
    known = _SAM_SIZES.get(position.shape[-1])
    if known is None or position.ndim != 4:
        raise WeightsError(
            "The Segment Anything checkpoint has none of the official sizes ViT-B, ViT-L and ViT-H; use one of them."
        )
    return replace(known, image_size=position.shape[1] * known.patch_size)


# --- ultralytics ------------------------------------------------------------------------------------------------------


def _find_yolo(checkpoint: Any) -> Inert:
    """The pickled DetectionModel of an ultralytics checkpoint; the averaged one where there are two."""
    if isinstance(checkpoint, Mapping):
        for key in ("ema", "model"):
            if isinstance(checkpoint.get(key), Inert):
                return checkpoint[key]  # type: ignore[no-any-return]  # just checked
    raise WeightsError(
        "The checkpoint is neither an ultralytics detector nor Segment Anything; convert one of these, or train with: "
        "scarseg train."
    )


def _yolo_config(checkpoint: Mapping[str, Any], network: Inert, classes: Sequence[str] | None) -> YoloConfig:
    names = network.state.get("names")
    named = list(names.values()) if isinstance(names, Mapping) else list(names or ())
    count = _outputs(network)
    if classes is not None and count is not None and len(classes) != count:
        raise WeightsError(f"The detector has {count} classes, but {len(classes)} names were given; name each of them.")
    chosen = tuple(str(name).strip() for name in (classes if classes is not None else named))
    return YoloConfig(_architecture(network), chosen, _image_size(checkpoint, network))


def _architecture(network: Inert) -> str:
    """Name and size of the network, from the model file it was built of."""
    model_file = network.state.get("yaml")
    settings = model_file if isinstance(model_file, Mapping) else {}
    stem = re.split(r"[/\\]", str(settings.get("yaml_file", "")))[-1].removesuffix(".yaml")
    scale = settings.get("scale")
    if re.fullmatch(r"yolo(v8|11|12)", stem) and isinstance(scale, str):
        return stem + scale
    return stem or "without a name"


def _outputs(network: Inert) -> int | None:
    """Number of classes that the network was built for."""
    model_file = network.state.get("yaml")
    count = model_file.get("nc") if isinstance(model_file, Mapping) else None
    return count if isinstance(count, int) else None


def _image_size(checkpoint: Mapping[str, Any], network: Inert) -> int:
    """Side of the training images, rounded up to the network's stride."""
    for source in (checkpoint.get("train_args"), network.state.get("args")):
        settings = source.state if isinstance(source, Inert) else source
        value = settings.get("imgsz") if isinstance(settings, Mapping) else None
        if isinstance(value, int) and value > 0:
            return -(-value // _STRIDE_PX) * _STRIDE_PX
    return _DEFAULT_IMGSZ


def _licence(checkpoint: Mapping[str, Any]) -> str:
    """The licence an ultralytics checkpoint names, without the link."""
    stated = checkpoint.get("license")
    return stated.split(" (")[0] if isinstance(stated, str) and stated else UNKNOWN_LICENCE


def _origin(checkpoint: Mapping[str, Any]) -> dict[str, str]:
    """Date and ultralytics' version of the training."""
    return {key: str(checkpoint[key]) for key in ("date", "version") if isinstance(checkpoint.get(key), str)}
