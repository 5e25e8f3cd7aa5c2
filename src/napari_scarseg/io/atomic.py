"""Files that appear whole or not at all."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from napari_scarseg.errors import InputError


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside `path`; when the block ends well, what was written there becomes `path`.

    The temporary name keeps the suffixes, for writers that go by them. An existing `path` is replaced in one step,
    and stays as it was when the block raises. Missing folders are made.

    Raises
    ------
    InputError
        If the file system refuses (no permission, disk full, …); other exceptions of the block pass through.

    Examples
    --------
    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "out" / "result.txt"
    >>> with atomic_path(target) as temporary:
    ...     _ = temporary.write_text("whole", encoding="utf-8")
    >>> target.read_text(encoding="utf-8"), len(list(target.parent.iterdir()))
    ('whole', 1)
    """
    target = Path(path)
    temporary = target.with_name(f".{secrets.token_hex(6)}.{target.name[-200:]}")
    try:
        with refusals_told(target):
            if target.is_dir():
                raise InputError(f"'{target.name}' is a folder, so no file of that name can be written; rename it.")
            target.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            _flush_to_disk(temporary)
            os.replace(temporary, target)
            _flush_folder(target.parent)
    finally:
        # Gone already when all went well.
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextmanager
def refusals_told(target: Path) -> Iterator[None]:
    """Raise an InputError that says why where the file system refuses to write `target`."""
    try:
        yield
    except OSError as cause:
        reason = cause.strerror or type(cause).__name__
        raise InputError(
            f"'{target.name}' cannot be written ({reason}); check the folder's permissions and free space, or choose "
            "another one."
        ) from cause


def check_output_folder(folder: Path) -> None:
    """Raise InputError, with a sentence, where results cannot go into `folder` because it is a file."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"'{folder.name}' is a file, but results go into a folder; choose another one.")


def remove_file(path: str | os.PathLike[str]) -> None:
    """Delete a file, for good before anything is written after it; nothing happens where there is none.

    Raises
    ------
    InputError
        If the file system refuses.
    """
    target = Path(path)
    try:
        target.unlink()
    except FileNotFoundError:
        return
    except OSError as cause:
        raise InputError(f"'{target.name}' cannot be replaced; check the folder's permissions.") from cause
    _flush_folder(target.parent)


def _flush_to_disk(path: Path) -> None:
    with open(path, "rb+") as handle:
        os.fsync(handle.fileno())


def _flush_folder(folder: Path) -> None:
    """Make the rename last; Windows cannot open folders and needs no such step."""
    if os.name == "nt":
        return
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
