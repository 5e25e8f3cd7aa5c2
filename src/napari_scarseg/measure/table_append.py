"""Later cases added to a table of measures: keys stay unique, columns and units stay the same."""

from collections.abc import Iterable

import pandas as pd

from napari_scarseg.errors import InputError
from napari_scarseg.measure.table_check import check_measures
from napari_scarseg.measure.table_columns import join_tables, table_columns

# So many cases are named in a sentence.
_MOST_NAMED = 3


def append_measures(table: pd.DataFrame, new: pd.DataFrame, *, replace: bool = False) -> pd.DataFrame:
    """Add the rows of later cases to a table per lesion and slice.

    Columns of intensity and of the wall may be missing on one side (measured without an image, without a wall): they
    stay empty there, and `reason_empty` says why. Every other column must be in both, and masses must have been
    computed with one density.

    Parameters
    ----------
    table : DataFrame
        From `measure_labels`, also after a round trip through CSV or Parquet.
    new : DataFrame
        From `measure_labels`; a case without lesions has no row.
    replace : bool
        Whether a case that the table has already is replaced; otherwise it is refused.

    Returns
    -------
    DataFrame
        The rows of `table` that are kept, then those of `new`.

    Raises
    ------
    InputError
        If either is not a table of measures (see `check_measures`), a column is in one of them only, a case is in both
        and must not be replaced, numbers meet text, or densities differ.

    Examples
    --------
    >>> keys = {"patient": ["p"], "phase": ["acute"], "cohort": [""], "lesion_id": [1], "slice": [0], "area_px": [30]}
    >>> both = append_measures(pd.DataFrame({"case": ["a"], **keys}), pd.DataFrame({"case": ["b"], **keys}))
    >>> both["case"].tolist()
    ['a', 'b']
    """
    _check("The table to append to", table)
    if new.empty:
        return table.copy()
    _check("The new rows", new)
    _check_columns(table, new)
    if not replace:
        refuse_repeated(table, new["case"])
    kept = drop_cases(table, new["case"])
    joined = join_tables([kept, _with_types_of(table, new)]) if len(kept) else new.copy()
    check_measures(joined)
    return joined


def refuse_repeated(table: pd.DataFrame, cases: Iterable[str]) -> None:
    """Raise InputError, with a sentence, where a table has one of these cases already."""
    repeated = sorted(set(table["case"]) & set(cases))
    if repeated:
        raise InputError(
            f"{_named(repeated)} in the table already; leave {'them' if len(repeated) > 1 else 'it'} out, or replace "
            "the earlier rows."
        )


def drop_cases(table: pd.DataFrame, cases: Iterable[str]) -> pd.DataFrame:
    """The table without the rows of these cases."""
    return table[~table["case"].isin(list(cases))]


def _check(what: str, table: pd.DataFrame) -> None:
    try:
        check_measures(table)
    except InputError as error:
        raise InputError(f"{what} cannot be used. {error}") from error


def _check_columns(table: pd.DataFrame, new: pd.DataFrame) -> None:
    """Only what an image or a wall adds may be on one side alone."""
    plain = set(table_columns(with_image=False))
    may_lack = set(table_columns(with_image=True, with_wall=True)) - plain
    for has, lacks, what in ((table, new, "The new rows lack"), (new, table, "The table to append to lacks")):
        missing = [str(name) for name in has.columns if name not in lacks and name not in may_lack]
        if not missing:
            continue
        are_measures = set(missing) <= plain
        advice = (
            "measure its cases again with this version"
            if are_measures
            else "give all cases the same cohort table, or correct or remove the columns"
        )
        raise InputError(f"{what} the column{'s' if len(missing) > 1 else ''} {', '.join(missing)}; {advice}.")


def _with_types_of(table: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """Columns of a cohort table come as text, and are numbers after a round trip through CSV."""
    measured = set(table_columns(with_image=True, with_wall=True))
    typed = new.copy()
    for name in new.columns:
        if name in measured or name not in table or not pd.api.types.is_numeric_dtype(table[name]):
            continue
        filled = new[name].notna() & new[name].astype(str).str.strip().ne("")
        numbers = pd.to_numeric(new[name].where(filled), errors="coerce")
        if numbers[filled].isna().any():
            raise InputError(
                f"The column {name} holds numbers in the table and text in the new rows; correct one of them."
            )
        typed[name] = numbers
    return typed


def _named(cases: list[str]) -> str:
    shown = ", ".join(f"'{case}'" for case in cases[:_MOST_NAMED])
    if len(cases) == 1:
        return f"The case {shown} is"
    more = len(cases) - _MOST_NAMED
    return f"The cases {shown}{f' and {more} more' if more > 0 else ''} are"
