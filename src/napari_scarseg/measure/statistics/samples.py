"""From a table of measures to the rows of two groups: who is in which, and at which level."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import pandas as pd

from napari_scarseg.core.case import Phase
from napari_scarseg.errors import InputError
from napari_scarseg.measure.features import FEATURES
from napari_scarseg.measure.figure_groups import NOT_GIVEN, feature_values, group_names, grouping_columns
from napari_scarseg.measure.statistics.two_groups import SMALLEST_TEST_N, Design
from napari_scarseg.measure.summaries import summarise_lesions, summarise_patients


class Level(StrEnum):
    """What one row of a comparison stands for."""

    PATIENT = "patient"
    LESION = "lesion"
    SLICE = "slice"


@dataclass(frozen=True, slots=True)
class CompareRequest:
    """What to compare.

    Parameters
    ----------
    group : str
        Column whose values are the groups.
    groups : (str, str) or None
        Two of its values, first and second; None takes acute and chronic, or the only two there are.
    features : tuple of str
        Empty for all that are comparable.
    level : Level
    pairs_only : bool
        Where some patients are in both groups and others in one, compare those in both, as pairs.
    draws, seed : int
        Of the bootstrap over patients.
    """

    group: str = "phase"
    groups: tuple[str, str] | None = None
    features: tuple[str, ...] = ()
    level: Level = Level.PATIENT
    pairs_only: bool = False
    draws: int = 4999
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Rows of two groups.

    Parameters
    ----------
    rows : DataFrame
        `patient`, `group`, `cohort` and the features, one row per patient and group, lesion, or lesion and slice.
    groups : (str, str)
        First and second.
    design : Design
    counts : DataFrame
        `group, n_patients, n_lesions, n_slices` (the last two empty where the table does not say).
    findings : tuple of str
        What was left out, and why.
    """

    rows: pd.DataFrame
    groups: tuple[str, str]
    design: Design
    counts: pd.DataFrame
    findings: tuple[str, ...]


def draw_sample(table: pd.DataFrame, request: CompareRequest) -> Sample:
    """Split a table of measures into two groups of rows at the level wanted.

    At patient level each patient has one row per group: within a case as `summarise_patients` says, then the mean over
    cases and visits.

    Parameters
    ----------
    table : DataFrame
        From `measure_labels`; at patient level also one row per patient.
    request : CompareRequest

    Raises
    ------
    InputError
        If a column is missing, the groups are not two, a group has fewer than 3 patients, a lesion or patient is
        listed twice, or some patients are in both groups and others are not.
    """
    if "patient" not in table:
        raise InputError("The table has no column 'patient'; rows of one patient cannot be told from others.")
    if request.group not in table:
        choices = ", ".join(grouping_columns(table)) or "none of phase, cohort, group"
        raise InputError(f"The table has no column '{request.group}' to group by; it has {choices}.")
    if table.empty:
        raise InputError("The table has no rows; measure at least three patients of each group.")
    if _texts(table["patient"]).eq("").any():
        raise InputError("Some rows name no patient; fill the column 'patient', or measure again with a cohort table.")
    names = group_names(table, request.group)
    groups = request.groups or _choose_groups(names, request.group)
    _check_groups(names, groups, request.group)
    findings = _left_out(table, names, groups, request.group)
    chosen = names.isin(groups)
    part = table.loc[chosen].assign(group=names[chosen])
    part["patient"] = _texts(part["patient"])
    part, design, dropped = _pair(part, groups, request)
    rows = _rows_at(part, request.level)
    rows = _keep_order(rows, groups, design)
    _check_sizes(rows, groups)
    return Sample(rows, groups, design, _count(part, groups), (*findings, *dropped, *_cohort_findings(part)))


def _choose_groups(names: "pd.Series[str]", group: str) -> tuple[str, str]:
    present = sorted(set(names) - {NOT_GIVEN})
    if group == "phase":
        if {Phase.ACUTE.value, Phase.CHRONIC.value} <= set(present):
            return Phase.ACUTE.value, Phase.CHRONIC.value
        present = [name for name in present if name != Phase.UNKNOWN.value]
    if len(present) == 2:
        return present[0], present[1]
    if len(present) < 2:
        what = f"only '{present[0]}'" if present else "no value"
        raise InputError(
            f"The column '{group}' has {what}, and a comparison needs two groups; add them with a cohort table."
        )
    raise InputError(f"The column '{group}' has {len(present)} groups ({', '.join(present)}); choose two of them.")


def _check_groups(names: "pd.Series[str]", groups: tuple[str, str], group: str) -> None:
    if groups[0] == groups[1]:
        raise InputError(f"The two groups are both '{groups[0]}'; choose two different ones.")
    for name in groups:
        if not names.eq(name).any():
            present = ", ".join(sorted(set(names)))
            raise InputError(f"No row has '{name}' in the column '{group}'; it holds {present}.")


