"""Phantoms that an experiment makes for itself, with the scanner's traits that it asks for."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from napari_scarseg.core.case import Phase
from napari_scarseg.datasets import CaseRecord, write_dataset
from napari_scarseg.experiments.config import Pair, PhantomSource
from napari_scarseg.experiments.run import hash_record
from napari_scarseg.io import write_labels
from napari_scarseg.io.write_image import write_stack_nifti
from napari_scarseg.phantom import PhantomConfig, Range, make_phantom

# As `scarseg phantom --phase mixed` has them: two in five acute, two in five chronic, one in five without scar.
_MIXED = (Phase.ACUTE, Phase.CHRONIC, Phase.ACUTE, Phase.CHRONIC, Phase.NONE)
# EMIDEC's values, which the phantom has.
_SCAR, _MYOCARDIUM, _CAVITY = (3, 4), (2, 3, 4), (1,)
COHORT = "phantom"


def make_phantoms(source: PhantomSource, folder: Path) -> Path:
    """Write the phantoms below `folder`, or find them there; returns their data set table.

    The table comes last, so a folder with a table is whole.
    """
    own = folder / f"phantoms-{hash_record(source.model_dump(mode='json'))[:10]}"
    table = own / "dataset.csv"
    if table.is_file():
        return table
    config = phantom_config(source)
    records = []
    for index in range(source.patients):
        # Two sources of different seeds share no phantom, and a longer one begins as a shorter one does.
        seed = int(np.random.SeedSequence([source.seed, index]).generate_state(1)[0])
        phase = _MIXED[index % len(_MIXED)] if source.phase == "mixed" else Phase(source.phase)
        name = f"PH{source.seed}-{index + 1:04d}"
        image, label = own / "images" / f"{name}.nii.gz", own / "labels" / f"{name}.nii.gz"
        made = make_phantom(seed, phase, config)
        write_stack_nifti(image, made.stack)
        write_labels(label, made.labels, made.stack.spacing, made.stack.affine_ras)
        records.append(CaseRecord(name, image, label, COHORT, "", phase, None, _SCAR, _MYOCARDIUM, _CAVITY))
    write_dataset(table, records)
    return table


def phantom_config(source: PhantomSource) -> PhantomConfig:
    """The phantom's own configuration with the ranges of `source` in it."""
    usual = PhantomConfig(kind=source.kind)
    signal = replace(
        usual.signal,
        contrast_to_noise=_range(source.contrast_to_noise, usual.signal.contrast_to_noise),
        coil_shading=_range(source.coil_shading, usual.signal.coil_shading),
        acquired_share=_range(source.acquired_share, usual.signal.acquired_share),
    )
    return replace(usual, pixel_mm=_range(source.pixel_mm, usual.pixel_mm), signal=signal)


def _range(pair: Pair | None, usual: Range) -> Range:
    return usual if pair is None else Range(*pair)
