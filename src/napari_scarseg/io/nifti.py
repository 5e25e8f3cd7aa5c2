"""NIfTI-1 and -2: the array's plain transpose, with spacing and affine taken from the header with care."""

import gzip
import io
import math
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import numpy.typing as npt
from nibabel.volumeutils import apply_read_scaling, array_from_file

from napari_scarseg.core.spacing import Spacing, SpacingOrigin
from napari_scarseg.errors import InputError
from napari_scarseg.io.candidates import Offer, StackCandidate, middle_plane, numbered_candidates
from napari_scarseg.io.decoding import GIB, LAZY_BYTES, check_declared_size, decoding
from napari_scarseg.io.volume import Volume, native_order

_MM_PER_UNIT = {1: 1000.0, 2: 1.0, 3: 0.001}
_UNIT_WORDS = {1: "metres", 3: "micrometres"}
# Results say in `descrip` which of pixdim's lengths are the spacing: all ("zyx"), some, or none. So what was read back
# is what was written, also beside an affine that says otherwise.
SPACING_MARK = "napari-scarseg spacing in pixdim: "
# How far a gzip file is followed behind its data.
_MAX_TRAILING_BYTES = 64 * 2**20
_CHUNK_BYTES = 2**20
# More than any series of volumes has.
_MAX_VOLUMES = 10_000
# Relative difference from which two statements about a distance contradict each other.
_TOLERANCE = 0.01


def offer_nifti(path: Path) -> Offer:
    """The volumes of a NIfTI file: one, or of a 4-D file (5-D, …) one per step of the axes behind the third.

    Raises
    ------
    InputError
        If the header is damaged, or the file holds colours or complex numbers.
    """
    with decoding(path.name, "a NIfTI file"):
        with _open(path) as handle:
            header = _read_header(handle)
        _check_kind(header, path.name)
        shape = (*(int(n) for n in header.get_data_shape()), 1)
        candidates = numbered_candidates(
            math.prod(shape[3:]), (shape[2], shape[1], shape[0]), _read_geometry(header).spacing, "volume"
        )

    def read(candidate: StackCandidate) -> Volume:
        return read_nifti(path, int(candidate.key) - 1)

    return Offer(candidates, read, lambda candidate: middle_plane(read(candidate)))


def read_nifti(path: Path, index: int = 0) -> Volume:
    """Read one volume of a NIfTI file: its (X, Y, Z) array transposed to (Z, Y, X), never reoriented.

    2-D is one slice. `affine_ras` is the header's own (sform, else qform, else what nibabel makes of the dimensions),
    so that a result written with it overlays the source voxel for voxel, even where the affine's voxel size is wrong.

    Parameters
    ----------
    path : Path
    index : int
        Which volume, counted from 0, the fourth axis first.

    Raises
    ------
    InputError
        If the file is damaged, incomplete or too large, or holds colours or complex numbers.
    """
    with decoding(path.name, "a NIfTI file"):
        with _open(path) as handle:
            header = _read_header(handle)
            _check_kind(header, path.name)
            is_single = bool(header["magic"].item().startswith(b"n+"))
            if is_single:
                data = _read_data(handle, header, path, index)
        if not is_single:
            image_path = _pair_image(path)
            with _open(image_path) as handle:
                data = _read_data(handle, header, image_path, index)
        geometry = _read_geometry(header)
    return Volume(data, geometry.spacing, geometry.affine_ras, geometry.findings)


@dataclass(frozen=True, slots=True, eq=False)
class _Geometry:
    spacing: Spacing
    affine_ras: npt.NDArray[np.float64] | None
    findings: tuple[str, ...]


def _open(path: Path) -> gzip.GzipFile | io.BufferedReader:
    with open(path, "rb") as handle:
        is_gzip = handle.read(2) == b"\x1f\x8b"
    return gzip.GzipFile(path, "rb") if is_gzip else open(path, "rb")


def _pair_image(path: Path) -> Path:
    """The .img that belongs to a .hdr."""
    for suffix in (".img", ".img.gz"):
        candidate = path.with_name(path.name.removesuffix(".gz").removesuffix(".hdr") + suffix)
        if candidate.exists():
            return candidate
    raise InputError(f"'{path.name}' is the header of a NIfTI pair, but its .img file is missing; put it beside it.")


