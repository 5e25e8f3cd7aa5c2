"""One case with everything in it, and the image it is about."""

from pathlib import Path

import numpy as np
import pytest

from napari_scarseg.cases import BoxesPart, Case, ImageReference, LabelsPart, PointsPart
from napari_scarseg.core.box import Box, BoxOrigin, Review
from napari_scarseg.core.case import CaseInfo, Phase
from napari_scarseg.core.point import Point
from napari_scarseg.core.spacing import Spacing, SpacingOrigin
from napari_scarseg.io import read_stack

SHAPE = (3, 24, 20)


@pytest.fixture
def image_path(tmp_path: Path) -> Path:
    """A stack without geometry in a folder of its own."""
    path = tmp_path / "study" / "P001.npy"
    path.parent.mkdir()
    np.save(path, np.random.default_rng(0).integers(0, 900, SHAPE).astype(np.uint16))
    return path


@pytest.fixture
def case(image_path: Path) -> Case:
    """A case in the middle of the work."""
    labels = np.zeros(SHAPE, dtype=np.int32)
    labels[1, 4:9, 4:9] = 2
    painted = np.full(SHAPE, -1, dtype=np.int32)
    painted[1, 4, 4:7] = 2
    painted[2, 0, 0] = 0
    boxes = (
        Box(1, 3.5, 4, 9.25, 10, score=0.8, origin=BoxOrigin.DETECTOR, box_id="a", lesion_id=2, review=Review.ACCEPTED),
        Box(2, 1, 1, 6, 7, box_id="b"),
    )
    return Case(
        image=ImageReference(image_path, read_stack(image_path).sha256(), SHAPE),
        info=CaseInfo("P001", "pseudonym", Phase.ACUTE, "trial"),
        spacing=Spacing(8.0, 1.5, 1.25, SpacingOrigin.USER),
        affine_ras=np.diag([1.25, 1.5, 8.0, 1.0]),
        boxes=(BoxesPart("P001 boxes", boxes, {"a": {"note": "thin"}}, {"candidates": []}),),
        labels=(LabelsPart("P001 scar", labels, painted, {"used_lesions": 2}),),
        points=(
            PointsPart(
                "P001 points",
                (
                    Point(1, 5.5, 6.25),
                    Point(2, 1.5, 2.5, False),
                ),
            ),
        ),
        choices={"confidence": 0.4},
        engines={"segmenter": {"name": "lge-segmenter"}},
    )
