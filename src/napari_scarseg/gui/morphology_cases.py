"""From a Labels layer to what is measured: labels, spacing with its reason, the image beneath, who and when."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer

from napari_scarseg.core.case import CaseInfo, Phase
from napari_scarseg.core.spacing import Spacing, SpacingOrigin
from napari_scarseg.errors import InputError
from napari_scarseg.gui.image_layer import image_array, image_record
from napari_scarseg.gui.layer_frame import frame_of
from napari_scarseg.gui.layer_record import METADATA_KEY, ImageRecord, record_from_metadata, record_to_metadata
from napari_scarseg.gui.morphology_segments import SegmentsLayout, read_layout
from napari_scarseg.gui.morphology_wall import WallChoice, is_same_wall, read_wall
from napari_scarseg.gui.viewer import set_case
from napari_scarseg.measure import Wall

_ORIGIN_TEXT = {SpacingOrigin.HEADER: "from the file", SpacingOrigin.USER: "entered by hand"}


@dataclass(frozen=True, slots=True, eq=False)
class LabelsCase:
    """One Labels layer, ready to be measured away from the window's thread.

    Parameters
    ----------
    layer_name : str
    labels : array (Z, Y, X)
        A copy where it was in memory (the user may go on painting); a lazy array as it is.
    image : array (Z, Y, X) or None
        Intensities on the same grid, not copied.
    spacing : Spacing
    spacing_note : str
        The spacing and where it came from, or why there is none; for a person.
    case : CaseInfo
    wall : Wall or None
        Of the left ventricle, where the user said where it is.
    layout : SegmentsLayout or None
        Where the left ventricle's segments come from.
    extras : mapping of column → str
        What a cohort table says beside patient, phase and cohort.
    """

    layer_name: str
    labels: Any
    image: Any
    spacing: Spacing
    spacing_note: str
    case: CaseInfo
    wall: Wall | None = None
    layout: SegmentsLayout | None = None
    extras: Mapping[str, str] = field(default_factory=dict)

    def gives_same_as(self, other: "LabelsCase") -> bool:
        """Whether measuring both gives the same table; a lazy array counts as changed."""
        return (
            (self.layer_name, self.spacing, self.spacing_note, self.case, self.extras)
            == (other.layer_name, other.spacing, other.spacing_note, other.case, other.extras)
            and _same_memory(self.image, other.image)
            and is_same_wall(self.wall, other.wall)
            and (other.layout is None if self.layout is None else self.layout.is_same(other.layout))
            and isinstance(self.labels, np.ndarray)
            and isinstance(other.labels, np.ndarray)
            and np.array_equal(self.labels, other.labels)
        )


def read_labels_case(layer: Labels, layers: Iterable[Layer], wall: WallChoice | None = None) -> LabelsCase:
    """Collect what measuring `layer` needs.

    Parameters
    ----------
    layer : Labels
        2-D (one slice) or 3-D.
    layers : iterable of Layer
        All layers of the viewer; the image beneath the labels is looked for among them.
    wall : WallChoice, optional

    Raises
    ------
    InputError
        If the layer has another number of axes, or the wall does not fit.
    """
    labels = _labels_array(layer)
    image = find_image(layer, layers)
    record = resolve_record(layer, image)
    return LabelsCase(
        layer_name=layer.name,
        labels=labels,
        image=None if image is None else image_array(image),
        spacing=record.spacing,
        spacing_note=describe_spacing(record),
        case=record.case,
        wall=None if wall is None else read_wall(wall, layer),
        layout=None if wall is None else read_layout(wall.segments, layer),
    )


def find_image(layer: Labels, layers: Iterable[Layer]) -> Image | None:
    """The image that `layer` labels: same stem where the labels know it, else the only one on the same grid.

    Of several on the same grid, the one whose name the labels' name begins with (`P001` for `P001_scar`); none where
    that leaves a doubt.
    """
    alike = [other for other in layers if isinstance(other, Image) and _is_alike(layer, other)]
    own = record_from_metadata(layer.metadata)
    if own is not None:
        # Labels read from a file without spacing lie elsewhere in the world than their image, and are its labels still.
        return next((image for image in alike if image_record(image).stem == own.stem), None)
    fitting = [image for image in alike if frame_of(image).lies_on(frame_of(layer))]
    if len(fitting) > 1:
        fitting = sorted((i for i in fitting if layer.name.startswith(i.name)), key=lambda i: len(i.name))[-1:]
    return fitting[0] if fitting else None


def resolve_record(layer: Labels, image: Image | None) -> ImageRecord:
    """What is known of a Labels layer: the image's word first (it is the one that a person corrects), then its own.

    The image's fields that are unknown are filled from the labels' own; a layer without any record has its scale,
    where the units say that it is a length.
    """
    own = image_record(layer)
    if image is None:
        return own
    theirs = image_record(image)
    spacing = theirs.spacing if theirs.spacing.origin is not SpacingOrigin.UNKNOWN else own.spacing
    known = record_from_metadata(layer.metadata)
    case = theirs.case if known is None else _merge_cases(theirs.case, known.case)
    return theirs.with_spacing(spacing).with_case(case)


def write_case(viewer: ViewerModel, layer: Labels, image: Image | None, case: CaseInfo) -> None:
    """Say who and when, for the labels, their image, and all that was made from it."""
    record = resolve_record(layer, image).with_case(case)
    if image is not None:
        set_case(viewer, image, case)
    layer.metadata.setdefault(METADATA_KEY, {}).update(record_to_metadata(record))


def describe_spacing(record: ImageRecord) -> str:
    """The spacing with its origin, or why there is none and what to do, as a sentence.

    Examples
    --------
    >>> spacing = Spacing(10.0, 1.4, 1.4, SpacingOrigin.HEADER)
    >>> describe_spacing(ImageRecord("heart", spacing, CaseInfo("heart")))
    'Pixels 1.4 × 1.4 mm, slices 10 mm apart (from the file).'
    """
    spacing = record.spacing
    if spacing.y_mm is None or spacing.x_mm is None:
        reason = next((finding for finding in record.findings if "spacing" in finding.casefold()), "")
        advice = "Spacing unknown, so sizes are in pixels; enter it in Load stack, or give the layer a scale in mm."
        return f"{advice} {reason}".strip()
    origin = _ORIGIN_TEXT[spacing.origin]
    pixels = f"Pixels {spacing.y_mm:.4g} × {spacing.x_mm:.4g} mm"
    if spacing.z_mm is None:
        return f"{pixels} ({origin}); slice distance unknown, so no ml and g."
    return f"{pixels}, slices {spacing.z_mm:.4g} mm apart ({origin})."


def _merge_cases(first: CaseInfo, second: CaseInfo) -> CaseInfo:
    return CaseInfo(
        case=first.case,
        patient=first.patient if first.patient != first.case else second.patient,
        phase=first.phase if first.phase is not Phase.UNKNOWN else second.phase,
        cohort=first.cohort or second.cohort,
    )


def _is_alike(layer: Labels, image: Image) -> bool:
    return not image.rgb and image.ndim in (2, 3) and _full_shape(image) == _full_shape(layer)


def _full_shape(layer: Image | Labels) -> tuple[int, ...]:
    return tuple((layer.data[0] if layer.multiscale else layer.data).shape)


def _labels_array(layer: Labels) -> Any:
    if layer.ndim not in (2, 3):
        raise InputError(
            f"The Labels layer '{layer.name}' has {layer.ndim} axes, but lesions are measured on three (slice, row, "
            "column); split it first (right click on the layer, Split Stack), then choose one part."
        )
    data = layer.data[0] if layer.multiscale else layer.data
    array = data.copy() if isinstance(data, np.ndarray) else data
    return array if layer.ndim == 3 else array[None]


def _same_memory(first: Any, second: Any) -> bool:
    if first is None or second is None:
        return first is second
    return first.shape == second.shape and (first is second or np.may_share_memory(first, second))
