"""The case folder: everything a person has done to one stack, saved, loaded and recovered, without napari."""

from napari_scarseg.cases.case import (
    BoxesPart,
    Case,
    CaseState,
    ImageReference,
    LabelsPart,
    PointsPart,
    same_work,
)
from napari_scarseg.cases.folder import (
    CASE_SUFFIX,
    Manifest,
    case_folder,
    find_case_folders,
    load_case,
    read_case_info,
    save_case,
)
from napari_scarseg.cases.image import check_case_image, read_case_image
from napari_scarseg.cases.recovery import (
    discard_autosave,
    find_unsaved,
    free_recovery_folder,
    has_autosave,
    recovery_folder,
)
from napari_scarseg.cases.worklist import WorklistEntry, plan_next, read_worklist

__all__ = [
    "CASE_SUFFIX",
    "BoxesPart",
    "Case",
    "CaseState",
    "ImageReference",
    "LabelsPart",
    "Manifest",
    "PointsPart",
    "WorklistEntry",
    "case_folder",
    "check_case_image",
    "discard_autosave",
    "find_case_folders",
    "find_unsaved",
    "free_recovery_folder",
    "has_autosave",
    "load_case",
    "plan_next",
    "read_case_image",
    "read_case_info",
    "read_worklist",
    "recovery_folder",
    "same_work",
    "save_case",
]
