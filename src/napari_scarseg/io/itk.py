"""NRRD and MetaImage, through SimpleITK; their text headers are looked at first, because ITK believes them."""

import re
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk  # noqa: N813

from napari_scarseg.core.spacing import Spacing, SpacingOrigin
from napari_scarseg.errors import InputError
from napari_scarseg.io.candidates import Offer, StackCandidate, middle_plane, numbered_candidates
from napari_scarseg.io.decoding import check_declared_size, decoding
from napari_scarseg.io.sniff import Format, sniff_format
from napari_scarseg.io.volume import Volume, native_order

# Notes in our own label files (NRRD): what the spacing is, also beside an affine that says otherwise ("10.0 1.4 1.4", z
# first, "none" for what is not known), and that there is no affine.
SPACING_KEY = "napari-scarseg spacing"
AFFINE_KEY = "napari-scarseg affine"
_HEADER_BYTES = 2**20
_IMAGE_IO = {Format.NRRD: "NrrdImageIO", Format.METAIMAGE: "MetaImageIO"}
# Fields without which the voxel size is ITK's own 1, and not the file's.
_SPACING_FIELDS = {Format.NRRD: ("space directions", "spacings"), Format.METAIMAGE: ("elementspacing", "elementsize")}
_DATA_FIELDS = {Format.NRRD: ("data file", "datafile"), Format.METAIMAGE: ("elementdatafile",)}
_NEEDED_FIELDS = {
    Format.NRRD: ("type", "dimension", "sizes", "encoding"),
    Format.METAIMAGE: ("ndims", "dimsize", "elementtype", "elementdatafile"),
}
_MM_PER_UNIT = {"mm": 1.0, "cm": 10.0, "m": 1000.0, "um": 1e-3, "µm": 1e-3, "microns": 1e-3}
_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
_MAX_VOLUMES = 10_000
_NRRD_ENCODINGS = ("raw", "gz", "gzip", "txt", "text", "ascii", "hex")
_CHUNK_BYTES = 2**20
_ZLIB_OR_GZIP = 47


@dataclass(frozen=True, slots=True)
class _Header:
    kind: Format
    fields: dict[str, str]
    size: tuple[int, ...]
    components: int
    spacing_mm: tuple[float, ...]
    origin_mm: tuple[float, ...]
    direction: tuple[float, ...]


def offer_itk(path: Path) -> Offer:
    """The volumes of an NRRD or MetaImage file: one, or one per component and per step of a fourth axis.

    Raises
    ------
    InputError
        If the file is damaged or incomplete, or its header names a file that does not lie beside it.
    """
    with decoding(path.name, "an NRRD or MetaImage file"):
        header = _read_header(path)
        spacing, _ = _spacing(header)
        count = header.components * (header.size[3] if len(header.size) > 3 else 1)
        if count > _MAX_VOLUMES:
            raise InputError(f"'{path.name}' declares more than {_MAX_VOLUMES} volumes; it is damaged.")
        columns, rows, slices = (*header.size, 1)[:3]
        candidates = numbered_candidates(count, (slices, rows, columns), spacing, "volume")

    def read(candidate: StackCandidate) -> Volume:
        return read_itk(path, int(candidate.key) - 1)

    return Offer(candidates, read, lambda candidate: middle_plane(read(candidate)))


def read_itk(path: Path, index: int = 0) -> Volume:
    """Read one volume of an NRRD or MetaImage file as (Z, Y, X), its affine converted from LPS to RAS.

    Without a voxel size in the header, the spacing is unknown and there is no affine.

    Parameters
    ----------
    path : Path
    index : int
        Which volume, counted from 0: components first, then the fourth axis.

    Raises
    ------
    InputError
        See `offer_itk`.
    """
    with decoding(path.name, "an NRRD or MetaImage file"):
        header = _read_header(path)
        values = sitk.GetArrayFromImage(_reader(path, header.kind).Execute())
        data = native_order(_choose_volume(values, header, index))
        spacing, findings = _spacing(header)
        affine = _affine_ras(header) if spacing.is_known or SPACING_KEY in header.fields else None
    return Volume(data, spacing, affine, findings)


