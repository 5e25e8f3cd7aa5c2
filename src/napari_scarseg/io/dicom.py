"""One plain DICOM series, from a file or a folder."""

from collections.abc import Sequence
from pathlib import Path

from napari_scarseg.errors import InputError
from napari_scarseg.io.case_key import case_key, resolve_salt
from napari_scarseg.io.dicom_geometry import order_series
from napari_scarseg.io.dicom_header import SliceHeader, read_slice_header
from napari_scarseg.io.dicom_pixels import read_pixels
from napari_scarseg.io.folders import list_folder
from napari_scarseg.io.sniff import Format, sniff_format
from napari_scarseg.io.volume import Volume


def read_dicom(paths: Sequence[Path], series: str | None = None) -> Volume:
    """Read one series of DICOM files as a stack.

    Parameters
    ----------
    paths : sequence of Path
        Files of one folder; those without an image are left out.
    series : str, optional
        SeriesNumber or SeriesInstanceUID of the one to take.

    Returns
    -------
    Volume
        Sorted along the normal; the affine is converted from DICOM's LPS to RAS; the stem is a salted hash.

    Raises
    ------
    InputError
        If there is no image, several series and no choice, or images that are not one stack.
    """
    headers = [header for path in paths if (header := read_slice_header(path)) is not None]
    if not headers:
        raise InputError("The DICOM files hold no image; choose the folder of the image series.")
    chosen = _choose_series(headers, series)
    ordered = order_series(chosen)
    findings = list(ordered.findings)
    if len(headers) < len(paths):
        findings.append(f"{len(paths) - len(headers)} DICOM files without an image were left out.")
    if any(header.is_lossy for header in chosen):
        findings.append("The images were compressed with loss, which changes intensities.")
    if any(header.has_burned_in_text for header in chosen):
        findings.append("The images carry burned-in text, which may name the patient and disturb detection.")
    data = read_pixels(ordered.headers)
    return Volume(data, ordered.spacing, ordered.affine_ras, tuple(findings), _series_stem(chosen[0]))


def dicom_stem(path: Path) -> str | None:
    """Salted hash that names the DICOM file or folder at `path`; None where it is not DICOM."""
    if not path.is_dir() and sniff_format(path) is not Format.DICOM:
        return None
    for file in list_folder(path).dicom if path.is_dir() else (path,):
        header = read_slice_header(file)
        if header is not None:
            return _series_stem(header)
    return None


def _series_stem(header: SliceHeader) -> str:
    return case_key(header.series_uid or header.instance_uid or header.path.name, resolve_salt())


def _choose_series(headers: Sequence[SliceHeader], series: str | None) -> list[SliceHeader]:
    groups: dict[str, list[SliceHeader]] = {}
    for header in headers:
        groups.setdefault(header.series_uid, []).append(header)
    if series is not None:
        groups = {uid: group for uid, group in groups.items() if series in (uid, str(group[0].series_number))}
        if len(groups) != 1:
            what = "several series have" if groups else "no series has"
            raise InputError(f"Among the DICOM files {what} the number or UID given; {_list_series(headers)}.")
    if len(groups) > 1:
        raise InputError(
            f"The folder holds {len(groups)} DICOM series; choose one by its number. {_list_series(headers)}."
        )
    return next(iter(groups.values()))


def _list_series(headers: Sequence[SliceHeader]) -> str:
    """Numbers and sizes only: descriptions are free text and may name the patient."""
    counts: dict[str, int] = {}
    numbers: dict[str, int | None] = {}
    for header in headers:
        counts[header.series_uid] = counts.get(header.series_uid, 0) + header.frames
        numbers[header.series_uid] = header.series_number
    found = sorted(((numbers[uid], count) for uid, count in counts.items()), key=lambda item: (item[0] or 0, item[1]))
    words = ", ".join(
        f"number {'(none)' if number is None else number} with {count} image{'s' if count != 1 else ''}"
        for number, count in found
    )
    return f"Found: {words}"
