"""What a layer remembers (`metadata["scarseg"]`) ↔ JSON, whatever values of ours it holds.

Frozen values (dataclasses and enums of `core` and `gui`), tuples, sets, mappings and arrays are written with a mark
that says what they are. On reading, only classes that this program has loaded itself are made; nothing is imported.
"""

import base64
import dataclasses
import enum
import sys
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_scarseg.errors import InputError

_MARK = "$"
_HOMES = ("napari_scarseg.core.", "napari_scarseg.gui.")
_MAX_ARRAY_BYTES = 2**30
_SKIPPED = object()
_SEQUENCES: Mapping[str, Any] = {"list": list, "tuple": tuple, "set": set | frozenset}


def memory_to_json(memory: Mapping[str, Any], skip: frozenset[str] = frozenset()) -> dict[str, Any]:
    """JSON values for what a layer remembers; inverse of `memory_from_json`.

    What has no form (a callback, an object of napari's) is left out.

    Parameters
    ----------
    memory : mapping of str → value
    skip : frozenset of str
        Keys that are kept elsewhere.

    Examples
    --------
    >>> kept = memory_to_json({"lesions": frozenset({2, 1}), "view": (0.5, None), "call": print})
    >>> sorted(kept), memory_from_json(kept)["view"]
    (['lesions', 'view'], (0.5, None))
    """
    pairs = ((str(key), _encode(value)) for key, value in memory.items() if key not in skip)
    return {key: value for key, value in pairs if value is not _SKIPPED}


def memory_from_json(values: Mapping[str, Any]) -> dict[str, Any]:
    """What a layer remembers, from `memory_to_json`.

    Raises
    ------
    InputError
        If the values were not written by this program.
    """
    try:
        return {key: _decode(value) for key, value in values.items()}
    except (KeyError, TypeError, ValueError, AttributeError, zlib.error) as cause:
        raise InputError(
            "What was remembered beside these shapes or labels cannot be read (it is damaged, or of a later version); "
            "they are complete, but segment all boxes again before you go on."
        ) from cause


def _encode(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        return {_MARK: "enum", "class": _name_of(type(value)), "value": value.value}
    if value is None or isinstance(value, bool | int | float | str):
        return value if not isinstance(value, float) or np.isfinite(value) else {_MARK: "float", "value": repr(value)}
    if isinstance(value, np.generic):
        return _encode(value.item())
    if isinstance(value, np.ndarray):
        return _encode_array(value)
    if isinstance(value, Mapping):
        pairs = [[_encode(key), _encode(item)] for key, item in value.items()]
        return {_MARK: "map", "items": [pair for pair in pairs if not any(part is _SKIPPED for part in pair)]}
    if isinstance(value, list | tuple | set | frozenset):
        # Sets have no order of their own, but the same set has the same form.
        items = [_encode(item) for item in (sorted(value, key=repr) if isinstance(value, set | frozenset) else value)]
        kind = next(name for name, kinds in _SEQUENCES.items() if isinstance(value, kinds))
        return _SKIPPED if any(item is _SKIPPED for item in items) else {_MARK: kind, "items": items}
    if dataclasses.is_dataclass(value) and type(value).__module__.startswith(_HOMES):
        fields = {field.name: _encode(getattr(value, field.name)) for field in dataclasses.fields(value) if field.init}
        return {_MARK: "value", "class": _name_of(type(value)), "fields": fields}
    return _SKIPPED


def _encode_array(array: npt.NDArray[Any]) -> Any:
    if array.dtype.kind not in "biuf":
        return _SKIPPED
    plain = np.ascontiguousarray(array)
    return {
        _MARK: "array",
        "dtype": plain.dtype.str,
        "shape": list(plain.shape),
        "zlib": base64.b64encode(zlib.compress(plain.tobytes(), 1)).decode("ascii"),
    }


def _decode(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    readers: dict[str, Callable[[dict[str, Any]], Any]] = {
        "enum": lambda v: _class_of(v["class"])(v["value"]),
        "float": lambda v: float(v["value"]),
        "array": _decode_array,
        "map": lambda v: {_decode(key): _decode(item) for key, item in v["items"]},
        "list": lambda v: [_decode(item) for item in v["items"]],
        "tuple": lambda v: tuple(_decode(item) for item in v["items"]),
        "set": lambda v: frozenset(_decode(item) for item in v["items"]),
        "value": lambda v: _class_of(v["class"])(**{str(name): _decode(item) for name, item in v["fields"].items()}),
    }
    return readers[value[_MARK]](value)


def _decode_array(values: dict[str, Any]) -> npt.NDArray[Any]:
    dtype, shape = np.dtype(values["dtype"]), tuple(int(n) for n in values["shape"])
    size = dtype.itemsize * int(np.prod(shape, dtype=np.int64))
    if dtype.kind not in "biuf" or not 0 <= size <= _MAX_ARRAY_BYTES:
        raise ValueError("no array of numbers")
    content = zlib.decompressobj().decompress(base64.b64decode(values["zlib"]), max(size, 1))
    return np.frombuffer(content, dtype).reshape(shape).copy()


def _name_of(kind: type) -> str:
    return f"{kind.__module__}:{kind.__qualname__}"


def _class_of(name: str) -> Any:
    """A class of ours that is loaded already: a value or an enum, nothing else."""
    module, _, qualname = name.partition(":")
    if not module.startswith(_HOMES):
        raise ValueError("a class from elsewhere")
    found = getattr(sys.modules[module], qualname)
    if not (dataclasses.is_dataclass(found) or (isinstance(found, type) and issubclass(found, enum.Enum))):
        raise ValueError("no value of ours")
    return found