def _choose_volume(values: npt.NDArray[np.generic], header: _Header, index: int) -> npt.NDArray[np.generic]:
    """(…, Z, Y, X, components) to (Z, Y, X)."""
    step, component = divmod(index, header.components)
    if header.components > 1:
        values = values[..., component]
    if len(header.size) > 3:
        values = values[step]
    return values if values.ndim == 3 else values[np.newaxis]


def _reader(path: Path, kind: Format) -> sitk.ImageFileReader:
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    reader = sitk.ImageFileReader()
    reader.SetImageIO(_IMAGE_IO[kind])
    reader.SetFileName(str(path))
    return reader


def _read_header(path: Path) -> _Header:
    kind = sniff_format(path)
    fields, data = _find_data(path, kind)
    reader = _reader(path, kind)
    reader.ReadImageInformation()
    size, components = tuple(reader.GetSize()), int(reader.GetNumberOfComponents())
    pixel = reader.GetPixelID()
    if len(size) not in (2, 3, 4):
        raise InputError(f"'{path.name}' has {len(size)} axes, but a stack has three; save one volume as its own file.")
    if "complex" in sitk.GetPixelIDValueAsString(pixel).lower():
        raise InputError(f"'{path.name}' holds complex numbers, but intensities are real; convert it.")
    itemsize = _itemsize(sitk.GetPixelIDValueAsString(pixel))
    shape = (components, *reversed(size))
    declared = check_declared_size(
        path.name, shape, itemsize, stored_bytes=data.size_bytes, compressed=data.is_compressed
    )
    if data.is_compressed:
        _check_deflated(data, declared, path.name)
    return _Header(
        kind,
        fields,
        size,
        components,
        tuple(reader.GetSpacing()),
        tuple(reader.GetOrigin()),
        tuple(reader.GetDirection()),
    )


def _itemsize(name: str) -> int:
    """Bytes per value, by ITK's name of the type ("16-bit signed integer", "32-bit float", "vector of …")."""
    bits = re.search(r"(\d+)-bit", name)
    return int(bits.group(1)) // 8 if bits else 8


def _text_fields(path: Path, kind: Format) -> tuple[dict[str, str], int]:
    """Fields of the text header, names in lower case, and the number of bytes up to its end."""
    with open(path, "rb") as handle:
        head = handle.read(_HEADER_BYTES)
    separator = ":" if kind is Format.NRRD else "="
    last = _DATA_FIELDS[kind]
    fields: dict[str, str] = {}
    end = 0
    for line in head.splitlines(keepends=True):
        end += len(line)
        if kind is Format.NRRD and not line.strip():
            break
        name, found, value = line.decode("latin-1").partition(separator)
        if found:
            fields.setdefault(name.strip().lower(), value.strip())
        if kind is Format.METAIMAGE and name.strip().lower() in last:
            break
    missing = [name for name in _NEEDED_FIELDS[kind] if not fields.get(name)]
    if missing:
        raise InputError(f"'{path.name}' is incomplete: its header lacks '{missing[0]}'; export it again.")
    return fields, end


@dataclass(frozen=True, slots=True)
class _Data:
    """Where the values are: file, first byte, and whether they are deflated."""

    path: Path
    start: int
    is_compressed: bool

    @property
    def size_bytes(self) -> int:
        return self.path.stat().st_size - self.start


