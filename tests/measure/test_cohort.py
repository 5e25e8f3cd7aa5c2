"""The cohort table: joining and refusing."""

import pandas as pd
import pytest

from napari_scarseg.core.case import CaseInfo, Phase
from napari_scarseg.errors import InputError
from napari_scarseg.measure.cohort import parse_cohort


def frame(text):
    header, *lines = [line.split(",") for line in text.split()]
    return pd.DataFrame(lines, columns=header, dtype=str)


def test_by_case_before_patient():
    cohort = parse_cohort(frame("case,patient,phase,cohort a,P1,acute,north b,P1,chronic,north"))
    assert cohort.find(["b"]).case_info("b") == CaseInfo("b", "P1", Phase.CHRONIC, "north")
    assert cohort.find(["c"]) is None


def test_by_patient_also_under_another_name():
    cohort = parse_cohort(frame("patient,phase P1,acute P2,chronic"))
    assert cohort.find(["P2_label", "P2"]).case_info("P2_label") == CaseInfo("P2_label", "P2", Phase.CHRONIC, "")


def test_patient_in_two_phases_by_visit():
    cohort = parse_cohort(frame("patient,visit,phase P1,1,acute P1,2,chronic"))
    assert cohort.find(["P1_1"]).phase is Phase.ACUTE
    assert cohort.find(["P1_2"]).phase is Phase.CHRONIC
    assert cohort.find(["P1"]) is None  # which visit is not said


def test_headings_and_phases_in_any_case_and_empty_phase():
    cohort = parse_cohort(pd.DataFrame({" Patient ": ["P1", "P2"], "PHASE": ["Acute", ""]}))
    assert [entry.phase for entry in cohort.entries] == [Phase.ACUTE, Phase.UNKNOWN]


def test_other_columns_come_along_but_not_those_of_a_data_set():
    cohort = parse_cohort(frame("patient,image,label,fold,visit,group,died P1,a/b,c/d,3,2,trial,0"))
    assert cohort.extra_columns == ("visit", "group", "died")
    assert cohort.entries[0].extras == {"visit": "2", "group": "trial", "died": "0"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("name,phase P1,acute", "neither a column 'case' nor 'patient'"),
        ("patient,phase P1,subacute", "Line 2 .* unknown phase; write one of acute, chronic, none, unknown"),
        ("patient,phase P1,acute ,chronic", "Line 3 .* names neither a case nor a patient"),
        ("patient,phase P1,acute P2,acute P1,chronic", "Lines 2 and 4 .* same patient .*'case' or 'visit'"),
        ("case,patient a,P1 a,P2", "Lines 2 and 3 .* same case"),
        ("patient,mass_g P1,7", "column 'mass_g' has a measure's name"),
        ("patient,Patient P1,P1", "column 'patient' twice"),
        ("patient,phase", "heading but no rows"),
    ],
)
def test_sentences(text, sentence):
    with pytest.raises(InputError, match=sentence) as error:
        parse_cohort(frame(text))
    assert "P1" not in str(error.value)
