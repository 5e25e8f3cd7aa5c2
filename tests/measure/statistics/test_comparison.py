"""Comparing two groups of a table: levels, designs, groups, and tables that are wrong."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from napari_scarseg.errors import InputError
from napari_scarseg.measure.statistics import CompareRequest, Design, Level, compare_groups

QUICK = CompareRequest(draws=0)


def request(**changes) -> CompareRequest:
    return CompareRequest(**{"draws": 0, **changes})


def test_patients_are_the_unit(make_table):
    table = make_table(shift=1.0)
    found = compare_groups(table, QUICK)
    means = table.groupby(["phase", "patient"])["solidity"].mean()
    (row,) = found.results.to_dict("records")
    assert row["rank_p"] == stats.mannwhitneyu(means["acute"], means["chronic"], method="exact").pvalue
    assert row["mean_p"] == pytest.approx(stats.ttest_ind(means["acute"], means["chronic"], equal_var=False).pvalue)
    assert (row["n_first"], row["n_second"]) == (12, 12)
    assert row["mean_first"] == pytest.approx(means["acute"].mean())
    assert row["difference"] == pytest.approx(means["acute"].mean() - means["chronic"].mean())
    assert found.sample.counts.values.tolist() == [["acute", 12, 12, 96], ["chronic", 12, 12, 96]]
    assert "acute: 12 patients, 12 lesions on 96 slices" in found.methods
    assert "Mann–Whitney and Welch t" in found.methods


def test_masses_of_a_patients_lesions_add_up_and_visits_are_averaged(make_table):
    table = make_table(features=5)
    table["visit"] = np.where(table["slice"] < 4, "1", "2")
    found = compare_groups(table, request(features=("mass_g",)))
    expected = table.groupby(["phase", "patient", "visit"])["mass_g"].sum().groupby(["phase", "patient"]).mean()
    assert found.results["mean_first"][0] == pytest.approx(expected["acute"].mean())


def test_effects_have_intervals_and_a_sign(make_table):
    found = compare_groups(make_table(shift=2.0), CompareRequest(draws=499))
    row = found.results.iloc[0]
    assert 0 < row["rank_effect_low"] < row["rank_effect"] <= row["rank_effect_high"] <= 1
    assert 0 < row["mean_effect_low"] < row["mean_effect"] < row["mean_effect_high"]
    assert (row["rank_effect_name"], row["mean_effect_name"]) == ("Cliff's delta", "Hedges' g")
    turned = compare_groups(make_table(shift=2.0), request(groups=("chronic", "acute")))
    assert turned.results["rank_effect"][0] == -row["rank_effect"]


def test_q_is_over_the_features_shown(make_table):
    table = make_table(features=4, shift=0.8)
    both = compare_groups(table, QUICK).results
    np.testing.assert_allclose(both["rank_q"], stats.false_discovery_control(both["rank_p"]))
    one = compare_groups(table, request(features=("solidity",))).results
    assert one["rank_q"][0] == one["rank_p"][0] == both.set_index("feature").loc["solidity", "rank_p"]


@pytest.mark.parametrize("level", [Level.LESION, Level.SLICE])
def test_lesions_and_slices_get_models_only(make_table, level):
    found = compare_groups(make_table(shift=1.0), request(level=level))
    row = found.results.iloc[0]
    assert "rank_p" not in found.results and "mean_p" not in found.results
    assert "mixed model" in found.methods and "bias-reduced" in found.methods
    assert 0 <= row["gee_p"] <= 1 and row["gee_q"] == row["gee_p"]
    if level is Level.SLICE:
        assert 0 < row["mixed_p"] < 1 and 0 < row["icc"] < 1
    else:
        assert "every patient has one row" in row["note"]


def test_the_same_patients_in_both_groups_are_pairs(make_table):
    table = make_table(shift=1.0)
    table["patient"] = [f"P{int(name[1:]) % 12:03}" for name in table["patient"]]
    found = compare_groups(table, QUICK)
    assert found.sample.design is Design.PAIRED
    assert found.results["rank_test"][0] == "Wilcoxon signed-rank"
    means = table.groupby(["phase", "patient"])["solidity"].mean()
    assert found.results["mean_p"][0] == pytest.approx(stats.ttest_rel(means["acute"], means["chronic"]).pvalue)
    assert any("as pairs" in sentence for sentence in found.warnings)
    with pytest.raises(InputError, match="12 patients are in both groups, which the models"):
        compare_groups(table, request(level=Level.SLICE))


def test_some_in_both_groups_are_refused_or_cut_to_pairs(make_table):
    table = make_table(shift=1.0)
    table["patient"] = [f"P{int(name[1:]) % 20:03}" for name in table["patient"]]
    with pytest.raises(InputError, match="4 patients are in both groups and 16 in one only"):
        compare_groups(table, QUICK)
    found = compare_groups(table, request(pairs_only=True))
    assert found.sample.counts["n_patients"].tolist() == [4, 4]
    assert "Left out: 16 patients who are in one group only." in found.warnings
    with pytest.raises(InputError, match="No patient is in both groups"):
        compare_groups(make_table(), request(pairs_only=True))


def test_a_pair_needs_both_values(make_table):
    table = make_table()
    table["patient"] = [f"P{int(name[1:]) % 12:03}" for name in table["patient"]]
    table.loc[(table["patient"] == "P003") & (table["phase"] == "acute"), "solidity"] = np.nan
    found = compare_groups(table, QUICK)
    assert found.results[["n_first", "n_second"]].values.tolist() == [[11, 11]]


def test_groups_are_chosen_named_or_refused(make_table):
    table = make_table()
    table["arm"] = np.where(table["phase"] == "acute", "a", "b")
    assert compare_groups(table, request(group="arm")).sample.groups == ("a", "b")
    table.loc[table["patient"].isin(["P000", "P001"]), "arm"] = ""
    table.loc[table["patient"] == "P002", "arm"] = "c"
    with pytest.raises(InputError, match=r"has 3 groups \(a, b, c\); choose two"):
        compare_groups(table, request(group="arm"))
    found = compare_groups(table, request(group="arm", groups=("b", "a")))
    assert found.sample.groups == ("b", "a")
    assert "Left out: 2 patients with arm 'not given'." in found.warnings
    assert "Left out: 1 patient with arm 'c'." in found.warnings
    with pytest.raises(InputError, match="No row has 'd'"):
        compare_groups(table, request(group="arm", groups=("a", "d")))
    with pytest.raises(InputError, match="both 'a'"):
        compare_groups(table, request(group="arm", groups=("a", "a")))


def test_small_groups_are_warned_of_and_the_smallest_difference_is_told(make_table):
    assert any("Fewer than 10" in sentence for sentence in compare_groups(make_table(patients=9), QUICK).warnings)
    found = compare_groups(make_table(patients=12), QUICK)
    assert not any("Fewer than 10" in sentence for sentence in found.warnings)
    # 12 v 12 at 80 %: d = 1.2 (any power table).
    assert any("only from 1.2 SD" in sentence for sentence in found.warnings)


def test_a_table_of_patients_is_taken_as_it_is(make_table):
    table = make_table()
    patients = table.groupby(["patient", "phase"], as_index=False)["solidity"].mean()
    found = compare_groups(patients, QUICK)
    assert found.results["rank_p"][0] == compare_groups(table, QUICK).results["rank_p"][0]
    assert "12 patients;" in found.methods
    with pytest.raises(InputError, match="lists a patient twice"):
        compare_groups(pd.concat([patients, patients.head(1)]), QUICK)
    with pytest.raises(InputError, match="per lesion and slice"):
        compare_groups(patients, request(level=Level.LESION))


def test_phantoms_are_named(make_table):
    assert compare_groups(make_table().assign(cohort="phantom"), QUICK).synthetic == "synthetic phantom data"
    assert compare_groups(make_table(), QUICK).synthetic == ""


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda t: t.drop(columns="phase"), "no column 'phase' to group by; it has cohort"),
        (lambda t: t.drop(columns="patient"), "no column 'patient'"),
        (lambda t: t.iloc[:0], "has no rows"),
        (lambda t: t.assign(phase="acute"), "has only 'acute', and a comparison needs two groups"),
        (lambda t: t.assign(phase=np.nan), "has no value, and a comparison needs two groups"),
        (
            lambda t: t[t["patient"].isin(["P000", "P012", "P013", "P014"])],
            "'acute' has 1 patient; a comparison needs 3",
        ),
        (lambda t: t.assign(patient=[np.nan, *t["patient"][1:]]), "Some rows name no patient"),
        (lambda t: pd.concat([t, t.head(1)]), "lists a lesion twice on the same slice"),
        (lambda t: t.assign(solidity=["0.5 mm", *map(str, t["solidity"][1:])]), "solidity holds text where numbers"),
        (lambda t: t.assign(solidity=[np.inf, *t["solidity"][1:]]), "solidity holds infinite values"),
        (lambda t: t.assign(solidity=np.nan), "no feature with different values"),
        (lambda t: t.drop(columns="area_px"), "lacks the columns area_px"),
    ],
)
def test_bad_tables_get_a_clear_sentence(make_table, change, sentence):
    with pytest.raises(InputError, match=sentence) as refused:
        compare_groups(change(make_table()), QUICK)
    assert str(refused.value).endswith(".")


def test_missing_values_are_left_out_and_counted(make_table):
    table = make_table()
    table.loc[table["patient"].isin(["P000", "P001"]), "solidity"] = np.nan
    assert compare_groups(table, QUICK).results["n_first"][0] == 10


def test_mixed_units_are_refused_or_told(make_table):
    table = make_table().assign(perimeter_px=lambda t: t["solidity"], mass_g=lambda t: t["solidity"])
    sizes = np.where(table["patient"] < "P006", 1.4, 1.8)
    spaced = table.assign(spacing_y_mm=sizes, spacing_x_mm=sizes)
    with pytest.raises(InputError, match="perimeter_px mixes pixels of several sizes"):
        compare_groups(spaced, request(features=("perimeter_px",)))
    unknown = spaced.assign(spacing_y_mm=np.where(table["patient"] < "P006", np.nan, 1.4))
    with pytest.raises(InputError, match="mixes cases with and without known pixel size"):
        compare_groups(unknown, request(features=("perimeter_px",)))
    told = compare_groups(unknown, request(features=("solidity",)))
    assert any("6 patients have rows without known spacing" in sentence for sentence in told.warnings)
    dense = table.assign(density_g_per_ml=np.where(table["patient"] < "P006", 1.05, 1.06))
    with pytest.raises(InputError, match="densities"):
        compare_groups(dense, request(features=("mass_g",)))
    bare = compare_groups(table, request(features=("perimeter_px",)))
    assert bare.features == ("perimeter_px",)
    never = table.assign(spacing_y_mm=np.nan, spacing_x_mm=np.nan)
    assert any("size of the pixels is not known" in s for s in compare_groups(never, QUICK).warnings)


def test_unknown_absent_and_empty_features_are_refused(make_table):
    table = make_table().assign(mass_g=np.nan)
    for name, sentence in (("weight", "no feature 'weight'"), ("extent", "no column 'extent'"), ("mass_g", "is empty")):
        with pytest.raises(InputError, match=sentence):
            compare_groups(table, request(features=(name,)))


def test_table_is_not_changed(make_table):
    table = make_table()
    before = table.copy()
    compare_groups(table, QUICK)
    pd.testing.assert_frame_equal(table, before)
