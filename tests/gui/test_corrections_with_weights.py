"""Every correction with the bundled networks in a real engine process: it changes its own lesion and nothing else.

What the networks answer is theirs; that the labels are what they answer to the live boxes and points is ours, and is
proved by a second widget that has to ask for everything anew.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtWidgets import QWidget

import napari_scarseg
from napari_scarseg.core.box import Box, Review
from napari_scarseg.core.case import Phase
from napari_scarseg.core.refinement import Refinement
from napari_scarseg.gui import edits
from napari_scarseg.gui import viewer as on_viewer
from napari_scarseg.gui.engine_home import EngineHome
from napari_scarseg.gui.hand_tools import take_point_tool
from napari_scarseg.gui.image_layer import image_kwargs
from napari_scarseg.gui.layer_state import label_state
from napari_scarseg.gui.plan import ShownBoxes
from napari_scarseg.gui.segment_widget import SegmentWidget
from napari_scarseg.phantom import make_phantom

WEIGHTS = Path(napari_scarseg.__file__).parent / "engines" / "weights"
PATIENCE_MS = 300_000

pytestmark = [
    pytest.mark.weights,
    pytest.mark.skipif(not list(WEIGHTS.glob("*.safetensors")), reason="the bundled weights are not there"),
]


@pytest.fixture(scope="module")
def real_home(qapp: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineHome]:
    """One engine process for all tests of this file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCARSEG_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        home, keeper = EngineHome(), QWidget()
        home.join(keeper)
        yield home
        home.leave(keeper)


@pytest.fixture(scope="module")
def phantom():
    """A heart with an infarct: boxes round its scar on three slices, and one on the wall across."""
    heart = make_phantom(15, Phase.ACUTE)
    scar = heart.labels >= 3
    middle = int(np.argmax(scar[1:-1].sum(axis=(1, 2)))) + 1
    found = []
    for z in (middle - 1, middle, middle + 1):
        rows, cols = np.nonzero(scar[z])
        found.append(Box(z, rows.min() - 1, cols.min() - 1, rows.max() + 2, cols.max() + 2, box_id=f"scar {z}"))
    row, col = 2 * np.argwhere(heart.labels[middle] > 0).mean(axis=0)
    scar_box = found[1]
    found.append(
        Box(middle, row - scar_box.row_max, col - scar_box.col_max, row - scar_box.row_min, col - scar_box.col_min,
            box_id="wall")
    )  # fmt: skip
    return heart.stack, tuple(found)


class Bench:
    """*Segment scars* on a viewer of its own."""

    def __init__(self, viewer: ViewerModel, widget: SegmentWidget, qtbot: object) -> None:
        self.viewer, self.widget, self.qtbot = viewer, widget, qtbot

    @property
    def scars(self) -> list[Box]:
        """The boxes round scar, from slice to slice."""
        return [box for name, box in self.read().items() if name.startswith("scar")]

    @property
    def labels(self):
        return self.widget.labels.layer

    @property
    def boxes(self):
        return self.widget.boxes.layer

    @property
    def image(self):
        return self.widget.images.layer

    def read(self) -> dict[str, Box]:
        return {box.box_id: box for box in on_viewer.read_boxes_layer(self.boxes, self.image).boxes}

    def settle(self) -> None:
        """Let the window work until nothing is to be done any more."""
        for _ in range(3):
            self.qtbot.waitUntil(
                lambda: not self.widget.is_running and not self.widget.redraw.is_waiting, timeout=PATIENCE_MS
            )
            self.qtbot.wait(10)

    def do(self, command: Callable[[], object]) -> np.ndarray:
        """Carry out a command, and say which voxels changed."""
        before = self.labels.data.copy()
        command()
        self.settle()
        return self.labels.data != before


@pytest.fixture
def bench(viewer, dock, real_home, qtbot, phantom) -> Bench:
    stack, found = phantom
    image = viewer.add_image(stack.data, **image_kwargs(stack))
    boxes = on_viewer.new_boxes_layer(viewer, image)
    on_viewer.show_boxes(boxes, image, ShownBoxes(found, ()))
    widget = dock(SegmentWidget(viewer, real_home))
    widget.boxes.choose(boxes)
    bench = Bench(viewer, widget, qtbot)
    widget.segment_all()
    bench.settle()
    assert bench.labels is not None and bench.labels.data.any()
    return bench


@pytest.fixture
def is_fresh(bench, dock, real_home) -> Callable[[], None]:
    """Have another widget draw everything anew, from answers of its own: nothing may change."""

    def check() -> None:
        labels = bench.labels
        before, memory = labels.data.copy(), label_state(labels.metadata)
        again = dock(SegmentWidget(bench.viewer, real_home))
        again.boxes.choose(bench.boxes)
        again.labels.choose(labels)
        again.points.choose(bench.widget.points.layer)
        again.segment_all()
        Bench(bench.viewer, again, bench.qtbot).settle()
        again.shut()
        np.testing.assert_array_equal(labels.data, before)
        assert label_state(labels.metadata).drawn == memory.drawn

    return check


