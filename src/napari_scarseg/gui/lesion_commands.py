"""What a person does to boxes and lesions in a viewer: review, copy, fill in, link, merge, split, point, paint.

Each command is about the boxes in hand: those selected, else those of the lesions chosen in the list that are in view,
else the only box in view. It says in a sentence what came of it.
"""

from collections.abc import Callable, Collection, Mapping, Sequence

from napari.components import ViewerModel
from napari.layers import Image, Labels, Points, Shapes
from napari.utils.notifications import show_warning

from napari_scarseg.core.box import Box, Review
from napari_scarseg.gui import edits
from napari_scarseg.gui import viewer as on_viewer
from napari_scarseg.gui.box_edits import next_to_review
from napari_scarseg.gui.hand_tools import take_brush, take_point_tool


class LesionCommands:
    """Commands on three layers of a viewer.

    Parameters
    ----------
    viewer : ViewerModel
    chosen : callable
        Lesions chosen in the list.
    choose : callable
        Chooses others there.
    say : callable
        Told a sentence for the person.
    bind : callable
        Told a Points layer that was made or taken up.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        chosen: Callable[[], tuple[int, ...]],
        choose: Callable[[Collection[int]], None],
        say: Callable[[str], None],
        bind: Callable[[Points], None],
    ) -> None:
        self._viewer = viewer
        self._chosen, self._choose, self._say, self._bind = chosen, choose, say, bind
        self.image: Image | None = None
        self.boxes: Shapes | None = None
        self.labels: Labels | None = None

    def next_to_review(self) -> None:
        """Go to the next box that nobody has looked at, or that is to be checked."""
        image, boxes = self.image, self.boxes
        if image is None or boxes is None:
            return
        read = on_viewer.read_boxes_layer(boxes, image).boxes
        looking = on_viewer.selected_boxes(boxes, image)
        current = on_viewer.current_slice(self._viewer, image)
        box = next_to_review(read, current, looking[0].box_id if len(looking) == 1 else "")
        if box is None:
            self._say("All boxes are reviewed.")
        else:
            self._show_box(box)

    def mark(self, review: Review) -> None:
        """Mark the box in hand, and go to the next one that wants a look."""
        image, boxes, chosen = self.image, self.boxes, self._in_hand()
        if image is None or boxes is None or not chosen:
            return
        edits.mark(boxes, image, {box.box_id for box in chosen}, review)
        self.next_to_review()

    def copy(self, step: int) -> None:
        """Copy the box in hand `step` slices further, and go there."""
        image, boxes, chosen = self.image, self.boxes, self._in_hand()
        if image is None or boxes is None or not chosen:
            return
        copies = edits.copy(boxes, image, {box.box_id for box in chosen}, step)
        if not copies:
            self._say("Nothing was copied: there is no slice, or its box is there already.")
            return
        on_viewer.go_to_slice(self._viewer, image, copies[0].slice)
        on_viewer.select_boxes(self._viewer, boxes, image, {box.box_id for box in copies})

    def go_to_lesion(self, lesion_id: int, slices: Sequence[int], sizes: Mapping[int, int]) -> None:
        """Go to the slice where a lesion is largest; where it is in view, to its next slice. Its boxes are selected.

        Parameters
        ----------
        lesion_id : int
        slices : sequence of int
            Where the lesion is, ascending.
        sizes : mapping of slice → int
            Its size there, voxels.
        """
        image = self.image
        if image is None:
            return
        z = on_viewer.current_slice(self._viewer, image)
        if z in slices:
            z = slices[(slices.index(z) + 1) % len(slices)]
        else:
            z = max(slices, key=lambda index: sizes.get(index, 0))
        on_viewer.go_to_slice(self._viewer, image, z)
        if self.labels is not None and lesion_id:
            self.labels.selected_label = lesion_id
        here = {box.box_id for box in self.read() if box.slice == z and (box.lesion_id or 0) == lesion_id}
        if self.boxes is not None and here:
            on_viewer.select_boxes(self._viewer, self.boxes, image, here)

    def fill_between(self) -> None:
        """Give the chosen lesions boxes on the slices between theirs."""
        lesions = self._chosen_or_in_hand()
        if self.image is not None and self.boxes is not None and lesions:
            added = edits.fill(self.boxes, self.image, lesions)
            self._say(f"{len(added)} boxes filled in." if added else "There is no slice between these boxes to fill.")

    def link(self) -> None:
        """Make lesions one that overlap from slice to slice."""
        if self.image is None or self.boxes is None or self.labels is None:
            self._say("Segment first: lesions are linked where their labels overlap.")
            return
        count = edits.link(self.boxes, self.labels, self.image)
        self._say(f"{count} lesions linked to others." if count else "No other lesions overlap from slice to slice.")

    def merge(self) -> None:
        """Make the chosen lesions one."""
        lesions = self._chosen_or_in_hand()
        if self.image is None or self.boxes is None or len(lesions) < 2:
            self._say("Choose two lesions or more in the list first, with Ctrl and a click.")
            return
        edits.merge(self.boxes, self.labels, self.image, lesions)
        self._choose((min(lesions),))
        self._say(f"Merged into lesion {min(lesions)}.")

    def split(self) -> None:
        """Make the box in hand, or the chosen lesion from this slice on, a lesion of its own."""
        image, boxes = self.image, self.boxes
        if image is None or boxes is None:
            return
        chosen = on_viewer.selected_boxes(boxes, image) or self._from_here_on(image, boxes)
        if not chosen:
            self._say("Select the boxes to split off, or choose a lesion and go to the slice where it should end.")
            return
        lesion = edits.split(boxes, self.labels, image, {box.box_id for box in chosen})
        self._say(f"Lesion {lesion} is new.")

    def add_points(self, is_positive: bool) -> None:
        """Let the next clicks add points where there is scar, or none."""
        if self.image is not None:
            points = take_point_tool(self._viewer, self.image, is_positive)
            self._bind(points)
            self._say("Click into a box: here is scar." if is_positive else "Click into a box: here is no scar.")

    def paint(self, is_erasing: bool) -> None:
        """Paint or erase by hand; what is painted stays until it is released."""
        if self.labels is None:
            self._say("Segment first, or add a labels layer and choose it.")
            return
        lesions = self._chosen_or_in_hand(quietly=True)
        take_brush(self._viewer, self.labels, lesions[0] if lesions else None, is_erasing)

    def _in_hand(self) -> list[Box]:
        """The selected boxes; else those of the chosen lesions in view; else the only box in view."""
        image, boxes = self.image, self.boxes
        if image is None or boxes is None:
            return []
        z = on_viewer.current_slice(self._viewer, image)
        here = [box for box in self.read() if box.slice == z]
        own = [box for box in here if box.lesion_id in self._chosen()]
        found = on_viewer.selected_boxes(boxes, image) or own or (here if len(here) == 1 else [])
        if not found:
            show_warning("Select a box first: click it with napari's select tool, or its lesion in the list.")
        return found

    def _chosen_or_in_hand(self, quietly: bool = False) -> tuple[int, ...]:
        if self._chosen() or (quietly and self.boxes is None):
            return self._chosen()
        if quietly and self.boxes is not None and not self.boxes.selected_data:
            return ()
        return tuple(sorted({box.lesion_id for box in self._in_hand() if box.lesion_id}))

    def _from_here_on(self, image: Image, boxes: Shapes) -> list[Box]:
        z = on_viewer.current_slice(self._viewer, image)
        return [box for box in self.read() if box.lesion_id in self._chosen() and box.slice >= z]

    def _show_box(self, box: Box) -> None:
        if self.image is not None and self.boxes is not None:
            on_viewer.go_to_slice(self._viewer, self.image, box.slice)
            on_viewer.select_boxes(self._viewer, self.boxes, self.image, {box.box_id})

    def read(self) -> tuple[Box, ...]:
        """The boxes as they are; none where they do not fit the image."""
        if self.image is None or self.boxes is None or self.boxes.ndim != self.image.ndim:
            return ()
        return on_viewer.read_boxes_layer(self.boxes, self.image).boxes
