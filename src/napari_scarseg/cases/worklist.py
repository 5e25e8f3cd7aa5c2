"""The cases of a folder of images, in order, each with how far it has come."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_scarseg.cases.case import CaseState
from napari_scarseg.cases.folder import CASE_SUFFIX, Manifest, read_manifest
from napari_scarseg.cases.recovery import has_autosave
from napari_scarseg.errors import InputError
from napari_scarseg.io import collect_stacks, resolve_stems


@dataclass(frozen=True, slots=True)
class WorklistEntry:
    """One image to work on.

    Parameters
    ----------
    stem : str
        Name of the case.
    image : Path
        File or folder of the image.
    folder : Path
        The case folder; it may not be there yet.
    state : CaseState
    has_unsaved : bool
        Whether the case folder holds work that was not saved.
    finding : str
        Why the case cannot be opened; empty where it can.
    """

    stem: str
    image: Path
    folder: Path
    state: CaseState
    has_unsaved: bool = False
    finding: str = ""


def read_worklist(folder: str | os.PathLike[str], cases: str | os.PathLike[str] | None = None) -> list[WorklistEntry]:
    """List the images of a folder (folders inside included) in natural order.

    Parameters
    ----------
    folder : path-like
        Of images.
    cases : path-like, optional
        Where the case folders lie; by default each beside its image.

    Raises
    ------
    InputError
        If the folder holds no image.
    """
    stems = resolve_stems(collect_stacks([folder]))
    return [_entry(image, stem, Path(cases) if cases is not None else image.parent) for image, stem in stems.items()]


def plan_next(entries: Sequence[WorklistEntry], current: Path | None) -> WorklistEntry | None:
    """The entry to go on with: the first unfinished one after the image `current`, else from the top; None at the end.

    Examples
    --------
    >>> done = WorklistEntry("a", Path("a"), Path("a.scarseg"), CaseState.DONE)
    >>> new = WorklistEntry("b", Path("b"), Path("b.scarseg"), CaseState.NEW)
    >>> plan_next([new, done], Path("a")).stem
    'b'
    """
    position = next((n for n, entry in enumerate(entries) if entry.image == current), -1)
    rotated = [*entries[position + 1 :], *entries[: max(position, 0)]]
    return next((entry for entry in rotated if entry.state is not CaseState.DONE), None)


def _entry(image: Path, stem: str, parent: Path) -> WorklistEntry:
    folder = parent / f"{stem}{CASE_SUFFIX}"
    state, finding = CaseState.NEW, ""
    unsaved = has_autosave(folder)
    saved = (folder / Manifest.SAVED).exists()
    if saved or unsaved:
        try:
            record = read_manifest(folder, Manifest.SAVED if saved else Manifest.AUTOSAVED)
            state = CaseState(record["state"])
        except (InputError, KeyError, ValueError) as error:
            finding = str(error) if isinstance(error, InputError) else "The case is damaged; take a backup."
    return WorklistEntry(stem, image, folder, state, unsaved, finding)
