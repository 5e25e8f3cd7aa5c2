"""The report of a cohort: who is in it, how features are distributed, and how two groups differ."""

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from napari_scarseg import __version__
from napari_scarseg.errors import InputError
from napari_scarseg.measure.feature_maps import TooFewRowsError, project_features
from napari_scarseg.measure.features import feature
from napari_scarseg.measure.figure_groups import group_names, synthetic_text
from napari_scarseg.measure.figure_maps import correlation_figure, pca_figure
from napari_scarseg.measure.figures import PlotKind, distribution_figure
from napari_scarseg.measure.report.content import Report, ReportFigure, ReportSection, ReportTable
from napari_scarseg.measure.statistics.comparison import Comparison, compare_groups
from napari_scarseg.measure.statistics.comparison_figures import compared_rows, effects_figure, feature_figure
from napari_scarseg.measure.statistics.features_compared import choose_features, describe_units, with_spacing
from napari_scarseg.measure.statistics.samples import CompareRequest, Level
from napari_scarseg.measure.summaries import summarise_patients
from napari_scarseg.measure.texts import interval_text, number_text, p_text


def cohort_report(table: pd.DataFrame, request: CompareRequest = CompareRequest()) -> Report:
    """Report on a table of many patients; with two groups to compare it compares them, else it says why not.

    Parameters
    ----------
    table : DataFrame
        From `measure_labels`.
    request : CompareRequest
        At patient level.

    Raises
    ------
    InputError
        If the table is not one of measures, or lesions or slices are asked for.
    """
    if request.level is not Level.PATIENT:
        raise InputError("A report compares patients; lesions and slices are compared by scarseg compare.")
    patients = summarise_patients(table)
    if patients.empty:
        raise InputError("The table has no rows; measure labels with lesions first.")
    features = choose_features(with_spacing(patients, table), request.features)
    first: list[str] = [f"{patients['patient'].nunique()} patients, one value each per phase and visit."]
    try:
        comparison = compare_groups(table, request)
    except InputError as reason:
        first.append(f"No groups are compared: {reason}")
        sections = [_distributions(patients, features, request.group)]
        first += describe_units(table, features)
    else:
        first += [comparison.methods, *comparison.warnings]
        sections = [_tests(comparison), _compared_distributions(comparison)]
        patients, features = compared_rows(comparison), comparison.features
    sections.insert(0, _who(table, request.group))
    sections.append(_together(patients, features, request.group))
    return Report(
        title="Scar morphology of a cohort",
        synthetic=synthetic_text(table),
        paragraphs=tuple(first),
        sections=tuple(sections),
        made_with=f"Made with napari-scarseg {__version__}",
    )


def _who(table: pd.DataFrame, group: str) -> ReportSection:
    names = group_names(table, group) if group in table else pd.Series("all", index=table.index)
    rows = [
        {
            group: name,
            "patients": str(part["patient"].nunique()),
            "cases": str(part["case"].nunique()),
            "lesions": str(len(part[["case", "lesion_id"]].drop_duplicates())),
            "slices with a lesion": str(len(part[["case", "slice"]].drop_duplicates())),
        }
        for name, part in table.assign(_group=names).groupby("_group", sort=True)
    ]
    note = "Cases without any lesion have no row in the table of measures and are not counted."
    return ReportSection("Patients", tables=(ReportTable(pd.DataFrame(rows), note),))


def _tests(comparison: Comparison) -> ReportSection:
    first, second = comparison.sample.groups
    results = comparison.results
    rows = [
        {
            "feature": feature(row["feature"]).axis_label,
            f"{first}: mean ± SD (n)": _mean_text(row, "first"),
            f"{second}: mean ± SD (n)": _mean_text(row, "second"),
            "difference [95 %]": interval_text(row["difference"], row["difference_low"], row["difference_high"]),
            f"{row['rank_effect_name']} [95 %]": interval_text(
                row["rank_effect"], row["rank_effect_low"], row["rank_effect_high"]
            ),
            f"{row['mean_effect_name']} [95 %]": interval_text(
                row["mean_effect"], row["mean_effect_low"], row["mean_effect_high"]
            ),
            f"{row['rank_test']} p": p_text(row["rank_p"]),
            "q": p_text(row["rank_q"]),
            f"{row['mean_test']} p": p_text(row["mean_p"]),
            "q ": p_text(row["mean_q"]),
        }
        for row in results.to_dict("records")
    ]
    note = "q: Benjamini–Hochberg over these features, for each test. A difference found here is an association."
    figure = ReportFigure(effects_figure(comparison), "Effects of all features with their 95 % intervals.")
    return ReportSection(
        f"{first} against {second}", tables=(ReportTable(pd.DataFrame(rows), note),), figures=(figure,)
    )


def _mean_text(row: Mapping[Hashable, Any], which: str) -> str:
    return f"{number_text(row[f'mean_{which}'])} ± {number_text(row[f'sd_{which}'])} ({row[f'n_{which}']:.0f})"


def _compared_distributions(comparison: Comparison) -> ReportSection:
    figures = tuple(
        ReportFigure(feature_figure(comparison, name), f"{feature(name).axis_label} by {comparison.request.group}.")
        for name in comparison.features
    )
    return ReportSection("Distributions", figures=figures)


def _distributions(patients: pd.DataFrame, features: tuple[str, ...], group: str) -> ReportSection:
    by = group if group in patients else "phase"
    rows = [
        {
            "feature": feature(name).axis_label,
            "n": str(patients[name].count()),
            "mean ± SD": f"{number_text(patients[name].mean())} ± {number_text(patients[name].std())}",
            "median [quartiles]": interval_text(*patients[name].quantile([0.5, 0.25, 0.75])),
        }
        for name in features
    ]
    figures = tuple(
        ReportFigure(
            distribution_figure(patients, name, group=by, kind=PlotKind.RAINCLOUD),
            f"{feature(name).axis_label} by {by}.",
        )
        for name in features
    )
    return ReportSection("Distributions", tables=(ReportTable(pd.DataFrame(rows)),), figures=figures)


def _together(patients: pd.DataFrame, features: tuple[str, ...], group: str) -> ReportSection:
    """How features go together; empty where there are too few."""
    by = group if group in patients else "phase"
    figures = []
    if len(features) > 1:
        figures.append(
            ReportFigure(correlation_figure(patients, features), "Rank correlation of each pair of features.")
        )
        try:
            project_features(patients, features)
            figures.append(
                ReportFigure(
                    pca_figure(patients, features, group=by), "Patients along the two directions that vary most."
                )
            )
        except TooFewRowsError as reason:
            return ReportSection("Features together", paragraphs=(str(reason),), figures=tuple(figures))
    return ReportSection("Features together", figures=tuple(figures))
