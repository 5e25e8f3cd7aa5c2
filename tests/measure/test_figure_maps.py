"""Correlation map and principal components: numbers against numpy and scipy, and what is drawn."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection
from scipy import stats

from napari_scarseg.errors import InputError
from napari_scarseg.measure.feature_maps import TooFewRowsError, correlate_features, project_features
from napari_scarseg.measure.figure_maps import correlation_figure, pca_figure
from napari_scarseg.measure.themes import FigureTheme

FEATURES = ("mass_g", "area_mm2", "circularity", "solidity")


@pytest.fixture
def patients():
    """20 patients: mass and area go together, the other two go alone; one circularity is undefined."""
    rng = np.random.default_rng(3)
    size = rng.normal(size=20)
    return pd.DataFrame(
        {
            "patient": [f"p{i}" for i in range(20)],
            "phase": ["acute", "chronic"] * 10,
            "cohort": "phantom",
            "mass_g": np.exp(size),
            "area_mm2": 100 * np.exp(size + rng.normal(scale=0.1, size=20)),
            "circularity": [np.nan, *rng.uniform(size=19)],
            "solidity": rng.uniform(size=20),
        },
        index=range(100, 120),
    )


def texts(figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text"))]


def test_correlations_are_spearmans_over_defined_pairs(patients):
    rho = correlate_features(patients, FEATURES)
    expected = stats.spearmanr(patients["circularity"][1:], patients["solidity"][1:]).statistic
    assert rho.loc["circularity", "solidity"] == pytest.approx(expected)
    assert rho.loc["mass_g", "area_mm2"] > 0.95


def test_components_are_those_of_the_correlation_matrix(patients):
    found = project_features(patients, FEATURES)
    complete = patients.dropna()
    values, _ = np.linalg.eigh(np.corrcoef(complete[list(FEATURES)].to_numpy().T))
    assert found.explained == pytest.approx((values[-1] / 4, values[-2] / 4))
    assert found.scores["row"].tolist() == list(range(1, 20))
    assert found.scores["pc1"].var(ddof=0) == pytest.approx(values[-1])
    loadings = found.loadings.set_index("feature")
    assert loadings["pc1"].abs().idxmax() in ("mass_g", "area_mm2")
    assert loadings.loc[loadings["pc1"].abs().idxmax(), "pc1"] > 0


def test_constant_features_are_left_out(patients):
    found = project_features(patients.assign(solidity=0.5), FEATURES)
    assert found.loadings["feature"].tolist() == ["mass_g", "area_mm2", "circularity"]


def test_too_little_is_said(patients):
    with pytest.raises(TooFewRowsError, match="need 5 rows .* there are 3 rows"):
        project_features(patients.iloc[1:4], FEATURES)
    assert "need 5 rows" in " ".join(texts(pca_figure(patients.iloc[1:4], FEATURES)))
    assert "fewer than two" in " ".join(texts(correlation_figure(patients, ["mass_g", "perimeter_mm"])))


def test_unknown_features_and_text_are_refused(patients):
    with pytest.raises(InputError, match="no feature 'weight'"):
        pca_figure(patients, ("mass_g", "weight"))
    with pytest.raises(InputError, match="column mass_g holds text"):
        correlation_figure(patients.assign(mass_g="12 g"), FEATURES)


@pytest.mark.parametrize("theme", list(FigureTheme))
def test_map_has_a_number_in_every_cell(patients, theme):
    figure = correlation_figure(patients, FEATURES, theme=theme)
    image = figure.axes[0].images[0]
    np.testing.assert_allclose(image.get_array(), correlate_features(patients, FEATURES))
    assert image.get_clim() == (-1, 1)
    numbers = [text.get_text() for text in figure.axes[0].texts]
    assert len(numbers) == 16 and numbers.count("1.00") == 4
    assert figure.get_suptitle() == "synthetic phantom data"


def test_pca_draws_every_complete_row_by_group_and_rings_the_marked(patients):
    marked = np.zeros(20, dtype=bool)
    marked[5] = True
    figure = pca_figure(patients, FEATURES, marked=marked)
    points = [c for c in figure.axes[0].collections if isinstance(c, PathCollection) and len(c.get_offsets())]
    assert [len(c.get_offsets()) for c in points] == [9, 10, 1]
    scores = project_features(patients, FEATURES).scores.set_index("row").loc[5]
    np.testing.assert_allclose(points[2].get_offsets()[0], scores)
    assert figure.get_suptitle() == "synthetic phantom data"
    assert "acute, n = 9 patients" in texts(figure)
