"""Tables read back: types, separators, and files that are none."""

import pandas as pd
import pytest

from napari_scarseg.errors import InputError
from napari_scarseg.io import read_table, write_table


def test_a_written_table_comes_back_with_its_types(tmp_path):
    table = pd.DataFrame(
        {
            "case": ["007", "None"],
            "patient": ["007", "NA"],
            "slice": [0, 1],
            "area_mm2": [1.5, None],
            "n_components": pd.array([1, None], dtype="Int64"),
            "is_small": [True, False],
            "reason_empty": ["", "no spacing"],
        }
    )
    write_table(tmp_path / "t.csv", table)
    pd.testing.assert_frame_equal(read_table(tmp_path / "t.csv"), table, check_dtype=False)
    found = read_table(tmp_path / "t.csv")
    assert found.dtypes[["slice", "is_small", "n_components"]].astype(str).tolist() == ["int64", "bool", "Int64"]
    table.to_parquet(tmp_path / "t.parquet")
    pd.testing.assert_frame_equal(read_table(tmp_path / "t.parquet"), table, check_dtype=False)


def test_spreadsheets_semicolons_and_marks_are_read(tmp_path):
    (tmp_path / "t.csv").write_bytes("\ufeffpatient;mass_g\nP1; 12.5\nP2;\n".encode())
    found = read_table(tmp_path / "t.csv")
    assert found["patient"].tolist() == ["P1", "P2"]
    assert found["mass_g"][0] == 12.5 and pd.isna(found["mass_g"][1])


def test_text_in_numbers_stays_text(tmp_path):
    (tmp_path / "t.csv").write_text("patient,mass_g\nP1,12 g\nP2,3\n", encoding="utf-8")
    assert read_table(tmp_path / "t.csv")["mass_g"].tolist() == ["12 g", "3"]


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("t.csv", None, "There is no table 't.csv'"),
        ("t.csv", b"", "is empty"),
        ("t.csv", b"a,b,a\n1,2,3\n", "has the column 'a' twice"),
        ("t.csv", b"a,b\n\xff\xfe\n", "not a readable CSV"),
        ("t.parquet", b"no", "not a readable Parquet"),
        ("t.xlsx", b"no", "must be named .csv or .parquet"),
    ],
)
def test_bad_files_get_a_sentence(tmp_path, name, content, sentence):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=sentence):
        read_table(tmp_path / name)
