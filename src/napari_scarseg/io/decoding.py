"""Between us and the decoders of foreign bytes: their exceptions become one sentence, and sizes are checked first."""

import logging
import math
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from napari_scarseg.errors import InputError, ScarSegError

GIB = 2**30
# No LGE stack comes near these. A header that declares more is damaged, or meant to exhaust the machine.
MAX_BYTES = 8 * GIB
MAX_COMPRESSED_BYTES = 1 * GIB
# Deflate, the strongest of the compressions we meet, cannot shrink data further than this.
MAX_DEFLATE_RATIO = 1032
MAX_AXIS = 2**31 - 1
# Uncompressed images from this size on are mapped into memory and not copied.
LAZY_BYTES = 256 * 2**20

# Families of the decoders' loggers; what they would print while reading may quote the file.
_DECODER_LOGGERS = ("PIL", "libjpeg", "nibabel", "openjpeg", "pydicom", "pylibjpeg", "rle", "tifffile")


@contextmanager
def decoding(name: str, kind: str) -> Iterator[list[str]]:
    """Run a decoder: whatever it raises becomes an InputError about file `name`, and nothing it logs gets out.

    Yields the list of errors that the decoder logs while it goes on, for those that give part of a damaged file.

    Parameters
    ----------
    name : str
        Name of the file for the message (not its path).
    kind : str
        What the file was taken for, with its article: "a TIFF file".
    """
    complaints: list[str] = []
    quiet = _Intercept(complaints)
    loggers = _decoder_loggers()
    for logger in loggers:
        logger.addFilter(quiet)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield complaints
    except ScarSegError:
        raise
    except MemoryError as cause:
        raise InputError(f"'{name}' needs more memory than there is; choose a smaller file.") from cause
    except Exception as cause:
        raise InputError(
            f"'{name}' looks like {kind} but cannot be read: it is damaged, incomplete or of a kind that is not "
            "supported; export it again."
        ) from cause
    finally:
        for logger in loggers:
            logger.removeFilter(quiet)


def _decoder_loggers() -> list[logging.Logger]:
    """Every logger of the decoders that exists. A filter sees what is logged to its own logger, not to those below."""
    existing = logging.root.manager.loggerDict
    names = [name for name in list(existing) if name.partition(".")[0] in _DECODER_LOGGERS]
    return [logger for name in names if isinstance(logger := existing[name], logging.Logger)]


class _Intercept(logging.Filter):
    """Takes the records of the thread that made it: errors go to a list, the rest nowhere."""

    def __init__(self, complaints: list[str]) -> None:
        super().__init__()
        self._thread = threading.get_ident()
        self._complaints = complaints

    def filter(self, record: logging.LogRecord) -> bool:
        if record.thread != self._thread:
            return True
        if record.levelno >= logging.ERROR:
            self._complaints.append(record.getMessage())
        return False


def check_declared_size(
    name: str, shape: Sequence[int], itemsize: int, *, stored_bytes: int | None = None, compressed: bool = False
) -> int:
    """Refuse a header that declares more than can be true, before anything is allocated.

    Parameters
    ----------
    name : str
        Name of the file for the message.
    shape : sequence of int
        Declared number of values along each axis.
    itemsize : int
        Bytes per value.
    stored_bytes : int, optional
        Bytes in the file that can hold the values.
    compressed : bool
        Whether those are deflated; then they may hold up to 1032 times as much.

    Returns
    -------
    int
        Declared number of bytes.

    Raises
    ------
    InputError
        If an axis is empty or negative, or the size is absurd or more than the file can hold.
    """
    if any(not 0 <= length <= MAX_AXIS for length in shape):
        raise InputError(f"'{name}' declares an impossible size {tuple(shape)}; it is damaged, export it again.")
    if 0 in shape or not shape:
        raise InputError(f"The image in '{name}' is empty (shape {tuple(shape)}); choose one with at least one slice.")
    declared = math.prod(int(length) for length in shape) * itemsize
    limit = MAX_COMPRESSED_BYTES if compressed else MAX_BYTES
    if declared > limit:
        raise InputError(
            f"'{name}' declares {declared / GIB:.1f} GiB of image data, more than the {limit // GIB} GiB that are "
            "accepted; it is damaged, or no LGE stack."
        )
    if stored_bytes is not None and declared > stored_bytes * (MAX_DEFLATE_RATIO if compressed else 1):
        raise InputError(
            f"'{name}' is incomplete: its header declares {declared} bytes of image data and the file cannot hold "
            "them; copy or export it again."
        )
    return declared
