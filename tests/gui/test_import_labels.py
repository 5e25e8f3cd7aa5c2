"""*Open labels…*: what the values mean is proposed, corrected, and added over the image."""

import numpy as np
import pytest
from PIL import Image

from napari_scarseg.core.spacing import Spacing
from napari_scarseg.core.tissue import LabelPreset, Tissue
from napari_scarseg.errors import InputError
from napari_scarseg.gui.image_layer import image_record
from napari_scarseg.gui.label_meaning import LabelsIn, count_values, understand_labels
from napari_scarseg.gui.layer_record import METADATA_KEY, belongs_to
from napari_scarseg.gui.layer_state import label_state
from napari_scarseg.gui.load_widget import LoadWidget
from napari_scarseg.gui.meaning_dialog import MeaningDialog
from napari_scarseg.io import LabelVolume, write_labels


def emidec() -> np.ndarray:
    labels = np.zeros((5, 64, 64), np.int32)
    labels[1:4, 10:50, 10:50] = 2
    labels[1:4, 20:40, 20:40] = 1
    labels[1:3, 12:16, 12:20] = 3
    labels[2, 44:48, 30:36] = 3
    labels[2, 13:15, 13:15] = 4
    return labels


def labels_in(labels: np.ndarray, tissues: dict | None = None, findings: tuple[str, ...] = ()) -> LabelsIn:
    volume = LabelVolume(labels, Spacing.unknown(), None, "x", findings, tissues or {})
    return LabelsIn(volume, count_values(labels))


@pytest.fixture
def widget(viewer, image, dock, notices) -> LoadWidget:
    return dock(LoadWidget(viewer))


@pytest.fixture
def ask(qtbot):
    """The dialog about labels."""

    def make(labels: LabelsIn) -> MeaningDialog:
        dialog = MeaningDialog(labels)
        qtbot.addWidget(dialog)
        return dialog

    return make


def open_labels(widget, path, qtbot) -> MeaningDialog:
    widget.load_labels(path)
    assert not widget.open_labels.isEnabled()
    qtbot.waitUntil(lambda: widget.labels_in.dialog is not None, timeout=5000)
    return widget.labels_in.dialog


def test_values_become_lesions_and_tissues() -> None:
    labels = emidec()
    tissues = {1: Tissue.CAVITY, 2: Tissue.MYOCARDIUM, 3: Tissue.SCAR, 4: Tissue.MVO}
    found = understand_labels(labels, tissues, keep_lesions=False)
    np.testing.assert_array_equal(found.lesions > 0, labels >= 3)
    assert np.unique(found.lesions).tolist() == [0, 1, 2]
    np.testing.assert_array_equal(found.tissues, labels)
    kept = understand_labels(labels, {3: Tissue.SCAR, 4: Tissue.SCAR}, keep_lesions=True)
    np.testing.assert_array_equal(kept.lesions, np.where(labels >= 3, labels, 0))
    assert kept.tissues is None
    no_scar = understand_labels(labels, {2: Tissue.MYOCARDIUM, 3: Tissue.OTHER}, keep_lesions=False)
    assert not no_scar.lesions.any()
    with pytest.raises(InputError, match="None of the label values means a tissue"):
        understand_labels(labels, {1: Tissue.OTHER}, keep_lesions=False)


def test_the_dialog_proposes_and_is_corrected(ask) -> None:
    dialog = ask(labels_in(emidec()))
    assert dialog.preset is LabelPreset.EMIDEC
    assert dialog.tissues == {1: Tissue.CAVITY, 2: Tissue.MYOCARDIUM, 3: Tissue.SCAR, 4: Tissue.MVO}
    assert "a second layer keeps the tissues" in dialog.note.text()
    dialog.choose_preset(LabelPreset.ACDC)
    assert dialog.tissues == {1: Tissue.RV, 2: Tissue.MYOCARDIUM, 3: Tissue.CAVITY, 4: Tissue.OTHER}
    assert "No scar" in dialog.note.text()
    box = dialog.meanings[4]
    box.setCurrentIndex(box.findData(Tissue.SCAR.value))
    assert dialog.preset is None
    assert dialog.tissues[4] is Tissue.SCAR
    assert dialog.note.text().startswith("4 px of scar")
    for box in dialog.meanings.values():
        box.setCurrentIndex(box.findData(Tissue.OTHER.value))
    assert not dialog.accept_button.isEnabled()


