"""Values of a case's manifest that are not files: who and when, spacing; and what a damaged one says."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from napari_scarseg.core.case import CaseInfo, Phase
from napari_scarseg.core.spacing import Spacing, SpacingOrigin
from napari_scarseg.errors import InputError

FORMAT = "napari-scarseg case"
VERSION = 1


@contextmanager
def checked(name: str) -> Iterator[None]:
    """Say in a sentence that the case `name` is damaged, where its values are not what they should be."""
    try:
        yield
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as cause:
        raise InputError(
            f"The case '{name}' is damaged (a value is missing or of another kind); take a backup."
        ) from cause


def info_to_json(info: CaseInfo) -> dict[str, str]:
    """Who and when; inverse of `info_from_json`."""
    return {"case": info.case, "patient": info.patient, "phase": info.phase.value, "cohort": info.cohort}


def info_from_json(values: Mapping[str, Any]) -> CaseInfo:
    """Inverse of `info_to_json`."""
    return CaseInfo(str(values["case"]), str(values["patient"]), Phase(values["phase"]), str(values["cohort"]))


def spacing_from_json(values: Mapping[str, Any] | None) -> Spacing:
    """Inverse of `Spacing.as_dict`."""
    if values is None:
        return Spacing.unknown()
    # A distance that is not known is left out.
    sizes = (values.get("z_mm"), values.get("y_mm"), values.get("x_mm"))
    return Spacing(*sizes, origin=SpacingOrigin(values["origin"]))
