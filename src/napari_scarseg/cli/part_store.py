"""Results of single cases, kept beside a table until all of them are in it: what an interrupted run goes on from.

One JSON file per case, named by a hash of everything that the result depends on. A changed file or option is another
name, so nothing stale is ever taken. The folder goes when the table is written.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_scarseg import __version__
from napari_scarseg.errors import InputError
from napari_scarseg.io.atomic import atomic_path


class PartStore:
    """A folder of results by key. Several processes may use it at once.

    Parameters
    ----------
    folder : Path
        Made when something is kept.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self, key: str) -> dict[str, Any] | None:
        """What was kept under `key`; None where there is nothing, or nothing readable."""
        try:
            found: dict[str, Any] = json.loads(self._path(key).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return found

    def save(self, key: str, part: Mapping[str, Any]) -> dict[str, Any]:
        """Keep a result, and give back what `load` will: plain values."""
        text = json.dumps(part, default=_plain)
        with atomic_path(self._path(key)) as temporary:
            temporary.write_text(text, encoding="utf-8")
        kept: dict[str, Any] = json.loads(text)
        return kept

    def remove(self) -> None:
        """Delete the folder and all in it."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.json"


def parts_folder(output: Path) -> Path:
    """Where the parts of an output lie until it is written."""
    return output.with_name(f".{output.name}.parts")


def make_key(settings: Mapping[str, Any], files: Sequence[Path | None] = ()) -> str:
    """Hash of settings, of the contents of files and folders, and of this package's version.

    Raises
    ------
    InputError
        If a file cannot be read.
    """
    digest = hashlib.sha256(json.dumps([__version__, settings], sort_keys=True, default=str).encode())
    for path in files:
        digest.update(b"\0" if path is None else hash_path(path))
    return digest.hexdigest()


def hash_path(path: Path) -> bytes:
    """Hash of a file's bytes, or of all files under a folder with their names."""
    try:
        if not path.is_dir():
            return _hash_file(path)
        digest = hashlib.sha256()
        for file in sorted(file for file in path.rglob("*") if file.is_file()):
            digest.update(file.relative_to(path).as_posix().encode() + b"\0" + _hash_file(file))
        return digest.digest()
    except OSError as cause:
        raise InputError(f"'{path.name}' cannot be read; check its permissions.") from cause


def _hash_file(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _plain(value: object) -> object:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} has no form in JSON")
