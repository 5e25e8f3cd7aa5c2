"""Where DICOM files are: alone, in a folder and the folders inside, in a zip archive, or named by a DICOMDIR.

Nothing is unpacked to the disk. What a file inflates to is bounded before it is inflated.
"""

import io
import os
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pydicom

from napari_scarseg.errors import InputError
from napari_scarseg.io.decoding import MAX_COMPRESSED_BYTES, decoding
from napari_scarseg.io.sniff import HEAD_BYTES, Format, format_of, sniff_format

# A whole heart examination has some ten thousand images.
_MAX_FILES = 100_000
_MAX_DEPTH = 12
# Medical images deflate to a half or a quarter. What promises more than this, and much of it, is made to do harm.
_MAX_ZIP_RATIO = 200
_ALWAYS_BYTES = 64 * 2**20
_MAX_INFLATED_BYTES = 512 * 2**20
# Below this size, deflated data cannot exceed the above.
_HARMLESS_BYTES = _MAX_INFLATED_BYTES // 1032
_DEFLATED_UID = str(pydicom.uid.DeflatedExplicitVRLittleEndian).encode()
_CHUNK_BYTES = 2**17
_BUFFER_BYTES = 2**16
# Behind the preamble and the letters DICM.
_META_START = 132
# Names that scanners give: letters, numbers and a suffix. Any other may hold a name of a person.
_PLAIN_NAME = re.compile(r"[A-Za-z]{0,5}[-_]?\d{1,8}([-_.]\d{1,8}){0,3}(\.[A-Za-z]{1,5})?")


@dataclass(frozen=True, slots=True)
class DicomFile:
    """One file on the disk, or one member of a zip archive.

    Parameters
    ----------
    path : Path
        The file, or the archive.
    size_bytes : int
        Of the file, or of the member when it is inflated.
    member : str or None
    """

    path: Path
    size_bytes: int
    member: str | None = None

    @property
    def label(self) -> str:
        """What messages call it: its name where that is a scanner's, for any other may name the patient."""
        name = self.sort_name
        return name if _PLAIN_NAME.fullmatch(name) else "a DICOM file"

    @property
    def sort_name(self) -> str:
        """Its own name without folders."""
        return self.path.name if self.member is None else self.member.replace("\\", "/").rpartition("/")[2]


def open_each(files: Sequence[DicomFile]) -> Iterator[tuple[DicomFile, IO[bytes]]]:
    """Open files one after the other; an archive stays open from one of its members to the next."""
    archive: zipfile.ZipFile | None = None
    try:
        for file in files:
            if file.member is None:
                with open(file.path, "rb") as handle:
                    yield file, handle
                continue
            if archive is None or archive.filename != str(file.path):
                if archive is not None:
                    archive.close()
                archive = zipfile.ZipFile(file.path)
            with archive.open(file.member) as member:
                # Buffered: to go back in a compressed member is to start again.
                yield file, io.BufferedReader(member, _BUFFER_BYTES)  # type: ignore[type-var]
    finally:
        if archive is not None:
            archive.close()


def find_dicom(path: Path) -> list[DicomFile]:
    """DICOM files at `path`: itself, those of a DICOMDIR, of a zip archive, or of a folder and the folders inside.

    Raises
    ------
    InputError
        If there is none, or an archive is damaged, encrypted or would inflate beyond all reason.
    """
    if path.is_dir():
        return [on_disk(file) for file in _walk(path)]
    kind = sniff_format(path)
    if kind is Format.ZIP:
        return _list_zip(path)
    if kind is not Format.DICOM:
        raise InputError(f"'{path.name}' is no DICOM file; choose another one.")
    return _list_dicomdir(path) or [on_disk(path)]


def check_inflated_size(file: DicomFile, handle: IO[bytes]) -> None:
    """Refuse a file in the deflated transfer syntax that would inflate beyond all reason; leaves `handle` at 0.

    Raises
    ------
    InputError
        If it would.
    """
    if file.size_bytes > _HARMLESS_BYTES and _holds(handle, _DEFLATED_UID) and not _is_bounded(handle):
        raise InputError(f"'{file.label}' is a deflated DICOM file that inflates to more than is accepted.")
    handle.seek(0)


def _holds(handle: IO[bytes], word: bytes) -> bool:
    """Whether a file holds `word` anywhere."""
    handle.seek(0)
    tail = b""
    while chunk := handle.read(_CHUNK_BYTES):
        if word in tail + chunk:
            return True
        tail = chunk[-len(word) :]
    return False


