"""The table of a cohort on disk: made, added to, replaced, and never half written."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_scarseg.core.case import CaseInfo, Phase
from napari_scarseg.core.spacing import Spacing, SpacingOrigin
from napari_scarseg.datasets import append_to_file, measures_file
from napari_scarseg.errors import InputError
from napari_scarseg.io import read_table
from napari_scarseg.measure import measure_labels

SPACING = Spacing(10.0, 1.5, 1.5, SpacingOrigin.HEADER)


def measured(case: str, size: int = 6) -> pd.DataFrame:
    labels = np.zeros((2, 20, 20), np.int32)
    labels[:, 3 : 3 + size, 4:10] = 1
    return measure_labels(labels, SPACING, CaseInfo(case, case, Phase.ACUTE))


def record(*cases: str) -> dict:
    return {"command": "measure", "spacing": None, "inputs": dict.fromkeys(cases, "0"), "cases": {c: {} for c in cases}}


@pytest.mark.parametrize("name", ["cohort.csv", "cohort.parquet"])
def test_table_and_record_grow_together(tmp_path: Path, name: str) -> None:
    path = tmp_path / "new" / name
    assert append_to_file(path, measured("a"), ["a"], record("a")).is_new
    appended = append_to_file(path, measured("b"), ["b", "n"], record("b", "n"))
    assert not appended.is_new and appended.replaced == ()
    assert read_table(path)["case"].tolist() == ["a", "a", "b", "b"]
    assert read_table(path)["area_px"].dtype == "int64"
    (beside,) = path.parent.glob("*.json")
    kept = json.loads(beside.read_text(encoding="utf-8"))
    assert list(kept["cases"]) == ["a", "b", "n"] and list(kept["inputs"]) == ["a", "b", "n"]
    assert [part["command"] for part in kept["earlier"]] == ["measure"]
    assert len(list(path.parent.iterdir())) == 2


def test_what_is_there_is_refused_or_replaced_also_by_nothing(tmp_path: Path) -> None:
    path = tmp_path / "cohort.csv"
    for case in ("a", "b"):
        append_to_file(path, measured(case), [case], record(case))
    before = path.read_bytes()
    with pytest.raises(InputError, match="The case 'a' is in the table already"):
        append_to_file(path, measured("a", 8), ["a"], record("a"))
    with pytest.raises(InputError, match="The case 'b' is in the table already"):
        append_to_file(path, measured("b").iloc[:0], ["b"], record("b"))
    assert path.read_bytes() == before
    assert append_to_file(path, measured("a", 8), ["a"], record("a"), replace=True).replaced == ("a",)
    assert read_table(path).groupby("case")["area_px"].first().to_dict() == {"a": 48, "b": 36}
    append_to_file(path, measured("b").iloc[:0], ["b"], record("b"), replace=True)
    assert read_table(path)["case"].unique().tolist() == ["a"]


def test_a_table_without_rows_is_one_to_append_to(tmp_path: Path) -> None:
    path = tmp_path / "cohort.csv"
    append_to_file(path, measured("n").iloc[:0], ["n"], record("n"))
    append_to_file(path, measured("a"), ["a"], record("a"))
    assert read_table(path)["case"].tolist() == ["a", "a"]


def test_no_change_of_another_program_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "cohort.csv"
    append_to_file(path, measured("a"), ["a"], record("a"))
    others = pd.concat([measured("a"), measured("c")])

    def append_while_another_writes(table: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
        others.to_csv(path, index=False)
        return pd.concat([table, new])

    monkeypatch.setattr(measures_file, "append_measures", append_while_another_writes)
    with pytest.raises(InputError, match="was changed by another program just now; append again"):
        append_to_file(path, measured("b"), ["b"], record("b"))
    assert read_table(path)["case"].unique().tolist() == ["a", "c"]


@pytest.mark.parametrize("content", [None, "{", "[1]"])
def test_a_missing_or_damaged_record_is_said_and_no_obstacle(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "cohort.csv"
    append_to_file(path, measured("a"), ["a"], record("a"))
    beside = tmp_path / "cohort.json"
    beside.unlink()
    if content is not None:
        beside.write_text(content, encoding="utf-8")
    append_to_file(path, measured("b"), ["b"], record("b"))
    kept = json.loads(beside.read_text(encoding="utf-8"))
    assert "no readable record" in kept["findings"][0] and list(kept["cases"]) == ["b"]


def test_another_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "patients.csv"
    path.write_text("patient,age\nP1,60\n", encoding="utf-8")
    with pytest.raises(InputError, match="lacks the columns case, phase"):
        append_to_file(path, measured("a"), ["a"], record("a"))
    assert path.read_text(encoding="utf-8") == "patient,age\nP1,60\n"
