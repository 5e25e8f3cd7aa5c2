"""Configurations are checked, and their paths are relative to the file."""

from pathlib import Path

import pytest

from napari_scarseg.errors import InputError
from napari_scarseg.training.config import (
    OfficialSamStart,
    Precision,
    SegmenterTraining,
    TrainedPart,
    read_detector_config,
    read_segmenter_config,
    recorded,
)

CONFIGS = Path(__file__).parents[2] / "configs"
STEPS = (
    "pretraining",
    "segmenter",
    "segmenter-continued",
    "segmenter-near",
    "segmenter-magnitude",
    "segmenter-lifted",
    "segmenter-nulled",
)


def test_committed_configurations_are_valid() -> None:
    steps = [read_segmenter_config(CONFIGS / f"{name}.toml") for name in STEPS]
    segmenter, *following = steps[1:]
    assert (segmenter.loss.kl, segmenter.loss.dice, segmenter.loss.cross_entropy) == (0.6, 0.2, 0.2)
    assert segmenter.datasets[0].folds == (CONFIGS / "emidec_folds.csv").resolve()
    assert segmenter.network.window_size == 96
    # How dark windows are lifted is no part of the weights.
    assert [config.network.least_median for config in steps] == [0.0] * 5 + [0.4] * 2
    networks = {config.network.model_copy(update={"least_median": 0.0}).model_dump_json() for config in steps}
    assert len(networks) == 1, "each step's weights go on in the next"
    for config in following:
        assert (config.prompts.per_window, config.batch_size) == (2, 8)
    assert len({config.seed for config in steps}) == len(steps), "no step draws the samples of another"
    assert [config.augmentation.null_limit for config in steps] == [0.25] * 4 + [0.65] * 3
    assert [config.augmentation.nulled_probability for config in steps] == [0] * 6 + [0.75]
    detector = read_detector_config(CONFIGS / "detector.toml")
    assert detector.image_size == 192 and detector.magnitude


def test_the_paper_s_set_up_is_committed() -> None:
    config = read_segmenter_config(CONFIGS / "sam-vit-b.toml")
    assert config.network == OfficialSamStart(architecture="official-sam", weights="sam-vit-b")
    assert (config.loss.kl, config.loss.dice, config.loss.cross_entropy, config.loss.sigma_px) == (0.6, 0.2, 0.2, 2.0)
    assert (config.batch_size, config.learning_rate, config.weight_decay) == (2, 1e-4, 1e-4)
    assert config.trained.part is TrainedPart.ALL and config.augmentation.jitter_fraction > 0


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("stpes = 3\n[[datasets]]\npath='a.csv'", "stpes"),
        ("steps = 'many'\n[[datasets]]\npath='a.csv'", "steps"),
        ("target = ", "TOML"),
        ("bf16 = true\nprecision = 'fp16'\n[[datasets]]\npath='a.csv'", "no bf16"),
        ("device = 'gpu'\n[[datasets]]\npath='a.csv'", "device"),
        ("[network]\narchitecture = 'unet'\n[[datasets]]\npath='a.csv'", "network"),
        ("[trained]\npart = 'decoder'\n[[datasets]]\npath='a.csv'", "initial_weights"),
        ("[trained]\nlast_blocks = 3\n[[datasets]]\npath='a.csv'", "last_blocks has no effect"),
        ("[prompts]\ndetector = 0.5\n[[datasets]]\npath='a.csv'", "go together"),
        ("[[datasets]]\npath='a.csv'\nboxes='boxes'", "go together"),
    ],
)
def test_a_wrong_configuration_is_named(tmp_path: Path, text: str, word: str) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=word):
        read_segmenter_config(path)


def test_a_missing_configuration_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.toml"):
        read_segmenter_config(tmp_path / "absent.toml")


_SAM = "[network]\narchitecture = 'official-sam'\n[[datasets]]\npath='a.csv'\n"


@pytest.mark.parametrize(
    ("text", "idle"),
    [
        (f"{_SAM}[prompts]\nlv_window = 0.5", "prompts.lv_window"),
        (f"{_SAM}[prompts]\nscar = 0.5", "prompts.scar"),
        (f"{_SAM}[loss]\nanatomy = 0.5", "loss.anatomy"),
        (f"{_SAM}[augmentation]\nslice_shift_fraction = 0.1", "augmentation.slice_shift_fraction"),
        (f"{_SAM}[trained]\npart='decoder'\ncached=true\n[augmentation]\ngamma=1.2", "augmentation.gamma"),
        (f"initial_weights = 'w.safetensors'\n{_SAM}", "leave initial_weights out"),
    ],
)
def test_settings_without_an_effect_are_refused(tmp_path: Path, text: str, idle: str) -> None:
    path = tmp_path / "idle.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=idle):
        read_segmenter_config(path)


def test_kept_embeddings_leave_the_jitter_of_boxes(tmp_path: Path) -> None:
    path = tmp_path / "kept.toml"
    path.write_text(f"{_SAM}[trained]\npart='decoder'\ncached=true\n[augmentation]\njitter_fraction=0.1")
    assert read_segmenter_config(path).trained.cached


@pytest.mark.parametrize(("older", "precision"), [("true", Precision.BF16), ("false", Precision.FP32)])
def test_the_older_way_to_write_the_precision(tmp_path: Path, older: str, precision: Precision) -> None:
    path = tmp_path / "older.toml"
    path.write_text(f"bf16 = {older}\n[[datasets]]\npath='a.csv'", encoding="utf-8")
    assert read_segmenter_config(path).precision is precision


def test_paths_are_relative_to_the_file_and_recorded_by_name_alone(tmp_path: Path) -> None:
    path = tmp_path / "sam.toml"
    path.write_text(
        "[network]\narchitecture = 'official-sam'\nweights = 'own/sam.safetensors'\n"
        "[prompts]\ndetector = 0.3\n[[datasets]]\npath = 'data/a.csv'\nboxes = 'found/boxes'",
        encoding="utf-8",
    )
    config = read_segmenter_config(path)
    assert config.network.weights == str(tmp_path / "own" / "sam.safetensors")
    assert config.datasets[0].boxes == tmp_path / "found" / "boxes"
    record = recorded(config)
    assert str(tmp_path) not in str(record)
    assert record["network"]["weights"] == "sam.safetensors"
    path.write_text(_SAM, encoding="utf-8")
    assert read_segmenter_config(path).network.weights == "sam-vit-b"


@pytest.mark.parametrize(
    "text",
    ["image_size = 100", "seed = -1", "copy_paste = 0.3", "optimizer = 'auto'"],
)
def test_what_ultralytics_would_change_or_ignore_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "detector.toml"
    path.write_text(f"{text}\n[[datasets]]\npath='a.csv'", encoding="utf-8")
    with pytest.raises(InputError, match=text.split()[0]):
        read_detector_config(path)
    path.write_text("[[datasets]]\npath='a.csv'\nshare = 0.5", encoding="utf-8")
    with pytest.raises(InputError, match="share and boxes would have no effect"):
        read_detector_config(path)


def test_who_makes_the_batches_does_not_tell_two_runs_apart() -> None:
    config = SegmenterTraining(datasets=())
    assert recorded(config) == recorded(config.model_copy(update={"workers": 4}))
    assert recorded(config) != recorded(config.model_copy(update={"seed": 4}))
