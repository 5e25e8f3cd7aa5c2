"""Figures: what is drawn, what is written on them, and that they need no pyplot."""

import io
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import FillBetweenPolyCollection, PathCollection
from matplotlib.figure import Figure

from napari_scarseg.errors import InputError
from napari_scarseg.measure.figure_frame import jitter_offsets
from napari_scarseg.measure.figures import (
    FigureTheme,
    PlotKind,
    distribution_figure,
    distribution_points,
    scatter_figure,
)
from napari_scarseg.measure.themes import palette_of


@pytest.fixture
def table():
    """12 acute rows of 3 patients, 4 chronic of 2; the last chronic one without a mass, two small."""
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "case": [f"c{i % 5}" for i in range(16)],
            "patient": ["A", "B", "C"] * 4 + ["D", "E"] * 2,
            "phase": ["acute"] * 12 + ["chronic"] * 4,
            "cohort": "north",
            "lesion_id": 1,
            "slice": range(16),
            "area_px": rng.integers(10, 300, 16),
            "circularity": rng.uniform(0.1, 0.9, 16),
            "mass_g": [*rng.uniform(0.5, 4, 15), np.nan],
            "is_small": [True, True] + [False] * 14,
            "reason_empty": "",
        }
    )


def texts(figure: Figure) -> str:
    axes = figure.axes[0]
    parts = [text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text"))]
    return "\n".join([*parts, *(label.get_text() for label in axes.get_xticklabels())])


def drawn_points(figure: Figure) -> np.ndarray:
    collections = [c for c in figure.axes[0].collections if isinstance(c, PathCollection) and len(c.get_offsets())]
    return np.concatenate([np.asarray(c.get_offsets()) for c in collections])


def violins(figure: Figure) -> int:
    return sum(isinstance(c, FillBetweenPolyCollection) for c in figure.axes[0].collections)


def test_box_shows_every_row_and_counts_rows_and_patients(table):
    figure = distribution_figure(table, "mass_g")
    np.testing.assert_allclose(np.sort(drawn_points(figure)[:, 1]), np.sort(table["mass_g"].dropna()))
    assert figure.axes[0].get_ylabel() == "Mass (g)"
    assert "acute\nn = 12\n3 patients" in texts(figure)
    assert "chronic\nn = 3\n2 patients" in texts(figure)
    assert "n: lesion slices, not independent in one patient" in texts(figure)


def test_no_box_under_five_rows(table):
    # 4 chronic rows: their median alone; 12 acute ones: a box.
    assert len(distribution_figure(table, "circularity").axes[0].patches) == 1


def test_violin_from_ten_rows_on_else_a_box(table):
    assert violins(distribution_figure(table, "circularity", kind=PlotKind.VIOLIN)) == 1
    nine = pd.concat([table[table["phase"] == "acute"].head(9), table[table["phase"] == "chronic"]])
    figure = distribution_figure(nine, "circularity", kind=PlotKind.VIOLIN)
    assert violins(figure) == 0
    assert len(figure.axes[0].patches) == 1


def test_raincloud_has_a_half_violin_a_box_and_the_points_beside(table):
    figure = distribution_figure(table, "circularity", kind=PlotKind.RAINCLOUD)
    (cloud,) = [c for c in figure.axes[0].collections if isinstance(c, FillBetweenPolyCollection)]
    vertices = cloud.get_paths()[0].vertices
    assert vertices[:, 0].min() > 0
    points = drawn_points(figure)
    rain = points[np.isin(points[:, 1], table.loc[table["phase"] == "acute", "circularity"])]
    assert len(rain) == 12 and rain[:, 0].max() < 0
    assert len(figure.axes[0].patches) == 1


def test_points_of_the_numbers_are_those_drawn(table):
    points = distribution_points(table, "mass_g")
    drawn = drawn_points(distribution_figure(table, "mass_g"))
    np.testing.assert_allclose(points[["x", "y"]].to_numpy(), drawn)
    np.testing.assert_allclose(table["mass_g"].to_numpy()[points["row"].to_numpy(int)], points["y"])
    assert distribution_points(table.iloc[:0], "mass_g").empty


def test_marked_rows_stand_out(table):
    marked = np.zeros(16, dtype=bool)
    marked[[0, 13]] = True
    rings = [
        c.get_offsets()[:, 1].tolist()
        for c in distribution_figure(table, "mass_g", marked=marked).axes[0].collections
        if isinstance(c, PathCollection) and not len(c.get_facecolor())
    ]
    assert rings == [[table["mass_g"][0]], [table["mass_g"][13]]]
    ecdf = distribution_figure(table, "mass_g", kind=PlotKind.ECDF, marked=marked)
    assert sum(len(line.get_xdata()) == 2 for line in ecdf.axes[0].lines) == 2
    with pytest.raises(InputError, match="3 rows are said .* has 16"):
        scatter_figure(table, "area_px", "mass_g", marked=np.zeros(3, dtype=bool))


def test_violin_of_equal_values_is_a_box(table):
    figure = distribution_figure(table.assign(circularity=0.5), "circularity", kind=PlotKind.VIOLIN)
    assert violins(figure) == 0


def test_ecdf_reaches_one_and_has_a_line_per_group(table):
    figure = distribution_figure(table, "circularity", kind=PlotKind.ECDF)
    lines = [line for line in figure.axes[0].lines if len(line.get_xdata()) > 1]
    assert len(lines) == 2
    for line, phase in zip(lines, ("acute", "chronic"), strict=True):
        values = np.sort(table.loc[table["phase"] == phase, "circularity"])
        np.testing.assert_allclose(line.get_xdata()[-1], values[-1])
        assert line.get_ydata()[-1] == 1
    assert len({line.get_linestyle() for line in lines}) == 2
    assert figure.axes[0].get_xlabel() == "Circularity"


def test_scatter_pairs_the_rows_that_have_both(table):
    figure = scatter_figure(table, "area_px", "mass_g")
    both = table.dropna(subset="mass_g")[["area_px", "mass_g"]].to_numpy(dtype=float)
    np.testing.assert_allclose(np.sort(drawn_points(figure), axis=0), np.sort(both, axis=0))
    assert (figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()) == ("Area (px)", "Mass (g)")
    assert "chronic, n = 3 lesion slices, 2 patients" in texts(figure)


@pytest.mark.parametrize(
    ("cohort", "text"),
    [(["phantom"] * 16, "synthetic phantom data"), (["phantom"] + ["north"] * 15, "includes synthetic phantom data")],
)
def test_phantoms_are_named_on_every_figure(table, cohort, text):
    table = table.assign(cohort=cohort)
    for kind in PlotKind:
        assert distribution_figure(table, "circularity", kind=kind).get_suptitle() == text
    assert scatter_figure(table, "area_px", "circularity").get_suptitle() == text


def test_real_data_carry_no_such_title(table):
    assert distribution_figure(table, "circularity").get_suptitle() == ""


def test_small_lesions_are_hollow(table):
    figure = distribution_figure(table, "circularity", theme=FigureTheme.DARK)
    faces = np.concatenate([c.get_facecolor() for c in figure.axes[0].collections if isinstance(c, PathCollection)])
    background = np.array([0x26, 0x29, 0x30]) / 255
    assert np.isclose(faces[:, :3], background).all(axis=1).sum() == 2
    assert "hollow: under 25 px" in texts(figure)


def test_patient_table_counts_patients(table):
    patients = table.groupby(["patient", "phase"], as_index=False)[["mass_g"]].mean()
    figure = distribution_figure(patients, "mass_g")
    assert "acute\nn = 3" in texts(figure) and "n: patients" in texts(figure)
    assert "independent" not in texts(figure)


def test_groups_other_than_phase_and_missing_ones(table):
    table["group"] = ["x"] * 8 + [None] * 4 + [""] * 4
    text = texts(distribution_figure(table, "circularity", group="group"))
    assert "x\nn = 8" in text and "not given\nn = 8" in text


def test_many_groups_have_short_upright_labels(table):
    figure = distribution_figure(table, "circularity", group="case")
    labels = figure.axes[0].get_xticklabels()
    assert labels[0].get_text() == "c0 (n = 4)"
    assert labels[0].get_rotation() == 90
    assert "n: lesion slices" in texts(figure)


@pytest.mark.parametrize(
    ("change", "feature_name", "text"),
    [
        (lambda t: t.iloc[:0], "mass_g", "No lesions measured yet"),
        (
            lambda t: t.assign(mass_g=np.nan, reason_empty="slice distance unknown: no ml and g"),
            "mass_g",
            "Mass (g) is empty in every row\nslice distance unknown: no ml and g",
        ),
        (lambda t: t, "intensity_mean", "Mean intensity (image units) was not measured"),
    ],
)
def test_an_empty_figure_says_why(table, change, feature_name, text):
    for kind in PlotKind:
        assert text in texts(distribution_figure(change(table), feature_name, kind=kind))
    assert text in texts(scatter_figure(change(table), feature_name, "circularity"))


def test_refusals(table):
    with pytest.raises(InputError, match="no feature 'mass'"):
        distribution_figure(table, "mass")
    with pytest.raises(InputError, match="no column 'arm' to group by; choose one of phase, cohort, patient, case"):
        distribution_figure(table, "mass_g", group="arm")
    with pytest.raises(InputError, match="column mass_g holds text"):
        distribution_figure(table.astype({"mass_g": object}).assign(mass_g="heavy"), "mass_g")


def test_the_same_table_gives_the_same_picture(table):
    def picture() -> bytes:
        buffer = io.BytesIO()
        distribution_figure(table, "circularity").savefig(buffer, format="png", metadata={"Software": None})
        return buffer.getvalue()

    assert picture() == picture()


def test_jitter_is_bounded_centred_and_apart():
    offsets = jitter_offsets(50, 0.4)
    assert np.abs(offsets).max() <= 0.2
    assert offsets[0] == 0
    assert abs(offsets.mean()) < 0.02
    assert np.diff(np.sort(offsets)).min() > 0.001
    assert len(jitter_offsets(0)) == 0


def test_table_is_not_changed(table):
    before = table.copy()
    distribution_figure(table, "mass_g")
    pd.testing.assert_frame_equal(table, before)


def _luminance(colour: str) -> float:
    channels = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("theme", list(FigureTheme))
def test_colours_stand_out_from_the_background(theme):
    palette = palette_of(theme)
    for colour in (palette.foreground, palette.muted, *palette.phases.values(), *palette.cycle):
        light, dark = sorted((_luminance(colour), _luminance(palette.background)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 3, colour


def test_measure_imports_neither_pyplot_nor_qt_nor_torch():
    code = (
        "import sys, pandas as pd, napari_scarseg.measure.cohort;"
        "from napari_scarseg.measure.figures import PlotKind, distribution_figure;"
        "table = pd.DataFrame({'phase': ['acute'] * 12, 'area_px': range(12)});"
        "[distribution_figure(table, 'area_px', kind=kind).canvas.draw() for kind in PlotKind];"
        "bad = {'matplotlib.pyplot', 'torch', 'napari', 'qtpy', 'PyQt6', 'PySide6', 'cv2'} & set(sys.modules);"
        "sys.exit(', '.join(bad) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
