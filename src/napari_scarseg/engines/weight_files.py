"""Files of network weights: safetensors on disk (half precision), float32 tensors in memory."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from napari_scarseg.core.protocols import EngineInfo
from napari_scarseg.engines.weight_header import WeightsHeader, read_header
from napari_scarseg.errors import WeightsError
from napari_scarseg.io.atomic import atomic_path

__all__ = ["LoadedWeights", "WeightsHeader", "file_sha256", "read_header", "read_weights", "save_weights"]

_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, eq=False)
class LoadedWeights:
    """One network's weights.

    Parameters
    ----------
    tensors : dict of name → Tensor
        On the CPU; floating point as float32, integers as they were.
    header : WeightsHeader
    sha256 : str
        Hash of the file.
    """

    tensors: dict[str, Tensor]
    header: WeightsHeader
    sha256: str

    def engine_info(self, name: str, device: torch.device) -> EngineInfo:
        """What runs, once these weights are on `device`. `name` is the weights' name, never a path."""
        header = self.header
        return EngineInfo(
            name,
            self.sha256,
            device.type,
            header.licence,
            threshold_logit=header.threshold_logit,
            calibration=header.calibration,
        )

    def check_architecture(self, *architectures: str) -> None:
        """Raise WeightsError unless the weights belong to one of `architectures`."""
        if self.header.architecture not in architectures:
            raise WeightsError(
                f"The weights belong to the network {self.header.architecture}, but {' or '.join(architectures)} is "
                "needed here; choose other weights (see: scarseg models list)."
            )

    def load_into(self, network: torch.nn.Module, *, assign: bool = False) -> None:
        """Give `network` the tensors, every one and no other.

        Parameters
        ----------
        network : torch.nn.Module
        assign : bool
            Let the network take the tensors themselves and not copies; for one built on the meta device.

        Raises
        ------
        WeightsError
            If a tensor is missing, left over or of another shape.
        """
        try:
            network.load_state_dict(self.tensors, strict=True, assign=assign)
        except RuntimeError as cause:
            raise WeightsError(
                f"The tensors of the weights file do not fit the network {self.header.architecture} it names; fetch "
                "or convert it again."
            ) from cause


def save_weights(path: Path, tensors: Mapping[str, Tensor], header: WeightsHeader, *, half: bool = True) -> None:
    """Write `tensors` and `header` to a safetensors file, whole or not at all.

    Parameters
    ----------
    path : Path
        Ends in .safetensors; the folder exists.
    tensors : mapping of name → Tensor
        A network's `state_dict`, on any device.
    header : WeightsHeader
    half : bool
        Store floating point as float16 (a tensor that float16 cannot hold stays float32). Integers stay as they are.

    Raises
    ------
    WeightsError
        If a tensor holds NaN or infinity.

    Examples
    --------
    >>> import tempfile, torch
    >>> from napari_scarseg.core.intensity import SCALING_ID
    >>> header = WeightsHeader("example", {}, SCALING_ID, 0.0, "CC0-1.0", {})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_weights(Path(folder) / "example.safetensors", {"bias": torch.ones(2)}, header)
    ...     read_weights(Path(folder) / "example.safetensors").tensors["bias"]
    tensor([1., 1.])
    """
    stored = {name: _to_stored(name, tensor, half) for name, tensor in tensors.items()}
    with atomic_path(path) as temporary:
        save_file(stored, temporary, metadata=header.as_metadata())


def read_weights(path: Path) -> LoadedWeights:
    """Read a safetensors file that this program wrote. Never unpickles.

    Raises
    ------
    WeightsError
        If the file is missing, a pickle, not safetensors, damaged, without our header, or holds NaN or infinity.
    """
    header = read_header(path)
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            tensors = {name: _to_memory(name, file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118
        return LoadedWeights(tensors, header, file_sha256(path))
    except (SafetensorError, OSError, RuntimeError, ValueError) as cause:
        raise WeightsError(
            "The weights file is damaged: its tensors cannot be read; fetch or copy it again."
        ) from cause


def file_sha256(path: Path) -> str:
    """Hash of a file's bytes, hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _to_stored(name: str, tensor: Tensor, half: bool) -> Tensor:
    """Own contiguous copy on the CPU, in the type that goes to disk."""
    tensor = tensor.detach().to("cpu", copy=True)
    if not tensor.is_floating_point():
        return tensor.contiguous()
    tensor = tensor.to(torch.float32)
    _check_finite(name, tensor)
    halved = tensor.to(torch.float16)
    fits = half and bool(torch.isfinite(halved).all())
    return (halved if fits else tensor).contiguous()


def _to_memory(name: str, tensor: Tensor) -> Tensor:
    """Own copy (the file's mapping is closed afterwards); floating point as float32."""
    if not tensor.is_floating_point():
        return tensor.clone()
    tensor = tensor.to(torch.float32, copy=True)
    _check_finite(name, tensor)
    return tensor


def _check_finite(name: str, tensor: Tensor) -> None:
    if not bool(torch.isfinite(tensor).all()):
        raise WeightsError(
            f"The weights' tensor {name} holds values that are not finite; take a checkpoint from before the training "
            "went wrong."
        )
