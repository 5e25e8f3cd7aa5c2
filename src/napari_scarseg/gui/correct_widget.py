"""*Review and correct*: the list of lesions, marks, and the commands on boxes, points and lesions."""

from collections.abc import Callable

from napari.components import ViewerModel
from napari.layers import Image, Labels, Shapes
from qtpy.QtWidgets import QGridLayout, QLabel, QPushButton, QWidget

from napari_scarseg.core.box import Box, Review
from napari_scarseg.errors import InputError
from napari_scarseg.gui import edits
from napari_scarseg.gui import viewer as on_viewer
from napari_scarseg.gui.box_edits import LesionBoxes, summarise_lesions, wants_review
from napari_scarseg.gui.box_watch import BoxWatch
from napari_scarseg.gui.cheat_sheet import CheatSheet
from napari_scarseg.gui.hand_tools import label_colour, points_of
from napari_scarseg.gui.keys import Key, LayerKeys
from napari_scarseg.gui.layer_state import label_state
from napari_scarseg.gui.lesion_commands import LesionCommands
from napari_scarseg.gui.lesion_list import LesionList, LesionRow
from napari_scarseg.gui.parts import Panel, make_button, make_note
from napari_scarseg.gui.shape_field import ShapeField
from napari_scarseg.gui.subscriptions import Subscriptions
from napari_scarseg.gui.voxel_counts import VoxelCounts
from napari_scarseg.measure.review_flags import LOW_CONFIDENCE, ReviewFlag

_COLUMNS = 3


