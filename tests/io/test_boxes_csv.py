"""Boxes as CSV."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_scarseg.core.box import Box, BoxOrigin, Review
from napari_scarseg.errors import InputError
from napari_scarseg.io import read_boxes, write_boxes

FIVE = "slice,row_min,col_min,row_max,col_max\n"


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def test_exact_file(tmp_path):
    boxes = [
        Box(3, 10, 12.25, 20, 30, score=0.75, origin=BoxOrigin.DETECTOR, box_id="aa", lesion_id=4),
        Box(0, -1, 0, 2, 2.5, box_id="bb"),
    ]
    write_boxes(tmp_path / "a_boxes.csv", boxes)
    assert (tmp_path / "a_boxes.csv").read_bytes().decode() == (
        "slice,row_min,col_min,row_max,col_max,score,origin,box_id,lesion_id\n"
        "3,10.0,12.25,20.0,30.0,0.75,detector,aa,4\n"
        "0,-1.0,0.0,2.0,2.5,,user,bb,\n"
    )
    assert read_boxes(tmp_path / "a_boxes.csv") == boxes


def test_five_columns_suffice(tmp_path):
    box, other = read_boxes(write(tmp_path / "a.csv", FIVE + "3,10,12,20,30\n\n4,1,2,3,4.5\n"))
    assert (box.slice, box.corners) == (3, (10, 12, 20, 30))
    assert (box.score, box.origin, box.lesion_id) == (None, BoxOrigin.USER, None)
    assert box.box_id and box.box_id != other.box_id


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + FIVE + "3,10,12,20,30\n",
        FIVE.replace(",", ";") + "3;10;12;20;30\n",
        FIVE.replace("\n", "\r\n") + "3,10,12,20,30\r\n",
        "col_max, slice, row_min, note, col_min, row_max\n30, 3.0, 10, hi, 12, 20\n",
    ],
    ids=["byte order mark", "semicolons", "carriage returns", "order, spaces and more columns"],
)
def test_dialects(tmp_path, text):
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode())
    (box,) = read_boxes(path)
    assert (box.slice, box.corners) == (3, (10, 12, 20, 30))


def test_no_boxes(tmp_path):
    write_boxes(tmp_path / "a.csv", [])
    assert read_boxes(tmp_path / "a.csv") == []


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a,b\n1,2\n", "'a.csv' is no table of boxes: it lacks slice, row_min"),
        ("", "is no table of boxes"),
        (FIVE + "3,ten,12,20,30\n", "'a.csv', line 2: row_min is 'ten', not a number; correct the row"),
        (FIVE + "3,1,2,3,4\n3.5,10,12,20,30\n", "line 3: slice is 3.5, not a whole number"),
        (FIVE + "3,10,12,20\n", "line 2: col_max is '', not a number"),
        (FIVE + "3,20,12,10,30\n", "line 2: A box on slice 3 has no area"),
        (FIVE + "-1,1,2,3,4\n", "line 2: A box lies on slice -1"),
        (FIVE + "inf,1,2,3,4\n", "line 2: slice is inf, not a whole number"),
        (FIVE + "1,nan,2,3,4\n", "line 2: A box has an edge that is not a finite number"),
        (FIVE.strip() + ",score\n1,1,2,3,4,1.5\n", "the score 1.5; scores lie between 0 and 1"),
        (FIVE.strip() + ",origin\n1,1,2,3,4,robot\n", "line 2: 'robot' is not a valid BoxOrigin"),
        (FIVE.strip() + ",box_id\n1,1,2,3,4,x\n2,1,2,3,4,x\n", "uses a box_id twice"),
        (FIVE.strip() + ",lesion_id\n1,1,2,3,4,0\n", "lesion_id 0; lesions count from 1"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, text, sentence):
    with pytest.raises(InputError) as caught:
        read_boxes(write(tmp_path / "a.csv", text))
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_not_a_table(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"\x89PNG\r\n\x1a\n\xff\xfe\0\0")
    with pytest.raises(InputError, match="no CSV table in UTF-8"):
        read_boxes(tmp_path / "a.csv")


def test_missing(tmp_path):
    with pytest.raises(InputError, match=r"There is no boxes file 'a\.csv'; check the path"):
        read_boxes(tmp_path / "a.csv")


EDGES = st.floats(-1e4, 1e4)
SIDES = st.floats(0.001, 1e4)


@st.composite
def boxes(draw):
    row, col = draw(EDGES), draw(EDGES)
    return Box(
        draw(st.integers(0, 500)),
        row,
        col,
        row + draw(SIDES),
        col + draw(SIDES),
        score=draw(st.none() | st.floats(0, 1)),
        origin=draw(st.sampled_from(BoxOrigin)),
        lesion_id=draw(st.none() | st.integers(1, 10**6)),
    )


@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(boxes(), max_size=5))
def test_round_trip_is_exact(tmp_path, many):
    write_boxes(tmp_path / "a.csv", many)
    assert read_boxes(tmp_path / "a.csv") == many


def test_a_person_s_marks_have_a_column_only_where_there_are_some(tmp_path) -> None:
    plain = Box(1, 2, 3, 20, 30)
    write_boxes(tmp_path / "a.csv", [plain])
    assert "review" not in (tmp_path / "a.csv").read_text()
    marked = [plain, Box(2, 2, 3, 20, 30, review=Review.REJECTED), Box(3, 2, 3, 20, 30, review=Review.CHECK)]
    write_boxes(tmp_path / "b.csv", marked)
    assert read_boxes(tmp_path / "b.csv") == marked
    (tmp_path / "c.csv").write_text("slice,row_min,col_min,row_max,col_max,review\n1,2,3,20,30,maybe\n")
    with pytest.raises(InputError, match="line 2"):
        read_boxes(tmp_path / "c.csv")
