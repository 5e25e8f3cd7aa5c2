"""npy and npz: arrays without geometry."""

import math
import zipfile
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
import numpy.typing as npt

from napari_scarseg.core.spacing import Spacing
from napari_scarseg.errors import InputError
from napari_scarseg.io.candidates import Offer, StackCandidate, middle_plane, numbered_candidates
from napari_scarseg.io.decoding import LAZY_BYTES, check_declared_size, decoding
from napari_scarseg.io.volume import Volume, native_order

Array = npt.NDArray[np.generic]

_MAX_VOLUMES = 10_000


def offer_npy(path: Path) -> Offer:
    """The volumes of an npy file: one, or one per step of the axes in front of the last three."""
    with decoding(path.name, "an npy file"), open(path, "rb") as handle:
        shape, _, _ = _read_header(handle, path.name)
    size = _volume_shape(shape, path.name)
    lead = _leading(shape)
    candidates = numbered_candidates(math.prod(lead), size, Spacing.unknown(), "volume")

    def read(candidate: StackCandidate) -> Volume:
        return read_npy(path, int(candidate.key) - 1)

    return Offer(candidates, read, lambda candidate: middle_plane(read(candidate)))


def offer_npz(path: Path) -> Offer:
    """The arrays of an npz file, by their names."""
    with decoding(path.name, "an npz file"), zipfile.ZipFile(path) as archive:
        candidates = []
        for info in _members(archive):
            with archive.open(info) as handle:
                shape, _, _ = _read_header(handle, path.name)
            lead = _leading(shape)
            name = info.filename.removesuffix(".npy")
            if math.prod(lead) == 1 and len(shape) - len(lead) in (2, 3):
                size = _volume_shape(shape, path.name)
                candidates.append(StackCandidate(name, size, Spacing.unknown(), "array"))
    if not candidates:
        raise InputError(f"'{path.name}' holds no array of slices, rows and columns; save the image as npy.")

    def read(candidate: StackCandidate) -> Volume:
        return read_npz(path, candidate.key)

    return Offer(tuple(candidates), read, lambda candidate: middle_plane(read(candidate)))


def read_npy(path: Path, index: int = 0) -> Volume:
    """Read one volume of an npy file: (Z, Y, X), or (Y, X) as one slice. Never unpickles.

    A large file is mapped into memory.
    """
    with decoding(path.name, "an npy file"), open(path, "rb") as handle:
        shape, is_fortran, dtype = _read_header(handle, path.name)
        stored = path.stat().st_size - handle.tell()
        size = check_declared_size(path.name, shape, dtype.itemsize, stored_bytes=stored)
        if size >= LAZY_BYTES:
            order: Literal["C", "F"] = "F" if is_fortran else "C"
            data: Array = np.memmap(path, dtype, "r", handle.tell(), shape, order)
        else:
            data = _read_values(handle, path.name, shape, dtype, is_fortran=is_fortran)
    lead = _leading(shape)
    return _to_volume(data[np.unravel_index(index, lead)] if lead else data)


def read_npz(path: Path, name: str) -> Volume:
    """Read the array `name` of an npz file."""
    with decoding(path.name, "an npz file"), zipfile.ZipFile(path) as archive:
        member = archive.getinfo(f"{name}.npy")
        with archive.open(member) as handle:
            shape, is_fortran, dtype = _read_header(handle, path.name)
            compressed = member.compress_type != zipfile.ZIP_STORED
            check_declared_size(
                path.name, shape, dtype.itemsize, stored_bytes=member.compress_size, compressed=compressed
            )
            data = _read_values(handle, path.name, shape, dtype, is_fortran=is_fortran)
    return _to_volume(data[(0,) * len(_leading(shape))])


def _members(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    return [info for info in archive.infolist() if info.filename.endswith(".npy")]


def _leading(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Axes in front of slice, row and column."""
    return shape[:-3]


def _volume_shape(shape: tuple[int, ...], name: str) -> tuple[int, int, int]:
    if 0 in shape:
        raise InputError(f"The image in '{name}' is empty (shape {shape}); choose one with at least one slice.")
    if len(shape) < 2:
        raise InputError(
            f"The array in '{name}' has {len(shape)} axes {shape}, but a stack has three (slice, row, column); "
            "choose another one."
        )
    slices, rows, columns = (1, *shape[-3:])[-3:]
    return slices, rows, columns


def _read_header(handle: IO[bytes], name: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, order and type of an array, if it is one of real numbers."""
    version = np.lib.format.read_magic(handle)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, is_fortran, dtype = read_header(handle)
    if dtype.hasobject:
        raise InputError(
            f"'{name}' holds Python objects (a pickle), which can run programs and are never opened; save it as an "
            "array of numbers."
        )
    if dtype.kind not in "biuf":
        raise InputError(f"'{name}' holds values of type {dtype}, but intensities are real numbers; convert it.")
    if math.prod(_leading(shape)) > _MAX_VOLUMES or any(n < 0 for n in shape):
        raise InputError(f"'{name}' declares the size {shape}; it is damaged, or no LGE stack.")
    return shape, is_fortran, dtype


def _read_values(
    handle: IO[bytes], name: str, shape: tuple[int, ...], dtype: np.dtype[Any], *, is_fortran: bool
) -> Array:
    size = math.prod(shape) * dtype.itemsize
    values = bytearray(size)
    filled = 0
    view = memoryview(values)
    # A zip member hands out what it has, a little at a time.
    while filled < size and (count := handle.readinto(view[filled:])):  # type: ignore[attr-defined]
        filled += count
    if filled < size:
        raise InputError(f"'{name}' is incomplete: {filled} of {size} bytes of image data; copy or export it again.")
    return np.frombuffer(values, dtype=dtype).reshape(shape, order="F" if is_fortran else "C")


def _to_volume(data: Array) -> Volume:
    findings: list[str] = []
    if data.ndim == 2:
        data = data[np.newaxis]
    elif data.shape[-1] in (3, 4) and data.shape[0] > 4 and data.dtype == np.uint8:
        findings.append(
            "The array's last axis has the length of colour samples; it was read as columns of (slice, row, column)."
        )
    return Volume(native_order(data), Spacing.unknown(), findings=tuple(findings))
