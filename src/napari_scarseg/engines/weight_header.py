"""What a weights file says about itself. Read without torch, so that lists and the GUI can show it.

The file is safetensors: eight bytes with the header's length (little-endian), a JSON header, the tensors. Our fields
are strings of JSON in the header's `__metadata__`.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from napari_scarseg.core.calibration import Calibration
from napari_scarseg.core.intensity import SCALING_ID
from napari_scarseg.errors import WeightsError

FORMAT = "napari-scarseg-weights-1"
# The header of the largest network here (SAM ViT-H) takes 70 kB; a length far above that is not a header's length.
MAX_HEADER_BYTES = 10_000_000

_ZIP_MAGIC = b"PK\x03\x04"
_PICKLE_MAGIC = b"\x80"


@dataclass(frozen=True, slots=True)
class WeightsHeader:
    """What a network's weights are.

    Parameters
    ----------
    architecture : str
        Name of the network the tensors belong to, e.g. "yolo11n".
    config : dict
        What its constructor needs (JSON values).
    scaling : str
        Identifier of the intensity scaling it was trained with; `core.intensity.SCALING_ID`.
    threshold_logit : float
        Calibrated threshold of its masks; 0 for a detector.
    licence : str
        SPDX identifier, or the licence in words.
    provenance : dict
        Data, command, versions and figures of the training (JSON values).
    calibration : Calibration or None
        Of its masks' logits; None where it was not measured.
    """

    architecture: str
    config: dict[str, Any]
    scaling: str
    threshold_logit: float
    licence: str
    provenance: dict[str, Any]
    calibration: Calibration | None = None

    def as_metadata(self) -> dict[str, str]:
        """Strings for a safetensors file's metadata."""
        values = {key: json.dumps(value, sort_keys=True, allow_nan=False) for key, value in asdict(self).items()}
        return {"format": FORMAT, **values}

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> "WeightsHeader":
        """Inverse of `as_metadata`.

        Raises
        ------
        WeightsError
            If a field is missing or not of its type, or the scaling is not the one this version applies.
        """
        if metadata.get("format") != FORMAT:
            raise WeightsError(
                "The safetensors file does not say what network it belongs to, so it was not made by this program; "
                "make one with: scarseg models convert."
            )
        values: dict[str, Any] = {}
        # Older files were not calibrated and do not say so.
        texts = {"calibration": "null", **metadata}
        for field in fields(cls):
            try:
                values[field.name] = json.loads(texts[field.name])
            except (KeyError, TypeError, ValueError) as cause:
                raise _damaged(f"its field “{field.name}” is missing or unreadable") from cause
        _check_types(values)
        values["threshold_logit"] = float(values["threshold_logit"])
        values["calibration"] = _read_calibration(values["calibration"])
        header = cls(**values)
        if header.scaling != SCALING_ID:
            raise WeightsError(
                f"The weights expect the intensity scaling {header.scaling}, but this version applies {SCALING_ID}; "
                "use weights made for this version."
            )
        return header


def read_header(path: Path) -> WeightsHeader:
    """Read a weights file's header, and check that the file is as long as the header says.

    Raises
    ------
    WeightsError
        If the file is missing, a pickle, not safetensors, cut short, or without our fields.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(9)
            length = int.from_bytes(start[:8], "little")
            _check_start(start, length, size)
            raw = start[8:] + file.read(length - 1)
    except OSError as cause:
        raise WeightsError(
            f"The weights file {path.name} cannot be read ({cause.strerror or 'unknown cause'}); check its name and "
            "permissions, or see what there is with: scarseg models list."
        ) from cause
    entries = _parse_entries(raw)
    metadata = entries.pop("__metadata__", {})
    if not isinstance(metadata, dict):
        raise _damaged("its metadata is not a table")
    _check_length(entries, size - 8 - length)
    return WeightsHeader.from_metadata(metadata)


def _check_start(start: bytes, length: int, size: int) -> None:
    """Tell a pickle and other foreign files from safetensors by their first nine bytes."""
    # A header of 128, 384, 640, … bytes has a length that begins like a pickle; its JSON tells them apart.
    if start.startswith((_ZIP_MAGIC, _PICKLE_MAGIC)) and start[8:] != b"{":
        raise WeightsError(
            "The weights file is a pickled checkpoint (.pt or .pth), which can run code when it is opened; convert it "
            "safely with: scarseg models convert SOURCE -o weights.safetensors."
        )
    if len(start) < 9 or not 2 <= length <= min(size - 8, MAX_HEADER_BYTES):
        raise WeightsError("The weights file is not a safetensors file, or it is cut short; fetch or copy it again.")


def _parse_entries(raw: bytes) -> dict[str, Any]:
    """The JSON header as a table."""
    try:
        entries = json.loads(raw)
    except (ValueError, RecursionError) as cause:
        raise _damaged("its header is not JSON") from cause
    if not isinstance(entries, dict):
        raise _damaged("its header is not a table")
    return entries


def _check_length(entries: Mapping[str, Any], available: int) -> None:
    """Raise unless the tensors' last byte is the file's last byte."""
    try:
        end = max((int(entry["data_offsets"][1]) for entry in entries.values()), default=0)
    except (KeyError, IndexError, TypeError, ValueError) as cause:
        raise _damaged("an entry has no place in the file") from cause
    if end != available:
        raise _damaged(f"it holds {available} bytes of tensors and should hold {end}")


def _check_types(values: Mapping[str, Any]) -> None:
    """Raise unless every field has its type."""
    for name in ("architecture", "scaling", "licence"):
        if not isinstance(values[name], str) or not values[name]:
            raise _damaged(f"its field “{name}” is not a text")
    for name in ("config", "provenance"):
        if not isinstance(values[name], dict):
            raise _damaged(f"its field “{name}” is not a table")
    threshold = values["threshold_logit"]
    if isinstance(threshold, bool) or not isinstance(threshold, int | float) or not math.isfinite(threshold):
        raise _damaged("its field “threshold_logit” is not a finite number")


def _read_calibration(value: object) -> Calibration | None:
    """The calibration of two finite numbers, the temperature above 0; None stays None."""
    if value is None:
        return None
    try:
        numbers = {name: float(number) for name, number in value.items()}  # type: ignore[attr-defined]
        calibration = Calibration(**numbers)
    except (AttributeError, TypeError, ValueError) as cause:
        raise _damaged("its field “calibration” is not a temperature and a bias") from cause
    if not (math.isfinite(calibration.bias) and 0 < calibration.temperature < math.inf):
        raise _damaged("its field “calibration” holds a number that cannot be")
    return calibration


def _damaged(reason: str) -> WeightsError:
    return WeightsError(f"The weights file is damaged: {reason}; fetch or copy it again.")
