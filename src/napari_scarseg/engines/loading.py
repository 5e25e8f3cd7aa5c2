"""Loaders whose networks go on when memory runs out. Imports no torch by itself."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

from napari_scarseg.core.config import Device

Loader = TypeVar("Loader", bound=Callable[..., Any])


def goes_on_without_memory(load: Loader) -> Loader:
    """Decorator of a function of (name or path, device) that loads a network; see `memory_fallback`.

    A network that is loaded on the CPU is returned as it is: there is nowhere else to go.
    """

    @functools.wraps(load)
    def load_guarded(name_or_path: str = "bundled", device: Device = Device.AUTO) -> Any:
        network = load(name_or_path, device)
        if network.info.device == Device.CPU:
            return network
        from napari_scarseg.engines.memory_fallback import guard_memory

        return guard_memory(network, functools.partial(load, name_or_path), device)

    return cast(Loader, load_guarded)
