"""Reports: what stands in them, that they need nothing beside them, and that they are the same every time."""

import re

import numpy as np
import pandas as pd
import pytest

from napari_scarseg.core.case import CaseInfo, Phase
from napari_scarseg.core.spacing import Spacing, SpacingOrigin
from napari_scarseg.errors import InputError
from napari_scarseg.measure import measure_labels
from napari_scarseg.measure.report import case_report, cohort_report, html_report, pdf_report
from napari_scarseg.measure.report.case import slice_figure
from napari_scarseg.measure.statistics import CompareRequest, Level
from napari_scarseg.measure.texts import interval_text, number_text, p_text

SPACING = Spacing(10.0, 1.5, 1.5, SpacingOrigin.HEADER)
FEATURES = ("mass_g", "circularity")


def measured(patient: str, phase: Phase, size: int, cohort: str = "north", spacing: Spacing = SPACING) -> pd.DataFrame:
    labels = np.zeros((3, 40, 40), int)
    labels[:2, 5 : 5 + size, 5:15] = 1
    labels[2, 30:34, 30 : 30 + size // 2] = 2
    return measure_labels(labels, spacing, CaseInfo(patient, patient, phase, cohort))


@pytest.fixture(scope="module")
def cohort() -> pd.DataFrame:
    phases = [Phase.ACUTE, Phase.CHRONIC]
    rows = [measured(f"<{phase.value}{n}>", phase, 6 + n + 3 * i) for i, phase in enumerate(phases) for n in range(5)]
    return pd.concat(rows, ignore_index=True)


def test_cohort_report_compares_and_says_how(cohort):
    report = cohort_report(cohort, CompareRequest(features=FEATURES, draws=99))
    assert [section.title for section in report.sections] == [
        "Patients",
        "acute against chronic",
        "Distributions",
        "Features together",
    ]
    words = " ".join(report.paragraphs)
    assert "Mann–Whitney" in words and "Fewer than 10 patients" in words and "no row" in words
    tests = report.sections[1].tables[0].frame
    assert tests["feature"].tolist() == ["Mass (g)", "Circularity"]
    assert re.fullmatch(r"[\d.]+ ± [\d.]+ \(5\)", tests["acute: mean ± SD (n)"][0])
    page = html_report(report)
    assert "Research use only" in page and page.count("<img") == 5
    assert not re.search(r"(src|href)=\"(?!data:)", page) and "<script" not in page
    assert pdf_report(report).startswith(b"%PDF")


def test_without_two_groups_the_report_describes_and_says_why(cohort):
    acute = cohort[cohort["phase"] == "acute"]
    report = cohort_report(acute, CompareRequest(features=FEATURES))
    assert any("No groups are compared: The column 'phase' has only 'acute'" in text for text in report.paragraphs)
    assert report.sections[1].tables[0].frame["n"].tolist() == ["5", "5"]
    with pytest.raises(InputError, match="A report compares patients"):
        cohort_report(cohort, CompareRequest(level=Level.SLICE))
    with pytest.raises(InputError, match="no rows"):
        cohort_report(cohort.iloc[:0])


def test_phantoms_are_named_above_everything():
    report = case_report(measured("P1", Phase.ACUTE, 9, "phantom"))
    assert report.synthetic == "synthetic phantom data"
    page = html_report(report)
    assert page.index('class="synthetic"') < page.index("<h2>")


def test_case_report_has_lesions_and_slices():
    table = measured("<b>P1</b>", Phase.CHRONIC, 9)
    report = case_report(table, made_by=("segmenter: bundled.",))
    titles = [section.title for section in report.sections]
    assert titles == ["Whole case", "Lesions", "Slices", "Segments"]
    whole = report.sections[0].tables[0].frame.set_index("feature")["whole case"]
    assert whole["Mass (g)"] == number_text(table["mass_g"].sum())
    assert report.sections[1].tables[0].frame["lesion_id"].tolist() == ["1", "2"]
    assert len(report.sections[2].tables[0].frame) == 3
    assert any("10 × 1.5 × 1.5 mm" in text for text in report.paragraphs)
    page = html_report(report)
    assert "<b>P1</b>" not in page and "&lt;b&gt;P1&lt;/b&gt;" in page
    assert page == html_report(report)
    assert pdf_report(report).startswith(b"%PDF")


def test_unknown_spacing_is_told_and_slices_are_in_pixels():
    table = measured("P1", Phase.ACUTE, 9, spacing=Spacing.unknown())
    assert any("not fully known" in text for text in case_report(table).paragraphs)
    axes = slice_figure(table).axes[0]
    assert axes.get_ylabel() == "Area (px)"
    assert [bar.get_height() for bar in axes.patches] == [90, 90, 16]
    assert slice_figure(measured("P1", Phase.ACUTE, 9)).axes[0].get_ylabel() == "Area (mm²)"


def test_case_report_refuses_none_and_several(cohort):
    with pytest.raises(InputError, match="no lesion"):
        case_report(cohort.iloc[:0])
    with pytest.raises(InputError, match="several cases"):
        case_report(cohort)


def test_numbers_are_rounded_and_p_is_never_0():
    assert [number_text(v) for v in (0.0, 12.345, 12345.0, 1e-5)] == ["0", "12.3", "12300", "1e−05"]
    assert interval_text(1.0, np.nan, np.nan) == "1"
    assert interval_text(1.0, -0.5, 2.25) == "1 [−0.5, 2.25]"
    assert [p_text(p) for p in (0.0, 0.0499, np.nan)] == ["< 0.001", "0.050", "–"]


def test_bullseye_where_the_segments_are_known_and_a_reason_where_not():
    table = measured("P1", Phase.ACUTE, 8, cohort="phantom")
    without = case_report(table).sections[-1]
    assert without.title == "Segments" and not without.figures
    assert "No bullseye: The segments of the left ventricle are not known; give labels" in without.paragraphs[0]
    segments = pd.DataFrame(
        {"segment": [1, 17], "name": ["basal anterior", "apex"], "wall_ml": 4.0, "scar_ml": 1.0, "scar_share_pct": 25.0}
    )
    drawn = case_report(table, segments=segments).sections[-1]
    assert drawn.figures[0].figure.get_suptitle() == "synthetic phantom data"
    assert drawn.tables[0].frame["segment"].tolist() == ["1 basal anterior", "17 apex"]
    assert "No bullseye" in html_report(case_report(table))
