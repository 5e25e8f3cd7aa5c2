"""Reading other people's torch checkpoints without running anything they bring.

A checkpoint is a pickle, and a pickle is a program. Three locks, one behind the other: torch's restricted unpickler
(`weights_only=True`), proved to be in force before each use; an allow-list of names; and for every allowed class a
stand-in that does nothing, so that not even a class that torch or ultralytics would trust is ever constructed.
"""

import io
import re
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, NoReturn

import torch
from torch import Tensor

from napari_scarseg.errors import WeightsError

# What checkpoints of trained networks name: layers, containers of settings, plain numbers, paths.
_ALLOWED = re.compile(
    r"torch\.nn\.modules\.\w+(\.\w+)*"
    r"|ultralytics\.(nn|yolo)\.\w+(\.\w+)*"
    r"|ultralytics\.utils\.(IterableSimpleNamespace|(loss|tal)\.\w+)"
    r"|torchvision\.transforms\.\w+(\.\w+)*"
    r"|numpy\.(dtype|ndarray|(_core|core)\.multiarray\.(scalar|_reconstruct)|dtypes\.\w+)"
    r"|pathlib\.(_local\.)?\w*Path"
    r"|builtins\.getattr|_codecs\.encode"
)
_UNREADABLE = (RuntimeError, EOFError, LookupError, AttributeError, TypeError, ValueError, OSError, zipfile.BadZipFile)

# Torch's list of trusted classes belongs to the whole process.
_LIST_LOCK = threading.Lock()


class Inert:
    """Object of a class that was named in a checkpoint: keeps its state, does nothing."""

    state: Mapping[str, Any]

    def __new__(cls, *_: Any) -> "Inert":
        made = object.__new__(cls)
        made.state = {}
        return made

    def __init__(self, *_: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        self.state = state if isinstance(state, dict) else {}


def read_checkpoint(path: Path) -> Any:
    """Content of a .pt or .pth file: plain containers, numbers, text and tensors; anything else as `Inert`.

    Raises
    ------
    WeightsError
        If the file is missing or damaged, names something that no weights need, or torch's restricted unpickler is
        not in force.
    """
    if not path.is_file():
        raise WeightsError(f"There is no file {path.name} to convert; correct the path.")
    if not zipfile.is_zipfile(path):
        raise WeightsError(
            f"{path.name} is not a checkpoint in torch's format of 2020 or later; save it again with a current torch."
        )
    _check_restricted_unpickler()
    with _own_trusted_list():
        try:
            names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
            _check_names(names)
            stand_ins: list[Callable[..., Any] | tuple[Callable[..., Any], str]]
            stand_ins = [(type("Inert", (Inert,), {}), name) for name in names]
            with torch.serialization.safe_globals(stand_ins):
                return torch.load(path, map_location="cpu", weights_only=True)
        except UnpicklingError as cause:
            raise WeightsError(
                "The checkpoint holds something other than weights, so it was not opened; ask its maker for the "
                "weights alone (a state_dict), or for safetensors."
            ) from cause
        except _UNREADABLE as cause:
            raise WeightsError(
                f"{path.name} is damaged or not a checkpoint of a network; fetch or copy it again."
            ) from cause


def module_tensors(module: Inert) -> dict[str, Tensor]:
    """The `state_dict` of a pickled `torch.nn.Module` that was read as `Inert`."""
    return dict(_walk(module, "", depth=0))


def _walk(module: Any, prefix: str, *, depth: int) -> Iterator[tuple[str, Tensor]]:
    if depth > 50:
        raise WeightsError("The checkpoint's network is nested without end; ask its maker for safetensors.")
    state = getattr(module, "state", {})
    transient = state.get("_non_persistent_buffers_set") or ()
    for kind in ("_parameters", "_buffers"):
        for name, tensor in (state.get(kind) or {}).items():
            if isinstance(tensor, Tensor) and name not in transient:
                yield f"{prefix}{name}", tensor.detach()
    for name, child in (state.get("_modules") or {}).items():
        yield from _walk(child, f"{prefix}{name}.", depth=depth + 1)


def _check_names(names: list[str]) -> None:
    for name in names:
        if not _ALLOWED.fullmatch(name):
            shown = re.sub(r"[^\w.]", "?", name)[:80]
            raise WeightsError(
                f"The checkpoint asks for {shown}, which no weights need, so it was not opened; do not trust the file, "
                "and ask its maker for safetensors."
            )


@contextmanager
def _own_trusted_list() -> Iterator[None]:
    """Torch's list of trusted classes is empty inside: what other libraries put on it would be constructed."""
    with _LIST_LOCK:
        before = torch.serialization.get_safe_globals()
        torch.serialization.clear_safe_globals()
        try:
            yield
        finally:
            torch.serialization.clear_safe_globals()
            torch.serialization.add_safe_globals(before)


class _TrippedError(Exception):
    """The canary's function was called."""


def _trip() -> NoReturn:
    raise _TrippedError


class _Canary:
    """Harmless stand-in for a hostile object: unpickling it calls `_trip`."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (_trip, ())


def _check_restricted_unpickler() -> None:
    """Raise unless `torch.load` refuses to call a function that a checkpoint names."""
    if not hasattr(torch.serialization, "get_unsafe_globals_in_checkpoint"):
        raise WeightsError("Converting checkpoints safely needs torch 2.6 or later; update torch and torchvision.")
    canary = io.BytesIO()
    torch.save(_Canary(), canary)
    canary.seek(0)
    try:
        torch.load(canary, map_location="cpu", weights_only=True)
    except UnpicklingError:
        return
    except _TrippedError:
        pass
    raise WeightsError(
        "Torch's safe loading is switched off in this process, so no checkpoint is opened; convert it in a fresh one "
        "with: scarseg models convert."
    )
