"""Lesions out of a volume of tissue classes."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from napari_scarseg.core.lesions import propose_links, relabel
from napari_scarseg.core.masks import Labels, label_components
from napari_scarseg.errors import InputError


def find_scar_lesions(labels: npt.NDArray[np.generic], scar_values: Sequence[int]) -> Labels:
    """Number the lesions of a (Z, Y, X) volume in which `scar_values` mean scar (MVO included).

    A component is 8-connected in its slice and has at least 5 px; components that overlap in adjacent slices are one
    lesion. Lesions count from 1 in the order of their first slice.

    Raises
    ------
    InputError
        If the labels are not 3-D or no value is given.

    Examples
    --------
    >>> import numpy as np
    >>> classes = np.zeros((2, 6, 12), int); classes[:, 1:4, 1:4] = 3; classes[0, 1:4, 8:11] = 4
    >>> np.unique(find_scar_lesions(classes, [3, 4])).tolist()
    [0, 1, 2]
    """
    if labels.ndim != 3:
        raise InputError(f"The labels have {labels.ndim} axes {labels.shape}, but need three (slice, row, column).")
    if not scar_values:
        raise InputError("Give at least one label value that means scar.")
    lesions = np.zeros(labels.shape, dtype=np.int32)
    last = 0
    for z, plane in enumerate(np.isin(labels, list(scar_values))):
        components = label_components(plane)
        lesions[z] = np.where(components > 0, components + last, 0)
        last += int(components.max(initial=0))
    linked = relabel(lesions, propose_links(lesions))
    ids = np.unique(linked[linked > 0])
    numbers = np.zeros(last + 1, dtype=np.int32)
    numbers[ids] = np.arange(1, ids.size + 1)
    return np.asarray(numbers[linked], dtype=np.int32)