def _read_header(handle: gzip.GzipFile | io.BufferedReader) -> nib.Nifti1Header:
    head = handle.read(nib.Nifti1Header.sizeof_hdr)
    if head[4:8] in (b"n+2\x00", b"ni2\x00"):
        head += handle.read(nib.Nifti2Header.sizeof_hdr - len(head))
        return nib.Nifti2Header(binaryblock=head, check=False)
    return nib.Nifti1Header(binaryblock=head, check=False)


def _check_kind(header: nib.Nifti1Header, name: str) -> None:
    shape = tuple(int(n) for n in header.get_data_shape())
    if math.prod(shape[3:]) > _MAX_VOLUMES:
        raise InputError(f"'{name}' declares more than {_MAX_VOLUMES} volumes; it is damaged, or no LGE stack.")
    if len(shape) < 2:
        raise InputError(f"'{name}' has {len(shape)} axes {shape}, but an image has at least rows and columns.")
    dtype = header.get_data_dtype()
    if dtype.kind not in "iuf":
        what = "colours" if dtype.kind == "V" else "complex numbers" if dtype.kind == "c" else f"values of type {dtype}"
        raise InputError(f"'{name}' holds {what}, but intensities are real numbers; convert it to one grey value.")


def _read_data(
    handle: gzip.GzipFile | io.BufferedReader, header: nib.Nifti1Header, path: Path, index: int
) -> npt.NDArray[np.generic]:
    shape = tuple(int(n) for n in header.get_data_shape())
    dtype = header.get_data_dtype()
    offset = int(header["vox_offset"])
    compressed = isinstance(handle, gzip.GzipFile)
    stored = path.stat().st_size
    if not 0 <= offset <= GIB:
        raise InputError(f"'{path.name}' puts its data at byte {offset}, so it is damaged; export it again.")
    check_declared_size(path.name, shape, dtype.itemsize, stored_bytes=stored, compressed=compressed)
    own_bytes = math.prod(shape[:3]) * dtype.itemsize
    is_lazy = not compressed and own_bytes >= LAZY_BYTES
    raw = array_from_file(
        shape[:3], dtype, handle, offset=offset + index * own_bytes, order="F", mmap="r" if is_lazy else False
    )
    if compressed:
        _check_end(handle)
    slope, intercept = _scaling(header)
    values = apply_read_scaling(raw, slope, intercept)
    if raw.dtype.itemsize <= 2 and values.dtype == np.float64:
        values = values.astype(np.float32)
    return native_order(values.reshape((*shape[:3], 1)[:3]).T)


