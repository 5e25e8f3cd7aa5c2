"""Let the detector find scar in a heart with an infarct and in one without, and see what the confidence changes."""

from napari_scarseg.core.case import Phase
from napari_scarseg.engines import load_detector
from napari_scarseg.engines.pipeline import detect_slices, order_slices, select_boxes
from napari_scarseg.phantom import make_phantom

detector = load_detector()
for phase in (Phase.ACUTE, Phase.NONE):
    stack = make_phantom(seed=5, phase=phase).stack
    # The middle slice first, then its neighbours: as the plugin does with the slice in view.
    slices = order_slices(stack.shape[0], current=stack.shape[0] // 2)
    found = list(detect_slices(stack.data, detector, slices))
    for confidence in (0.1, 0.3, 0.5):
        boxes = [box for detections in found for box in select_boxes(detections, confidence)]
        print(f"{phase}: {len(boxes)} boxes at confidence {confidence}")
    print(f"{phase}: left ventricle found on {sum(d.lv is not None for d in found)} of {len(slices)} slices")
