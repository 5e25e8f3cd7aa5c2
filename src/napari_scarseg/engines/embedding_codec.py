"""Embeddings ↔ safetensors files, whatever nesting of tensors and arrays a network calls its embedding.

The structure (tuples, lists, mappings, and our own named tuples and dataclasses) goes into the header as JSON. On
reading, only classes of `engines` that are loaded already are made.
"""

import dataclasses
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

_HOME = "napari_scarseg.engines."
_HEADER_KEY = "structure"
_KINDS = "biuf"


class UnknownEmbedding(Exception):  # noqa: N818 - says what it is; never leaves the store
    """An embedding that cannot be written, or a file that holds none."""


def write_embedding(path: Path, embedding: object) -> None:
    """Write an embedding as a safetensors file; raises UnknownEmbedding where a part of it has no form there."""
    from safetensors.numpy import save_file

    leaves: dict[str, npt.NDArray[Any]] = {}
    structure = _take_apart(embedding, leaves)
    save_file(leaves, path, metadata={_HEADER_KEY: json.dumps(structure)})


def read_embedding(path: Path, device: str) -> object:
    """Read what `write_embedding` wrote; tensors come to lie on `device`, in the memory order that they had.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    UnknownEmbedding
        If it is damaged, or of a class that is not loaded.
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise FileNotFoundError(path.name)
    try:
        with safe_open(path, framework="numpy") as file:
            structure = json.loads(file.metadata()[_HEADER_KEY])
            return _put_together(structure, file, device)
    except (SafetensorError, KeyError, ValueError, TypeError, AttributeError) as cause:
        raise UnknownEmbedding from cause


def _take_apart(value: Any, leaves: dict[str, npt.NDArray[Any]]) -> Any:
    name = str(len(leaves))
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in _KINDS:
            raise UnknownEmbedding
        leaves[name] = np.ascontiguousarray(value)
        return {"array": name}
    if type(value).__module__ == "torch" and hasattr(value, "detach"):
        return _take_tensor(value, name, leaves)
    if isinstance(value, Mapping):
        return {"map": [[str(key), _take_apart(item, leaves)] for key, item in value.items()]}
    if isinstance(value, tuple | list):
        items = [_take_apart(item, leaves) for item in value]
        if hasattr(value, "_fields"):
            return {"class": _name_of(value), "items": items}
        return {type(value).__name__: items}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            "class": _name_of(value),
            "items": [_take_apart(getattr(value, field.name), leaves) for field in dataclasses.fields(value)],
        }
    raise UnknownEmbedding


def _take_tensor(tensor: Any, name: str, leaves: dict[str, npt.NDArray[Any]]) -> dict[str, Any]:
    import torch

    is_last = tensor.ndim == 4 and not tensor.is_contiguous()
    is_last = is_last and tensor.is_contiguous(memory_format=torch.channels_last)
    try:
        leaves[name] = tensor.detach().cpu().contiguous().numpy()
    except TypeError as cause:  # numpy has no such type
        raise UnknownEmbedding from cause
    return {"tensor": name, "channels_last": is_last}


def _put_together(structure: Any, file: Any, device: str) -> Any:
    def again(items: Any) -> list[Any]:
        return [_put_together(item, file, device) for item in items]

    if "array" in structure:
        return file.get_tensor(structure["array"])
    if "tensor" in structure:
        import torch

        tensor = torch.from_numpy(file.get_tensor(structure["tensor"])).to(device)
        return tensor.contiguous(memory_format=torch.channels_last) if structure["channels_last"] else tensor
    if "map" in structure:
        return {key: _put_together(item, file, device) for key, item in structure["map"]}
    if "class" in structure:
        return _class_of(structure["class"])(*again(structure["items"]))
    return tuple(again(structure["tuple"])) if "tuple" in structure else again(structure["list"])


def _name_of(value: object) -> str:
    kind = type(value)
    if not kind.__module__.startswith(_HOME):
        raise UnknownEmbedding
    return f"{kind.__module__}:{kind.__qualname__}"


def _class_of(name: str) -> Any:
    module, _, qualname = name.partition(":")
    found = getattr(sys.modules[module], qualname) if module.startswith(_HOME) else None
    if not (isinstance(found, type) and (dataclasses.is_dataclass(found) or hasattr(found, "_fields"))):
        raise UnknownEmbedding
    return found
