"""Stack ↔ Image layer."""

from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Image

from napari_scarseg.core.case import CaseInfo
from napari_scarseg.core.spacing import Spacing, SpacingOrigin
from napari_scarseg.core.stack import Stack
from napari_scarseg.errors import InputError
from napari_scarseg.gui.layer_frame import frame_from_spacing
from napari_scarseg.gui.layer_record import METADATA_KEY, ImageRecord, record_from_metadata, record_to_metadata

# Where the image of a layer was read from, kept in its metadata beside the record.
SOURCE_KEY = "source"

# Of the whole stack, for the eye only; the networks scale each window by itself.
CONTRAST_PERCENTILES = (1.0, 99.0)

# A stack this large is sampled before its percentiles are taken.
_SAMPLE = 500_000

_MM_PER_UNIT = {"nanometer": 1e-6, "micrometer": 1e-3, "millimeter": 1.0, "centimeter": 10.0, "meter": 1000.0}


def contrast_limits(data: np.ndarray[Any, Any]) -> tuple[float, float]:
    """Limits that show a stack well: percentiles of its finite values; never equal.

    Parameters
    ----------
    data : ndarray, any shape
    """
    values = np.asarray(data).ravel()
    values = values[:: max(1, values.size // _SAMPLE)]
    values = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    if values.size == 0:
        return (0.0, 1.0)
    low, high = (float(value) for value in np.percentile(values, CONTRAST_PERCENTILES))
    if high <= low:
        low, high = float(values.min()), float(values.max())
    return (low, high) if high > low else (low, low + 1.0)


def image_kwargs(stack: Stack, case: CaseInfo | None = None, source: Path | None = None) -> dict[str, Any]:
    """Arguments of a napari Image layer (without the data) that shows `stack`.

    Parameters
    ----------
    stack : Stack
    case : CaseInfo, optional
        Who and when; the stem alone where not given.
    source : Path, optional
        Where the stack was read from: its case is saved beside it.

    Returns
    -------
    dict
        name, colormap, contrast_limits, scale, translate, units, axis_labels, affine, metadata.
    """
    record = ImageRecord(
        stem=stack.stem,
        spacing=stack.spacing,
        case=case or CaseInfo(stack.stem),
        affine_ras=stack.affine_ras,
        findings=stack.findings,
        sha256=stack.sha256(),
    )
    return {
        "name": stack.stem,
        "colormap": "gray",
        "contrast_limits": contrast_limits(stack.data),
        "metadata": {METADATA_KEY: record_to_metadata(record) | _source(source)},
        **frame_from_spacing(stack.spacing).as_kwargs(),
    }


def _source(path: Path | None) -> dict[str, str]:
    return {} if path is None else {SOURCE_KEY: str(path.absolute())}


def check_image_layer(layer: Image) -> None:
    """Raise InputError, with a sentence, where an Image layer cannot be a stack."""
    if layer.rgb:
        raise InputError(
            "This layer is a colour image, but LGE has one intensity per pixel; split its channels first "
            "(right click on the layer, Split RGB)."
        )
    if layer.ndim not in (2, 3):
        raise InputError(
            f"This layer has {layer.ndim} axes, but a stack has three (slice, row, column); split it first "
            "(right click on the layer, Split Stack), then choose one part."
        )


def image_record(layer: Image) -> ImageRecord:
    """What is known of an Image layer: what this plugin left in it, or else what its name, scale and units say.

    A layer of another plugin with a length as unit brings its spacing along; with pixels as unit its spacing is
    unknown, whatever its scale says.
    """
    record = record_from_metadata(layer.metadata)
    if record is not None:
        return record
    stem = layer.name or "image"
    units = [str(unit) for unit in layer.units]
    factors = [_MM_PER_UNIT.get(unit) for unit in units]
    distances = [
        None if factor is None else float(scale) * factor for scale, factor in zip(layer.scale, factors, strict=True)
    ]
    y_mm, x_mm = distances[-2:]
    z_mm = distances[0] if layer.ndim == 3 else None
    findings: tuple[str, ...] = ()
    if y_mm is None or x_mm is None:
        y_mm = x_mm = z_mm = None
        if not np.allclose(layer.scale, 1):
            findings = (
                "The layer has a scale but no unit of length, so its spacing counts as unknown; enter it in mm.",
            )
    spacing = Spacing.unknown() if y_mm is None else Spacing(z_mm, y_mm, x_mm, SpacingOrigin.HEADER)
    return ImageRecord(stem=stem, spacing=spacing, case=CaseInfo(stem), findings=findings)


def image_array(layer: Image) -> Any:
    """The layer's array at full resolution, as (Z, Y, X): a 2-D image is one slice. Not computed, if it is lazy."""
    check_image_layer(layer)
    data = layer.data[0] if layer.multiscale else layer.data
    return data if layer.ndim == 3 else data[None]


def stack_from_array(data: Any, record: ImageRecord) -> Stack:
    """Stack of an Image layer's array (Z, Y, X) and record; loads a lazy array, so not for the window's thread.

    Raises
    ------
    InputError
        If the array is not a usable image.
    """
    return Stack(np.asarray(data), record.spacing, record.stem, record.affine_ras, record.findings)
