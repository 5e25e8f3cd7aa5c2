"""Read a stack, draw boxes as a person would, turn them into labels on the stack's own grid, and write them."""

import numpy as np

from napari_scarseg.core.lesions import number_boxes
from napari_scarseg.core.masks import component_boxes, compose_labels
from napari_scarseg.core.protocols import Prompt
from napari_scarseg.engines import load_segmenter
from napari_scarseg.engines.pipeline import segment_prompts
from napari_scarseg.io import read_stack, write_labels
from napari_scarseg.measure import volume_dice
from napari_scarseg.phantom import make_phantom

# A file to read. Its truth stands in for the person: one tight box per scar component.
phantom = make_phantom(seed=3)
np.save("heart.npy", phantom.stack.data)
truth = phantom.labels >= 3
drawn = [box for z, plane in enumerate(truth) for box in component_boxes(plane, z)]

stack = read_stack("heart.npy", spacing=phantom.stack.spacing)
boxes = number_boxes(drawn)
segmenter = load_segmenter()
masks = list(segment_prompts(stack.data, [Prompt(box) for box in boxes], segmenter))

labels = np.zeros(stack.shape, dtype=np.int32)
for z in range(stack.shape[0]):
    on_slice = [mask for mask in masks if mask.slice == z]
    labels[z] = compose_labels(on_slice, stack.shape[1:], segmenter.info.threshold_logit)
write_labels("heart_scar.nii.gz", labels, stack.spacing, stack.affine_ras)
print(f"{len(boxes)} boxes, {segmenter.info.name} on {segmenter.info.device}")
print(f"volume DSC against the truth: {volume_dice(labels > 0, truth):.2f}")
