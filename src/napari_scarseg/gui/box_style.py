"""How boxes look: colour by confidence and mark, text beside them; and what a newly drawn shape starts with."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from napari.layers import Shapes

from napari_scarseg.core.box import BoxOrigin, Review
from napari_scarseg.gui.box_layer import FEATURE_DEFAULTS, features_of_boxes
from napari_scarseg.gui.layer_record import METADATA_KEY

EDGE_WIDTH_PX = 1

# Seen on grey at once, told apart by people who see red and green alike.
ORIGIN_COLOURS: Mapping[str, str] = {
    BoxOrigin.DETECTOR.value: "#ffb000",
    BoxOrigin.USER.value: "#35c8ff",
    BoxOrigin.EDITED.value: "#ff6fb5",
}
REVIEW_COLOURS: Mapping[str, str] = {
    Review.ACCEPTED.value: "#30d9a4",
    Review.REJECTED.value: "#8c8c8c",
    Review.CHECK.value: "#ffffff",
}
# A detector's box from unsure to sure: from a dark red to the detector's own yellow.
_UNSURE, _SURE = (0.66, 0.12, 0.05), (1.0, 0.69, 0.0)

_TEXT: Mapping[str, Any] = {
    "string": "{text}",
    "size": 8,
    "color": "#ffffff",
    "anchor": "upper_left",
    "translation": (0.0, -2.5, 0.0),
}


def box_style(ndim: int) -> dict[str, Any]:
    """Looks of a boxes layer, as arguments of a Shapes layer; there is a row of features for each shape."""
    return {
        "features": features_of_boxes(()),
        "edge_color": ORIGIN_COLOURS[BoxOrigin.USER.value],
        "face_color": "transparent",
        "opacity": 1.0,
        "edge_width": EDGE_WIDTH_PX,
        "text": {**_TEXT, "translation": _TEXT["translation"][3 - ndim :]},
    }


def box_colour(origin: str, score: float, review: str) -> str:
    """Colour of a box: a person's mark first, then who drew it, a detector's box by its confidence.

    Examples
    --------
    >>> box_colour("detector", 1.0, ""), box_colour("detector", 0.0, ""), box_colour("detector", 1.0, "rejected")
    ('#ffb000', '#a81f0d', '#8c8c8c')
    """
    if review in REVIEW_COLOURS:
        return REVIEW_COLOURS[review]
    if origin != BoxOrigin.DETECTOR.value or not np.isfinite(score):
        return ORIGIN_COLOURS.get(origin, ORIGIN_COLOURS[BoxOrigin.USER.value])
    share = float(np.clip(score, 0, 1))
    mixed = (round(255 * (low + share * (high - low))) for low, high in zip(_UNSURE, _SURE, strict=True))
    return "#" + "".join(f"{part:02x}" for part in mixed)


def edge_colours(features: pd.DataFrame | Mapping[str, Sequence[Any]]) -> list[str]:
    """Colour of each row of a boxes layer's features."""
    columns = (features["origin"], features["score"], features["review"])
    return [box_colour(str(origin), float(score), str(review)) for origin, score, review in zip(*columns, strict=True)]


def restyle_boxes(layer: Shapes) -> None:
    """Colours after the features, only where the layer is ours."""
    if layer.nshapes and layer.metadata.get(METADATA_KEY) is not None:
        layer.edge_color = edge_colours(layer.features)


def reset_defaults(layer: Shapes) -> None:
    """A shape drawn next is a person's: it must not inherit a detection's features."""
    defaults = layer.feature_defaults
    if not set(FEATURE_DEFAULTS) <= set(defaults):
        return
    if not all(_same(value, defaults[name].iloc[0]) for name, value in FEATURE_DEFAULTS.items()):
        layer.feature_defaults = {**{n: defaults[n].iloc[0] for n in defaults}, **FEATURE_DEFAULTS}


def same_features(features: pd.DataFrame, wanted: pd.DataFrame) -> bool:
    """Whether the columns of `wanted` hold the same values in `features`, row by row."""
    return all(_same(mine, its) for name in wanted for mine, its in zip(features[name], wanted[name], strict=True))


def _same(mine: object, its: object) -> bool:
    # NaN equals NaN here.
    return bool(mine == its or (mine != mine and its != its))
