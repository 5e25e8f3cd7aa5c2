"""Who the layers of the viewer are of, from a cohort table: patient, phase, cohort, and columns such as visit."""

from collections.abc import Sequence
from pathlib import Path

from napari.components import ViewerModel
from napari.layers import Labels

from napari_scarseg.gui.layer_record import ImageRecord
from napari_scarseg.gui.morphology_cases import find_image, resolve_record, write_case
from napari_scarseg.io import read_text_table
from napari_scarseg.measure.cohort import Cohort, CohortEntry, parse_cohort


def read_people(path: Path) -> Cohort:
    """Read a cohort table (CSV with `case` or `patient`, and any of phase, cohort, visit, group, outcomes).

    Raises
    ------
    InputError
        If it cannot be read, or a line cannot be used.
    """
    return parse_cohort(read_text_table(path))


def find_entry(people: Cohort | None, record: ImageRecord, layer: Labels) -> CohortEntry | None:
    """The line of a layer: by its case, its image's name, or its own."""
    if people is None:
        return None
    return people.find(list(dict.fromkeys((record.case.case, record.stem, layer.name))))


def extras_of(people: Cohort | None, record: ImageRecord, layer: Labels) -> dict[str, str]:
    """What else the table says of a layer's patient, by column; empty text where it has no line."""
    if people is None:
        return {}
    entry = find_entry(people, record, layer)
    return {name: "" if entry is None else entry.extras[name] for name in people.extra_columns}


def name_people(viewer: ViewerModel, layers: Sequence[Labels], people: Cohort) -> str:
    """Write patient, phase and cohort into the layers that have a line; tells how many have, for a person."""
    missing = []
    for layer in layers:
        image = find_image(layer, viewer.layers)
        record = resolve_record(layer, image)
        entry = find_entry(people, record, layer)
        if entry is None:
            missing.append(layer.name)
        else:
            write_case(viewer, layer, image, entry.case_info(record.case.case))
    found = f"The cohort table knows {len(layers) - len(missing)} of {len(layers)} label layers."
    return found if not missing else f"{found} It has no line, or several, for: {', '.join(missing)}."
