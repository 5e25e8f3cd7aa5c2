"""What npe2 calls, and the manifest."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from napari.layers import Image, Labels, Layer, Shapes
from npe2 import PluginManifest

import napari_scarseg
from napari_scarseg.core.box import Box, BoxOrigin
from napari_scarseg.core.case import Phase
from napari_scarseg.core.spacing import Spacing
from napari_scarseg.core.stack import Stack
from napari_scarseg.gui import hooks, write_hooks
from napari_scarseg.gui.image_layer import image_kwargs, image_record
from napari_scarseg.gui.layer_record import record_from_metadata
from napari_scarseg.gui.layer_state import box_state, label_state
from napari_scarseg.io import read_boxes, read_labels, write_boxes, write_labels

MANIFEST = Path(napari_scarseg.__file__).with_name("napari.yaml")
BOXES = [Box(1, 10, 12, 20.5, 30, 0.5, BoxOrigin.DETECTOR, lesion_id=2), Box(2, 5, 5, 15, 15)]


@pytest.fixture(scope="module")
def manifest() -> PluginManifest:
    return PluginManifest.from_file(MANIFEST)


def test_the_manifest_is_valid_and_everything_it_names_exists(manifest: PluginManifest) -> None:
    manifest.validate_imports()
    names = {widget.display_name for widget in manifest.contributions.widgets}
    assert names == {"Load stack", "Case worklist", "Detect scars", "Segment scars", "Morphology", "Scar workbench"}
    samples = {sample.display_name for sample in manifest.contributions.sample_data}
    assert samples == {"LGE phantom (acute)", "LGE phantom (chronic)", "LGE phantom (no scar)"}
    assert {"napari/layers/segment", "napari/layers/measure", "napari/file/io_utilities"} <= set(
        manifest.contributions.menus
    )


def test_the_hooks_module_is_cheap_to_import() -> None:
    code = (
        "import sys, napari_scarseg.gui.hooks;"
        "print([m for m in ('numpy', 'torch', 'napari', 'qtpy', 'pandas', 'scipy') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("hook", "phase"),
    [
        (hooks.make_acute_sample, Phase.ACUTE),
        (hooks.make_chronic_sample, Phase.CHRONIC),
        (hooks.make_healthy_sample, Phase.NONE),
    ],
)
def test_the_samples_are_images_with_scale_and_phase(hook, phase: Phase) -> None:
    ((data, kwargs, kind),) = hook()
    layer = Layer.create(data, kwargs, kind)
    assert isinstance(layer, Image)
    record = image_record(layer)
    assert record.case.phase is phase
    assert record.spacing.is_known
    assert [str(unit) for unit in layer.units] == ["millimeter"] * 3


def test_a_stack_is_read_with_its_spacing(tmp_path: Path, stack: Stack) -> None:
    path = tmp_path / "heart.nii.gz"
    write_labels(path, stack.data.astype(np.int32), stack.spacing, None)
    reader = hooks.get_stack_reader(str(path))
    assert reader is not None
    ((data, kwargs, kind),) = reader(str(path))
    layer = Layer.create(data, kwargs, kind)
    assert kind == "image"
    assert layer.scale == pytest.approx([8.0, 1.5, 1.25])


def test_several_paths_are_several_layers(tmp_path: Path) -> None:
    paths = []
    for name in ("a", "b"):
        np.save(tmp_path / f"{name}.npy", np.arange(2 * 8 * 8).reshape(2, 8, 8))
        paths.append(str(tmp_path / f"{name}.npy"))
    assert [kwargs["name"] for _, kwargs, _ in hooks.read_stack_layers(paths)] == ["a", "b"]


def test_equal_names_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    paths = []
    for patient in ("P001", "P002"):
        (tmp_path / patient).mkdir()
        np.save(tmp_path / patient / "image.npy", np.arange(2 * 8 * 8).reshape(2, 8, 8))
        paths.append(str(tmp_path / patient / "image.npy"))
    assert [kwargs["name"] for _, kwargs, _ in hooks.read_stack_layers(paths)] == ["image", "P002_image"]


@pytest.mark.parametrize(
    "name", ["heart_boxes.csv", "heart_scar.nii.gz", "HEART_SCAR.NII.GZ", "x_scar.dcm", "x_scar.seg.nrrd"]
)
def test_our_results_are_not_read_as_images(name: str) -> None:
    assert hooks.get_stack_reader(name) is None
    assert hooks.get_result_reader(name) is not None


@pytest.mark.parametrize("name", ["heart.nii.gz", "table.csv", "heart.tif"])
def test_other_files_are_not_read_as_results(name: str) -> None:
    assert hooks.get_result_reader(name) is None


def test_boxes_dropped_beside_their_image_lie_on_it(tmp_path: Path, make_napari_viewer, stack: Stack) -> None:
    viewer = make_napari_viewer()
    viewer.add_image(stack.data, **image_kwargs(stack))
    write_boxes(tmp_path / "heart_boxes.csv", BOXES)
    ((data, kwargs, kind),) = hooks.read_result_layers(str(tmp_path / "heart_boxes.csv"))
    layer = Layer.create(data, kwargs, kind)
    assert isinstance(layer, Shapes)
    assert layer.scale == pytest.approx([8.0, 1.5, 1.25])
    assert record_from_metadata(layer.metadata).spacing == stack.spacing
    assert list(box_state(layer.metadata).detected) == [BOXES[0].box_id]
    hooks.write_boxes_layer(str(tmp_path / "again.csv"), layer.data, layer.as_layer_data_tuple()[1])
    assert read_boxes(tmp_path / "again.csv") == BOXES


def test_an_empty_table_of_boxes_is_an_empty_layer(tmp_path: Path) -> None:
    write_boxes(tmp_path / "x_boxes.csv", [])
    ((data, kwargs, kind),) = hooks.read_result_layers(str(tmp_path / "x_boxes.csv"))
    layer = Layer.create(data, kwargs, kind)
    assert (layer.nshapes, layer.ndim) == (0, 3)


def test_labels_come_and_go_on_their_image_s_grid(tmp_path: Path, stack: Stack) -> None:
    labels = np.zeros(stack.shape, np.int32)
    labels[2, 5:9, 5:9] = 3
    affine = np.diag([-1.25, -1.5, 8.0, 1.0])
    affine[:3, 3] = (10, 20, 30)
    write_labels(tmp_path / "heart_scar.nii.gz", labels, stack.spacing, affine)
    ((data, kwargs, kind),) = hooks.read_result_layers(str(tmp_path / "heart_scar.nii.gz"))
    layer = Layer.create(data, kwargs, kind)
    assert isinstance(layer, Labels)
    assert np.array_equal(layer.data, labels)
    assert layer.data.flags.writeable
    state = label_state(layer.metadata)
    assert (state.used_lesions, state.linked) == (3, True)
    written = write_hooks.write_labels_layer(str(tmp_path / "out.nii.gz"), layer.data, layer.as_layer_data_tuple()[1])
    assert written == [str(tmp_path / "out.nii.gz")]
    again = read_labels(tmp_path / "out.nii.gz")
    assert np.array_equal(again.labels, labels)
    assert np.allclose(again.affine_ras, affine)


def test_labels_of_another_plugin_keep_the_spacing_of_their_units(tmp_path: Path) -> None:
    layer = Labels(np.ones((2, 8, 8), np.int32), scale=(8, 1.5, 1.25), units="mm")
    write_hooks.write_labels_layer(str(tmp_path / "x.nii.gz"), layer.data, layer.as_layer_data_tuple()[1])
    assert read_labels(tmp_path / "x.nii.gz").spacing.z_mm == pytest.approx(8)
    plain = Labels(np.ones((8, 8), np.int32))
    write_hooks.write_labels_layer(str(tmp_path / "y.nii.gz"), plain.data, plain.as_layer_data_tuple()[1])
    volume = read_labels(tmp_path / "y.nii.gz")
    assert volume.labels.shape == (1, 8, 8)
    assert volume.spacing == Spacing.unknown()


def test_of_several_stacks_the_proposed_one_is_opened_aloud(tmp_path) -> None:
    data = np.random.default_rng(0).integers(0, 99, (4, 16, 16)).astype(np.uint16)
    np.savez(tmp_path / "two.npz", image=data, other=data[:2])
    ((read, kwargs, _),) = hooks.read_stack_layers(str(tmp_path / "two.npz"))
    np.testing.assert_array_equal(read, data)
    assert any(
        "2 stacks to choose from; this is image" in finding for finding in kwargs["metadata"]["scarseg"]["findings"]
    )
