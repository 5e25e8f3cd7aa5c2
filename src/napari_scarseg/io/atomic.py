"""Files that appear whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_scarseg.errors import InputError


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Temporary path beside `path`, renamed to it when the block ends well and removed when it does not.

    The temporary name ends like `path` does, so that writers which go by the suffix write the same format.

    Raises
    ------
    InputError
        If the folder is missing or cannot be written to.
    """
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".writing-", suffix=f"-{path.name}")
    except OSError as cause:
        raise InputError(
            f"{path.name} cannot be written ({cause.strerror}); choose a folder that exists and can be written to."
        ) from cause
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    """The process's mask for new files: mkstemp's 0600 would keep results from the user's colleagues."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
