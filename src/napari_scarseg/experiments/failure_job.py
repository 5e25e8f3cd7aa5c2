"""A run that keeps what a look at failures needs: flags of slices, traits of lesions, and the result itself."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_scarseg.datasets import CaseRecord, LabelledCase, load_case
from napari_scarseg.evaluation.evaluator import choose_boxes, segment_boxes
from napari_scarseg.evaluation.leaks import check_stack_unseen
from napari_scarseg.evaluation.plan import EvaluationPart
from napari_scarseg.evaluation.rows import CaseRows, compare_case
from napari_scarseg.evaluation.run import load_evaluator
from napari_scarseg.evaluation.summary import EvaluationTables, collect_tables
from napari_scarseg.experiments.failures import count_components, describe_lesions
from napari_scarseg.experiments.weights_job import describe_part
from napari_scarseg.io import atomic_path, read_labels, write_table

LESIONS, RESULTS = "lesion_traits.csv", "results.npz"


@dataclass(frozen=True, slots=True, eq=False)
class FailureJob:
    """Segment the cases of a part with the boxes of its one source, and describe slices and lesions.

    Parameters
    ----------
    part : EvaluationPart
    mvo_values : tuple of int
        Label values that mean microvascular obstruction; without any its share is not known.
    """

    part: EvaluationPart
    mvo_values: tuple[int, ...]

    def describe(self) -> dict[str, Any]:
        """See `run.Job`."""
        return {"job": "failures", "mvo_values": list(self.mvo_values), **describe_part(self.part)}

    def execute(self, folder: Path) -> EvaluationTables:
        """Rows as an evaluation has them; traits and results lie in the run's folder beside them."""
        evaluator = load_evaluator(self.part)
        (source,) = self.part.settings.sources
        rows: list[tuple[CaseRows, int | None]] = []
        traits: list[dict[str, object]] = []
        results: dict[str, npt.NDArray[np.uint8]] = {}
        for number, record in enumerate(self.part.records):
            case = load_case(record)
            check_stack_unseen(self.part.training, record, case.stack.sha256())
            boxes = choose_boxes(evaluator, case, source)
            result = segment_boxes(evaluator, case, boxes)
            counts = np.bincount([box.slice for box in boxes], minlength=len(result))
            rows.append((_with_components(compare_case(case, result, source.value, counts), case, result), record.fold))
            traits += [{"patient": record.patient, **row} for row in self._traits(case, result)]
            results[str(number)] = np.packbits(result)
        write_table(folder / LESIONS, pd.DataFrame(traits, columns=None if traits else ["patient", "of"]))
        with atomic_path(folder / RESULTS) as temporary:
            np.savez(temporary, allow_pickle=False, **results)
        return collect_tables(rows)

    def read_result(self, folder: Path, record: CaseRecord, shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
        """What the run found in one of its cases, (Z, Y, X)."""
        with np.load(folder / RESULTS, allow_pickle=False) as results:
            bits = results[str(self.part.records.index(record))]
        return np.unpackbits(bits, count=int(np.prod(shape))).reshape(shape).astype(np.bool_)

    def _traits(self, case: LabelledCase, result: npt.NDArray[np.bool_]) -> list[dict[str, object]]:
        mvo = np.isin(read_labels(case.record.label).labels, self.mvo_values) if self.mvo_values else None
        true = describe_lesions(case, case.scar, result, mvo)
        found = describe_lesions(case, result, case.scar, mvo)
        return [*({"of": "truth", **row} for row in true), *({"of": "result", **row} for row in found)]


def _with_components(rows: CaseRows, case: LabelledCase, result: npt.NDArray[np.bool_]) -> CaseRows:
    counts = zip(rows.slices, count_components(case.scar), count_components(result), strict=True)
    slices = [{**row, "components_truth": true, "components_result": found} for row, true, found in counts]
    return CaseRows(slices, rows.lesions, rows.stack)
