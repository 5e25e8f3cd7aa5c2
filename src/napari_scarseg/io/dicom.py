"""DICOM: from files, folders, archives and DICOMDIRs to the stacks they hold, and to the one that is wanted."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pydicom

from napari_scarseg.errors import InputError
from napari_scarseg.io.candidates import Offer, StackCandidate, choose_candidate
from napari_scarseg.io.case_key import case_key, resolve_salt
from napari_scarseg.io.decoding import decoding
from napari_scarseg.io.dicom_files import DicomFile, check_inflated_size, find_dicom, open_each
from napari_scarseg.io.dicom_geometry import OrderedSeries, order_series
from napari_scarseg.io.dicom_groups import MIN_TIME_POINTS, SliceGroup, group_series, group_slices, positions_of
from napari_scarseg.io.dicom_header import SliceHeader, read_slice_headers
from napari_scarseg.io.dicom_kind import lge_likeness
from napari_scarseg.io.dicom_pixels import read_pixels, read_raw
from napari_scarseg.io.volume import Volume

# So many images at shared positions are compared byte by byte; more are a cine, which holds no copies.
_MAX_COMPARED = 100


@dataclass(frozen=True, slots=True, eq=False)
class _Stack:
    """One stack: what is said about it, and how it is read."""

    candidate: StackCandidate
    ordered: OrderedSeries
    findings: tuple[str, ...]
    stem: str


def offer_dicom(path: Path, files: Sequence[DicomFile] | None = None) -> Offer:
    """The stacks at `path`: a DICOM file, a DICOMDIR, a zip archive, or a folder with all folders inside.

    Parameters
    ----------
    path : Path
    files : sequence of DicomFile, optional
        The files at `path`, where they are known already.

    Raises
    ------
    InputError
        If there is no image.
    """
    headers, findings, problem = _read_headers(find_dicom(path) if files is None else files)
    if not headers:
        raise problem or InputError("The DICOM files hold no image; choose the folder of the image series.")
    stacks = {stack.candidate.key: stack for stack in _make_stacks(headers, findings)}

    def read(candidate: StackCandidate) -> Volume:
        stack = stacks[candidate.key]
        data = read_pixels(stack.ordered.slices)
        return Volume(data, stack.ordered.spacing, stack.ordered.affine_ras, stack.findings, stack.stem)

    def thumbnail(candidate: StackCandidate) -> npt.NDArray[np.generic]:
        slices = stacks[candidate.key].ordered.slices
        plane: npt.NDArray[np.generic] = read_pixels([slices[len(slices) // 2]])[0]
        return plane

    return Offer(tuple(stack.candidate for stack in stacks.values()), read, thumbnail)


def dicom_stem(path: Path, series: str | None = None) -> str:
    """Salted hash that names the stack `series` (or the only one) of the DICOM file, folder or archive at `path`.

    Raises
    ------
    InputError
        If there is no such stack, or there are several and none was chosen.
    """
    files = find_dicom(path)
    headers, findings, problem = _read_headers(files)
    if not headers:
        if problem is not None:
            raise problem
        # A mask or a report: what its content is worth is its reader's business.
        return case_key(_series_uid(files[0]), resolve_salt())
    stacks = _make_stacks(headers, findings)
    chosen = choose_candidate([stack.candidate for stack in stacks], series)
    return next(stack.stem for stack in stacks if stack.candidate is chosen)


def dicom_slices(path: Path, series: str | None = None, *, stem: str | None = None) -> tuple[SliceHeader, ...]:
    """The slices of the stack `series` (or of that name, or the only one) at `path`, in the order of `read_stack`.

    Raises
    ------
    InputError
        If there is no such stack, or there are several and none was chosen.
    """
    headers, findings, problem = _read_headers(find_dicom(path))
    if not headers:
        raise problem or InputError("The DICOM files hold no image; choose the folder of the image series.")
    stacks = _make_stacks(headers, findings)
    named = [stack for stack in stacks if stack.stem == stem] or stacks
    chosen = choose_candidate([stack.candidate for stack in named], series)
    return next(stack.ordered.slices for stack in stacks if stack.candidate is chosen)


def study_of(path: Path) -> str | None:
    """StudyInstanceUID of the first image at `path`, to tell whether folders belong together; None without one."""
    for file, handle in open_each(find_dicom(path)):
        for header in read_slice_headers(file, handle):
            return header.image.study_uid
    return None


def _series_uid(file: DicomFile) -> str:
    for _, handle in open_each([file]):
        with decoding(file.label, "a DICOM file"):
            check_inflated_size(file, handle)
            uid = pydicom.dcmread(handle, force=True, specific_tags=["SeriesInstanceUID"]).get("SeriesInstanceUID")
            return str(uid or file.sort_name)
    return file.sort_name


def _read_headers(files: Sequence[DicomFile]) -> tuple[list[SliceHeader], list[str], InputError | None]:
    """Slices of all files, findings about files that were left out, and why the last of them was."""
    headers: list[SliceHeader] = []
    without_image = damaged = 0
    problem: InputError | None = None
    for file, handle in open_each(files):
        try:
            found = read_slice_headers(file, handle)
        except InputError as error:
            problem, damaged = error, damaged + 1
            continue
        headers.extend(found)
        without_image += not found
    findings = []
    if damaged:
        findings.append(f"{damaged} damaged DICOM files were left out.")
    if without_image and len(files) > without_image:
        findings.append(f"{without_image} DICOM files without an image were left out.")
    return headers, findings, problem


def _make_stacks(headers: Sequence[SliceHeader], findings: Sequence[str]) -> list[_Stack]:
    """All stacks, with keys that follow the series numbers."""
    series = [_drop_copies(group) for group in group_series(headers)]
    groups = [(group, copies) for slices, copies in series for group in group_slices(slices)]
    numbers = [_number_word(group) for group, _ in groups]
    crowds, seen = Counter(numbers), Counter[str]()
    stacks = []
    for (group, copies), number in zip(groups, numbers, strict=True):
        seen[number] += 1
        key = number if crowds[number] == 1 else f"{number}.{seen[number]}"
        uid = group.slices[0].image.series_uid
        is_whole = sum(other.slices[0].image.series_uid == uid for other, _ in groups) == 1
        stacks.append(_make_stack(group, key, number, [*findings, *copies], is_whole=is_whole))
    return stacks


def _make_stack(group: SliceGroup, key: str, number: str, findings: Iterable[str], *, is_whole: bool) -> _Stack:
    ordered = order_series(group.slices)
    first = ordered.slices[0].image
    candidate = StackCandidate(
        key=key,
        shape=(len(ordered.slices), first.rows, first.columns),
        spacing=ordered.spacing,
        kind=_kind_words(group),
        likeness=lge_likeness(ordered.slices, ordered.spacing.z_mm, group.count) + 0.1 * group.number / group.count,
        aliases=(number, first.series_uid),
        description=first.description,
    )
    identifier = first.series_uid or first.instance_uid or first.file.path.name
    # Stacks of one series need names of their own.
    stem = case_key(identifier if is_whole else f"{identifier} {key}", resolve_salt())
    return _Stack(candidate, ordered, (*ordered.findings, *group.findings, *findings), stem)


def _number_word(group: SliceGroup) -> str:
    number = group.slices[0].image.series_number
    return "none" if number is None else str(number)


def _kind_words(group: SliceGroup) -> str:
    words = group.component.value
    if group.count >= MIN_TIME_POINTS:
        return f"{words}, {group.count} time points"
    return words if group.count == 1 else f"{words}, repeat {group.number} of {group.count}"


def _drop_copies(series: Sequence[SliceHeader]) -> tuple[list[SliceHeader], list[str]]:
    """Leave out files that are another one again: by their UID, and at one position by their pixels."""
    seen: dict[tuple[str, int], SliceHeader] = {}
    for one in series:
        name = one.image.instance_uid or f"{one.image.file.path} {one.image.file.member}"
        seen.setdefault((name, one.frame), one)
    unique = list(seen.values())
    same = _equal_pixels(unique)
    kept = [one for one in unique if one not in same]
    left_out = len(series) - len(kept)
    words = f"{left_out} images are copies of other slices and were left out."
    return kept, [words] if left_out else []


def _equal_pixels(slices: Sequence[SliceHeader]) -> set[SliceHeader]:
    """Single-frame images that repeat another one at their position bit for bit under a UID of their own."""
    single = [one for one in slices if one.image.frames == 1 and one.position is not None and one.normal is not None]
    crowded = [place for group in _alike(single) for place in positions_of(group) if len(place) > 1]
    if sum(map(len, crowded)) > _MAX_COMPARED:
        return set()
    equal: set[SliceHeader] = set()
    for place in crowded:
        digests: set[tuple[bytes, float, float]] = set()
        by_file = {one.image.file: one for one in place}
        for file, handle in open_each(list(by_file)):
            one = by_file[file]
            raw = read_raw(one.image, handle)
            digest = (hashlib.sha256(raw).digest(), one.values.slope, one.values.intercept)
            if raw and digest in digests:
                equal.add(one)
            digests.add(digest)
    return equal


def _alike(slices: Sequence[SliceHeader]) -> list[list[SliceHeader]]:
    """Slices of one size, kind and orientation."""
    groups: dict[tuple[object, ...], list[SliceHeader]] = {}
    for one in slices:
        values = one.values
        ways = [way for way in (values.row_direction, values.column_direction) if way is not None]
        directions = [round(part, 3) for way in ways for part in way.tolist()]
        groups.setdefault((one.image.rows, one.image.columns, one.image_type, *directions), []).append(one)
    return list(groups.values())
