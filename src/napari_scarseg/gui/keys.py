"""The plugin's keys, bound on the layers in use: napari ignores keys in a manifest. All of them are free in napari."""

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum

from napari.layers import Layer


class Key(StrEnum):
    """Keys of the buttons."""

    DETECT_STACK = "G"
    DETECT_SLICE = "H"
    SEGMENT_ALL = "W"
    SEGMENT_SELECTED = "N"
    LIVE_UPDATE = "U"
    MEASURE = "J"
    CANCEL = "Q"


class SharedKey:
    """What a key does on one layer: the actions of all our widgets that use it there."""

    def __init__(self, key: Key) -> None:
        # napari takes what is bound for a function and asks its name.
        self.__name__ = f"scarseg_{key.name.lower()}"
        self.actions: list[Callable[[], object]] = []

    def __call__(self, layer: Layer) -> None:
        for action in list(self.actions):
            action()


class LayerKeys:
    """Binds keys on the layers that a widget works with, and takes them off again.

    Parameters
    ----------
    actions : mapping of Key → callable
    """

    def __init__(self, actions: Mapping[Key, Callable[[], object]]) -> None:
        self._actions = dict(actions)
        self._layers: list[Layer] = []

    def bind(self, layers: Iterable[Layer | None]) -> None:
        """Bind on these layers, and on no others any more."""
        wanted = [layer for layer in layers if layer is not None]
        for layer in self._layers:
            if layer not in wanted:
                self._unbind(layer)
        for layer in wanted:
            if layer not in self._layers:
                self._bind(layer)
        self._layers = wanted

    def close(self) -> None:
        """Take the keys off all layers."""
        self.bind(())

    def _bind(self, layer: Layer) -> None:
        for key, action in self._actions.items():
            shared = bound_key(layer, key)
            if shared is None:
                shared = SharedKey(key)
                layer.bind_key(key.value, shared, overwrite=True)
            shared.actions.append(action)

    def _unbind(self, layer: Layer) -> None:
        for key, action in self._actions.items():
            shared = bound_key(layer, key)
            if shared is not None and action in shared.actions:
                shared.actions.remove(action)
                if not shared.actions:
                    layer.bind_key(key.value, None)


def bound_key(layer: Layer, key: Key) -> SharedKey | None:
    """What `key` does on `layer` for us; None where it is not bound by us."""
    handler = next((handler for bound, handler in layer.keymap.items() if str(bound) == key.value), None)
    return handler if isinstance(handler, SharedKey) else None
