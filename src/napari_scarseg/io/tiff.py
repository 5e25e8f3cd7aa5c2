"""TIFF, OME-TIFF and ImageJ stacks, with the voxel size their metadata give."""

import math
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tifffile

from napari_scarseg.core.spacing import Spacing, SpacingOrigin
from napari_scarseg.errors import InputError
from napari_scarseg.io.candidates import Offer, StackCandidate, middle_plane
from napari_scarseg.io.decoding import decoding
from napari_scarseg.io.tiff_parts import plan_parts, plane_values, read_part
from napari_scarseg.io.volume import Volume

# Micro is written as U+00B5 or U+03BC, or as ImageJ's escape.
_MM_PER_UNIT = {
    "m": 1000.0, "meter": 1000.0, "metre": 1000.0,
    "cm": 10.0, "centimeter": 10.0, "centimetre": 10.0,
    "mm": 1.0, "millimeter": 1.0, "millimetre": 1.0,
    "µm": 1e-3, "μm": 1e-3, "um": 1e-3, "\\u00b5m": 1e-3, "micron": 1e-3, "microns": 1e-3, "micrometer": 1e-3,
    "micrometre": 1e-3,
    "nm": 1e-6, "nanometer": 1e-6, "nanometre": 1e-6,
    "in": 25.4, "inch": 25.4, "inches": 25.4,
}  # fmt: skip
_OME_DEFAULT_UNIT = "µm"
# Key of the map annotation in which our own label files keep their affine: 16 numbers, row by row.
AFFINE_KEY = "napari-scarseg affine_ras"


def offer_tiff(path: Path) -> Offer:
    """The stacks of a TIFF file: one, or of a hyperstack one per channel and time point, and one per OME image.

    Raises
    ------
    InputError
        If the file is damaged.
    """
    with decoding(path.name, "a TIFF file"), tifffile.TiffFile(path) as tif:
        parts = plan_parts(tif, path.name)
        spacing = _spacing_in(tif, parts[0].shape[0], [])
    candidates = tuple(
        StackCandidate(str(number), part.shape, spacing, part.kind) for number, part in enumerate(parts, 1)
    )

    def read(candidate: StackCandidate) -> Volume:
        return read_tiff(path, int(candidate.key) - 1)

    return Offer(candidates, read, lambda candidate: middle_plane(read(candidate)))


def read_tiff(path: Path, index: int = 0) -> Volume:
    """Read one stack, or one plane, of a TIFF file.

    Voxel sizes come from OME's PhysicalSize or from ImageJ's unit, spacing and resolution tags. The resolution of a
    plain TIFF says how large to print it, so it is not used. A large uncompressed stack is mapped into memory.

    Parameters
    ----------
    path : Path
    index : int
        Which of its stacks, counted from 0; see `offer_tiff`.

    Raises
    ------
    InputError
        If the file is damaged, too large or in colour.
    """
    findings: list[str] = []
    with decoding(path.name, "a TIFF file") as complaints, tifffile.TiffFile(path) as tif:
        data = read_part(tif, plan_parts(tif, path.name)[index], path, findings)
        spacing = _spacing_in(tif, data.shape[0], findings)
        affine = _ome_affine(tif.ome_metadata or "") if tif.is_ome else None
    _judge_complaints(complaints, path.name, findings)
    return Volume(data, spacing, affine, tuple(findings))


def _spacing_in(tif: tifffile.TiffFile, slices: int, findings: list[str]) -> Spacing:
    if tif.is_ome:
        return _ome_spacing(tif.ome_metadata or "", findings)
    return _imagej_spacing(tif, slices, findings) if tif.is_imagej else Spacing.unknown()


def _judge_complaints(complaints: list[str], name: str, findings: list[str]) -> None:
    """tifffile logs what is broken and gives the rest: lost planes are refused, lost tags only mentioned."""
    if any("TiffPages" in complaint or "series" in complaint for complaint in complaints):
        raise InputError(f"'{name}' is incomplete: some of its planes are missing; copy or export it again.")
    if complaints:
        findings.append("Some of the TIFF file's metadata are damaged and were ignored.")


