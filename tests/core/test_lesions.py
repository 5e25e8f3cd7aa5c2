"""Lesion ids: never used twice, and linked across slices into the oldest."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from napari_scarseg.core.box import Box
from napari_scarseg.core.lesions import link_boxes, number_boxes, propose_links, relabel

LABELS = hnp.arrays(
    np.int32, st.tuples(st.integers(1, 5), st.integers(1, 4), st.integers(1, 4)), elements=st.integers(0, 9)
)


def box(lesion_id=None):
    return Box(0, 0, 0, 1, 1, lesion_id=lesion_id)


def test_new_boxes_get_ids_above_all_that_were_ever_used():
    numbered = number_boxes([box(), box(3), box()], used=[1, 7])
    assert [b.lesion_id for b in numbered] == [8, 3, 9]
    assert [b.lesion_id for b in number_boxes([box(), box()])] == [1, 2]
    assert number_boxes([], used=[4]) == []


def test_boxes_that_share_a_lesion_keep_sharing_it():
    assert [b.lesion_id for b in number_boxes([box(2), box(2), box()])] == [2, 2, 3]


def test_overlap_in_adjacent_slices_links_to_the_oldest():
    labels = np.zeros((4, 3, 6), np.int32)
    labels[0, 0, 0:2] = 5
    labels[1, 0, 1:3] = 3
    labels[2, 0, 2:4] = 9
    labels[3, 2, 5] = 4
    links = propose_links(labels)
    assert links == {5: 3, 9: 3}
    np.testing.assert_array_equal(np.unique(relabel(labels, links)), [0, 3, 4])


def test_a_slice_between_or_a_corner_does_not_link():
    labels = np.zeros((3, 2, 2), np.int32)
    labels[0, 0, 0] = 1
    labels[2, 0, 0] = 2
    labels[1, 1, 1] = 3
    assert propose_links(labels) == {}


def test_two_branches_meet():
    """A scar in two parts on one slice and one on the next is one lesion."""
    labels = np.zeros((2, 1, 5), np.int32)
    labels[0, 0] = [1, 1, 0, 2, 2]
    labels[1, 0] = [0, 3, 3, 3, 0]
    assert propose_links(labels) == {2: 1, 3: 1}


@settings(deadline=None)
@given(LABELS)
def test_links_against_scipy(labels):
    edges = [
        (int(a), int(b))
        for below, above in zip(labels[:-1], labels[1:], strict=True)
        for a, b in zip(below.ravel(), above.ravel(), strict=True)
        if a and b
    ]
    rows, cols = zip(*edges, strict=True) if edges else ((), ())
    graph = coo_array((np.ones(len(edges)), (rows, cols)), shape=(10, 10))
    _, group = connected_components(graph, directed=False)
    links = propose_links(labels)
    for label in range(1, 10):
        oldest = int(np.flatnonzero(group == group[label])[0])
        assert links.get(label, label) == oldest
        assert links.get(label) != label, "labels that stay are not in it"
    assert propose_links(relabel(labels, links)) == {}, "linking twice changes nothing"


def test_relabel_copies():
    labels = np.array([[1, 2]], np.int32)
    np.testing.assert_array_equal(relabel(labels, {2: 1}), [[1, 1]])
    np.testing.assert_array_equal(labels, [[1, 2]])


def test_boxes_follow():
    linked = link_boxes([box(5), box(3), box()], {5: 3})
    assert [b.lesion_id for b in linked] == [3, 3, None]
