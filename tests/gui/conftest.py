"""A fake engine with the real client's interface, widgets on it, and a window per test."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from napari.components import ViewerModel
from napari.utils._proxies import ReadOnlyWrapper
from napari.utils.interactions import mouse_move_callbacks, mouse_press_callbacks, mouse_release_callbacks

from napari_scarseg.core.box import Box, BoxOrigin
from napari_scarseg.core.config import DetectConfig, SegmentConfig
from napari_scarseg.core.masks import BoxMask
from napari_scarseg.core.protocols import EngineInfo, Prompt
from napari_scarseg.core.spacing import Spacing, SpacingOrigin
from napari_scarseg.core.stack import Stack, check_image_array, voxel_sha256
from napari_scarseg.engines.client import Cancelled, DetectEvent, EngineDied, SegmentEvent
from napari_scarseg.engines.pipeline import SliceDetections
from napari_scarseg.gui.engine_home import EngineHome
from napari_scarseg.gui.image_layer import image_kwargs

DETECTOR = EngineInfo("fake-detector", "d" * 64, "cpu", "CC0")
SEGMENTER = EngineInfo("fake-segmenter", "5" * 64, "cpu", "CC0", threshold_logit=0.0)


@dataclass
class FakeEngine:
    """Finds what `boxes` says and fills each box with an ellipse; slow, deadly or broken on demand."""

    boxes: tuple[Box, ...] = ()
    delay_s: float = 0.0
    die_after: int | None = None
    error: Exception | None = None
    is_running: bool = False
    closed: bool = False
    starts: int = 0
    calls: list[tuple[str, int]] = field(default_factory=list)
    open: dict[str, int] = field(default_factory=dict)
    threads: set[int] = field(default_factory=set)
    prompts: list[Prompt] = field(default_factory=list)
    _cancelled: threading.Event = field(default_factory=threading.Event)
    _busy: bool = False

    def start(self) -> None:
        if self.closed:
            raise Cancelled
        if not self.is_running:
            self.starts += 1
        self.is_running = True

    def close(self) -> None:
        self.closed, self.is_running = True, False
        self._cancelled.set()

    def cancel(self) -> None:
        if self._busy:
            self._cancelled.set()

    def open_stack(self, data: npt.NDArray[np.generic]) -> str:
        check_image_array(data)
        key = voxel_sha256(data)
        self.open[key] = self.open.get(key, 0) + 1
        return key

    def close_stack(self, key: str) -> None:
        self.open[key] -= 1

    def detect(self, key: str, slices: Sequence[int], config: DetectConfig) -> Iterator[DetectEvent]:
        self.calls.append(("detect", len(slices)))
        for done in self._steps(len(slices)):
            z = slices[done]
            scars = tuple(box for box in self.boxes if box.slice == z)
            yield DetectEvent(SliceDetections(z, scars), done + 1, len(slices), DETECTOR)

    def segment(self, key: str, prompts: Sequence[Prompt], config: SegmentConfig) -> Iterator[SegmentEvent]:
        self.calls.append(("segment", len(prompts)))
        self.prompts.extend(prompts)
        for done in self._steps(len(prompts)):
            yield SegmentEvent(ellipse_mask(prompts[done].box), done + 1, len(prompts), SEGMENTER)

    def describe(self, config: DetectConfig | SegmentConfig) -> EngineInfo:
        if self.error is not None:
            raise self.error
        return DETECTOR if isinstance(config, DetectConfig) else SEGMENTER

    def _steps(self, count: int) -> Iterator[int]:
        self.start()
        self.threads.add(threading.get_ident())
        self._cancelled.clear()
        self._busy = True
        try:
            if self.error is not None:
                raise self.error
            for step in range(count):
                if self.die_after is not None and step >= self.die_after:
                    self.die_after, self.is_running = None, False
                    raise EngineDied("The engine process ended unexpectedly; try again, it starts anew.")
                deadline = time.monotonic() + self.delay_s
                while time.monotonic() < deadline:
                    if self._cancelled.wait(0.005):
                        break
                if self._cancelled.is_set():
                    raise Cancelled
                yield step
        finally:
            self._busy = False


def ellipse_mask(box: Box) -> BoxMask:
    """Logits of the ellipse inscribed in `box` (on a slice of 64 × 64), positive inside, 4 at its centre."""
    top, left = max(int(np.floor(box.row_min)), 0), max(int(np.floor(box.col_min)), 0)
    bottom, right = min(int(np.ceil(box.row_max)), 64), min(int(np.ceil(box.col_max)), 64)
    rows = (np.arange(top, bottom) + 0.5 - box.centre[0]) / (box.height / 2)
    cols = (np.arange(left, right) + 0.5 - box.centre[1]) / (box.width / 2)
    logits = 4 * (1 - rows[:, None] ** 2 - cols[None, :] ** 2)
    return BoxMask(box.box_id, box.lesion_id or 0, box.slice, top, left, logits.astype(np.float32))


def scar_box(z: int, row: float, col: float, side: float = 12.0, score: float | None = 0.8, name: str = "") -> Box:
    """A detector's square box."""
    origin = BoxOrigin.USER if score is None else BoxOrigin.DETECTOR
    box_id = {"box_id": name} if name else {}
    return Box(z, row, col, row + side, col + side, score, origin, **box_id)