class CorrectWidget(Panel):
    """Goes from lesion to lesion, and changes boxes, points and lesions by command.

    It changes layers only; *Segment scars* draws what has changed.

    Parameters
    ----------
    napari_viewer : ViewerModel
    parent : QWidget, optional
    """

    def __init__(self, napari_viewer: ViewerModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = napari_viewer
        self._last = ""
        # The lesions that the shape shown is about.
        self._shaping: tuple[int, ...] = ()
        self._on_layers = Subscriptions()
        self.destroyed.connect(self._on_layers.close)
        self._watch = BoxWatch(self)
        self._watch.changed.connect(self._on_boxes_edited)
        self._counts = VoxelCounts(self)
        self._counts.counted.connect(self.refresh)
        self.lesions = LesionList(self)
        self.commands = LesionCommands(
            napari_viewer, lambda: self.chosen, self.lesions.choose, self._say, lambda points: self._bind_keys()
        )
        self._sheet: CheatSheet | None = None
        self._buttons: list[QPushButton] = []
        self._actions: dict[Key, Callable[[], None]] = {}
        self._build()
        self._keys = LayerKeys(self._actions)
        self.refresh()

    @property
    def chosen(self) -> tuple[int, ...]:
        """Lesions that commands are about."""
        return self.lesions.chosen

    def work_on(self, image: Image | None, boxes: Shapes | None, labels: Labels | None) -> None:
        """Work on these layers, and no others any more."""
        self.commands.image, self.commands.boxes, self.commands.labels = image, boxes, labels
        self._on_layers.close()
        self._watch.watch(boxes)
        self._counts.watch(labels)
        if boxes is not None:
            self._on_layers.connect(boxes.selected_data.events.items_changed, self._on_selected)
        if labels is not None:
            self._on_layers.connect(labels.events.metadata, self._show_shape)
            self._on_layers.connect(labels.events.colormap, self.refresh)
        self._bind_keys()
        self._last = ""
        self.refresh()

    def show_keys(self) -> None:
        """Show the cheat sheet, or take it away."""
        if self._sheet is None:
            self._sheet = CheatSheet(self)
        self._sheet.setVisible(not self._sheet.isVisible())

    def shut(self) -> None:
        """Disconnect everything."""
        if self._sheet is not None:
            self._sheet.close()
        self._on_layers.close()
        self._watch.shut()
        self._counts.shut()
        self._keys.close()
        self.shape_field.shut()
        super().shut()

    def refresh(self, event: object = None) -> None:
        """Show the lesions as the layers have them."""
        boxes = self.commands.read()
        ready = self.commands.boxes is not None
        for button in self._buttons:
            button.setEnabled(ready)
        self.lesions.show_rows([self._row(row) for row in self._lesion_rows(boxes)])
        self._show_shape()
        waiting = sum(wants_review(box) for box in boxes)
        if not boxes:
            self.note.setText("No lesions yet: detect boxes, or draw some.")
        else:
            self.note.setText(self._last or f"{len(boxes) - waiting} of {len(boxes)} boxes reviewed.")

    def _build(self) -> None:
        self.lesions.picked.connect(self._on_picked)
        self.lesions.chosen_changed.connect(self._show_shape)
        self.column.addWidget(self.lesions)
        grid = QGridLayout()
        grid.setSpacing(3)
        for number, (text, key, tooltip, action) in enumerate(self._commands()):
            button = make_button(text, key.value, tooltip, action, self)
            # As wide as its text: cut off, its key would be lost.
            button.setMinimumWidth(0)
            self._actions[key] = action
            self._buttons.append(button)
            grid.addWidget(button, number // _COLUMNS, number % _COLUMNS)
        self.column.addLayout(grid)
        self.shape_label = QLabel(self)
        self.shape_field = ShapeField(self)
        self.shape_field.changed.connect(self._on_shape)
        self.column.addWidget(self.shape_label)
        self.column.addWidget(self.shape_field)
        self.note = make_note()
        self.column.addWidget(self.note)

    def _commands(self) -> list[tuple[str, Key, str, Callable[[], None]]]:
        """Text, key, tooltip and action of each button, row by row."""
        do = self.commands
        return [
            ("Accept", Key.ACCEPT, "The box is right; go to the next.", lambda: do.mark(Review.ACCEPTED)),
            ("Reject", Key.REJECT, "There is no scar: no label; go on.", lambda: do.mark(Review.REJECTED)),
            ("Check", Key.CHECK, "Mark the box to be looked at again; go on.", lambda: do.mark(Review.CHECK)),
            ("Go to next", Key.NEXT_TO_REVIEW, "Go to the next box that nobody has looked at.", do.next_to_review),
            ("Copy on", Key.COPY_NEXT, "Copy the box to the next slice, as the same lesion.", lambda: do.copy(1)),
            ("Copy back", Key.COPY_PREVIOUS, "Copy the box to the slice before.", lambda: do.copy(-1)),
            ("Fill in", Key.FILL, "Boxes for the slices between those of the lesion.", do.fill_between),
            ("Merge", Key.MERGE, "Make the lesions chosen in the list one.", do.merge),
            ("Split", Key.SPLIT, "Make the selected boxes a lesion of their own.", do.split),
            ("Link", Key.LINK, "Make lesions one that overlap from slice to slice.", do.link),
            ("Add point +", Key.POINT_POSITIVE, "Click where there is scar.", lambda: do.add_points(True)),
            ("Add point −", Key.POINT_NEGATIVE, "Click where there is none.", lambda: do.add_points(False)),
            ("Paint", Key.PAINT, "Paint the lesion by hand; the model leaves it alone.", lambda: do.paint(False)),
            ("Erase", Key.ERASE, "Erase by hand; the model leaves it alone.", lambda: do.paint(True)),
            ("Show keys", Key.CHEAT_SHEET, "All keys on one sheet.", self.show_keys),
        ]

    def _lesion_rows(self, boxes: tuple[Box, ...]) -> list[LesionBoxes]:
        """Lesions with boxes, and labels without."""
        rows = summarise_lesions(boxes)
        known = {row.lesion_id for row in rows}
        sizes = self._counts.sizes.by_slice
        bare = [
            LesionBoxes(label, tuple(by_slice), 0, None, 0, Review.NONE)
            for label, by_slice in sizes.items()
            if label not in known
        ]
        return sorted((*rows, *bare), key=lambda row: row.lesion_id)

    def _row(self, lesion: LesionBoxes) -> LesionRow:
        if self.commands.labels is None or not lesion.lesion_id:
            return LesionRow(lesion, None, "")
        return LesionRow(
            lesion,
            self._counts.sizes.voxels.get(lesion.lesion_id, 0),
            label_colour(self.commands.labels, lesion.lesion_id),
            self._flags(lesion),
        )

    def _flags(self, lesion: LesionBoxes) -> tuple[ReviewFlag, ...]:
        """What is odd about its label and its boxes; nothing once a person has accepted it."""
        if lesion.review is Review.ACCEPTED:
            return ()
        flags = self._counts.sizes.flags.get(lesion.lesion_id, ())
        is_unsure = lesion.score is not None and lesion.score < LOW_CONFIDENCE
        return (*flags, ReviewFlag.UNSURE) if is_unsure else flags

    def _bind_keys(self) -> None:
        do = self.commands
        self._keys.bind((do.image, do.boxes, do.labels, points_of(self._viewer, do.image)))

    def _on_picked(self, lesion_id: int) -> None:
        """Go to the lesion where it is largest; where it is in view, to its next slice."""
        row = next((r for r in self._lesion_rows(self.commands.read()) if r.lesion_id == lesion_id), None)
        if row is not None and row.slices:
            chosen = self.chosen
            self.commands.go_to_lesion(lesion_id, row.slices, self._counts.sizes.by_slice.get(lesion_id, {}))
            self.lesions.choose(chosen)
            self._show_shape()

    def _on_selected(self, *_: object) -> None:
        """A person has selected boxes on the slice: their lesions are chosen."""
        if self.commands.image is not None and self.commands.boxes is not None and self.commands.boxes.selected_data:
            chosen = {box.lesion_id or 0 for box in on_viewer.selected_boxes(self.commands.boxes, self.commands.image)}
            self.lesions.choose(chosen)
            self._show_shape()

    def _on_boxes_edited(self, is_settled: bool) -> None:
        if is_settled:
            self.refresh()

    def _show_shape(self, event: object = None) -> None:
        labels, chosen = self.commands.labels, self.chosen
        if self.shape_field.threshold.is_moving:
            if chosen == self._shaping:
                return
            # The slider was let go a moment ago: what it says is about the lesions chosen then.
            self.shape_field.threshold.rest()
            self._on_shape()
        self._shaping = chosen
        self.shape_field.setEnabled(labels is not None)
        state = label_state(labels.metadata if labels is not None else {})
        if state.engine is not None:
            self.shape_field.threshold.show_calibrated(float(state.engine.get("threshold_logit", 0.0)))
        self.shape_field.show_value(state.refinement(chosen[0] if chosen else 0))
        others = "all other lesions" if set(state.refinements) - {0} else "all lesions"
        self.shape_label.setText(f"Shape of {_names(chosen) or others}, from the answers at hand:")

    def _on_shape(self) -> None:
        if self.commands.image is None or self.commands.labels is None:
            return
        try:
            edits.refine(self.commands.labels, self.commands.image, self._shaping, self.shape_field.value)
        except InputError as error:
            self._say(str(error))

    def _say(self, text: str) -> None:
        self._last = text
        self.note.setText(text)


def _names(lesions: tuple[int, ...]) -> str:
    if len(lesions) > 3:
        return f"{len(lesions)} lesions"
    return ("lesion " if len(lesions) == 1 else "lesions ") + ", ".join(map(str, lesions)) if lesions else ""
