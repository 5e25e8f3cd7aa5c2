"""Networks that were loaded once, kept for the next job."""

import re
from collections import OrderedDict
from pathlib import Path
from typing import Any, Protocol, TypeVar

from napari_scarseg.core.config import DetectConfig, Device, SegmentConfig
from napari_scarseg.core.protocols import Detector, Segmenter
from napari_scarseg.errors import WeightsError

# Networks kept of each kind: enough to go back and forth between two, not enough to fill the memory with ten.
_KEPT_NETWORKS = 2

Network = TypeVar("Network")

_WEIGHTS_NAME = re.compile(r"[a-z0-9-]+")


class EngineFactory(Protocol):
    """Where the networks come from; the module `napari_scarseg.engines` is one."""

    def load_detector(self, name_or_path: str, device: Device) -> Detector:
        """Load a detector by name or path."""
        ...

    def load_segmenter(self, name_or_path: str, device: Device) -> Segmenter[Any]:
        """Load a segmenter by name or path."""
        ...


class NamedNetworks:
    """Networks by name alone: a client on another machine has no business among this one's files.

    Parameters
    ----------
    factory : EngineFactory
    """

    def __init__(self, factory: EngineFactory) -> None:
        self._factory = factory

    def load_detector(self, name_or_path: str, device: Device) -> Detector:
        """Load a detector by name; WeightsError for a path."""
        return self._factory.load_detector(_name(name_or_path), device)

    def load_segmenter(self, name_or_path: str, device: Device) -> Segmenter[Any]:
        """Load a segmenter by name; WeightsError for a path."""
        return self._factory.load_segmenter(_name(name_or_path), device)


def _name(name_or_path: str) -> str:
    if not _WEIGHTS_NAME.fullmatch(name_or_path):
        raise WeightsError(
            "An engine on another machine takes weights by their name alone (see: scarseg models list); choose a name, "
            "or use this machine's own engine."
        )
    return name_or_path


class LoadedNetworks:
    """Networks by configuration, loaded when first asked for; the last few of each kind stay."""

    def __init__(self, factory: EngineFactory) -> None:
        self._factory = factory
        self._detectors: OrderedDict[tuple[object, ...], Detector] = OrderedDict()
        self._segmenters: OrderedDict[tuple[object, ...], Segmenter[Any]] = OrderedDict()

    def detector(self, config: DetectConfig) -> Detector:
        key = (config.detector, config.device, _file_version(config.detector))
        if key not in self._detectors:
            _keep(self._detectors, key, self._factory.load_detector(config.detector, config.device))
        self._detectors.move_to_end(key)
        return self._detectors[key]

    def segmenter(self, config: SegmentConfig) -> Segmenter[Any]:
        key = (config.segmenter, config.device, _file_version(config.segmenter))
        if key not in self._segmenters:
            _keep(self._segmenters, key, self._factory.load_segmenter(config.segmenter, config.device))
        self._segmenters.move_to_end(key)
        return self._segmenters[key]


def _keep(networks: "OrderedDict[tuple[object, ...], Network]", key: tuple[object, ...], network: Network) -> None:
    networks[key] = network
    while len(networks) > _KEPT_NETWORKS:
        networks.popitem(last=False)


def _file_version(name_or_path: str) -> tuple[int, int] | None:
    """Time and size of a weights file, so that a changed one is loaded again; None for a name."""
    try:
        status = Path(name_or_path).stat()
    except (OSError, ValueError):
        return None
    return (status.st_mtime_ns, status.st_size)
