"""npy and npz: arrays without geometry."""

import zipfile
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from napari_scarseg.core.spacing import Spacing
from napari_scarseg.errors import InputError
from napari_scarseg.io.decoding import check_declared_size, decoding
from napari_scarseg.io.volume import Volume, native_order


def read_npy(path: Path) -> Volume:
    """Read an npy file: (Z, Y, X), or (Y, X) as one slice. Never unpickles."""
    with decoding(path.name, "an npy file"), open(path, "rb") as handle:
        data = _read_array(handle, path.name, stored_bytes=path.stat().st_size, compressed=False)
    return _to_volume(data, path.name)


def read_npz(path: Path) -> Volume:
    """Read the one image array of an npz file."""
    with decoding(path.name, "an npz file"), zipfile.ZipFile(path) as archive:
        members = [info for info in archive.infolist() if info.filename.endswith(".npy")]
        if len(members) != 1:
            names = ", ".join(sorted(info.filename.removesuffix(".npy") for info in members))
            raise InputError(
                f"'{path.name}' holds {len(members)} arrays ({names}), but a stack is one; save that one as npy."
            )
        member = members[0]
        compressed = member.compress_type != zipfile.ZIP_STORED
        with archive.open(member) as handle:
            data = _read_array(handle, path.name, stored_bytes=member.compress_size, compressed=compressed)
    return _to_volume(data, path.name)


def _read_array(handle: IO[bytes], name: str, *, stored_bytes: int, compressed: bool) -> npt.NDArray[np.generic]:
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
    size = check_declared_size(name, shape, dtype.itemsize, stored_bytes=stored_bytes, compressed=compressed)
    values = bytearray(size)
    filled = 0
    view = memoryview(values)
    # A zip member hands out what it has, a little at a time.
    while filled < size and (count := handle.readinto(view[filled:])):  # type: ignore[attr-defined]
        filled += count
    if filled < size:
        raise InputError(f"'{name}' is incomplete: {filled} of {size} bytes of image data; copy or export it again.")
    return np.frombuffer(values, dtype=dtype).reshape(shape, order="F" if is_fortran else "C")


def _to_volume(data: npt.NDArray[np.generic], name: str) -> Volume:
    findings: list[str] = []
    while data.ndim > 3 and data.shape[0] == 1:
        data = data[0]
    if data.ndim == 2:
        data = data[np.newaxis]
    elif data.ndim == 3 and data.shape[-1] in (3, 4) and data.shape[0] > 4 and data.dtype == np.uint8:
        findings.append(
            "The array's last axis has the length of colour samples; it was read as columns of (slice, row, column)."
        )
    if data.ndim != 3:
        raise InputError(
            f"The array in '{name}' has {data.ndim} axes {tuple(data.shape)}, but a stack has three (slice, row, "
            "column); choose one channel and one time point."
        )
    return Volume(native_order(data), Spacing.unknown(), findings=tuple(findings))
