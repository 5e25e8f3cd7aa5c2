"""Work that was noted but not saved: where it lies, and whether there is any."""

import itertools
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import platformdirs

from napari_scarseg.cases.folder import CASE_SUFFIX, Manifest
from napari_scarseg.cases.parts import PART_NAME
from napari_scarseg.errors import InputError

_KEY_DIGITS = 16


def recovery_root() -> Path:
    """The user's own folder for cases that have no folder yet."""
    return platformdirs.user_state_path("napari-scarseg") / "unsaved"


def recovery_folder(sha256: str, root: Path | None = None) -> Path:
    """Where the work on an image is noted until a person says where to save it; named by the voxels' hash alone."""
    return (root or recovery_root()) / f"{sha256[:_KEY_DIGITS]}{CASE_SUFFIX}"


def free_recovery_folder(sha256: str, root: Path | None = None) -> Path:
    """The first recovery folder of an image in which no earlier work waits to be restored."""
    first = recovery_folder(sha256, root)
    numbered = (first.with_name(f"{first.stem}-{number}{CASE_SUFFIX}") for number in itertools.count(2))
    return next(folder for folder in itertools.chain([first], numbered) if not has_autosave(folder))


def has_autosave(folder: Path) -> bool:
    """Whether a case folder holds work that was not saved."""
    return (folder / Manifest.AUTOSAVED).is_file()


def find_unsaved(root: Path | None = None) -> list[Path]:
    """Recovery folders that hold work, the newest first."""
    found = [folder for folder in _folders(root or recovery_root()) if has_autosave(folder)]
    return sorted(found, key=lambda folder: -(folder / Manifest.AUTOSAVED).stat().st_mtime)


def discard_autosave(folder: Path) -> None:
    """Forget the work that was not saved; what was saved stays.

    Raises
    ------
    InputError
        If the file system refuses.
    """
    try:
        (folder / Manifest.AUTOSAVED).unlink(missing_ok=True)
        if folder.is_dir() and not (folder / Manifest.SAVED).exists():
            for part in [entry for entry in folder.iterdir() if PART_NAME.fullmatch(entry.name)]:
                part.unlink()
            # Somebody may keep other files in it.
            with suppress(OSError):
                folder.rmdir()
    except OSError as cause:
        raise InputError(f"The unsaved work cannot be removed ({cause.strerror}); check the permissions.") from cause


def _folders(root: Path) -> Iterator[Path]:
    with suppress(OSError):
        yield from (entry for entry in root.iterdir() if entry.suffix == CASE_SUFFIX and entry.is_dir())
