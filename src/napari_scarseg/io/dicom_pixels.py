"""Pixel values of ordered DICOM slices: rescaled, and with bright meaning more."""

from collections.abc import Sequence
from typing import IO

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.encaps import generate_frames
from pydicom.pixels.decoders.base import get_decoder

from napari_scarseg.errors import InputError
from napari_scarseg.io.codestream import codestream_size
from napari_scarseg.io.decoding import check_declared_size, decoding
from napari_scarseg.io.dicom_files import DicomFile, open_each
from napari_scarseg.io.dicom_header import ImageHeader, SliceHeader
from napari_scarseg.io.volume import native_order

_Plane = npt.NDArray[np.generic]

# Pixel data elements, by whether their values are whole numbers.
_PIXEL_DATA = b"\xe0\x7f\x10\x00"
_EXPLICIT_HEADER_BYTES, _IMPLICIT_HEADER_BYTES = 12, 8


def read_pixels(slices: Sequence[SliceHeader]) -> npt.NDArray[np.generic]:
    """Decode slices to (Z, Y, X): RescaleSlope and Intercept applied, MONOCHROME1 inverted.

    Whole numbers stay whole (the stored type without rescaling, else int32); other slopes give float32.

    Raises
    ------
    InputError
        If a slice is in colour, damaged, incomplete, or compressed in a way that cannot be decoded here.
    """
    images = {one.image.file: one.image for one in slices}
    wanted: dict[DicomFile, list[int]] = {}
    for index, one in enumerate(slices):
        with decoding(one.image.file.label, "a DICOM file"):
            _check_kind(one.image, len(slices))
        wanted.setdefault(one.image.file, []).append(index)
    planes: list[_Plane | None] = [None] * len(slices)
    for file, handle in open_each(list(wanted)):
        with decoding(file.label, "a DICOM file"):
            frames = _decode(images[file], handle, [slices[index].frame for index in wanted[file]])
            for index, frame in zip(wanted[file], frames, strict=True):
                planes[index] = _to_intensities(frame, slices[index])
    return _stack([plane for plane in planes if plane is not None])


def read_raw(image: ImageHeader, handle: IO[bytes]) -> bytes:
    """The pixel data element of a file as it is stored, to tell copies; empty where it is deflated with the rest."""
    if image.pixel_offset is None:
        return b""
    handle.seek(image.pixel_offset)
    return handle.read()


def _stack(planes: Sequence[_Plane]) -> _Plane:
    if len({plane.dtype for plane in planes}) == 1:
        return native_order(np.stack(planes))
    whole = all(plane.dtype.kind in "iu" for plane in planes)
    return np.stack([plane.astype(np.int32 if whole else np.float32) for plane in planes])


def _check_kind(image: ImageHeader, count: int) -> None:
    if image.samples != 1 or not image.photometric.startswith("MONOCHROME"):
        raise InputError("The DICOM images are in colour; export the original grey-level series.")
    bytes_each = max(image.bits_allocated, 8) // 8
    check_declared_size(image.file.label, (count, image.rows, image.columns), bytes_each)
    if image.syntax.is_encapsulated:
        check_declared_size(image.file.label, (image.rows, image.columns), bytes_each, compressed=True)
    elif image.pixel_offset is not None and image.bits_allocated >= 8:
        shape = (image.frames, image.rows, image.columns)
        check_declared_size(image.file.label, shape, bytes_each, stored_bytes=image.file.size_bytes)


def _decode(image: ImageHeader, handle: IO[bytes], frames: Sequence[int]) -> list[_Plane]:
    """Stored values of some frames of a file, each (rows, columns)."""
    if image.pixel_offset is None:
        # The whole data set is deflated, and pydicom inflates it as a whole; the header's reader has checked how far.
        pixels = pydicom.dcmread(handle, force=True).pixel_array
        planes = [pixels if image.frames == 1 else pixels[frame] for frame in frames]
    else:
        planes = _decode_from(image, handle, image.pixel_offset, frames)
    if any(plane.shape != (image.rows, image.columns) for plane in planes):
        raise InputError(f"'{image.file.label}' has pixels of another size than its header says; export it again.")
    return planes


def _decode_from(image: ImageHeader, handle: IO[bytes], offset: int, frames: Sequence[int]) -> list[_Plane]:
    is_implicit = image.syntax.is_implicit_VR
    handle.seek(offset)
    element = handle.read(_IMPLICIT_HEADER_BYTES if is_implicit else _EXPLICIT_HEADER_BYTES)
    tag = element[:4] if image.syntax.is_little_endian else element[1::-1] + element[3:1:-1]
    if tag != _PIXEL_DATA:
        raise InputError(f"'{image.file.label}' has no pixels that are whole numbers; export it again.")
    options = {
        **image.pixel_options,
        "pixel_keyword": "PixelData",
        "pixel_vr": "OW" if is_implicit else element[4:6].decode("ascii"),
    }
    start = offset + len(element)
    try:
        decoder = get_decoder(image.syntax)
        if image.syntax.is_encapsulated:
            _check_codestreams(image, handle, start)
        planes = []
        for frame in frames:
            handle.seek(start)
            planes.append(decoder.as_array(handle, index=frame, decoding_plugin=_plugin(image), **options)[0])  # type: ignore[arg-type]
    except (RuntimeError, NotImplementedError) as cause:
        if not image.syntax.is_encapsulated:
            raise
        raise InputError(
            f"'{image.file.label}' is compressed ({image.syntax.name}) and cannot be decoded: it is damaged, or of a "
            "kind that is not supported; export the series uncompressed."
        ) from cause
    return planes


def _plugin(image: ImageHeader) -> str:
    """Which of pydicom's decoders to use; empty for the first that works.

    The Rust one for RLE panics on damaged data, which is no `Exception` and would end the program.
    """
    return "pydicom" if image.syntax == pydicom.uid.RLELossless else ""


def _check_codestreams(image: ImageHeader, handle: IO[bytes], start: int) -> None:
    """Compressed frames have sizes of their own, and decoders believe those: they must be the header's."""
    handle.seek(start)
    for frame in generate_frames(handle, number_of_frames=image.frames):
        size = codestream_size(frame)
        if size is not None and size != (image.rows, image.columns):
            raise InputError(
                f"'{image.file.label}' has compressed pixels of another size than its header says; export it again."
            )


def _to_intensities(pixels: _Plane, slice_: SliceHeader) -> _Plane:
    if slice_.image.photometric == "MONOCHROME1":
        pixels = _invert(pixels, slice_.image.bits_stored)
    return _rescale(pixels, slice_.values.slope, slice_.values.intercept)


def _invert(pixels: _Plane, bits_stored: int) -> _Plane:
    """Swap dark and bright within the range that the stored bits can hold."""
    is_signed = pixels.dtype.kind == "i"
    ends_sum = -1 if is_signed else 2**bits_stored - 1
    return (ends_sum - pixels.astype(np.int64)).astype(pixels.dtype)


def _rescale(pixels: _Plane, slope: float, intercept: float) -> _Plane:
    if (slope, intercept) == (1.0, 0.0):
        return pixels
    if slope.is_integer() and intercept.is_integer() and pixels.dtype.kind in "iu":
        scaled = pixels.astype(np.int64) * int(slope) + int(intercept)
        if scaled.min() >= np.iinfo(np.int32).min and scaled.max() <= np.iinfo(np.int32).max:
            return scaled.astype(np.int32)
    return (pixels.astype(np.float64) * slope + intercept).astype(np.float32)