def test_the_file_s_own_codes_are_proposed_first(ask) -> None:
    labels = emidec()
    dialog = ask(labels_in(labels, {3: Tissue.MYOCARDIUM}))
    assert dialog.preset is None
    assert dialog.tissues[3] is Tissue.MYOCARDIUM
    assert dialog.tissues[1] is Tissue.OTHER
    lesions = np.where(labels >= 3, labels, 0)
    assert ask(labels_in(lesions, {3: Tissue.SCAR, 4: Tissue.SCAR})).keeps_lesions


def test_what_is_odd_about_the_labels_is_said_before_they_are_added(ask) -> None:
    assert ask(labels_in(emidec())).findings.isHidden()
    odd = ask(labels_in(emidec(), findings=("Segments overlap.", "They were laid on each other.")))
    assert odd.findings.text() == "Segments overlap.\nThey were laid on each other." and not odd.findings.isHidden()


def test_labels_are_added_over_their_image(widget, viewer, image, tmp_path, qtbot) -> None:
    record = image_record(image)
    write_labels(tmp_path / "truth.nii.gz", emidec(), record.spacing, record.affine_ras)
    open_labels(widget, tmp_path / "truth.nii.gz", qtbot).accept()
    _, tissues, scar = viewer.layers
    assert (tissues.name, scar.name) == ("heart tissues", "heart scar")
    np.testing.assert_array_equal(tissues.data, emidec())
    np.testing.assert_array_equal(scar.data > 0, emidec() >= 3)
    assert scar.scale == pytest.approx(image.scale)
    assert belongs_to(scar.metadata, record)
    assert not belongs_to(tissues.metadata, record)
    assert tissues.metadata[METADATA_KEY]["tissues"]["3"] == "scar"
    state = label_state(scar.metadata)
    assert (state.used_lesions, state.linked) == (2, True)
    assert widget.labels_in.dialog is None
    assert widget.open_labels.isEnabled()


def test_one_slice_of_a_folder_stands_for_all_of_them(widget, viewer, tmp_path, qtbot) -> None:
    for z, plane in enumerate(emidec()):
        Image.fromarray(plane.astype(np.uint8)).save(tmp_path / f"{z:02}.png")
    open_labels(widget, tmp_path / "03.png", qtbot).accept()
    np.testing.assert_array_equal(viewer.layers["heart tissues"].data, emidec())
    (tmp_path / "04.png").unlink()
    widget.load_labels(tmp_path / "03.png")
    qtbot.waitUntil(lambda: not widget.is_running, timeout=30_000)
    assert widget.labels_in.dialog is None, "four slices are no labels of five"


def test_cancel_adds_nothing(widget, viewer, tmp_path, qtbot) -> None:
    np.save(tmp_path / "truth.npy", emidec())
    open_labels(widget, tmp_path / "truth.npy", qtbot).reject()
    assert len(viewer.layers) == 1
    assert widget.labels_in.dialog is None


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.ones((4, 64, 64), np.int32), "must lie on one grid"),
        (np.zeros((5, 64, 64), np.int32), "no label above 0"),
        (np.full((5, 64, 64), 0.5), "not whole numbers"),
    ],
)
def test_labels_that_do_not_fit_are_told(widget, viewer, notices, tmp_path, qtbot, labels, words) -> None:
    np.save(tmp_path / "truth.npy", labels)
    widget.load_labels(tmp_path / "truth.npy")
    qtbot.waitUntil(lambda: bool(notices), timeout=5000)
    assert words in notices[0]
    assert len(viewer.layers) == 1
    qtbot.waitUntil(widget.open_labels.isEnabled, timeout=5000)


def test_an_image_that_went_away_gets_no_labels(widget, viewer, image, tmp_path, qtbot) -> None:
    np.save(tmp_path / "truth.npy", emidec())
    dialog = open_labels(widget, tmp_path / "truth.npy", qtbot)
    viewer.layers.remove(image)
    dialog.accept()
    assert len(viewer.layers) == 0
    assert not widget.open_labels.isEnabled()