def _is_bounded(handle: IO[bytes]) -> bool:
    """Whether what follows the file's meta header inflates to an accepted size; no, where that cannot be told."""
    handle.seek(_META_START)
    head = handle.read(12)
    if len(head) < 12 or head[:8] != b"\x02\x00\x00\x00UL\x04\x00":
        return False
    handle.seek(_META_START + 12 + int.from_bytes(head[8:], "little"))
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    inflated = 0
    while not inflater.eof and (chunk := handle.read(_CHUNK_BYTES)):
        inflated += len(inflater.decompress(chunk, _MAX_INFLATED_BYTES))
        if inflated > _MAX_INFLATED_BYTES or inflater.unconsumed_tail:
            return False
    return True


def on_disk(path: Path) -> DicomFile:
    """A file that is known to be DICOM."""
    return DicomFile(path, path.stat().st_size)


def _walk(folder: Path) -> Iterator[Path]:
    """DICOM files below a folder; links to folders are not followed."""
    seen = 0
    for root, folders, names in os.walk(folder):
        depth = len(Path(root).relative_to(folder).parts)
        folders[:] = sorted(f for f in folders if not f.startswith(".") and depth < _MAX_DEPTH)
        for name in sorted(names):
            file = Path(root, name)
            if name.startswith(".") or not file.is_file() or file.stat().st_size == 0:
                continue
            seen += 1
            if seen > _MAX_FILES:
                raise InputError(f"The folder holds more than {_MAX_FILES} files; choose the folder of one patient.")
            if sniff_format(file) is Format.DICOM:
                yield file


def _list_zip(path: Path) -> list[DicomFile]:
    """DICOM members of an archive, told by their first bytes. Their names are never used as paths."""
    with decoding(path.name, "a zip archive"), zipfile.ZipFile(path) as archive:
        members = [info for info in archive.infolist() if not info.is_dir() and info.file_size > 0]
        if any(info.flag_bits & 1 for info in members):
            raise InputError("The zip archive is encrypted; unpack it with its password, and choose the folder.")
        promised = sum(info.file_size for info in members)
        if (
            len(members) > _MAX_FILES
            or promised > _MAX_ZIP_RATIO * path.stat().st_size + _ALWAYS_BYTES
            or any(info.file_size > MAX_COMPRESSED_BYTES for info in members)
        ):
            raise InputError("The zip archive would inflate beyond all reason; unpack it yourself if you trust it.")
        found = []
        for info in members:
            with archive.open(info) as handle:
                head = handle.read(HEAD_BYTES)
            if head and format_of(head) is Format.DICOM:
                found.append(DicomFile(path, info.file_size, info.filename))
    if not found:
        raise InputError("The zip archive holds no DICOM files; unpack it and choose the file or folder inside.")
    return found


def _list_dicomdir(path: Path) -> list[DicomFile]:
    """Files that a DICOMDIR names; empty where `path` is another DICOM file.

    Only files at or below the DICOMDIR's own folder are taken.
    """
    with decoding(path.name, "a DICOMDIR"):
        with open(path, "rb") as handle:
            check_inflated_size(on_disk(path), handle)
            dataset = pydicom.dcmread(handle, force=True, specific_tags=["DirectoryRecordSequence"])
        records = dataset.get("DirectoryRecordSequence")
        if not records:
            return []
        named = [record.get("ReferencedFileID") for record in records]
        parts = [[str(part) for part in (name if not isinstance(name, str) else [name])] for name in named if name]
    folder = path.parent.resolve()
    files = [_inside(folder, names) for names in parts]
    present = [on_disk(file) for file in files if file is not None and file.is_file()]
    if not present:
        raise InputError("The files that the DICOMDIR names are not beside it; choose the folder with the images.")
    return [file for file in present if sniff_format(file.path) is Format.DICOM]


def _inside(folder: Path, names: Sequence[str]) -> Path | None:
    """Path of a referenced file; None where it would lie outside of `folder`."""
    if any("\0" in name for name in names):
        return None
    file = folder.joinpath(*names)
    if not file.exists():
        # Discs are often copied with names in lower case.
        file = folder.joinpath(*(name.lower() for name in names))
    resolved = file.resolve()
    return resolved if resolved.is_relative_to(folder) else None
