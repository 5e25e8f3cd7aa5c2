"""Public data sets as they are handed out: which file is whose image and label, and what the values mean.

Nothing is copied or changed; an importer finds pairs and names patients, visits and phases. EMIDEC and MYOSAIQ share
their label values (`core.tissue`).
"""

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from enum import StrEnum
from pathlib import Path

from napari_scarseg.core.case import Phase
from napari_scarseg.core.tissue import PRESETS, SCAR_TISSUES, WALL_TISSUES, LabelPreset, Tissue
from napari_scarseg.datasets.table import CaseRecord, read_dataset
from napari_scarseg.errors import InputError

_TISSUES = PRESETS[LabelPreset.EMIDEC].tissues

# EMIDEC: Lalande et al., Data 2020;5(4):89. P… have an acute infarct, N… none.
_EMIDEC_NAME = re.compile(r"(?:Case_)?([NP])(\d+)", re.IGNORECASE)
_EMIDEC_PHASES = {"N": Phase.NONE, "P": Phase.ACUTE}
_EMIDEC_FOLDERS = (("images", "contours"), ("image", "label"))

# MYOSAIQ (FIMH 2023): 8 days, 1 month and 12 months after the infarct. One month is neither acute nor chronic.
_MYOSAIQ_PHASES = {"D8": Phase.ACUTE, "M1": Phase.UNKNOWN, "M12": Phase.CHRONIC}
_VISIT = re.compile(r"(?<![A-Za-z0-9])(D8|M12|M1)(?![0-9])", re.IGNORECASE)
_LABEL_WORD = re.compile(
    r"(?<![A-Za-z])(labels?|masks?|gt|seg(mentation)?s?|contours?|ground[ _-]?truth)(?![A-Za-z])", re.IGNORECASE
)
_IMAGE_WORD = re.compile(r"(?<![A-Za-z])(images?|img|lge)(?![A-Za-z])", re.IGNORECASE)
_NIFTI = (".nii", ".nii.gz")


class KnownDataset(StrEnum):
    """Data sets whose layout is known."""

    EMIDEC = "emidec"
    MYOSAIQ = "myosaiq"
    PHANTOM = "phantom"


def import_dataset(kind: KnownDataset, source: Path | str) -> list[CaseRecord]:
    """Find the labelled stacks of a data set, by patient and visit. Scar-free patients are kept.

    Raises
    ------
    InputError
        If the folder is missing or holds no case of that layout, or a case lacks its image or its label.
    """
    folder = Path(source)
    if not folder.is_dir():
        raise InputError(f"There is no folder '{folder.name}'; give the folder that the data set was unpacked into.")
    readers: dict[KnownDataset, Callable[[Path], Iterator[CaseRecord]]] = {
        KnownDataset.EMIDEC: _emidec,
        KnownDataset.MYOSAIQ: _myosaiq,
        KnownDataset.PHANTOM: _phantom,
    }
    records = sorted(readers[kind](folder), key=lambda record: (record.patient, record.visit))
    if not records:
        raise InputError(f"'{folder.name}' holds no case in the layout of {kind.value}; {_LAYOUTS[kind]}.")
    return records


_LAYOUTS = {
    KnownDataset.EMIDEC: "expected are Case_P001/Images/*.nii.gz with Case_P001/Contours/*.nii.gz, or P001/image/*.png "
    "with P001/label/*.png",
    KnownDataset.MYOSAIQ: "expected are NIfTI images and labels in folders or names that say which, and D8, M1 or M12",
    KnownDataset.PHANTOM: "expected is what scarseg phantom writes, with its dataset.csv",
}


