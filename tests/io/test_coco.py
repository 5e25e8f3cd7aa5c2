"""COCO: boxes and masks read back equal, and pycocotools agrees."""

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pycocotools.coco import COCO

from napari_scarseg.core.box import Box, BoxOrigin
from napari_scarseg.errors import InputError
from napari_scarseg.io.coco import CocoStack, count_holes_px, read_coco, write_coco

SHAPE = (3, 20, 30)
BOXES = (
    Box(0, 2.25, 3, 8, 11.5, score=0.1 + 0.2, origin=BoxOrigin.DETECTOR, lesion_id=4),
    Box(2, -1, 5, 6, 31.125, origin=BoxOrigin.EDITED, lesion_id=1),
    Box(2, 1 / 3, 5, 6, 9),
)


@pytest.fixture
def labels() -> np.ndarray:
    result = np.zeros(SHAPE, np.int32)
    result[0, 3:9, 4:12] = 7
    result[0, 5:7, 6:9] = 0
    result[0, 12:15, 20:22] = 2
    result[2, 10, 10] = 7
    return result


def test_boxes_read_back_equal(tmp_path):
    write_coco(tmp_path / "a.json", [CocoStack("heart", SHAPE, BOXES)])
    back = read_coco(tmp_path / "a.json")
    assert (back.stem, back.shape, back.boxes, back.labels) == ("heart", SHAPE, BOXES, None)


def test_masks_read_back_equal(tmp_path, labels):
    write_coco(tmp_path / "a.json", [CocoStack("heart", SHAPE, labels=labels)])
    np.testing.assert_array_equal(read_coco(tmp_path / "a.json").labels, labels)


def test_outlines_fill_holes_and_nothing_else(tmp_path, labels):
    write_coco(tmp_path / "a.json", [CocoStack("heart", SHAPE, labels=labels)], polygons=True)
    filled = labels.copy()
    filled[0, 5:7, 6:9] = 7
    np.testing.assert_array_equal(read_coco(tmp_path / "a.json").labels, filled)
    assert count_holes_px(labels) == 6


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(hnp.arrays(np.int32, hnp.array_shapes(min_dims=3, max_dims=3, max_side=8), elements=st.integers(0, 3)))
def test_round_trip_property(tmp_path, labels):
    write_coco(tmp_path / "a.json", [CocoStack("x", labels.shape, labels=labels)])
    back = read_coco(tmp_path / "a.json")
    np.testing.assert_array_equal(np.zeros_like(labels) if back.labels is None else back.labels, labels)


def test_pycocotools_reads_images_boxes_and_masks(tmp_path, labels):
    write_coco(tmp_path / "a.json", [CocoStack("heart", SHAPE, labels=labels), CocoStack("two", SHAPE, BOXES)])
    coco = COCO(tmp_path / "a.json")
    assert len(coco.getImgIds()) == 6
    assert [category["name"] for category in coco.loadCats(coco.getCatIds())] == ["scar"]
    by_lesion = {
        (a["image_id"], a["attributes"]["lesion_id"]): a for a in coco.loadAnns(coco.getAnnIds(imgIds=[1, 2, 3]))
    }
    seven = by_lesion[1, 7]
    assert (seven["bbox"], seven["area"], seven["iscrowd"]) == ([4, 3, 8, 6], 42, 0)
    np.testing.assert_array_equal(coco.annToMask(seven), labels[0] == 7)
    assert coco.loadImgs([6])[0]["file_name"] == "images/two_z002.png"


def test_one_of_several_stacks(tmp_path, labels):
    write_coco(tmp_path / "a.json", [CocoStack("one", SHAPE, BOXES), CocoStack("two", SHAPE, labels=labels)])
    assert read_coco(tmp_path / "a.json", "one").boxes == BOXES
    with pytest.raises(InputError, match="holds 2 stacks"):
        read_coco(tmp_path / "a.json")
    with pytest.raises(InputError, match="no stack of the name 'three'"):
        read_coco(tmp_path / "a.json", "three")


def test_files_of_other_software(tmp_path):
    """Plain polygons and run lengths, and slices by their names only."""
    images = [{"id": 10 + n, "file_name": f"s{n}.png", "height": 6, "width": 8} for n in (10, 2)]
    annotations = [
        {"id": 1, "image_id": 20, "bbox": [2, 1, 3, 2], "segmentation": [[2, 1, 5, 1, 5, 3, 2, 3]]},
        {"id": 2, "image_id": 12, "bbox": [0, 0, 1, 2], "segmentation": {"size": [6, 8], "counts": [0, 2, 46]}},
    ]
    (tmp_path / "a.json").write_text(json.dumps({"images": images, "annotations": annotations}))
    back = read_coco(tmp_path / "a.json")
    expected = np.zeros((2, 6, 8), np.int32)
    expected[1, 1:3, 2:5], expected[0, 0:2, 0] = 1, 2
    np.testing.assert_array_equal(back.labels, expected)
    assert [(box.slice, box.corners) for box in back.boxes] == [(1, (1, 2, 3, 5)), (0, (0, 0, 2, 1))]


IMAGE = {"id": 1, "file_name": "a.png", "height": 6, "width": 8}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("nonsense", "no JSON file"),
        ("[" * 100_000, "no JSON file"),
        ("[1]", "lists no images"),
        ('{"images": []}', "lists no images"),
        (json.dumps({"images": [{"id": 1}]}), "cannot be read"),
        (json.dumps({"images": [IMAGE, {**IMAGE, "id": 2, "width": 9}]}), "differ in size"),
        (json.dumps({"images": [{**IMAGE, "height": 10**9, "width": 10**9}]}), "GiB"),
        (json.dumps({"images": [{**IMAGE, "slice": -1}]}), "not numbered"),
        (json.dumps({"images": [IMAGE], "annotations": [{"image_id": 1, "bbox": [0, 0, -1, 2]}]}), "no area"),
        (
            json.dumps(
                {
                    "images": [IMAGE],
                    "annotations": [
                        {"image_id": 1, "bbox": [0, 0, 1, 2], "segmentation": {"size": [600, 800], "counts": "04"}}
                    ],
                }
            ),
            "another size than its image",
        ),
        (
            json.dumps(
                {
                    "images": [IMAGE],
                    "annotations": [
                        {"image_id": 1, "bbox": [0, 0, 1, 2], "segmentation": {"size": [6, 8], "counts": [0, 99999]}}
                    ],
                }
            ),
            "cannot be read",
        ),
    ],
)
def test_what_is_no_coco_file_ends_in_a_sentence(tmp_path, content, sentence):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(InputError, match=sentence):
        read_coco(tmp_path / "a.json")


def test_only_json_is_written(tmp_path):
    with pytest.raises(InputError, match=r"has to end in \.json"):
        write_coco(tmp_path / "a.txt", [CocoStack("heart", SHAPE, BOXES)])
    with pytest.raises(InputError, match="cannot be opened"):
        read_coco(tmp_path / "none.json")
