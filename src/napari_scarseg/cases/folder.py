"""A case on disk: `<case>.scarseg/` with a manifest in JSON, and beside it boxes and labels in formats others read.

A save writes the parts that changed under new names (made of a hash of their content) and then the manifest that names
them, in one step. So whatever interrupts it, the folder holds the whole old case or the whole new one. Work that was
not saved yet lies beside it in the same way, under a manifest of its own.
"""

import json
import os
import re
import time
from collections.abc import Iterable
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Any

from napari_scarseg.cases import parts
from napari_scarseg.cases.case import Case, ImageReference
from napari_scarseg.cases.manifest import FORMAT, VERSION, checked, info_from_json, info_to_json, spacing_from_json
from napari_scarseg.core.case import CaseInfo
from napari_scarseg.core.provenance import make_provenance
from napari_scarseg.errors import InputError
from napari_scarseg.io import write_json

CASE_SUFFIX = ".scarseg"

# A part that no manifest names is kept this long: another program may be about to name it.
_KEPT_S = 30.0
_LEFT_OVER = re.compile(r"\.[0-9a-f]{12}\.(case|autosave|boxes-|labels-|painted-)")
_MAX_MANIFEST_BYTES = 256 * 2**20


class Manifest(StrEnum):
    """Which of the two states of a case folder is meant."""

    SAVED = "case.json"
    AUTOSAVED = "autosave.json"


def case_folder(image_path: str | os.PathLike[str], stem: str) -> Path:
    """Where the case of an image lies unless a person chooses otherwise: beside it.

    Examples
    --------
    >>> case_folder("study/P001.nii.gz", "P001").as_posix()
    'study/P001.scarseg'
    """
    return Path(image_path).parent / f"{stem}{CASE_SUFFIX}"


def save_case(folder: str | os.PathLike[str], case: Case, manifest: Manifest = Manifest.SAVED) -> None:
    """Write a case; only what changed is written anew. Inputs are never touched.

    Saving (`Manifest.SAVED`) also ends the autosave: what was saved is all there is.

    Parameters
    ----------
    folder : path-like
        Ends in `.scarseg`; made where it is missing.
    case : Case
    manifest : Manifest

    Raises
    ------
    InputError
        If the folder's name is another, or the file system refuses.
    """
    target = Path(folder)
    if target.suffix != CASE_SUFFIX:
        raise InputError(f"A case is a folder whose name ends in {CASE_SUFFIX}, but '{target.name}' does not.")
    layers = [
        *(parts.boxes_to_json(target, part) for part in case.boxes),
        *(parts.labels_to_json(target, part, case.spacing, case.affine_ras) for part in case.labels),
        *(parts.points_to_json(part) for part in case.points),
    ]
    record = {
        "format": FORMAT,
        "version": VERSION,
        "state": case.state.value,
        "done": case.is_done,
        "case": info_to_json(case.info),
        "image": _image_to_json(case.image, target),
        "spacing": case.spacing.as_dict(),
        "affine_ras": None if case.affine_ras is None else case.affine_ras.tolist(),
        "layers": layers,
        "choices": dict(case.choices),
        "provenance": {
            **make_provenance("case", spacing=case.spacing, inputs={case.info.case: case.image.sha256}),
            "engines": dict(case.engines),
        },
    }
    write_json(target / manifest, record)
    if manifest is Manifest.SAVED:
        with suppress(FileNotFoundError):
            (target / Manifest.AUTOSAVED).unlink()
    _remove_unnamed(target)


