"""The page of an experiment, as HTML that needs nothing beside it and as Markdown with its figures beside it."""

import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from napari_scarseg import __version__
from napari_scarseg.core.provenance import make_provenance
from napari_scarseg.evaluation.summary import EvaluationTables
from napari_scarseg.experiments.config import ExperimentConfig
from napari_scarseg.experiments.data import ExperimentData
from napari_scarseg.experiments.findings import AnyExperiment, Findings
from napari_scarseg.experiments.results import is_synthetic, tabulate_runs
from napari_scarseg.experiments.run import Run
from napari_scarseg.io import atomic_path, write_json, write_table
from napari_scarseg.measure.figure_files import FigureFormat, render_figure
from napari_scarseg.measure.report.content import NOTICE, Report, ReportFigure, ReportSection, ReportTable
from napari_scarseg.measure.report.html import html_report
from napari_scarseg.measure.texts import number_text


def write_experiment(
    experiment: AnyExperiment,
    config: ExperimentConfig,
    data: ExperimentData,
    runs: Sequence[Run],
    tables: EvaluationTables,
    findings: Findings,
    folder: Path,
) -> list[Path]:
    """Write `runs.csv`, a CSV per table, PNG, SVG and CSV per figure, `report.html`, `report.md` and their record."""
    by_run = tabulate_runs(runs, tables)
    write_table(folder / "runs.csv", by_run)
    for name, table in findings.tables.items():
        write_table(folder / f"{name}.csv", table)
    for one in findings.figures:
        for kind in (FigureFormat.PNG, FigureFormat.SVG):
            _write_bytes(folder / f"{one.name}.{kind.value}", render_figure(one.figure, kind))
        write_table(folder / f"{one.name}.csv", one.numbers)
    report = make_report(experiment, config, data, tables, findings, by_run)
    _write_bytes(folder / "report.html", html_report(report).encode())
    _write_bytes(folder / "report.md", markdown_report(report, [one.name for one in findings.figures]).encode())
    settings = config.model_dump(mode="json", exclude={"data", "segmenter", "detector"})
    record = make_provenance("experiment", config={"experiment": experiment.name, **settings, "data": data.sha256})
    write_json(folder / "report.json", record)
    return [folder / "report.html", folder / "report.md", folder / "runs.csv"]


def make_report(
    experiment: AnyExperiment,
    config: ExperimentConfig,
    data: ExperimentData,
    tables: EvaluationTables,
    findings: Findings,
    by_run: pd.DataFrame,
) -> Report:
    """The page's content."""
    patients = len({record.patient for record in data.records})
    judged = tables.stacks["patient"].nunique()
    first = [experiment.question]
    if config.about:
        first.append(f"This version: {config.about}")
    first.append(
        f"{patients} patients in the data, {judged} of them judged; {by_run['run'].nunique()} runs; seed {config.seed}."
    )
    limits = (
        *findings.not_shown,
        "Figures are of these patients and these settings. Intervals and tests say what another draw of such patients "
        "could give; they say nothing of other scanners, cohorts or labels, nor of a training from another seed.",
    )
    rows = by_run.map(lambda cell: number_text(cell) if isinstance(cell, float) else cell).astype(str)
    return Report(
        title=f"Experiment: {experiment.title}",
        synthetic=is_synthetic(tables),
        paragraphs=tuple(first),
        sections=(
            ReportSection("What was shown", findings.shown or ("Nothing beyond the table.",)),
            ReportSection("What was not shown", limits),
            ReportSection("Tables", tables=findings.printed),
            ReportSection("Figures", figures=tuple(ReportFigure(one.figure, one.caption) for one in findings.figures)),
            ReportSection("Runs", tables=(ReportTable(rows),)),
        ),
        made_with=f"Made with napari-scarseg {__version__}",
    )


def markdown_report(report: Report, figure_names: Sequence[str]) -> str:
    """The page as Markdown; figure n is the file `<figure_names[n]>.png` beside it."""
    names = iter(figure_names)
    parts = [f"# {_plain(report.title)}"]
    if report.synthetic:
        parts.append(f"**{_plain(report.synthetic)}**")
    parts += [_plain(text) for text in report.paragraphs]
    for section in report.sections:
        parts.append(f"## {_plain(section.title)}")
        if len(section.paragraphs) > 1:
            parts.append("\n".join(f"- {_plain(text)}" for text in section.paragraphs))
        else:
            parts += [_plain(text) for text in section.paragraphs]
        for table in section.tables:
            parts.append(_markdown_table(table.frame))
            if table.note:
                parts.append(f"*{_plain(table.note)}*")
        for one in section.figures:
            parts.append(f"![{_plain(one.caption)}]({next(names)}.png)\n\n*{_plain(one.caption)}*")
    parts.append(f"{_plain(report.made_with)}. {NOTICE}")
    return "\n\n".join(parts) + "\n"


def _markdown_table(frame: pd.DataFrame) -> str:
    lines = ["| " + " | ".join(_cell(name) for name in frame.columns) + " |", "|" + "---|" * frame.shape[1]]
    lines += ["| " + " | ".join(_cell(value) for value in row) + " |" for row in frame.itertuples(index=False)]
    return "\n".join(lines)


def _cell(value: object) -> str:
    return _plain(str(value)).replace("|", "\\|")


def _plain(text: str) -> str:
    """One line in which no character is Markdown's."""
    return re.sub(r"([*_`<])", r"\\\1", " ".join(text.split()))


def _write_bytes(path: Path, content: bytes) -> None:
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)
