"""Files in and out: every stack a lab has becomes a `Stack`, and results go back beside it."""

from napari_scarseg.io.atomic import atomic_path, check_output_folder
from napari_scarseg.io.boxes_csv import read_boxes, write_boxes
from napari_scarseg.io.candidates import Offer, StackCandidate, describe_size, propose_candidate
from napari_scarseg.io.folders import collect_stacks
from napari_scarseg.io.labels import LabelVolume, read_labels, write_labels
from napari_scarseg.io.read_stack import find_offer, read_candidate, read_stack
from napari_scarseg.io.read_tables import read_table, read_text_table
from napari_scarseg.io.stems import plain_stem, resolve_stems
from napari_scarseg.io.tables import sidecar_path, write_json, write_table

__all__ = [
    "LabelVolume",
    "Offer",
    "StackCandidate",
    "atomic_path",
    "check_output_folder",
    "collect_stacks",
    "describe_size",
    "find_offer",
    "plain_stem",
    "propose_candidate",
    "read_boxes",
    "read_candidate",
    "read_labels",
    "read_stack",
    "read_table",
    "read_text_table",
    "resolve_stems",
    "sidecar_path",
    "write_boxes",
    "write_json",
    "write_labels",
    "write_table",
]
