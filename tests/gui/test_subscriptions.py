"""Whatever was connected is disconnected, also where one of the two sides is gone already."""

import gc

import pytest
from napari.utils.events import EmitterGroup
from psygnal.containers import Selection
from qtpy.compat import isalive
from qtpy.QtCore import QEvent, QObject, Signal
from qtpy.QtWidgets import QApplication

from napari_scarseg.gui.subscriptions import Subscriptions


class Listener(QObject):
    """Hears with and without the event."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.heard: list[object] = []

    def hear(self, event: object = None) -> None:
        self.heard.append(event)

    def hear_nothing(self) -> None:
        self.heard.append("called")

    def hear_all(self, *arguments: object) -> None:
        self.heard.append(arguments)


class Speaker(QObject):
    """Has a Qt signal."""

    said = Signal(int)


@pytest.fixture
def events() -> EmitterGroup:
    return EmitterGroup(source=None, edited=None)


def destroy(thing: QObject) -> None:
    """Have Qt destroy an object, while Python still holds it."""
    thing.deleteLater()
    QApplication.sendPostedEvents(thing, QEvent.Type.DeferredDelete)
    assert not isalive(thing)


def test_callbacks_get_what_they_take_and_are_connected_once(qapp, events) -> None:
    listener, subscriptions, chosen = Listener(), Subscriptions(), Selection([1])
    for _ in range(2):
        subscriptions.connect(events.edited, listener.hear)
    subscriptions.connect(events.edited, listener.hear_nothing)
    subscriptions.connect(chosen.events.items_changed, listener.hear_all)
    events.edited(value=3)
    chosen.add(2)
    assert [getattr(heard, "value", heard) for heard in listener.heard] in (
        ["called", 3, ((2,), ())], [3, "called", ((2,), ())]
    )  # fmt: skip
    subscriptions.disconnect(events.edited)
    assert events.edited.callbacks == ()
    subscriptions.close()
    subscriptions.close()
    assert len(chosen.events.items_changed) == 0


def test_nothing_keeps_a_listener_alive(qapp, events) -> None:
    listener, subscriptions = Listener(), Subscriptions()
    subscriptions.connect(events.edited, listener.hear)
    del listener
    gc.collect()
    events.edited()
    subscriptions.close()
    assert events.edited.callbacks == ()


def test_a_destroyed_listener_is_disconnected_and_others_stay(qapp, events) -> None:
    gone, other, chosen = Listener(), Listener(), Selection([1])
    subscriptions, others = Subscriptions(), Subscriptions()
    for listener, mine in ((gone, subscriptions), (other, others)):
        mine.connect(events.edited, listener.hear)
        mine.connect(chosen.events.items_changed, listener.hear_all)
    destroy(gone)
    subscriptions.close()
    events.edited()
    chosen.add(2)
    assert (len(gone.heard), len(other.heard)) == (0, 2)
    assert (len(events.edited.callbacks), len(chosen.events.items_changed)) == (1, 1)


@pytest.mark.parametrize("goes", ["speaker", "listener", "both", "none"])
def test_qt_s_own_connections(qapp, goes) -> None:
    speaker, listener, subscriptions = Speaker(), Listener(), Subscriptions()
    subscriptions.connect(speaker.said, listener.hear, speaker)
    speaker.said.emit(1)
    assert listener.heard == [1]
    if goes in ("speaker", "both"):
        destroy(speaker)
    if goes in ("listener", "both"):
        destroy(listener)
    subscriptions.close()
    if goes == "none":
        speaker.said.emit(2)
        assert listener.heard == [1]