def _check_end(handle: gzip.GzipFile | io.BufferedReader) -> None:
    """Read on to the end of a gzip file, where its checksum is: a flipped bit is found there and nowhere else."""
    for _ in range(_MAX_TRAILING_BYTES // _CHUNK_BYTES):
        if not handle.read(_CHUNK_BYTES):
            return


def _scaling(header: nib.Nifti1Header) -> tuple[float | None, float | None]:
    """Slope and intercept where the header has usable ones; the standard says slope 0 means none."""
    slope, intercept = float(header["scl_slope"]), float(header["scl_inter"])
    if not np.isfinite(slope) or slope == 0:
        return None, None
    return slope, intercept if np.isfinite(intercept) else 0.0


def _read_geometry(header: nib.Nifti1Header) -> _Geometry:
    unit = int(header["xyzt_units"]) & 0x07
    mm = _MM_PER_UNIT.get(unit, 1.0)
    axes = min(len(header.get_data_shape()), 3)
    pixdim = np.abs([float(str(size)) for size in header["pixdim"][1:4]]) * mm  # str: 1.4, and not 1.39999998
    affine, affine_source = _best_affine(header)
    if affine is not None:
        affine = affine.copy()
        affine[:3] *= mm
    findings = []
    if unit in _UNIT_WORDS:
        findings.append(f"The NIfTI header gives lengths in {_UNIT_WORDS[unit]}; they were converted to mm.")
    mark = header["descrip"].item().decode("latin-1")
    if mark.startswith(SPACING_MARK):
        spacing = _marked_spacing(pixdim, mark.removeprefix(SPACING_MARK))
        is_plain = spacing.origin is SpacingOrigin.UNKNOWN
        return _Geometry(spacing, _drop_identity(affine) if is_plain else affine, tuple(findings))
    if unit not in _MM_PER_UNIT and np.allclose(pixdim[:axes], 1) and _is_unit(affine, axes):
        return _Geometry(Spacing.unknown(), _drop_identity(affine), tuple(findings))
    if unit not in _MM_PER_UNIT:
        findings.append("The NIfTI header names no unit of length; mm was assumed.")
    sizes, finding = _resolve_sizes(pixdim, affine, affine_source, axes)
    if finding:
        findings.append(finding)
    has_slices = axes == 3
    if not has_slices:
        findings.append("The image is a single plane, so the distance between slices is not known.")
    return _Geometry(_spacing(sizes, has_slices=has_slices), affine, tuple(findings))


def _best_affine(header: nib.Nifti1Header) -> tuple[npt.NDArray[np.float64] | None, str]:
    """The affine that nibabel would use, and where it comes from; None where it is not usable."""
    source = "sform" if int(header["sform_code"]) > 0 else "qform" if int(header["qform_code"]) > 0 else "dimensions"
    try:
        affine = np.asarray(header.get_best_affine(), dtype=np.float64)
    except (ValueError, np.linalg.LinAlgError):
        # A qform whose quaternion has no real fourth part.
        return None, source
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-12:
        return None, source
    return affine, source


def _drop_identity(affine: npt.NDArray[np.float64] | None) -> npt.NDArray[np.float64] | None:
    """No geometry for an identity, which is what unknown geometry is written as."""
    return None if affine is None or np.array_equal(affine, np.eye(4)) else affine


def _is_unit(affine: npt.NDArray[np.float64] | None, axes: int) -> bool:
    return affine is None or bool(np.allclose(_column_lengths(affine)[:axes], 1, rtol=1e-4))


def _column_lengths(affine: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Voxel size (x, y, z), in the shortest decimals that single precision, which affines are stored in, can tell."""
    lengths = np.linalg.norm(affine[:3, :3], axis=0).astype(np.float32)
    return np.array([float(str(length)) for length in lengths])


def _resolve_sizes(
    pixdim: npt.NDArray[np.float64], affine: npt.NDArray[np.float64] | None, affine_source: str, axes: int
) -> tuple[npt.NDArray[np.float64], str | None]:
    """Voxel size (x, y, z) in mm, of two statements that should agree, and a sentence where they do not.

    An affine of unit columns beside another pixdim is what software writes that never knew the voxel size (the
    original EMIDEC files are so): there pixdim is right. Any other affine was computed from the scan.
    """
    usable = bool((np.isfinite(pixdim) & (pixdim > 0))[:axes].all())
    if affine is None:
        return pixdim, f"The {affine_source} of the NIfTI header is not usable; the voxel size is taken from pixdim."
    lengths = _column_lengths(affine)
    if usable and np.allclose(pixdim[:axes], lengths[:axes], rtol=_TOLERANCE):
        return pixdim, None
    both = f"pixdim says {_words(pixdim[:axes])} mm (x, y, z) and the {affine_source} {_words(lengths[:axes])} mm"
    if usable and _is_unit(affine, axes):
        return pixdim, (
            f"The NIfTI header contradicts itself: {both}. pixdim was used, because an affine of 1 mm voxels is what "
            "software writes that did not know the voxel size."
        )
    return lengths, f"The NIfTI header contradicts itself: {both}. The {affine_source} was used."


def _words(sizes: npt.NDArray[np.float64]) -> str:
    return " × ".join(f"{size:.6g}" for size in sizes)


def _marked_spacing(pixdim: npt.NDArray[np.float64], known: str) -> Spacing:
    """The spacing as `spacing_mark` said."""
    x, y, z = (float(size) if axis in known else None for axis, size in zip("xyz", pixdim, strict=True))
    if (x is None) != (y is None) or (x is None and z is None):
        return Spacing.unknown()
    return Spacing(z, y, x, SpacingOrigin.HEADER)


def spacing_mark(spacing: Spacing) -> str:
    """What `descrip` says about a result's pixdim."""
    sizes = zip("zyx", (spacing.z_mm, spacing.y_mm, spacing.x_mm), strict=True)
    return SPACING_MARK + ("".join(axis for axis, size in sizes if size is not None) or "none")


def _spacing(sizes: npt.NDArray[np.float64], *, has_slices: bool) -> Spacing:
    """Spacing from (x, y, z) sizes in mm; what is not a positive number is unknown."""
    x, y, z = (float(size) if np.isfinite(size) and size > 0 else None for size in sizes)
    if x is None or y is None:
        return Spacing.unknown()
    return Spacing(z if has_slices else None, y, x, SpacingOrigin.HEADER)
