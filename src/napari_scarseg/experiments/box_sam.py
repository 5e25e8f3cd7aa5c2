"""Experiment: the paper's comparison of boxes, true (Box-SAM), a detector's (YOLO-SAM) and a person's (jittered)."""

from collections.abc import Sequence
from pathlib import Path

from napari_scarseg.evaluation.paper_table import make_paper_table
from napari_scarseg.evaluation.prompts import PromptSource
from napari_scarseg.evaluation.summary import EvaluationTables, summarise
from napari_scarseg.experiments.config import WeightsConfig
from napari_scarseg.experiments.data import ExperimentData
from napari_scarseg.experiments.findings import (
    Experiment,
    Findings,
    NamedFigure,
    print_comparison,
    print_estimates,
    tell_difference,
    tell_estimate,
)
from napari_scarseg.experiments.results import DSC, FALSE_SCAR, compare_with, estimate_methods, is_synthetic
from napari_scarseg.experiments.run import Run
from napari_scarseg.experiments.weights_job import SourcesJob, plan_weights
from napari_scarseg.measure.figure_methods import methods_figure
from napari_scarseg.measure.report.content import ReportTable

_NAMES = {"truth": "Box-SAM (true boxes)", "jittered": "Box-SAM (jittered)", "detector": "YOLO-SAM (detector)"}
_HEADINGS = {
    "dsc": "DSC",
    "perimeter_similarity": "perimeter similarity",
    "patient_volume_dsc": "patient-volume DSC",
    "size": "scar size",
    "truth_size": "true scar size",
    "p_size": "p, size",
}


class BoxSamConfig(WeightsConfig):
    """Weights and data; the sources are the three of the paper's comparison."""


def plan(config: BoxSamConfig, data: ExperimentData) -> list[Run]:
    """One run per piece of the data, with all three sources of boxes."""
    parts = plan_weights(config, data, tuple(PromptSource))
    return [
        Run(
            f"boxes-{number:02d}",
            {"piece": number, "fold": "all" if part.fold is None else part.fold},
            SourcesJob(part),
            data.sha256,
        )
        for number, part in enumerate(parts)
    ]


def find(
    config: BoxSamConfig, data: ExperimentData, runs: Sequence[Run], tables: EvaluationTables, folder: Path
) -> Findings:
    """The paper's table in form, and true boxes against the others, paired."""
    estimates = estimate_methods(tables, seed=config.seed)
    compared = compare_with(tables, "truth", ("detector", "jittered"), seed=config.seed)
    paper = make_paper_table(tables)
    points = estimates.assign(panel=estimates["measure"], name=estimates["method"].map(_NAMES), line="")
    figure = methods_figure(
        points,
        note="95 % intervals over patients; slices with scar, infarct patients, scar-free slices",
        synthetic=is_synthetic(tables),
    )
    shown = [tell_difference(row) for row in compared[compared["measure"] == DSC].to_dict("records")]
    empty = ", ".join(f"{tell_estimate(estimates, m, FALSE_SCAR)} with the boxes of {m}" for m in ("truth", "detector"))
    shown.append(f"Share of scar-free slices left empty: {empty}. True boxes cannot fail there, a detector's can.")
    return Findings(
        tables={"paper_table": paper, "estimates": estimates, "compared": compared, "summary": summarise(tables)},
        printed=(
            ReportTable(
                paper.rename(columns=_HEADINGS).astype(str).replace({"nan": "–", "": "–"}),
                "The form of the paper's tables: mean ± SD over slices with scar and over infarct patients; p of "
                "result against true size, Wilcoxon signed-rank.",
            ),
            print_estimates(estimates),
            print_comparison(compared),
        ),
        figures=(NamedFigure("boxes", figure, "Whose boxes: four measures with intervals.", points),),
        shown=tuple(shown),
        not_shown=(
            "The paper's own figures come from other data and are not comparable with these.",
            "Jittered boxes have every edge moved at random; what people draw was not measured.",
            "A p value of size above 0.05 does not show that sizes agree; see the differences and their intervals.",
        ),
    )


BOX_SAM = Experiment(
    name="box-sam-vs-yolo-sam",
    title="true boxes, a detector's, and a person's",
    question="What does it cost to take the boxes from a detector, or from a person who draws them a little off?",
    config=BoxSamConfig,
    plan=plan,
    find=find,
)
