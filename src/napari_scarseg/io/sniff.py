"""What a file is, by its first bytes. Names lie; bytes seldom do."""

import zlib
from enum import StrEnum
from pathlib import Path

from napari_scarseg.errors import InputError

HEAD_BYTES = 1024


class Format(StrEnum):
    """Kinds of files that are told apart."""

    NIFTI = "NIfTI"
    TIFF = "TIFF"
    PNG = "PNG"
    JPEG = "JPEG"
    BMP = "BMP"
    DICOM = "DICOM"
    NPY = "npy"
    NPZ = "npz"
    NRRD = "NRRD"
    METAIMAGE = "MetaImage"
    ZIP = "zip"
    PICKLE = "pickle"
    TEXT = "text"
    OTHER = "other"


# One plane per file: what a folder of slices is made of. A TIFF may be either, see `slice_folder`.
PLANAR = frozenset({Format.PNG, Format.JPEG, Format.BMP})
READABLE = PLANAR | {
    Format.NIFTI, Format.TIFF, Format.DICOM, Format.NPY, Format.NPZ, Format.NRRD, Format.METAIMAGE
}  # fmt: skip
READABLE_WORDS = (
    "NIfTI (.nii, .nii.gz), TIFF (also OME and ImageJ), DICOM, NRRD, MetaImage, npy, npz, or a folder of PNG, TIFF or "
    "JPEG slices"
)

_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", Format.PNG),
    (b"\xff\xd8\xff", Format.JPEG),
    (b"BM", Format.BMP),
    (b"II*\x00", Format.TIFF),
    (b"MM\x00*", Format.TIFF),
    (b"II+\x00", Format.TIFF),
    (b"MM\x00+", Format.TIFF),
    (b"\x93NUMPY", Format.NPY),
    (b"NRRD", Format.NRRD),
    (b"ObjectType", Format.METAIMAGE),
    (b"NDims", Format.METAIMAGE),
    (b"\x80\x02", Format.PICKLE),
    (b"\x80\x03", Format.PICKLE),
    (b"\x80\x04", Format.PICKLE),
    (b"\x80\x05", Format.PICKLE),
)
_ZIP = b"PK\x03\x04"
_GZIP = b"\x1f\x8b"
# Value representations that can open a DICOM data set whose preamble was cut off.
_DICOM_VR = frozenset({b"UL", b"UI", b"CS", b"DA", b"TM", b"SH", b"LO", b"OB"})
_NIFTI_MAGIC = (b"n+1\x00", b"ni1\x00", b"n+2\x00", b"ni2\x00")


def sniff_format(path: Path) -> Format:
    """Tell what the file at `path` holds.

    Raises
    ------
    InputError
        If it is missing, empty or cannot be opened.
    """
    try:
        with open(path, "rb") as handle:
            head = handle.read(HEAD_BYTES)
    except FileNotFoundError as cause:
        raise InputError(f"There is no file or folder '{path.name}'; check the path.") from cause
    except OSError as cause:
        raise InputError(f"'{path.name}' cannot be opened ({cause.strerror}); check its permissions.") from cause
    if not head:
        raise InputError(f"'{path.name}' is an empty file; copy or export it again.")
    return format_of(head)


def format_of(head: bytes) -> Format:
    """Tell what a file holds by its first `HEAD_BYTES` bytes."""
    if head[128:132] == b"DICM":
        return Format.DICOM
    if head.startswith(_GZIP):
        return Format.NIFTI if _is_nifti(_inflate_head(head)) else Format.OTHER
    if _is_nifti(head):
        return Format.NIFTI
    if head.startswith(_ZIP):
        # numpy writes the arrays of an npz as members called NAME.npy.
        return Format.NPZ if b".npy" in head[:512] else Format.ZIP
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if _is_bare_dicom(head):
        return Format.DICOM
    return Format.TEXT if _is_text(head) else Format.OTHER


def _inflate_head(head: bytes) -> bytes:
    try:
        return zlib.decompressobj(wbits=31).decompress(head, HEAD_BYTES)
    except zlib.error:
        return b""


def _is_nifti(head: bytes) -> bool:
    return head[344:348] in _NIFTI_MAGIC[:2] or head[4:8] in _NIFTI_MAGIC[2:]


def _is_bare_dicom(head: bytes) -> bool:
    """DICOM without the 128-byte preamble: group 2 or 8, explicit or implicit, little endian."""
    if len(head) < 16 or head[:2] not in (b"\x02\x00", b"\x08\x00") or head[3] != 0:
        return False
    return head[4:6] in _DICOM_VR or (int.from_bytes(head[4:8], "little") <= 64 and head[2] <= 0x18)


def _is_text(head: bytes) -> bool:
    try:
        head[:-4].decode("utf-8")
    except UnicodeDecodeError:
        return False
    return b"\x00" not in head


def refuse_format(path: Path, kind: Format) -> InputError:
    """The sentence for a file that is not read."""
    if kind is Format.PICKLE:
        return InputError(
            f"'{path.name}' is a Python pickle, which can run programs and is never opened; save the array with "
            "numpy.save (.npy)."
        )
    return InputError(f"'{path.name}' is not an image that can be read; choose {READABLE_WORDS}.")
