"""All that the workbench's buttons do, from a script: boxes, marks, copies, merges, shapes and one undo, in napari."""

import os

import napari

from napari_scarseg.core.box import Box, Review
from napari_scarseg.core.refinement import Refinement
from napari_scarseg.gui import edits
from napari_scarseg.gui import viewer as on_viewer
from napari_scarseg.gui.workbench import ScarWorkbench

viewer = napari.Viewer()
(image,) = viewer.open_sample("napari-scarseg", "lge-phantom-acute")
bench = ScarWorkbench(viewer)
viewer.window.add_dock_widget(bench, name="Scar workbench")
boxes = on_viewer.new_boxes_layer(viewer, image)
bench.segment.boxes.choose(boxes)

# Two boxes by hand on slice 3, one of them copied to the next slice as the same lesion.
edits.add(boxes, image, [Box(3, 118, 117, 139, 140, box_id="scar"), Box(3, 140, 95, 155, 110, box_id="none")])
edits.copy(boxes, image, {"scar"}, 1)
bench.segment.segment_all()
while bench.segment.is_running:
    napari.qt.get_qapp().processEvents()

# Every command redraws what it changes, and nothing else.
labels = bench.segment.labels.layer
edits.mark(boxes, image, {"none"}, Review.REJECTED)
edits.refine(labels, image, (1,), Refinement(grow_px=1, fill_holes=True))
while bench.segment.is_running:
    napari.qt.get_qapp().processEvents()
for box in on_viewer.read_boxes_layer(boxes, image).boxes:
    print(box.slice, box.lesion_id, box.review.value or "not reviewed")
if "SCARSEG_EXAMPLE_CLOSES" in os.environ:
    viewer.close()
else:
    napari.run()
