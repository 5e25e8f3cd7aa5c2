"""What runs in worker threads for cases: noting unsaved work, saving, opening. Touches neither the viewer nor Qt."""

import threading
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_scarseg.cases import (
    Case,
    ImageReference,
    Manifest,
    WorklistEntry,
    discard_autosave,
    free_recovery_folder,
    has_autosave,
    load_case,
    read_case_image,
    same_work,
    save_case,
)
from napari_scarseg.core.case import CaseInfo
from napari_scarseg.core.stack import Stack, voxel_sha256
from napari_scarseg.errors import InputError
from napari_scarseg.gui.image_layer import image_kwargs
from napari_scarseg.io import read_stack


@dataclass(frozen=True, slots=True, eq=False)
class NoteOrder:
    """Unsaved work to be noted.

    Parameters
    ----------
    key : int
        Which open case it is.
    case : Case
        As it is now; the image's hash is empty where it was not taken yet.
    array : array-like (Z, Y, X)
        The image.
    folder : Path or None
        The case folder; None where the case has none yet.
    recovery : Path or None
        Where it was noted before.
    saved, noted : Case or None
        As it was saved, and as it was last noted.
    """

    key: int
    case: Case
    array: Any
    folder: Path | None
    recovery: Path | None
    saved: Case | None
    noted: Case | None


@dataclass(frozen=True, slots=True, eq=False)
class Noted:
    """What became of a `NoteOrder`.

    Parameters
    ----------
    key : int
    case : Case
        With the image's hash.
    recovery : Path or None
    is_unsaved : bool
        Whether it differs from what was saved.
    time_s : float
        Seconds since the epoch.
    """

    key: int
    case: Case
    recovery: Path | None
    is_unsaved: bool
    time_s: float


@dataclass(frozen=True, slots=True, eq=False)
class SaveOrder:
    """A case to be saved.

    Parameters
    ----------
    note : NoteOrder
    folder : Path
    is_known : bool
        Whether the folder is the case's own; another's is not overwritten.
    """

    note: NoteOrder
    folder: Path
    is_known: bool


@dataclass(frozen=True, slots=True, eq=False)
class Saved:
    """A case was saved in `folder`; the key is that of its order."""

    key: int
    case: Case
    folder: Path


@dataclass(frozen=True, slots=True, eq=False)
class OpenedCase:
    """A case and its image, ready to be shown.

    Parameters
    ----------
    case : Case
    saved : Case or None
        As it was saved, where unsaved work was brought back; None where it never was.
    folder : Path or None
        The case folder; None where the work was never saved.
    recovery : Path or None
        Where the work was noted, if it was never saved.
    stack : Stack or None
        None where its image is open already.
    kwargs : dict
        Arguments of the Image layer.
    is_restored : bool
        Whether `case` is unsaved work that was brought back.
    """

    case: Case
    saved: Case | None
    folder: Path | None
    recovery: Path | None
    stack: Stack | None
    kwargs: dict[str, Any]
    is_restored: bool


@dataclass(frozen=True, slots=True)
class ImageMissing:
    """The image of the case in `folder` is not where it was."""

    folder: Path
    sentence: str


def note_task(
    orders: Sequence[NoteOrder], writing: AbstractContextManager[object], stop: threading.Event | None = None
) -> Iterator[Noted]:
    """Write what is not saved yet beside what is, and forget it where the two are the same.

    Parameters
    ----------
    orders : sequence of NoteOrder
    writing : context manager
        Held while files are written.
    stop : Event, optional
        Set when these orders are out of date: then nothing is written any more.
    """
    with writing:
        for order in orders:
            if stop is not None and stop.is_set():
                return
            yield _note(order)


def save_task(order: SaveOrder, writing: AbstractContextManager[object]) -> Iterator[Saved]:
    """Save a case, and forget what was noted elsewhere. As for `writing`, see `note_task`."""
    with writing:
        if not order.is_known and (order.folder / Manifest.SAVED).exists():
            raise InputError(
                f"'{order.folder.name}' holds a case already; open it and go on there, or save this one under another "
                "name."
            )
        case = _with_hash(order.note)
        save_case(order.folder, case)
        if order.note.recovery is not None:
            discard_autosave(order.note.recovery)
    yield Saved(order.note.key, case, order.folder)


def open_task(
    folder: Path, image_path: Path | None = None, present: Collection[str] = ()
) -> Iterator[OpenedCase | ImageMissing]:
    """Read a case and its image. Work that was not saved is brought back; the saved state is read beside it.

    Parameters
    ----------
    folder : Path
    image_path : Path, optional
        Where the image is now, if it is no longer where the case says.
    present : collection of str
        Hashes of images that are open and need not be read.
    """
    is_saved = (folder / Manifest.SAVED).exists()
    is_restored = has_autosave(folder)
    saved = load_case(folder) if is_saved or not is_restored else None
    case = load_case(folder, Manifest.AUTOSAVED) if is_restored else saved
    if case is None:
        raise InputError(f"'{folder.name}' holds no case; choose a folder that was saved as one.")
    home, recovery = (folder, None) if is_saved else (None, folder)
    if case.image.sha256 in present:
        yield OpenedCase(case, saved, home, recovery, None, {}, is_restored)
        return
    source = image_path or case.image.path
    if source is None or not source.exists():
        name = source.name if source is not None else "it came from no file"
        yield ImageMissing(folder, f"The image of the case is not where it was ({name}); choose where it is now.")
        return
    stack = read_case_image(case, source)
    kwargs = image_kwargs(stack, case.info, source)
    yield OpenedCase(case, saved, home, recovery, stack, kwargs, is_restored)


def open_entry_task(entry: WorklistEntry) -> Iterator[OpenedCase | ImageMissing]:
    """Read a stack of a worklist, with its case if there is one."""
    if entry.has_unsaved or (entry.folder / Manifest.SAVED).exists():
        yield from open_task(entry.folder, entry.image)
        return
    stack = replace(read_stack(entry.image), stem=entry.stem)
    info = CaseInfo(entry.stem)
    case = Case(ImageReference(entry.image, stack.sha256(), stack.shape), info, stack.spacing, stack.affine_ras)
    yield OpenedCase(case, None, None, None, stack, image_kwargs(stack, info, entry.image), is_restored=False)


def _note(order: NoteOrder) -> Noted:
    case = _with_hash(order)
    place = order.folder or order.recovery
    is_unsaved = not same_work(order.saved, case) if order.saved is not None else not case.is_empty
    if not is_unsaved:
        if place is not None and has_autosave(place) and order.noted is not None:
            discard_autosave(place)
    elif order.noted is None or not _same(order.noted, case):
        place = place or free_recovery_folder(case.image.sha256)
        save_case(place, case, Manifest.AUTOSAVED)
    return Noted(order.key, case, None if order.folder is not None else place, is_unsaved, time.time())


def _with_hash(order: NoteOrder) -> Case:
    if order.case.image.sha256:
        return order.case
    return replace(order.case, image=replace(order.case.image, sha256=voxel_sha256(np.asarray(order.array))))


def _same(one: Case, other: Case) -> bool:
    return same_work(one, other) and one.choices == other.choices
