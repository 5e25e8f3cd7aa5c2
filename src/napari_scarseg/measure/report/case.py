"""The report of one case: what was measured, lesion by lesion and slice by slice."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from napari_scarseg import __version__
from napari_scarseg.errors import InputError
from napari_scarseg.measure.bullseye import bullseye_figure
from napari_scarseg.measure.features import FEATURES, feature
from napari_scarseg.measure.figure_frame import LABEL_PT, NOTE_PT, add_axes, new_figure, write_notes
from napari_scarseg.measure.figure_groups import feature_values, synthetic_text
from napari_scarseg.measure.report.content import Report, ReportFigure, ReportSection, ReportTable
from napari_scarseg.measure.segments import SEGMENTS_UNKNOWN
from napari_scarseg.measure.summaries import summarise_lesions, summarise_patients
from napari_scarseg.measure.texts import number_text
from napari_scarseg.measure.themes import FigureTheme


def case_report(
    table: pd.DataFrame,
    *,
    overview: Figure | None = None,
    made_by: Sequence[str] = (),
    segments: pd.DataFrame | None = None,
) -> Report:
    """Report on the rows of one case.

    Parameters
    ----------
    table : DataFrame
        From `measure_labels`, of one case.
    overview : Figure, optional
        The slices with their labels.
    made_by : sequence of str
        What made the labels, a sentence each.
    segments : DataFrame, optional
        From `measure_segments`; without it the report says why there is no bullseye.

    Raises
    ------
    InputError
        If the table has no row or several cases.
    """
    if table.empty:
        raise InputError("The case has no lesion, so there is nothing to report; segment it first.")
    lesions, patient = summarise_lesions(table), summarise_patients(table)
    if table["case"].nunique() != 1 or len(patient) != 1:
        raise InputError("The table holds several cases; report on the cohort, or on the rows of one case.")
    names = [spec.name for spec in FEATURES if spec.name in table]
    totals = [(feature(name).axis_label, number_text(float(patient[name].iloc[0]))) for name in names]
    whole = ReportTable(
        pd.DataFrame(totals, columns=["feature", "whole case"]),
        "Sums over all lesions for area, volume and mass; means weighted by area for other features.",
    )
    sections = [
        ReportSection("Whole case", tables=(whole,)),
        ReportSection("Lesions", tables=(ReportTable(_rounded(lesions, ["lesion_id", "n_slices"], names)),)),
        ReportSection(
            "Slices",
            tables=(ReportTable(_rounded(table, ["slice", "lesion_id"], names)),),
            figures=(ReportFigure(slice_figure(table), "Size of each lesion on each slice."),),
        ),
    ]
    if overview is not None:
        sections.insert(0, ReportSection("Overview", figures=(ReportFigure(overview, "All slices with the labels."),)))
    sections.append(_segments_section(segments, synthetic=bool(synthetic_text(table))))
    row = table.iloc[0]
    return Report(
        title=f"Scar morphology: {row['case']}",
        synthetic=synthetic_text(table),
        paragraphs=(
            f"Phase: {row['phase']}. {len(lesions)} lesion{'s' if len(lesions) > 1 else ''} on "
            f"{table['slice'].nunique()} slices.",
            _spacing_text(row),
            *made_by,
            *_reasons(table),
        ),
        sections=tuple(sections),
        made_with=f"Made with napari-scarseg {__version__}",
    )


def _segments_section(segments: pd.DataFrame | None, *, synthetic: bool) -> ReportSection:
    """Bullseye and table, or the reason why there is none."""
    if segments is None:
        return ReportSection("Segments", paragraphs=(f"No bullseye: {SEGMENTS_UNKNOWN}",))
    shares = dict(zip(segments["segment"].astype(int), segments["scar_share_pct"], strict=True))
    figure = bullseye_figure(shares, "Scar in the segment (% of its volume)", synthetic=synthetic)
    rows = pd.DataFrame(
        {
            "segment": [f"{number} {name}" for number, name in zip(segments["segment"], segments["name"], strict=True)],
            "wall (ml)": [number_text(value) for value in segments["wall_ml"]],
            "scar (ml)": [number_text(value) for value in segments["scar_ml"]],
            "scar (% of the segment)": [number_text(value) for value in segments["scar_share_pct"]],
        }
    )
    note = "17 segments after the AHA; which artery supplies them is a convention with wide variability."
    return ReportSection(
        "Segments",
        tables=(ReportTable(rows, note),),
        figures=(ReportFigure(figure, "Share of scar in each segment of the left ventricle."),),
    )


def slice_figure(table: pd.DataFrame, *, theme: FigureTheme = FigureTheme.LIGHT) -> Figure:
    """Bars of each lesion's size on each slice, in mm² where known, else in px."""
    known = "area_mm2" in table and pd.notna(table["area_mm2"]).all()
    name = "area_mm2" if known else "area_px"
    figure, palette = new_figure(theme)
    axes = add_axes(figure, palette)
    below = dict.fromkeys(table["slice"].unique(), 0.0)
    for index, (lesion, rows) in enumerate(table.groupby("lesion_id", sort=True)):
        sizes = feature_values(rows, name)
        axes.bar(
            rows["slice"],
            sizes,
            bottom=[below[z] for z in rows["slice"]],
            color=palette.cycle[index % len(palette.cycle)],
            edgecolor=palette.background,
            linewidth=0.5,
            label=f"lesion {lesion}",
        )
        for z, size in zip(rows["slice"], sizes, strict=True):
            below[z] += size
    axes.set_xlabel("Slice", fontsize=LABEL_PT)
    axes.set_ylabel(feature(name).axis_label, fontsize=LABEL_PT)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if table["lesion_id"].nunique() <= 2 * len(palette.cycle):
        axes.legend(fontsize=NOTE_PT, labelcolor=palette.foreground, facecolor=palette.background)
    write_notes(figure, table, "", palette)
    return figure


def _rounded(rows: pd.DataFrame, keys: list[str], names: list[str]) -> pd.DataFrame:
    """Keys and features as texts; columns that are empty throughout are left out."""
    filled = [name for name in names if rows[name].notna().any()]
    texts = {key: [str(int(value)) for value in rows[key]] for key in keys}
    texts |= {feature(name).axis_label: [number_text(v) for v in feature_values(rows, name)] for name in filled}
    return pd.DataFrame(texts)


def _spacing_text(row: "pd.Series[float]") -> str:
    distances = [row[f"spacing_{axis}_mm"] for axis in "zyx"]
    if any(pd.isna(distance) for distance in distances):
        return "The voxel spacing is not fully known: values in mm, ml and g that need it are empty."
    z, y, x = (f"{float(distance):.3g}" for distance in distances)
    return (
        f"Spacing {z} × {y} × {x} mm (slice, row, column; from: {row['spacing_origin']}). Mass is area × distance "
        f"between slice centres × {float(row['density_g_per_ml']):.3g} g/ml."
    )


def _reasons(table: pd.DataFrame) -> list[str]:
    if "reason_empty" not in table:
        return []
    texts = [text for text in table["reason_empty"] if isinstance(text, str)]
    reasons = dict.fromkeys(part for text in texts for part in text.split("; ") if part)
    return [f"Empty cells: {reason}." for reason in reasons]
