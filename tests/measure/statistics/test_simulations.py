"""Simulated studies: how often the offered tests find what is not there, and what is (`make test-long`)."""

import numpy as np
import pytest

from napari_scarseg.measure.statistics import CompareRequest, Level, compare_groups
from napari_scarseg.measure.statistics.effects import benjamini_hochberg
from napari_scarseg.measure.statistics.two_groups import Design, compare_two

RUNS = 1000
PATIENTS, SLICES = 12, 8
# Each feature of a table is drawn independently of the others, so it is a study of its own.
STUDIES_PER_TABLE = 7


def shares_below_5_percent(make_table, level: Level, icc: float, *, shift: float, paired: bool, runs: int = RUNS):
    """Share of studies with p < 0.05, by test, of at least `runs` studies."""
    tests = ("rank_p", "mean_p") if level is Level.PATIENT else ("mixed_p", "gee_p")
    parts = []
    for seed in range(-(-runs // STUDIES_PER_TABLE)):
        table = make_table(PATIENTS, SLICES, icc, shift, seed, STUDIES_PER_TABLE)
        if paired:
            table["patient"] = [f"P{int(name[1:]) % PATIENTS:03}" for name in table["patient"]]
        results = compare_groups(table, CompareRequest(level=level, draws=0)).results
        assert len(results) == STUDIES_PER_TABLE
        parts.append(results[list(tests)].to_numpy(dtype=float))
    p = np.concatenate(parts)
    assert np.isfinite(p).all()
    return dict(zip(tests, (p < 0.05).mean(axis=0).tolist(), strict=True))


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("icc", [0.5, 0.8])
@pytest.mark.parametrize(
    ("level", "paired"), [(Level.PATIENT, False), (Level.PATIENT, True), (Level.SLICE, False)], ids=str
)
def test_false_positives_are_5_percent(make_table, level, paired, icc, record_property):
    shares = shares_below_5_percent(make_table, level, icc, shift=0.0, paired=paired)
    for test, share in shares.items():
        record_property(test, share)
    assert all(0.03 <= share <= 0.07 for share in shares.values()), shares


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("icc", [0.5, 0.8])
@pytest.mark.parametrize("level", [Level.PATIENT, Level.SLICE], ids=str)
def test_power_of_one_sd_between_patients(make_table, level, icc, record_property):
    """d = 1 of the patients' means: a t test of 12 v 12 has a power of 0.65 (Cohen 1988, table 2.3.5: 0.65)."""
    sd_of_means = (icc + (1 - icc) / SLICES) ** 0.5
    shares = shares_below_5_percent(make_table, level, icc, shift=sd_of_means, paired=False)
    for test, share in shares.items():
        record_property(test, share)
    assert all(0.55 <= share <= 0.72 for share in shares.values()), shares


@pytest.mark.long
def test_slices_taken_for_patients_would_be_wrong(make_table, record_property):
    """Why no test on slices is offered without a model of the patients."""
    wrong = []
    for seed in range(RUNS):
        table = make_table(PATIENTS, SLICES, 0.5, 0.0, seed)
        groups = [table.loc[table["phase"] == phase, "solidity"].to_numpy() for phase in ("acute", "chronic")]
        wrong.append(compare_two(*groups, Design.INDEPENDENT, draws=0).rank_p < 0.05)
    record_property("share", float(np.mean(wrong)))
    assert np.mean(wrong) > 0.25


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("test", ["rank_p", "mean_p"])
@pytest.mark.parametrize("correlated", [False, True])
def test_false_discovery_rate_is_held(correlated, test, record_property):
    """20 features, 5 of them different by d = 1.5: of those with q < 0.05, on average at most 5 % are false."""
    rng = np.random.default_rng(0)
    false_shares, found_shares = [], []
    for _ in range(RUNS):
        values = rng.normal(size=(20, 2, PATIENTS))
        if correlated:
            values = 0.7**0.5 * rng.normal(size=(1, 2, PATIENTS)) + 0.3**0.5 * values
        values[:5, 0] += 1.5
        p = [getattr(compare_two(a, b, Design.INDEPENDENT, draws=0), test) for a, b in values]
        found = benjamini_hochberg(np.array(p)) < 0.05
        false_shares.append(found[5:].sum() / max(found.sum(), 1))
        found_shares.append(found[:5].mean())
    record_property("false_discovery_rate", float(np.mean(false_shares)))
    record_property("power", float(np.mean(found_shares)))
    assert np.mean(false_shares) <= 0.05
    assert np.mean(found_shares) > 0.5


@pytest.mark.parametrize(("level", "runs"), [(Level.PATIENT, 56), (Level.SLICE, 28)], ids=str)
def test_a_sample_of_the_simulation(make_table, level, runs):
    """A mistake such as testing slices would give about 40 %."""
    shares = shares_below_5_percent(make_table, level, 0.5, shift=0.0, paired=False, runs=runs)
    assert all(share <= 0.2 for share in shares.values())