def _find_data(path: Path, kind: Format) -> tuple[dict[str, str], _Data]:
    """Fields of the header, and where the values are.

    Raises
    ------
    InputError
        If they are in several files, or in one that does not lie beside the header.
    """
    fields, end = _text_fields(path, kind)
    if kind is Format.NRRD:
        encoding = fields["encoding"].lower()
        if encoding not in _NRRD_ENCODINGS:
            raise InputError(f"'{path.name}' is an NRRD file in an encoding that is not read; save it as raw or gzip.")
        is_compressed = encoding in ("gz", "gzip")
    else:
        is_compressed = fields.get("compresseddata", "false").lower().startswith("t")
    named = next((fields[name] for name in _DATA_FIELDS[kind] if name in fields), "")
    if not named or named.upper() == "LOCAL":
        return fields, _Data(path, end, is_compressed)
    # A header that names files elsewhere would have us open anything on the machine.
    if Path(named).name != named or any(sign in named for sign in "\\:%\0") or named.upper().startswith("LIST"):
        raise InputError(f"'{path.name}' names data that are not one file beside it; save it as a single file.")
    if not path.with_name(named).is_file():
        raise InputError(f"'{path.name}' is a header whose data file is missing; put it beside it.")
    return fields, _Data(path.with_name(named), 0, is_compressed)


def _check_deflated(data: _Data, declared_bytes: int, name: str) -> None:
    """ITK takes what it gets out of damaged deflated data; so it is inflated once before, to its checksum."""
    inflater = zlib.decompressobj(wbits=_ZLIB_OR_GZIP)
    inflated = 0
    with open(data.path, "rb") as handle:
        handle.seek(data.start)
        while not inflater.eof and (chunk := inflater.unconsumed_tail or handle.read(_CHUNK_BYTES)):
            inflated += len(inflater.decompress(chunk, _CHUNK_BYTES))
            if inflated > declared_bytes:
                break
    if not inflater.eof or inflated != declared_bytes:
        raise InputError(f"'{name}' is incomplete: it does not inflate to what it declares; copy or export it again.")


def _spacing(header: _Header) -> tuple[Spacing, tuple[str, ...]]:
    if SPACING_KEY in header.fields:
        return _noted_spacing(header.fields[SPACING_KEY]), ()
    if not any(header.fields.get(name) for name in _SPACING_FIELDS[header.kind]):
        return Spacing.unknown(), ()
    unit, findings = _unit(header)
    sizes = [size * unit for size in header.spacing_mm[:3]]
    x_mm, y_mm = sizes[:2]
    z_mm = sizes[2] if len(sizes) > 2 else None
    if not all(np.isfinite(size) and size > 0 for size in sizes):
        return Spacing.unknown(), ("The header's voxel size is not usable, so the spacing is not known.",)
    if z_mm is None:
        findings = (*findings, "The image is a single plane, so the distance between slices is not known.")
    return Spacing(z_mm, y_mm, x_mm, SpacingOrigin.HEADER), findings


def _noted_spacing(note: str) -> Spacing:
    """The spacing as `write_labels_nrrd` noted it. ITK writes key and value with := between them."""
    z_mm, y_mm, x_mm = (None if word == "none" else float(word) for word in note.removeprefix("=").split())
    if z_mm is None and y_mm is None:
        return Spacing.unknown()
    return Spacing(z_mm, y_mm, x_mm, SpacingOrigin.HEADER)


def _unit(header: _Header) -> tuple[float, tuple[str, ...]]:
    """Millimetres per unit of length. NRRD may name one per axis; both formats mean mm where they name none."""
    words = re.findall(r'"([^"]*)"', header.fields.get("space units", "") or header.fields.get("units", ""))
    factors = {_MM_PER_UNIT.get(word.strip().lower()) for word in words[:3]} - {None}
    if len(factors) != 1 or (factor := factors.pop()) is None or factor == 1.0:
        return 1.0, ()
    return factor, ("The NRRD header gives lengths in another unit than mm; they were converted.",)


def _affine_ras(header: _Header) -> npt.NDArray[np.float64] | None:
    """Affine of (x, y, z) indices, of a volume whose direction is three axes in space."""
    if len(header.size) != 3 or AFFINE_KEY in header.fields:
        return None
    unit, _ = _unit(header)
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(header.direction, (3, 3)) * np.asarray(header.spacing_mm) * unit
    affine[:3, 3] = np.asarray(header.origin_mm) * unit
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-12:
        return None
    return np.asarray(_LPS_TO_RAS @ affine)