def _left_out(table: pd.DataFrame, names: "pd.Series[str]", groups: Sequence[str], group: str) -> list[str]:
    others = table.loc[~names.isin(groups)].assign(group=names)
    counts = others.groupby("group")["patient"].nunique()
    return [f"Left out: {n} patient{'s' if n > 1 else ''} with {group} '{name}'." for name, n in counts.items() if n]


def _pair(
    part: pd.DataFrame, groups: tuple[str, str], request: CompareRequest
) -> tuple[pd.DataFrame, Design, list[str]]:
    """Whether the groups are the same patients; a mixture is refused, or cut to the pairs."""
    first, second = (set(part.loc[part["group"] == name, "patient"]) for name in groups)
    both, single = first & second, first ^ second
    if not both:
        if request.pairs_only:
            raise InputError("No patient is in both groups, so there are no pairs; compare them as independent groups.")
        return part, Design.INDEPENDENT, []
    if request.level is not Level.PATIENT:
        raise InputError(
            f"{len(both)} patients are in both groups, which the models for lesions and slices do not cover; compare "
            "patients."
        )
    if single and not request.pairs_only:
        raise InputError(
            f"{len(both)} patients are in both groups and {len(single)} in one only, so they are neither pairs nor "
            "independent; compare the pairs only, or keep one visit of each patient."
        )
    dropped = [f"Left out: {len(single)} patients who are in one group only."] if single else []
    kept = part[part["patient"].isin(both)]
    return kept, Design.PAIRED, [*dropped, "The same patients are in both groups: compared as pairs."]


def _rows_at(part: pd.DataFrame, level: Level) -> pd.DataFrame:
    by_slice, by_lesion = {"lesion_id", "slice"} <= set(part.columns), "lesion_id" in part
    if level is Level.PATIENT:
        if by_slice:
            return _mean_per_patient(summarise_patients(part))
        if by_lesion:
            raise InputError(
                "Patients cannot be summed up from a table of lesions; give the table per lesion and slice."
            )
        keys = [name for name in ("patient", "group", "phase", "cohort", "visit", "case") if name in part]
        if part.duplicated(keys).any():
            raise InputError("The table lists a patient twice in one group; remove the repeated rows, or add visits.")
        return _mean_per_patient(part)
    if not by_slice:
        raise InputError(f"To compare at the level of {level.value}s, give the table per lesion and slice.")
    # Checks the table too: numbers where they belong, no row twice.
    lesions = summarise_lesions(part)
    return lesions if level is Level.LESION else part


def _mean_per_patient(rows: pd.DataFrame) -> pd.DataFrame:
    present = [spec.name for spec in FEATURES if spec.name in rows]
    numbers = pd.DataFrame({name: feature_values(rows, name) for name in present}, index=rows.index)
    keyed = pd.concat([rows[["patient", "group"]], numbers], axis=1)
    means = keyed.groupby(["patient", "group"], sort=True)[present].mean()
    if "cohort" in rows:
        means.insert(0, "cohort", rows.fillna({"cohort": ""}).groupby(["patient", "group"])["cohort"].first())
    return means.reset_index()


def _keep_order(rows: pd.DataFrame, groups: tuple[str, str], design: Design) -> pd.DataFrame:
    """First group, then second; within each by patient, so that pairs are in the same order."""
    place = rows["group"].map({groups[0]: 0, groups[1]: 1})
    by = ["patient"] if design is Design.PAIRED else ["patient", *(c for c in ("lesion_id", "slice") if c in rows)]
    return rows.assign(_place=place).sort_values(["_place", *by], kind="stable").drop(columns="_place", errors="ignore")


def _check_sizes(rows: pd.DataFrame, groups: tuple[str, str]) -> None:
    counts = rows.groupby("group")["patient"].nunique()
    for name in groups:
        n = int(counts.get(name, 0))
        if n < SMALLEST_TEST_N:
            raise InputError(
                f"The group '{name}' has {n} patient{'' if n == 1 else 's'}; a comparison needs {SMALLEST_TEST_N} in "
                "each. Add patients, or describe them without a test."
            )


def _count(part: pd.DataFrame, groups: tuple[str, str]) -> pd.DataFrame:
    counts = []
    for name in groups:
        mine = part[part["group"] == name]
        case = "case" if "case" in mine else "patient"
        has_lesion, has_slice = "lesion_id" in mine, "slice" in mine
        counts.append(
            {
                "group": name,
                "n_patients": mine["patient"].nunique(),
                "n_lesions": len(mine[[case, "lesion_id"]].drop_duplicates()) if has_lesion else pd.NA,
                "n_slices": len(mine[[case, "slice"]].drop_duplicates()) if has_slice else pd.NA,
            }
        )
    return pd.DataFrame(counts)


def _cohort_findings(part: pd.DataFrame) -> list[str]:
    if "cohort" not in part:
        return []
    several = int((part.groupby("patient")["cohort"].nunique() > 1).sum())
    if not several:
        return []
    return [f"{several} patients of the same name are in several cohorts, and are taken to be the same people."]


def _texts(column: "pd.Series[str]") -> "pd.Series[str]":
    return column.astype(object).where(column.notna(), "").map(lambda value: str(value).strip())
