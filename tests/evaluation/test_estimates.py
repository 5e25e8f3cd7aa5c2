"""The bootstrap of sums against resampling rows one by one."""

import numpy as np
import pandas as pd
import pytest

from napari_scarseg.evaluation.estimates import bootstrap, concordance, f1_of, mean_of, ratio_of


def test_the_interval_draws_patients_and_not_slices() -> None:
    # One patient with many unequal slices: its interval has no width, however many slices there are.
    estimate = bootstrap(["a"] * 30, {"x": np.linspace(0, 1, 30)}, mean_of("x"), draws=50)
    assert estimate.low == estimate.high == estimate.value == pytest.approx(0.5)
    assert (estimate.patients, estimate.rows) == (1, 30)


def test_it_agrees_with_resampling_a_table() -> None:
    rng = np.random.default_rng(1)
    table = pd.DataFrame({"patient": rng.integers(12, size=90), "x": rng.random(90)})
    ours = bootstrap(table.patient, {"x": table.x}, mean_of("x"), draws=4000)
    parts = [part for _, part in table.groupby("patient")]
    drawn = [pd.concat([parts[n] for n in rng.integers(len(parts), size=len(parts))]).x.mean() for _ in range(1500)]
    low, high = np.percentile(drawn, (2.5, 97.5))
    assert ours.value == pytest.approx(table.x.mean())
    assert (ours.low, ours.high) == pytest.approx((low, high), abs=0.015)


def test_an_interval_covers_the_mean_as_often_as_it_says() -> None:
    rng = np.random.default_rng(2)
    hits = 0
    for _ in range(200):
        patients = np.repeat(np.arange(30), 4)
        values = rng.normal(size=30)[patients] + 0.1 * rng.normal(size=120)
        estimate = bootstrap(patients, {"x": values}, mean_of("x"), draws=400)
        hits += estimate.low <= 0 <= estimate.high
    assert 0.88 <= hits / 200 <= 0.99


def test_rows_without_a_value_are_left_out_and_counted_so() -> None:
    estimate = bootstrap(["a", "a", "b"], {"x": [1.0, np.nan, 3.0]}, mean_of("x"), draws=20)
    assert (estimate.value, estimate.patients, estimate.rows) == (2.0, 2, 2)
    nothing = bootstrap(["a"], {"x": [np.nan]}, mean_of("x"), draws=20)
    assert np.isnan(nothing.value) and nothing.patients == 0


def concord(x: np.ndarray, y: np.ndarray):  # type: ignore[no-untyped-def]
    columns = {"x": x, "y": y, "xx": x * x, "yy": y * y, "xy": x * y}
    return bootstrap(np.arange(len(x)), columns, concordance, draws=200)


def test_concordance_by_hand() -> None:
    y = np.array([0.0, 2.0])
    assert concord(y, y).value == pytest.approx(1)
    # Shifted by 1: covariance 1, variances 1 and 1, squared difference of the means 1.
    assert concord(y + 1, y).value == pytest.approx(2 / 3)
    assert concord(2 - y, y).value == pytest.approx(-1)


def test_concordance_is_correlation_times_lins_bias_correction() -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        y = rng.gamma(2, 10, 25)
        x = y * rng.uniform(0.5, 1.5) + rng.normal(0, 4, 25) + rng.normal(0, 5)
        scale, location = x.std() / y.std(), (x.mean() - y.mean()) / np.sqrt(x.std() * y.std())
        estimate = concord(x, y)
        assert estimate.value == pytest.approx(np.corrcoef(x, y)[0, 1] * 2 / (scale + 1 / scale + location**2))
        assert estimate.low < estimate.value < estimate.high


@pytest.mark.parametrize(
    ("found", "true", "right", "given", "f1"),
    [(3, 4, 3, 3, 2 * 0.75 / 1.75), (0, 4, 0, 0, 0.0), (0, 0, 0, 2, 0.0), (1, 1, 2, 4, 2 * 0.5 / 1.5)],
)
def test_f1(found: int, true: int, right: int, given: int, f1: float) -> None:
    columns = {"found": [found], "true": [true], "right": [right], "given": [given]}
    estimate = bootstrap(["a"], columns, f1_of("found", "true", "right", "given"), draws=10)
    assert estimate.value == pytest.approx(f1)


def test_a_ratio_of_nothing_has_no_value() -> None:
    assert np.isnan(bootstrap(["a"], {"x": [0.0], "y": [0.0]}, ratio_of("x", "y"), draws=10).value)
