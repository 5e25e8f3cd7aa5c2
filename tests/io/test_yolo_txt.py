"""YOLO text files: boxes read back, cut at the slice's edge, and bad lines named."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_scarseg.core.box import Box, BoxOrigin
from napari_scarseg.errors import InputError
from napari_scarseg.io.yolo_txt import read_yolo, write_yolo

SHAPE = (3, 40, 50)


def corners(boxes) -> list[tuple]:
    return [(box.slice, *box.corners) for box in boxes]


def test_one_file_per_slice_in_shares(tmp_path):
    paths = write_yolo(tmp_path, "heart", [Box(1, 10, 20, 30, 25)], SHAPE)
    assert [path.name for path in paths] == ["heart_z000.txt", "heart_z001.txt", "heart_z002.txt"]
    assert paths[1].read_text() == "0 0.45 0.5 0.1 0.5\n"
    assert paths[0].read_text() == ""
    (back,) = read_yolo(tmp_path, SHAPE)
    assert (back.slice, back.origin) == (1, BoxOrigin.USER)
    assert back.corners == pytest.approx((10, 20, 30, 25))


@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.floats(0, 30), st.floats(0, 40), st.floats(0.5, 10), st.floats(0.5, 10)),
        max_size=5,
    )
)
def test_round_trip_property(tmp_path, rows):
    boxes = [Box(z, top, left, top + height, left + width) for z, top, left, height, width in rows]
    write_yolo(tmp_path, "heart", boxes, SHAPE)
    # Slice by slice, and in each in the order of writing.
    expected = sorted(corners(boxes), key=lambda row: row[0])
    for one, other in zip(corners(read_yolo(tmp_path, SHAPE)), expected, strict=True):
        assert one == pytest.approx(other, abs=1e-5)


def test_boxes_are_cut_at_the_edge_and_left_out_beyond(tmp_path):
    write_yolo(tmp_path, "heart", [Box(0, -5, 45, 5, 60), Box(0, 50, 0, 60, 5)], SHAPE)
    (back,) = read_yolo(tmp_path, SHAPE)
    assert back.corners == pytest.approx((0, 45, 5, 50))


def test_predictions_have_scores_and_other_classes_are_left_out(tmp_path):
    (tmp_path / "heart_z002.txt").write_text("0 0.5 0.5 0.2 0.2 0.75\n1 0.5 0.5 0.9 0.9\n\n")
    (back,) = read_yolo(tmp_path, SHAPE)
    assert (back.slice, back.score, back.origin) == (2, 0.75, BoxOrigin.DETECTOR)


def test_names_without_slices_are_in_natural_order(tmp_path):
    for name in ("s1", "s10", "s2"):
        (tmp_path / f"{name}.txt").write_text(f"0 0.5 0.5 0.1 {0.1 if name == 's10' else 0.2}\n")
    heights = [box.height for box in read_yolo(tmp_path, SHAPE)]
    assert heights == pytest.approx([8, 8, 4])
    with pytest.raises(InputError, match="3 YOLO files and the stack 4 slices"):
        read_yolo(tmp_path, (4, 40, 50))


def test_one_of_several_stacks(tmp_path):
    write_yolo(tmp_path, "a", [Box(0, 1, 1, 2, 2)], SHAPE)
    write_yolo(tmp_path, "b", [], SHAPE)
    assert len(read_yolo(tmp_path, SHAPE, "a")) == 1
    assert read_yolo(tmp_path, SHAPE, "b") == []
    with pytest.raises(InputError, match="the boxes of 2 stacks"):
        read_yolo(tmp_path, SHAPE)


@pytest.mark.parametrize("line", ["0 0.5 0.5", "0 a b c d", "0 0.5 0.5 0.1 nan", "0 0.5 0.5 0 0.1"])
def test_bad_lines_are_named(tmp_path, line):
    (tmp_path / "heart_z000.txt").write_text("0 0.5 0.5 0.1 0.1\n" + line)
    with pytest.raises(InputError, match="'heart_z000.txt', line 2|no area"):
        read_yolo(tmp_path, SHAPE)


def test_what_does_not_fit_is_refused(tmp_path):
    with pytest.raises(InputError, match="no YOLO text files"):
        read_yolo(tmp_path, SHAPE)
    with pytest.raises(InputError, match="lies on slice 3, but there are 3"):
        write_yolo(tmp_path, "heart", [Box(3, 1, 1, 2, 2)], SHAPE)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "heart_z007.txt").write_text("")
    with pytest.raises(InputError, match="boxes on slice 7"):
        read_yolo(tmp_path, SHAPE)
    (tmp_path / "heart_z007.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="no text file"):
        read_yolo(tmp_path, (8, 40, 50))