def test_lesions_are_linked_once_and_then_on_command(bench, is_fresh) -> None:
    assert len({box.lesion_id for box in bench.scars}) == 1, "the scar of neighbouring slices is one lesion"
    middle = bench.scars[1]
    changed = bench.do(lambda: edits.split(bench.boxes, bench.labels, bench.image, {middle.box_id}))
    assert set(np.flatnonzero(changed.any(axis=(1, 2)))) == {middle.slice}
    assert len({box.lesion_id for box in bench.scars}) == 2
    is_fresh()
    before = bench.labels.data != 0
    assert edits.link(bench.boxes, bench.labels, bench.image) >= 1
    bench.settle()
    assert len({box.lesion_id for box in bench.scars}) == 1
    np.testing.assert_array_equal(bench.labels.data != 0, before)
    is_fresh()


def test_merging_and_splitting_are_one_step_each_and_no_number_comes_twice(bench, is_fresh) -> None:
    first = bench.labels.data.copy()
    last = bench.scars[2]
    new = edits.split(bench.boxes, bench.labels, bench.image, {last.box_id})
    bench.settle()
    assert set(np.unique(bench.labels.data[last.slice])) == {0, new}
    parted = bench.labels.data.copy()
    changed = bench.do(lambda: edits.merge(bench.boxes, bench.labels, bench.image, {last.lesion_id, new}))
    np.testing.assert_array_equal(bench.labels.data, first)
    np.testing.assert_array_equal(changed, parted == new)
    is_fresh()
    bench.labels.undo()
    np.testing.assert_array_equal(bench.labels.data, parted)
    bench.labels.undo()
    np.testing.assert_array_equal(bench.labels.data, first)
    bench.labels.redo()
    bench.labels.redo()
    assert edits.split(bench.boxes, bench.labels, bench.image, {last.box_id}) > new
    bench.settle()
    is_fresh()


def test_a_point_changes_its_lesion_on_its_slice_and_without_it_all_is_as_before(bench, is_fresh) -> None:
    before = bench.labels.data.copy()
    box = bench.scars[1]
    there = np.argwhere(before[box.slice] == box.lesion_id)
    points = take_point_tool(bench.viewer, bench.image, is_positive=False)
    bench.settle()
    assert bench.widget.points.layer == points
    changed = bench.do(lambda: points.add([[box.slice, *there[len(there) // 2]]]))
    assert changed.any() and set(np.flatnonzero(changed.any(axis=(1, 2)))) == {box.slice}
    # Where its mask gives way, that of the other box on the slice may come through.
    on_slice = {one.lesion_id for one in bench.read().values() if one.slice == box.slice}
    assert set(np.unique(before[changed])) | set(np.unique(bench.labels.data[changed])) <= {0, *on_slice}
    is_fresh()
    points.selected_data = {0}
    bench.do(points.remove_selected)
    np.testing.assert_array_equal(bench.labels.data, before)


def test_shape_and_marks_are_about_their_lesion_alone(bench, is_fresh) -> None:
    box = bench.scars[0]
    lesion = edits.split(bench.boxes, bench.labels, bench.image, {box.box_id})
    bench.settle()
    before = bench.labels.data.copy()
    refinement = Refinement(grow_px=1, fill_holes=True)
    changed = bench.do(lambda: edits.refine(bench.labels, bench.image, (lesion,), refinement))
    assert changed.any() and set(np.unique(bench.labels.data[changed])) == {lesion}
    is_fresh()
    bench.do(lambda: edits.mark(bench.boxes, bench.image, {box.box_id}, Review.REJECTED))
    assert not (bench.labels.data == lesion).any()
    np.testing.assert_array_equal(bench.labels.data[before != lesion], before[before != lesion])
    is_fresh()


def test_a_moved_copied_or_deleted_box_redraws_its_own_slice(bench, is_fresh) -> None:
    box = bench.scars[1]
    row = list(bench.boxes.features["box_id"]).index(box.box_id)

    def nudge() -> None:
        features = bench.boxes.features.copy()
        bench.boxes.data = [v + np.array([0, 2, 1]) if i == row else v for i, v in enumerate(bench.boxes.data)]
        bench.boxes.features = features

    changed = bench.do(nudge)
    assert set(np.flatnonzero(changed.any(axis=(1, 2)))) == {box.slice}
    is_fresh()
    (copy,) = edits.copy(bench.boxes, bench.image, {bench.scars[2].box_id}, 1)
    bench.settle()
    is_fresh()
    bench.boxes.selected_data = {list(bench.boxes.features["box_id"]).index(copy.box_id)}
    changed = bench.do(bench.boxes.remove_selected)
    assert set(np.flatnonzero(changed.any(axis=(1, 2)))) <= {copy.slice}
    assert not (bench.labels.data[copy.slice]).any()
    is_fresh()


def test_what_is_painted_stays_and_one_step_takes_the_stack_back(bench, is_fresh) -> None:
    drawn = bench.labels.data.copy()
    bench.labels.undo()
    assert not bench.labels.data.any()
    bench.labels.redo()
    np.testing.assert_array_equal(bench.labels.data, drawn)
    box = bench.scars[1]
    erased, painted = np.argwhere(drawn[box.slice] == box.lesion_id)[:2]
    for place, value in ((erased, 0), (painted, 9)):
        bench.labels.data_setitem(tuple(np.array([index]) for index in (box.slice, *place)), value)
    bench.settle()
    bench.widget.segment_all()
    bench.settle()
    assert bench.labels.data[box.slice][tuple(erased)] == 0
    assert bench.labels.data[box.slice][tuple(painted)] == 9
    is_fresh()
