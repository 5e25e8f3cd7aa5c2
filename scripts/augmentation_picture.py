"""The picture of the augmentations in the documentation, each drawn alone on a phantom's heart.

    python scripts/augmentation_picture.py docs/images/augmentation.png

needs the networks' libraries, no display. Nothing of a real patient is in it.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from napari_scarseg.core.case import Phase
from napari_scarseg.datasets import CaseRecord, LabelledCase
from napari_scarseg.engines.small_sam import SmallSamConfig
from napari_scarseg.io import atomic_path
from napari_scarseg.measure.figure_files import FigureFormat, render_figure
from napari_scarseg.phantom import make_phantom
from napari_scarseg.training.augmentation import Augmentation, identity_augmentation
from napari_scarseg.training.samples import Sample, Softening, collect_samples
from napari_scarseg.training.sampling import PromptDraw, SampleDraw, apply_sample
from napari_scarseg.training.views import SmallView

SEED = 15
# A window of one size round the box: round the LV it would grow with the heart, and hide the change of scale.
VIEW = SmallView(SmallSamConfig(window_size=224, box_factor=1.0, box_min_px=76.0, box_min_share=0.0))
SIDE_INCHES = 1.9


def rotation(degrees: float) -> np.ndarray:
    """Matrix (2, 2) on (row, col)."""
    angle = np.radians(degrees)
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def elastic(seed: int) -> np.ndarray:
    """A displacement (2, 5, 5) of twice the usual size."""
    return np.random.default_rng(seed).normal(0, 0.03, (2, 5, 5))


# Title → what is changed; at or near the end of its range.
PANELS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "flip": {"matrix": np.diag([1.0, -1.0])},
    "rotation": {"matrix": rotation(50)},
    "scale": {"matrix": np.diag([0.8, 0.8])},
    "stretch": {"matrix": np.diag([1.25**0.5, 1.25**-0.5])},
    "translation": {"translation": np.array([0.1, -0.15])},
    "elastic deformation": {"displacement": elastic(3)},
    "gamma": {"gamma": 1.6},
    "adaptive equalisation": {"equalises": True},
    "display window": {"clip": (0.1, 0.75)},
    "bias field": {"bias": np.array([0.3, -0.25, 0.1, 0.0, 0.1])},
    "blur": {"blur_sigma_samples": 3.0},
    "Rician noise": {"noise_sd": 0.06, "noise_seed": 1},
    "magnitude image": {"nulled_sds": 0.0},
    "neighbour, out of place": {"slice_shift": np.array([0.05, 0.04])},
}
JITTER = np.array([-0.18, 0.1, 0.15, -0.12])


def phantom_sample() -> Sample:
    """The slice of a phantom with most scar."""
    phantom = make_phantom(SEED, Phase.ACUTE)
    record = CaseRecord("phantom", Path("image"), Path("label"), "", "", Phase.ACUTE, None, (3, 4), (2, 3, 4), (1,))
    scar, muscle = np.isin(phantom.labels, (3, 4)), np.isin(phantom.labels, (2, 3, 4))
    samples = collect_samples([LabelledCase(record, phantom.stack, scar, phantom.labels > 0, muscle)], Softening())
    return max(samples, key=lambda sample: int(sample.scar.sum()))


def draw_panel(axes: Axes, sample: Sample, title: str, augmentation: Augmentation, shifts: np.ndarray) -> None:
    """One window with the outline of the target and the box."""
    draw = SampleDraw(augmentation, (PromptDraw(0, shifts),), False, np.zeros(4))
    picture = apply_sample(sample, draw, VIEW, 0.7)
    assert picture.pixels is not None
    channel = 0 if "neighbour" in title else VIEW.context
    axes.imshow(picture.pixels[channel], cmap="gray", vmin=0, vmax=1)
    axes.contour(picture.mask[0], levels=[0.5], colors="#35c46a", linewidths=0.9)
    x_min, y_min, x_max, y_max = picture.boxes[0].tolist()
    axes.add_patch(Rectangle((x_min, y_min), x_max - x_min, y_max - y_min, fill=False, color="#f5c542", linewidth=0.9))
    axes.set_title(title, fontsize=8)
    axes.set_axis_off()


def main() -> int:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("picture", type=Path)
    target = parser.parse_args().picture
    sample = phantom_sample()
    figure = Figure(figsize=(4 * SIDE_INCHES, 4 * (SIDE_INCHES + 0.2)), layout="constrained")
    FigureCanvasAgg(figure)
    panels = [(title, replace(identity_augmentation(), **change), np.zeros(4)) for title, change in PANELS.items()]
    panels.append(("box jitter", identity_augmentation(), JITTER))
    for number, (title, augmentation, shifts) in enumerate(panels, start=1):
        draw_panel(figure.add_subplot(4, 4, number), sample, title, augmentation, shifts)
    with atomic_path(target) as temporary:
        temporary.write_bytes(render_figure(figure, FigureFormat.PNG, dpi=110))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
