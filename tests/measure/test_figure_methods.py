"""Methods side by side, and matrices: every name can be read."""

import pandas as pd
import pytest

from napari_scarseg.measure.figure_curves import matrix_figure
from napari_scarseg.measure.figure_methods import methods_figure

NAMES = ("all of it", "without shifts of the neighbouring slices", "without any augmentation at all")


def _overlaps(texts, renderer) -> list[tuple[str, str]]:
    boxes = [(text.get_text(), text.get_window_extent(renderer)) for text in texts if text.get_text()]
    return [(a, b) for n, (a, one) in enumerate(boxes) for b, other in boxes[:n] if one.overlaps(other)]


def test_names_stand_in_order_with_a_mark_and_an_interval_each() -> None:
    rows = [
        {"panel": panel, "line": line, "name": name, "value": 0.5 + 0.1 * n, "low": 0.4, "high": 0.9}
        for panel in ("slice DSC", "share of scar-free slices left empty", "perimeter similarity", "volume DSC")
        for n, name in enumerate(NAMES)
        for line in ("true boxes", "jittered boxes")
    ]
    figure = methods_figure(pd.DataFrame(rows), note="a note")
    figure.canvas.draw()
    first = figure.axes[0]
    assert [text.get_text().replace("\n", " ") for text in first.get_yticklabels()] == list(NAMES)
    low, high = first.get_ylim()
    assert low > high, "the first name is on top"
    assert not _overlaps(first.get_yticklabels(), figure.canvas.get_renderer())
    assert len(figure.axes) == 4
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["true boxes", "jittered boxes"]
    # Two series in each panel, a mark per name.
    assert [len(container.lines[0].get_xdata()) for container in first.containers] == [3, 3]


@pytest.mark.parametrize("groups", [2, 4])
def test_a_matrix_with_long_names_can_be_read(groups: int) -> None:
    names = [f"phantom {n} (magnitude, 1.9 mm, noisy)" for n in range(groups)]
    values = pd.DataFrame(0.5, index=[f"all but {name}" for name in names], columns=names)
    texts = values.map(lambda value: f"{value:.3f}\n[0.401, 0.601]")
    figure = matrix_figure(values, "slice DSC", texts=texts, row_label="trained on", col_label="tested on")
    figure.canvas.draw()
    axes, renderer = figure.axes[0], figure.canvas.get_renderer()
    cells = [text for text in axes.texts]
    assert len(cells) == groups**2
    assert not _overlaps([*cells, *axes.get_xticklabels(), *axes.get_yticklabels()], renderer)
