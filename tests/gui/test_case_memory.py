"""What layers remember goes into JSON and comes back equal, and nothing else can come out of JSON."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_scarseg.core.box import Box, BoxOrigin
from napari_scarseg.errors import InputError
from napari_scarseg.gui.box_layer import DetectedBox
from napari_scarseg.gui.case_memory import memory_from_json, memory_to_json
from napari_scarseg.gui.layer_state import BoxState, LabelState, box_state_to_metadata, label_state_to_metadata
from napari_scarseg.gui.plan import DrawnBox

PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(
    PLAIN,
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.frozensets(st.integers())
        | st.dictionaries(st.integers() | st.text(), inner)
    ),
    max_leaves=8,
)


def through_json(memory: dict) -> dict:
    return memory_from_json(json.loads(json.dumps(memory_to_json(memory), allow_nan=False)))


@given(st.dictionaries(st.text(), VALUES, max_size=4))
def test_plain_values_come_back_equal(memory):
    assert through_json(memory) == memory


def test_states_of_layers_come_back_equal():
    box = Box(1, 2, 3, 8.5, 9, score=0.5, origin=BoxOrigin.DETECTOR, lesion_id=4)
    boxes = box_state_to_metadata(BoxState({"a": DetectedBox(1, box.corners, 0.5)}, (box,), {"name": "yolo"}))
    drawn = {"a": DrawnBox(1, box.corners, 4)}
    labels = label_state_to_metadata(LabelState(drawn, {}, 4, True, np.arange(8, dtype=np.int32).reshape(2, 2, 2)))
    assert through_json(boxes) == boxes
    back = through_json(labels)
    np.testing.assert_array_equal(back.pop("painted"), labels.pop("painted"))
    assert back == labels and isinstance(back["drawn"]["a"], DrawnBox)


def test_objects_without_a_form_are_left_out():
    kept = memory_to_json({"call": print, "object": [object()], "text": np.array(["a"]), "n": np.int64(3)})
    assert kept == {"n": 3}


@pytest.mark.parametrize(
    "value",
    [
        {"$": "value", "class": "subprocess:Popen", "fields": {"args": "true"}},
        {"$": "value", "class": "napari_scarseg.gui.viewer:add_stack", "fields": {}},
        {"$": "value", "class": "napari_scarseg.core.box:Box", "fields": {"unknown": 1}},
        {"$": "enum", "class": "napari_scarseg.core.box:BoxOrigin", "value": "nobody"},
        {"$": "array", "dtype": "|O", "shape": [1], "zlib": ""},
        {"$": "array", "dtype": "<i4", "shape": [10**6, 10**6], "zlib": ""},
        {"$": "array", "dtype": "<i4", "shape": [4], "zlib": "eJwDAAAAAAE="},
        {"$": "nothing"},
        {"no": "mark"},
    ],
)
def test_foreign_values_are_refused_in_a_sentence(value):
    with pytest.raises(InputError, match="cannot be read"):
        memory_from_json({"key": value})
