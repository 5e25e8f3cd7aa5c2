"""Messages as bytes, and back, without pickle: whoever is at the other end can send values and never code.

A message is the length of its head (4 bytes, little endian), the head (JSON) and the bytes of its arrays one after the
other. The head names values by their class; only the frozen values, enums and errors listed here are made from it, and
arrays only of plain numbers.
"""

import contextlib
import json
import socket
import struct
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import StrEnum
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_scarseg.core.box import Box, BoxOrigin, Review
from napari_scarseg.core.calibration import Calibration
from napari_scarseg.core.config import DetectConfig, Device, SegmentConfig
from napari_scarseg.core.masks import BoxMask
from napari_scarseg.core.protocols import EngineInfo, Prompt
from napari_scarseg.engines import messages
from napari_scarseg.engines.pipeline import SliceDetections
from napari_scarseg.errors import DeviceError, InputError, ScarSegError, WeightsError

# More than a large stack (8 GiB); a head that promises more is no message of ours.
MOST_BYTES = 8 * 2**30
_MOST_AXES = 4
_LENGTH = struct.Struct("<I")

_VALUES: Mapping[str, type[Any]] = {
    cls.__name__: cls
    for cls in (
        Box, BoxMask, Calibration, DetectConfig, EngineInfo, Prompt, SegmentConfig, SliceDetections,
        messages.Answer, messages.CancelJob, messages.CloseStack, messages.DescribeRequest, messages.DetectEvent,
        messages.DetectRequest, messages.Failed, messages.Finished, messages.Job, messages.OpenStack, messages.Ping,
        messages.Pong, messages.SegmentEvent, messages.SegmentRequest, messages.StackOpened, messages.VolumeHandle,
    )
}  # fmt: skip
_ENUMS: Mapping[str, type[StrEnum]] = {cls.__name__: cls for cls in (BoxOrigin, Device, Review)}
_ERRORS: Mapping[str, type[ScarSegError]] = {
    cls.__name__: cls for cls in (ScarSegError, InputError, DeviceError, WeightsError)
}


class WireError(ScarSegError):
    """What came over a connection is no message of ours."""


class Wire:
    """A connection that carries messages. One thread sends and one receives.

    Parameters
    ----------
    connection : Connection
        Open, and its other end known by its key.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def poll(self, timeout_s: float) -> bool:
        """Whether a message begins to arrive within so many seconds; also at the connection's end."""
        return self.connection.poll(timeout_s)

    def send(self, message: object) -> None:
        """Send one message; OSError where nobody is there any more."""
        self.connection.send_bytes(encode(message))

    def recv(self) -> Any:
        """The next message; EOFError or OSError where nobody is there any more, WireError where it is not one."""
        return decode(self.connection.recv_bytes(MOST_BYTES))

    def hang_up(self) -> None:
        """End the connection, also for a thread that is sending or waits. Any thread."""
        hang_up(self.connection)


def hang_up(connection: Connection) -> None:
    """End what a connection carries, both ways; its descriptor stays until nobody holds the connection."""
    with contextlib.suppress(OSError):
        line = socket.socket(fileno=connection.fileno())
        try:
            line.shutdown(socket.SHUT_RDWR)
        finally:
            line.detach()


def encode(message: object) -> bytes:
    """A message as bytes.

    Raises
    ------
    TypeError
        If it holds anything that does not cross.
    """
    arrays: list[npt.NDArray[np.generic]] = []
    head = json.dumps(_plain(message, arrays), separators=(",", ":")).encode()
    return b"".join([_LENGTH.pack(len(head)), head, *(np.ascontiguousarray(array).tobytes() for array in arrays)])


def decode(data: bytes) -> Any:
    """Inverse of `encode`.

    Raises
    ------
    WireError
        If the bytes are no message.
    """
    try:
        (length,) = _LENGTH.unpack_from(data)
        head = json.loads(data[_LENGTH.size : _LENGTH.size + length])
        reader = _Arrays(data, _LENGTH.size + length)
        message = _value(head, reader)
    except (ScarSegError, KeyError, RecursionError, TypeError, ValueError, struct.error) as cause:
        raise WireError(
            "What came over the connection is no message of this program; use one version of it on both sides."
        ) from cause
    if reader.position != len(data):
        raise WireError("A message over the connection has the wrong length; use one version on both sides.")
    return message


class _Arrays:
    """Reads the arrays behind a head, in the order in which the head names them."""

    def __init__(self, data: bytes, position: int) -> None:
        self._data = data
        self.position = position

    def take(self, code: object, shape: object) -> npt.NDArray[np.generic]:
        dtype = np.dtype(str(code))
        if dtype.kind not in "biuf" or not isinstance(shape, list) or len(shape) > _MOST_AXES:
            raise ValueError("no array of numbers")
        sides = [int(side) for side in shape]
        size = dtype.itemsize
        for side in sides:
            size *= side
        if min(sides, default=0) < 0 or size > len(self._data) - self.position:
            raise ValueError("an array of another length")
        if not size:
            return np.zeros(sides, dtype)
        # A copy: what is read from the connection's bytes cannot be written to, and would keep all of them.
        array = np.frombuffer(self._data, dtype, size // dtype.itemsize, self.position).reshape(sides).copy()
        self.position += size
        return array


def _plain(value: object, arrays: list[npt.NDArray[np.generic]]) -> Any:
    """A value as JSON; its arrays go on the list."""
    if isinstance(value, StrEnum):
        return {"enum": type(value).__name__, "value": value.value}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, tuple):
        return [_plain(item, arrays) for item in value]
    if isinstance(value, np.ndarray):
        arrays.append(value)
        return {"array": value.dtype.str, "shape": list(value.shape)}
    if isinstance(value, ScarSegError):
        # The nearest class that the other side knows: it may not have torch.
        name = next(cls.__name__ for cls in type(value).__mro__ if cls.__name__ in _ERRORS)
        return {"error": name, "text": str(value)}
    if is_dataclass(value) and type(value) is _VALUES.get(type(value).__name__):
        return {
            "value": type(value).__name__,
            "fields": {item.name: _plain(getattr(value, item.name), arrays) for item in fields(value)},
        }
    raise TypeError(f"{type(value).__name__} does not cross between processes")


def _value(plain: Any, arrays: _Arrays) -> Any:
    if isinstance(plain, list):
        return tuple(_value(item, arrays) for item in plain)
    if not isinstance(plain, dict):
        return plain
    if "enum" in plain:
        return _ENUMS[plain["enum"]](plain["value"])
    if "array" in plain:
        return arrays.take(plain["array"], plain["shape"])
    if "error" in plain:
        return _ERRORS[plain["error"]](str(plain["text"]))
    return _VALUES[plain["value"]](**{name: _value(item, arrays) for name, item in plain["fields"].items()})
