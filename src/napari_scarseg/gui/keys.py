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
    NEXT_TO_REVIEW = "K"
    ACCEPT = "Shift+Y"
    REJECT = "Shift+X"
    CHECK = "Shift+C"
    COPY_NEXT = "Shift+N"
    COPY_PREVIOUS = "Shift+B"
    FILL = "Shift+F"
    LINK = "Shift+K"
    MERGE = "Shift+M"
    SPLIT = "Shift+S"
    POINT_POSITIVE = "Shift+G"
    POINT_NEGATIVE = "Shift+R"
    PAINT = "Shift+D"
    ERASE = "Shift+E"
    CHEAT_SHEET = "Shift+H"

    @property
    def short(self) -> str:
        """As it stands on a button.

        Examples
        --------
        >>> Key.ACCEPT.short, Key.CANCEL.short
        ('⇧Y', 'Q')
        """
        return self.value.replace("Shift+", "⇧")


# What each does, in the order of the cheat sheet.
KEY_HELP: Mapping[Key, str] = {
    Key.DETECT_STACK: "Detect scar boxes on the whole stack",
    Key.DETECT_SLICE: "Detect on the slice in view",
    Key.SEGMENT_ALL: "Segment all boxes",
    Key.SEGMENT_SELECTED: "Segment the selected boxes",
    Key.LIVE_UPDATE: "Switch live update of the labels on or off",
    Key.CANCEL: "Cancel what is running",
    Key.NEXT_TO_REVIEW: "Go to the next box that nobody has looked at",
    Key.ACCEPT: "Accept the box, go to the next",
    Key.REJECT: "Reject the box (it draws no label), go to the next",
    Key.CHECK: "Mark the box to be checked later, go to the next",
    Key.COPY_NEXT: "Copy the box to the next slice",
    Key.COPY_PREVIOUS: "Copy the box to the slice before",
    Key.FILL: "Fill in boxes between a lesion's slices",
    Key.LINK: "Link lesions that overlap from slice to slice",
    Key.MERGE: "Merge the chosen lesions",
    Key.SPLIT: "Split the selected boxes off as a new lesion",
    Key.POINT_POSITIVE: "Add points: here is scar",
    Key.POINT_NEGATIVE: "Add points: here is none",
    Key.PAINT: "Paint the lesion by hand",
    Key.ERASE: "Erase by hand",
    Key.MEASURE: "Measure the labels (Morphology)",
    Key.CHEAT_SHEET: "Show these keys",
}


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
