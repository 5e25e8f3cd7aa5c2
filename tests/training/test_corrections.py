"""Points lie where the answer is wrong, with the sign of what is there."""

import torch

from napari_scarseg.training.corrections import draw_error_points


def test_points_lie_on_errors_in_the_box_with_the_truths_sign() -> None:
    mask = torch.zeros(2, 20, 20)
    mask[:, 5:10, 5:15] = 1
    scar = torch.where(mask > 0, 5.0, -5.0)
    scar[0, 5, 5:15] = -5  # missed
    scar[1, 12, 5:15] = 5  # false
    scar[:, 18] = 5  # wrong as well, but outside the box
    boxes = torch.tensor([[4.0, 4.0, 16.0, 14.0]] * 2)
    places, signs = draw_error_points(scar, mask, boxes, 6, torch.Generator().manual_seed(0))
    assert signs.tolist() == [[1.0] * 6, [0.0] * 6]
    assert (places[0, :, 1] == 5.5).all() and (places[1, :, 1] == 12.5).all()


def test_where_nothing_is_wrong_points_say_what_is_there() -> None:
    mask = torch.zeros(1, 20, 20)
    mask[:, 5:10, 5:15] = 1
    places, signs = draw_error_points(mask * 10 - 5, mask, torch.tensor([[4.0, 4.0, 16.0, 12.0]]), 8, torch.Generator())
    for (x, y), sign in zip(places[0], signs[0], strict=True):
        assert mask[0, int(y), int(x)] == sign