def count_planes(path: Path) -> int:
    """Number of planes in a TIFF file (pages, or what one page of an ImageJ stack stands for), without decoding."""
    with decoding(path.name, "a TIFF file"), tifffile.TiffFile(path) as tif:
        return sum(math.prod(series.shape) // max(plane_values(series), 1) for series in tif.series)


def _to_mm(value: float, unit: str) -> float | None:
    factor = _MM_PER_UNIT.get(unit.strip().lower())
    return value * factor if factor and math.isfinite(value) and value > 0 else None


def _spacing_of(z_mm: float | None, y_mm: float | None, x_mm: float | None) -> Spacing:
    if y_mm is None or x_mm is None:
        y_mm = x_mm = None
    if z_mm is None and y_mm is None:
        return Spacing.unknown()
    return Spacing(z_mm, y_mm, x_mm, SpacingOrigin.HEADER)


def _ome_spacing(xml: str, findings: list[str]) -> Spacing:
    pixels = next((e for e in ET.fromstring(xml).iter() if e.tag.rpartition("}")[2] == "Pixels"), None)
    if pixels is None:
        return Spacing.unknown()
    sizes: list[float | None] = []
    for axis in "ZYX":
        text = pixels.get(f"PhysicalSize{axis}")
        unit = pixels.get(f"PhysicalSize{axis}Unit", _OME_DEFAULT_UNIT)
        size = _to_mm(_to_number(text), unit) if text is not None else None
        if text is not None and size is None:
            findings.append(f"The OME PhysicalSize{axis} is not a usable length; it was ignored.")
        sizes.append(size)
    return _spacing_of(*sizes)


def _ome_affine(xml: str) -> npt.NDArray[np.float64] | None:
    """The affine that one of our own label files carries."""
    for element in ET.fromstring(xml).iter():
        if element.tag.rpartition("}")[2] == "M" and element.get("K") == AFFINE_KEY:
            values = [_to_number(word) for word in (element.text or "").split()]
            affine = np.array(values).reshape(4, 4) if len(values) == 16 else np.full((4, 4), np.nan)
            return affine if np.isfinite(affine).all() else None
    return None


def _imagej_spacing(tif: tifffile.TiffFile, slices: int, findings: list[str]) -> Spacing:
    metadata = tif.imagej_metadata or {}
    unit = str(metadata.get("unit", ""))
    if not unit or unit.lower() in ("pixel", "pixels"):
        return Spacing.unknown()
    if unit.strip().lower() not in _MM_PER_UNIT:
        # The unit is not quoted: it is free text, and could be anything.
        findings.append("ImageJ's unit of length is none that is known here, so the spacing is not known either.")
        return Spacing.unknown()
    z_mm = _to_mm(abs(_to_number(metadata.get("spacing"))), unit)
    if z_mm is None and slices > 1:
        findings.append(
            "ImageJ wrote no distance between slices (it leaves it out when it is 1 or was never set); enter it."
        )
    y_mm, x_mm = (_to_mm(_pixel_size(tif, tag), unit) for tag in ("YResolution", "XResolution"))
    return _spacing_of(z_mm, y_mm, x_mm)


def _pixel_size(tif: tifffile.TiffFile, tag_name: str) -> float:
    """Units per pixel, from a tag that holds pixels per unit as a fraction; NaN where it is not usable."""
    page = tif.pages[0]
    tag = page.tags.get(tag_name) if isinstance(page, tifffile.TiffPage) else None
    try:
        pixels, units = tag.value if tag is not None else (0, 0)
        return float(units / pixels)
    except (TypeError, ValueError, ZeroDivisionError):
        return math.nan


def _to_number(value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return math.nan
