"""The settings of the workbench that belong to a case ↔ plain values. The device does not: it is the machine's."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from napari.layers import Image

from napari_scarseg.gui import viewer as on_viewer

if TYPE_CHECKING:
    from napari_scarseg.gui.workbench import ScarWorkbench


def read_choices(bench: "ScarWorkbench", image: Image) -> dict[str, Any]:
    """Settings in force for `image`: confidence, live update, slice in view, contrast."""
    low, high = (float(value) for value in image.contrast_limits)
    return {
        "confidence": bench.detect.confidence,
        "live": bench.segment.live.isChecked(),
        "slice": on_viewer.current_slice(bench.viewer, image),
        "contrast": [low, high],
    }


def apply_choices(bench: "ScarWorkbench", image: Image, choices: Mapping[str, Any]) -> None:
    """Set what `read_choices` gave; anything else in `choices` is let pass. Draws no label anew."""
    confidence, live = choices.get("confidence"), choices.get("live")
    if isinstance(confidence, float) and 0 <= confidence <= 1:
        bench.detect.slider.blockSignals(True)
        bench.detect.slider.setValue(confidence)
        bench.detect.slider.blockSignals(False)
    if isinstance(live, bool):
        bench.segment.live.blockSignals(True)
        bench.segment.live.setChecked(live)
        bench.segment.live.blockSignals(False)
    index, contrast = choices.get("slice"), choices.get("contrast")
    if isinstance(index, int) and image.ndim == 3:
        bench.viewer.dims.set_point(0, image.data_to_world((index, 0, 0))[0])
    if isinstance(contrast, list) and len(contrast) == 2 and contrast[0] < contrast[1]:
        image.contrast_limits = contrast
