"""Edits in any order: the labels are always what a fresh segmentation of the live boxes gives.

Apart from voxels painted by hand, which stay, and from slices on which something was undone and not drawn again since.
"""

import random
import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from qtpy.QtWidgets import QApplication

from napari_scarseg.core.box import Box, Review
from napari_scarseg.core.masks import compose_labels
from napari_scarseg.core.refinement import REFINED_THRESHOLD, Refinement, refine_mask
from napari_scarseg.gui import edits
from napari_scarseg.gui import viewer as on_viewer
from napari_scarseg.gui.label_layer import protected_voxels
from napari_scarseg.gui.layer_state import label_state
from napari_scarseg.gui.plan import ShownBoxes
from napari_scarseg.gui.segment_widget import SegmentWidget

SIDE, SLICES = 64, 5
PATIENCE_S = 60.0


class Editing(RuleBasedStateMachine):
    """A person at work on one stack, through the layers and the commands."""

    box_count = 8
    # Set by the test: makes the viewer's image and the widget.
    open_bench: staticmethod
    ellipse: staticmethod

    @initialize(seed=st.integers(0, 2**16))
    def segment_first_boxes(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.viewer, self.image, self.widget = self.open_bench()
        self.boxes = on_viewer.new_boxes_layer(self.viewer, self.image)
        on_viewer.show_boxes(self.boxes, self.image, ShownBoxes([self.any_box() for _ in range(self.box_count)], ()))
        self.widget.boxes.choose(self.boxes)
        self.stale: set[int] = set()
        self.widget.segment_all()
        self.settle()
        self.labels = self.widget.labels.layer

    def any_box(self) -> Box:
        row, col = self.random.uniform(-3, 50), self.random.uniform(-3, 50)
        height, width = self.random.uniform(4, 20), self.random.uniform(4, 20)
        return Box(self.random.randrange(SLICES), row, col, row + height, col + width)

    def settle(self) -> None:
        """Let the window work until nothing is to be done any more."""
        quiet, end = 0, time.monotonic() + PATIENCE_S
        while quiet < 3:
            QApplication.processEvents()
            quiet = 0 if self.widget.is_running or self.widget.redraw.is_waiting else quiet + 1
            assert time.monotonic() < end, "the work does not end"
            time.sleep(0.001)

    def read(self) -> tuple[Box, ...]:
        return on_viewer.read_boxes_layer(self.boxes, self.image).boxes

    def pick(self, number: int) -> Box | None:
        boxes = self.read()
        return boxes[number % len(boxes)] if boxes else None

    @rule()
    def draw(self) -> None:
        box = self.any_box()
        self.boxes.add(on_viewer.rows_from_boxes([box]).data, shape_type="rectangle")
        self.settle()

    @rule(number=st.integers(0, 99), rows=st.floats(-9, 9), cols=st.floats(-9, 9), z=st.integers(-1, 1))
    def move(self, number: int, rows: float, cols: float, z: int) -> None:
        if self.boxes.nshapes:
            data = [np.array(vertices) for vertices in self.boxes.data]
            features = self.boxes.features.copy()
            data[number % len(data)] += (z, rows, cols)
            with self.boxes.events.data.blocker(), self.boxes.events.features.blocker():
                self.boxes.data = data
                self.boxes.features = features
            self.boxes.events.data(value=data, action="changed", data_indices=(0,), vertex_indices=((),))
            self.settle()

    @rule(number=st.integers(0, 99))
    def delete(self, number: int) -> None:
        if self.boxes.nshapes > 1:
            self.boxes.selected_data = {number % self.boxes.nshapes}
            self.boxes.remove_selected()
            self.settle()

    @rule(number=st.integers(0, 99), step=st.sampled_from([-1, 1]))
    def copy(self, number: int, step: int) -> None:
        if (box := self.pick(number)) is not None:
            edits.copy(self.boxes, self.image, {box.box_id}, step)
            self.settle()

    @rule(number=st.integers(0, 99), review=st.sampled_from(list(Review)))
    def mark(self, number: int, review: Review) -> None:
        if (box := self.pick(number)) is not None:
            edits.mark(self.boxes, self.image, {box.box_id}, review)
            self.settle()

    @rule(first=st.integers(0, 99), second=st.integers(0, 99))
    def merge(self, first: int, second: int) -> None:
        lesions = {box.lesion_id for n in (first, second) if (box := self.pick(n)) is not None}
        edits.merge(self.boxes, self.labels, self.image, lesions)
        self.settle()

    @rule(number=st.integers(0, 99))
    def split(self, number: int) -> None:
        if (box := self.pick(number)) is not None:
            edits.split(self.boxes, self.labels, self.image, {box.box_id})
            self.settle()

    @rule(number=st.integers(0, 99))
    def fill(self, number: int) -> None:
        if (box := self.pick(number)) is not None:
            edits.fill(self.boxes, self.image, {box.lesion_id})
            self.settle()

    @rule(
        number=st.integers(0, 99), grow=st.integers(-2, 2), own=st.sampled_from([None, 0.5, 2.0]), largest=st.booleans()
    )
    def refine(self, number: int, grow: int, own: float | None, largest: bool) -> None:
        if (box := self.pick(number)) is not None:
            edits.refine(self.labels, self.image, (box.lesion_id,), Refinement(own, grow, False, largest))
            self.settle()

    @rule(z=st.integers(0, SLICES - 1), row=st.integers(2, 60), col=st.integers(2, 60), value=st.integers(0, 6))
    def paint(self, z: int, row: int, col: int, value: int) -> None:
        self.labels.brush_size = 5
        self.labels.paint((z, row, col), value)
        self.settle()

    @rule()
    def undo(self) -> None:
        before = self.labels.data.copy()
        self.labels.undo()
        self.stale |= set(np.flatnonzero((self.labels.data != before).any(axis=(1, 2))).tolist())
        self.settle()

    @rule()
    def segment_again(self) -> None:
        self.widget.segment_all()
        self.settle()
        self.stale.clear()

    @invariant()
    def labels_are_a_fresh_segmentation(self) -> None:
        if not hasattr(self, "labels"):
            return
        state = label_state(self.labels.metadata)
        boxes = [box for box in self.read() if box.review is not Review.REJECTED]
        protected = protected_voxels(self.labels.data, state.painted)
        for z in set(range(SLICES)) - self.stale:
            masks = [
                refine_mask(replace(self.ellipse(box), lesion_id=box.lesion_id), state.refinement(box.lesion_id), 0.0)
                for box in boxes
                if box.slice == z
            ]
            fresh = compose_labels(masks, (SIDE, SIDE), REFINED_THRESHOLD)
            differs = (fresh != self.labels.data[z]) & ~protected[z]
            assert not differs.any(), f"slice {z}: {np.argwhere(differs)[:5].tolist()}"

    def teardown(self) -> None:
        if hasattr(self, "widget"):
            self.widget.shut()
            self.widget.deleteLater()


@pytest.fixture
def editing(qtbot, engine, stack, ellipse, make_home):
    """The machine, with a bench of its own for each run of it."""
    from napari.components import ViewerModel

    from napari_scarseg.gui.image_layer import image_kwargs

    def open_bench():
        viewer = ViewerModel()
        image = viewer.add_image(stack.data, **image_kwargs(stack))
        return viewer, image, SegmentWidget(viewer, make_home())

    class Bench(Editing):
        pass

    Bench.open_bench = staticmethod(open_bench)
    Bench.ellipse = staticmethod(ellipse)
    return Bench


def test_a_few_edits_in_any_order(editing) -> None:
    run_state_machine_as_test(
        editing,
        settings=settings(
            max_examples=4,
            stateful_step_count=15,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.long
def test_fifty_boxes_edited_a_thousand_times(editing) -> None:
    editing.box_count = 50
    run_state_machine_as_test(
        editing,
        settings=settings(
            max_examples=1, stateful_step_count=1000, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