def _emidec(folder: Path) -> Iterator[CaseRecord]:
    """Original NIfTI layout or PNG slices, in the folder or one level deeper (as the archive is unpacked)."""
    for place in sorted({folder, *(path for path in folder.iterdir() if path.is_dir())}):
        for case in sorted(path for path in place.iterdir() if path.is_dir()):
            named = _EMIDEC_NAME.fullmatch(case.name)
            parts = {path.name.casefold(): path for path in case.iterdir() if path.is_dir()}
            pair = next((names for names in _EMIDEC_FOLDERS if names[0] in parts or names[1] in parts), None)
            if named is None or pair is None:
                continue
            letter, number = named[1].upper(), named[2]
            image, label = (_only_stack(parts.get(name), case.name, name) for name in pair)
            yield _record(f"{letter}{number}", image, label, KnownDataset.EMIDEC, "", _EMIDEC_PHASES[letter])


def _only_stack(folder: Path | None, case: str, what: str) -> Path:
    """The one NIfTI file in a folder, or the folder itself where it holds slices."""
    files = [] if folder is None else [p for p in sorted(folder.iterdir()) if p.is_file() and p.name[0] != "."]
    stacks = [path for path in files if path.name.casefold().endswith(_NIFTI)]
    if folder is None or not files:
        raise InputError(f"The case '{case}' has no {what}; complete the data set, or take the case out.")
    if len(stacks) > 1:
        raise InputError(f"The case '{case}' has {len(stacks)} files in its {what} folder; leave one.")
    return stacks[0] if stacks else folder


def _myosaiq(folder: Path) -> Iterator[CaseRecord]:
    """NIfTI files anywhere below; words in their paths say image or label, and the visit."""
    pairs: dict[tuple[str, str], dict[str, Path]] = {}
    for path in sorted(p for p in folder.rglob("*") if p.name.casefold().endswith(_NIFTI) and p.name[0] != "."):
        words = path.relative_to(folder).as_posix()
        visits = _VISIT.findall(words.replace("_", " "))
        if not visits:
            continue
        role = "label" if _LABEL_WORD.search(words.replace("_", " ")) else "image"
        found = pairs.setdefault((_plain_name(path), visits[-1].upper()), {})
        if role in found:
            raise InputError(f"'{path.name}' is a second {role} of one patient and visit; leave one of them.")
        found[role] = path
    for (patient, visit), found in pairs.items():
        for role in ("image", "label"):
            if role not in found:
                other = next(iter(found.values()))
                raise InputError(f"There is no {role} for '{other.name}'; complete the data set, or take it out.")
        phase = _MYOSAIQ_PHASES[visit]
        yield _record(patient, found["image"], found["label"], KnownDataset.MYOSAIQ, visit, phase)


def _plain_name(path: Path) -> str:
    """The patient's part of a file's name: without suffix, visit, and words for image and label.

    One name at two visits is one patient, so both fall on one side of every split.
    """
    text = re.sub(r"\.nii(\.gz)?$", "", path.name, flags=re.IGNORECASE).replace("_", " ").replace("-", " ")
    for pattern in (_VISIT, _LABEL_WORD, _IMAGE_WORD):
        text = pattern.sub(" ", text)
    plain = "-".join(text.split())
    if not plain:
        raise InputError(f"The name '{path.name}' does not say which patient it is; rename it, as in 012_M1.nii.gz.")
    return plain


def _phantom(folder: Path) -> Iterator[CaseRecord]:
    table = folder / "dataset.csv"
    if table.is_file():
        yield from (replace(record, cohort=record.cohort or "phantom") for record in read_dataset(table))


def _record(patient: str, image: Path, label: Path, kind: KnownDataset, visit: str, phase: Phase) -> CaseRecord:
    values = (_values_of(SCAR_TISSUES), _values_of(WALL_TISSUES), _values_of({Tissue.CAVITY}))
    return CaseRecord(patient, image, label, kind.value, visit, phase, None, *values)


def _values_of(wanted: Collection[Tissue]) -> tuple[int, ...]:
    """Label values that mean one of these tissues."""
    return tuple(value for value, tissue in _TISSUES.items() if tissue in wanted)