FOUND = (
    scar_box(1, 10, 10, score=0.9, name="a"),
    scar_box(2, 12, 12, score=0.8, name="b"),
    scar_box(2, 40, 40, score=0.6, name="c"),
    scar_box(3, 40, 8, score=0.2, name="d"),
)


@pytest.fixture
def engine() -> FakeEngine:
    """A fake engine that finds `FOUND`."""
    return FakeEngine(boxes=FOUND)


@pytest.fixture
def home(qtbot: object, engine: FakeEngine) -> EngineHome:
    """A home with the fake engine in it."""
    return EngineHome(None, lambda: engine)


@pytest.fixture
def make_home(engine: FakeEngine) -> Callable[[], EngineHome]:
    """Homes with the fake engine in them, as many as are wanted."""
    return lambda: EngineHome(None, lambda: replace(engine, calls=[], open={}, prompts=[]))


@pytest.fixture
def ellipse() -> Callable[[Box], BoxMask]:
    """What the fake engine answers to a box."""
    return ellipse_mask


@pytest.fixture
def stack() -> Stack:
    """Five slices of 64 × 64, noise, 8 × 1.5 × 1.25 mm."""
    data = np.random.default_rng(0).integers(0, 1000, (5, 64, 64)).astype(np.uint16)
    return Stack(data, Spacing(8.0, 1.5, 1.25, SpacingOrigin.HEADER), "heart", findings=("A finding.",))


@pytest.fixture
def idle(qtbot: object) -> Callable[[object], None]:
    """Wait until a widget has no work on, and let queued events run."""

    def wait(widget: object) -> None:
        # A tenth of a second on a quiet machine; patience costs nothing, and others may be at work as well.
        qtbot.waitUntil(lambda: not widget.is_running, timeout=10_000)
        qtbot.wait(20)

    return wait


@pytest.fixture(autouse=True)
def _main_thread_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAPARI_ENSURE_PLUGIN_MAIN_THREAD", "1")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Embeddings that an engine process keeps: not among those of whoever runs the tests."""
    monkeypatch.setenv("SCARSEG_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture(autouse=True)
def unsaved_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where unsaved work is noted: not in the folder of whoever runs the tests."""
    monkeypatch.setattr("napari_scarseg.cases.recovery.recovery_root", lambda: tmp_path / "unsaved")
    return tmp_path / "unsaved"


@dataclass
class MouseEvent:
    """What napari's layers need to know of a mouse event."""

    type: str
    position: tuple[float, ...]
    is_dragging: bool = False
    modifiers: tuple[str, ...] = ()
    pos: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(2))
    button: int = 1
    dims_displayed: tuple[int, ...] = (1, 2)
    view_direction: None = None
    up_direction: None = None
    dims_point: tuple[float, ...] = (0.0, 0.0, 0.0)
    inverted: bool = False
    native: None = None
    handled: bool = False


class Mouse:
    """Presses, moves and releases on a layer as napari's canvas does."""

    def press(self, layer: object, point: Sequence[float]) -> None:
        # As the canvas does: napari puts later events into the wrapper of the first.
        event = ReadOnlyWrapper(self._event("mouse_press", layer, point), exceptions=("handled",))
        mouse_press_callbacks(layer, event)

    def move(self, layer: object, point: Sequence[float]) -> None:
        mouse_move_callbacks(layer, self._event("mouse_move", layer, point))

    def release(self, layer: object, point: Sequence[float]) -> None:
        mouse_release_callbacks(layer, self._event("mouse_release", layer, point))

    def drag(self, layer: object, start: Sequence[float], end: Sequence[float]) -> None:
        """All three; points in the layer's index coordinates."""
        self.press(layer, start)
        self.move(layer, end)
        self.release(layer, end)

    def _event(self, kind: str, layer: object, point: Sequence[float]) -> MouseEvent:
        world = tuple(layer.data_to_world(point))
        return MouseEvent(kind, world, is_dragging=kind != "mouse_press", dims_point=world)


@pytest.fixture
def mouse() -> Mouse:
    """A mouse for layers."""
    return Mouse()


@pytest.fixture
def viewer() -> ViewerModel:
    """A viewer without a window: enough for the widgets, and quick. `test_window` has real ones."""
    return ViewerModel()


@pytest.fixture
def image(viewer: object, stack: Stack) -> object:
    """`stack` as an Image layer, slice 2 in view."""
    layer = viewer.add_image(stack.data, **image_kwargs(stack))
    viewer.dims.set_current_step(0, 2)
    return layer


@pytest.fixture
def notices(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Sentences shown to the user."""
    messages: list[str] = []
    for name in ("jobs.show_error", "detect_widget.show_warning", "segment_widget.show_warning"):
        monkeypatch.setattr(f"napari_scarseg.gui.{name}", messages.append)
    return messages


@pytest.fixture
def dock(qtbot: object) -> Iterator[Callable[[object], object]]:
    """Keep a widget for the test, and close it at the end."""
    kept = []

    def keep(widget: object) -> object:
        qtbot.addWidget(widget)
        kept.append(widget)
        return widget

    yield keep
    for widget in kept:
        if not widget.is_shut:
            widget.shut()
