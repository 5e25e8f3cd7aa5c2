"""Seeded LGE short-axis phantom: arrays with their truth, nothing read and nothing written."""

from napari_scarseg.phantom.config import (
    AnatomyConfig,
    ImageKind,
    LogNormal,
    PhantomConfig,
    Range,
    ScarConfig,
    SignalConfig,
)
from napari_scarseg.phantom.make import Phantom, make_phantom

__all__ = [
    "AnatomyConfig",
    "ImageKind",
    "LogNormal",
    "Phantom",
    "PhantomConfig",
    "Range",
    "ScarConfig",
    "SignalConfig",
    "make_phantom",
]
