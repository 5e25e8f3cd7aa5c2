"""What made a result: written beside every output, and never with anything personal in it."""

import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from typing import Any

from napari_scarseg import __version__
from napari_scarseg.core.protocols import EngineInfo
from napari_scarseg.core.spacing import Spacing

_LIBRARIES = (
    "numpy",
    "scipy",
    "scikit-image",
    "nibabel",
    "pydicom",
    "highdicom",
    "SimpleITK",
    "tifffile",
    "torch",
    "ultralytics",
    "segment-anything",
    "lightning-fabric",
)


def library_versions() -> dict[str, str]:
    """Versions of this package, Python, and the libraries that shape a result (where installed), not importing any."""
    return dict(_read_versions())


@cache
def _read_versions() -> tuple[tuple[str, str], ...]:
    """Read once: autosave asks several times a second, and each library's whole description is parsed."""
    versions = [("napari-scarseg", __version__), ("python", platform.python_version())]
    for name in _LIBRARIES:
        try:
            versions.append((name, metadata.version(name)))
        except metadata.PackageNotFoundError:
            continue
    return tuple(versions)


def make_provenance(
    command: str,
    *,
    spacing: Spacing | None = None,
    config: Mapping[str, Any] | None = None,
    engines: Mapping[str, EngineInfo] | None = None,
    inputs: Mapping[str, str] | None = None,
    findings: Sequence[str] = (),
) -> dict[str, Any]:
    """Collect a JSON-ready record of what made a result.

    Parameters
    ----------
    command : str
        What was done, e.g. "segment". Not the command line: paths can name patients.
    spacing : Spacing, optional
        Recorded with its origin; null where unknown.
    config : mapping, optional
        Settings in force.
    engines : mapping of role → EngineInfo, optional
        Networks with their weights' hash, licence and device.
    inputs : mapping of stem → sha256, optional
    findings : sequence of str
        What was noticed while reading.
    """
    return {
        "command": command,
        "created_utc": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": library_versions(),
        "spacing": spacing.as_dict() if spacing is not None else None,
        "config": dict(config or {}),
        "engines": {role: info.as_dict() for role, info in (engines or {}).items()},
        "inputs": dict(inputs or {}),
        "findings": list(findings),
        "notice": "Research use only; not a medical device.",
    }
