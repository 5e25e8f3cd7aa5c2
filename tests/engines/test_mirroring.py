"""Mirror images of a window: there and back, and a network whose answers are averaged over them."""

import numpy as np
import pytest

from napari_scarseg.core.box import Box
from napari_scarseg.core.protocols import EngineInfo, Prompt
from napari_scarseg.core.windows import Window

torch = pytest.importorskip("torch")
pytest.importorskip("segment_anything")

from napari_scarseg.engines.mirroring import VIEWS, View, ask_all, average_views, mirror_all  # noqa: E402

SIZE = 32


def test_the_views_differ_and_each_is_its_own_inverse() -> None:
    planes = torch.arange(2 * SIZE * SIZE, dtype=torch.float32).reshape(2, SIZE, SIZE)
    seen = [view.planes(planes) for view in VIEWS]
    for n, view in enumerate(VIEWS):
        assert torch.equal(view.planes(seen[n]), planes)
        assert all(not torch.equal(seen[n], other) for other in seen[n + 1 :])


@pytest.mark.parametrize("view", VIEWS)
def test_boxes_and_places_move_with_the_pixels(view: View) -> None:
    plane = torch.zeros(SIZE, SIZE)
    plane[3:9, 10:25] = 1
    ((x0, y0, x1, y1),) = view.boxes(torch.tensor([[10.0, 3.0, 25.0, 9.0]]), SIZE).int().tolist()
    mirrored = view.planes(plane)
    assert float(mirrored[y0:y1, x0:x1].sum()) == float(plane.sum()) == (x1 - x0) * (y1 - y0)
    # The middle of pixel (3, 10).
    ((place,),) = view.places(torch.tensor([[[10.5, 3.5]]]), SIZE).tolist()
    marked = torch.zeros(SIZE, SIZE)
    marked[3, 10] = 1
    assert float(view.planes(marked)[int(place[1]), int(place[0])]) == 1


@pytest.mark.parametrize("views", [1, 2, 4])
def test_the_average_of_a_window_turned_back_is_the_window(views: int) -> None:
    planes = torch.rand(3, 5, SIZE, SIZE)
    mirrored = mirror_all(planes, views)
    assert mirrored.shape == (3 * views, 5, SIZE, SIZE)
    assert torch.allclose(average_views(mirrored, views), planes)
    boxes = torch.rand(3, 4) * SIZE
    asked = ask_all(SIZE, boxes, views, View.boxes)
    assert torch.equal(asked[views : 2 * views], torch.stack([v.boxes(boxes, SIZE)[1] for v in VIEWS[:views]]))


@pytest.mark.parametrize("points", [(), ((14.0, 9.0, True), (20.0, 25.0, False))])
def test_with_all_views_a_mirrored_slice_gives_the_mirrored_mask(points: tuple[tuple[float, float, bool], ...]) -> None:
    from napari_scarseg.engines.segmenter import SmallSegmenter
    from napari_scarseg.engines.small_sam import SmallSam, SmallSamConfig

    torch.manual_seed(3)
    window = Window(0, 0, 0, SIZE, SIZE, SIZE)
    crop = np.random.default_rng(4).random((3, SIZE, SIZE), dtype=np.float32)
    box = Box(0, 6, 4, 15, 20)
    turned_box = Box(0, SIZE - 15, 4, SIZE - 6, 20)
    turned_points = tuple((SIZE - row, col, positive) for row, col, positive in points)
    config = {"window_size": SIZE, "widths": (8, 16, 32, 16, 16)}
    one = SmallSam(SmallSamConfig(**config))
    four = SmallSam(SmallSamConfig(**config, views=4))
    four.load_state_dict(one.state_dict())
    differences = []
    for network in (one, four):
        segmenter = SmallSegmenter(network, EngineInfo("small", "a" * 64, "cpu", "none"))
        straight, turned = segmenter.embed([crop, np.ascontiguousarray(crop[:, ::-1])])
        (mask,) = segmenter.masks(straight, window, [Prompt(box, points=points)])
        (other,) = segmenter.masks(turned, window, [Prompt(turned_box, points=turned_points)])
        scar, turned_scar = segmenter.scar(straight), segmenter.scar(turned)
        differences.append((np.abs(mask - other[::-1]).max(), np.abs(scar - turned_scar[::-1]).max()))
    assert min(differences[0]) > 1e-3  # one view alone is not symmetric
    assert max(differences[1]) < 1e-4