def load_case(folder: str | os.PathLike[str], manifest: Manifest = Manifest.SAVED) -> Case:
    """Read a case, as it was saved or (`Manifest.AUTOSAVED`) as it was last noted before it was saved.

    Raises
    ------
    InputError
        If there is none, it was made by a later version, or a part of it is missing or damaged.
    """
    source = Path(folder)
    record = read_manifest(source, manifest)
    with checked(source.name):
        layers = list(record["layers"])
        affine = record["affine_ras"]
        return Case(
            image=_image_from_json(record["image"], source),
            info=info_from_json(record["case"]),
            spacing=spacing_from_json(record["spacing"]),
            affine_ras=None if affine is None else parts.matrix_from_json(affine),
            boxes=tuple(parts.boxes_from_json(source, layer) for layer in layers if layer["kind"] == "boxes"),
            labels=tuple(parts.labels_from_json(source, layer) for layer in layers if layer["kind"] == "labels"),
            points=tuple(parts.points_from_json(layer) for layer in layers if layer["kind"] == "points"),
            choices=dict(record["choices"]),
            engines=dict(record["provenance"]["engines"]),
            is_done=bool(record["done"]),
        )


def read_manifest(folder: Path, manifest: Manifest) -> dict[str, Any]:
    """The manifest alone: who, which image, how far. Raises InputError as `load_case`."""
    path = folder / manifest
    try:
        if path.stat().st_size > _MAX_MANIFEST_BYTES:
            raise InputError(f"The case '{folder.name}' is damaged (its {manifest} is too large); take a backup.")
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as cause:
        raise InputError(f"'{folder.name}' holds no case; choose a folder that was saved as one.") from cause
    except OSError as cause:
        raise InputError(f"The case '{folder.name}' cannot be opened ({cause.strerror}).") from cause
    except (ValueError, RecursionError) as cause:
        raise InputError(f"The case '{folder.name}' is damaged ({manifest} is no JSON); take a backup.") from cause
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise InputError(f"'{folder.name}' holds no case of this program; choose another folder.")
    if record.get("version") != VERSION:
        raise InputError(
            f"The case '{folder.name}' was saved by another version of this program (format {record.get('version')}, "
            f"this one reads {VERSION}); install the newest version."
        )
    return record


def read_case_info(folder: str | os.PathLike[str]) -> CaseInfo:
    """Who and when, without reading boxes and labels. Raises InputError as `load_case`."""
    source = Path(folder)
    record = read_manifest(source, Manifest.SAVED)
    with checked(source.name):
        return info_from_json(record["case"])


def find_case_folders(folder: str | os.PathLike[str]) -> list[Path]:
    """The saved cases in a folder, folders inside included, by name; itself where it is one."""
    source = Path(folder)
    if source.suffix == CASE_SUFFIX:
        return [source]
    return sorted(path.parent for path in source.rglob(f"*{CASE_SUFFIX}/{Manifest.SAVED}"))


def _image_to_json(image: ImageReference, folder: Path) -> dict[str, Any]:
    path = None
    if image.path is not None:
        try:
            path = Path(os.path.relpath(image.path, folder)).as_posix()
        except ValueError:  # another drive: only the name can be looked for
            path = image.path.name
    return {"path": path, "sha256": image.sha256, "shape": list(image.shape)}


def _image_from_json(values: Any, folder: Path) -> ImageReference:
    path = None if values["path"] is None else Path(os.path.abspath(folder / str(values["path"])))
    z, y, x = (int(n) for n in values["shape"])
    return ImageReference(path, str(values["sha256"]), (z, y, x))


def _remove_unnamed(folder: Path) -> None:
    """Remove parts of earlier saves, and what an interrupted one left behind."""
    named: set[str] = set()
    for manifest in Manifest:
        if (folder / manifest).exists():
            try:
                named.update(_named_files(read_manifest(folder, manifest)))
            except InputError:
                return
    long_ago = time.time() - _KEPT_S
    for entry in folder.iterdir():
        is_ours = parts.PART_NAME.fullmatch(entry.name) or _LEFT_OVER.match(entry.name)
        if is_ours and entry.name not in named:
            with suppress(OSError):
                if entry.stat().st_mtime < long_ago:
                    entry.unlink()


def _named_files(record: dict[str, Any]) -> Iterable[str]:
    for layer in record.get("layers", ()):
        yield from (str(layer[key]) for key in ("file", "painted_file") if layer.get(key))
