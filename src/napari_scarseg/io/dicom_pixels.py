"""Pixel values of ordered DICOM slices: rescaled, and with bright meaning more."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.dataset import Dataset

from napari_scarseg.errors import InputError
from napari_scarseg.io.decoding import check_declared_size, decoding
from napari_scarseg.io.dicom_header import SliceHeader
from napari_scarseg.io.volume import native_order


def read_pixels(headers: Sequence[SliceHeader]) -> npt.NDArray[np.generic]:
    """Decode slices to (Z, Y, X): RescaleSlope and Intercept applied, MONOCHROME1 inverted.

    Whole numbers stay whole (the stored type without rescaling, else int32); other slopes give float32.

    Raises
    ------
    InputError
        If a slice is in colour, damaged, incomplete, or compressed in a way that cannot be decoded here.
    """
    planes: list[npt.NDArray[np.generic]] = []
    for header in headers:
        _check_kind(header, len(headers))
        with decoding(header.path.name, "a DICOM file"):
            planes.append(_read_plane(header))
    if len({plane.dtype for plane in planes}) == 1:
        return native_order(np.stack(planes))
    whole = all(plane.dtype.kind in "iu" for plane in planes)
    return np.stack([plane.astype(np.int32 if whole else np.float32) for plane in planes])


def _check_kind(header: SliceHeader, count: int) -> None:
    if header.frames > 1:
        raise InputError(
            f"'{header.path.name}' is a multi-frame DICOM file, which is not read; convert it to NIfTI (dcm2niix does)."
        )
    if header.samples != 1 or not header.photometric.startswith("MONOCHROME"):
        raise InputError("The DICOM images are in colour; export the original grey-level series.")
    shape = (count, header.rows, header.columns)
    check_declared_size(header.path.name, shape, max(header.bits_allocated, 8) // 8)


def _read_plane(header: SliceHeader) -> npt.NDArray[np.generic]:
    dataset = pydicom.dcmread(header.path, force=True)
    syntax = dataset.file_meta.get("TransferSyntaxUID") if hasattr(dataset, "file_meta") else None
    if syntax is None:
        # A file without the meta header is implicit or explicit little endian; pydicom found out which.
        dataset.file_meta = pydicom.dataset.FileMetaDataset()
        implicit = dataset.original_encoding[0]
        dataset.file_meta.TransferSyntaxUID = (
            pydicom.uid.ImplicitVRLittleEndian if implicit else pydicom.uid.ExplicitVRLittleEndian
        )
    if syntax is not None and syntax.is_compressed and syntax != pydicom.uid.DeflatedExplicitVRLittleEndian:
        pixels = _decompress(dataset, header.path.name, syntax)
    else:
        pixels = dataset.pixel_array
    if pixels.shape != (header.rows, header.columns):
        raise InputError(f"'{header.path.name}' has pixels of another size than its header says; export it again.")
    if header.photometric == "MONOCHROME1":
        pixels = _invert(pixels, header.bits_stored)
    return _rescale(pixels, dataset)


def _decompress(dataset: Dataset, name: str, syntax: pydicom.uid.UID) -> npt.NDArray[np.generic]:
    try:
        return dataset.pixel_array
    except (RuntimeError, NotImplementedError) as cause:
        raise InputError(
            f"'{name}' is compressed ({syntax.name}) and cannot be decoded: it is damaged, or the decoder is missing; "
            "install pylibjpeg[all], or export the series uncompressed."
        ) from cause


def _invert(pixels: npt.NDArray[np.generic], bits_stored: int) -> npt.NDArray[np.generic]:
    """Swap dark and bright within the range that the stored bits can hold."""
    is_signed = pixels.dtype.kind == "i"
    ends_sum = -1 if is_signed else 2**bits_stored - 1
    return (ends_sum - pixels.astype(np.int64)).astype(pixels.dtype)


def _rescale(pixels: npt.NDArray[np.generic], dataset: Dataset) -> npt.NDArray[np.generic]:
    slope = _number(dataset, "RescaleSlope", 1.0) or 1.0
    intercept = _number(dataset, "RescaleIntercept", 0.0)
    if (slope, intercept) == (1.0, 0.0):
        return pixels
    if slope.is_integer() and intercept.is_integer() and pixels.dtype.kind in "iu":
        scaled = pixels.astype(np.int64) * int(slope) + int(intercept)
        if scaled.min() >= np.iinfo(np.int32).min and scaled.max() <= np.iinfo(np.int32).max:
            return scaled.astype(np.int32)
    return (pixels.astype(np.float64) * slope + intercept).astype(np.float32)


def _number(dataset: Dataset, keyword: str, default: float) -> float:
    try:
        value = float(dataset.get(keyword, default))
    except (TypeError, ValueError):
        return default
    return value if np.isfinite(value) else default
