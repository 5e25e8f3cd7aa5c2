"""Segment Anything behind the protocol, with small random weights of the real format."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from segment_anything.modeling import Sam

from napari_scarseg.core.box import Box
from napari_scarseg.core.config import Device
from napari_scarseg.core.intensity import scale_pixels
from napari_scarseg.core.protocols import Asked, EngineInfo, Prompt
from napari_scarseg.engines import acceleration, load_segmenter
from napari_scarseg.engines.official_sam import (
    OFFICIAL,
    OfficialSam,
    load_official_sam,
    sam_header,
)
from napari_scarseg.engines.sam_network import VIT_B, VIT_H, VIT_L, SamConfig, SamNetwork
from napari_scarseg.engines.vit_attention import FlashAttention, use_flash_attention
from napari_scarseg.engines.weight_files import WeightsHeader, file_sha256, save_weights
from napari_scarseg.errors import WeightsError

SMALL = SamConfig(embed_dim=32, depth=2, num_heads=2, global_attn_indexes=(1,), image_size=64)
INFO = EngineInfo("small", "0" * 64, "cpu", "Apache-2.0")
BOXES = [(10.0, 12.0, 30.0, 44.0), (3.5, 40.25, 20.0, 60.75), (0.0, 0.0, 64.0, 64.0)]


@pytest.fixture(autouse=True)
def full_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    """Results are compared with the official code's, whatever this CPU is good at."""
    monkeypatch.setattr(acceleration, "multiplies_bfloat16", lambda: False)


@pytest.fixture(scope="module")
def network() -> SamNetwork:
    torch.manual_seed(1)
    network = SamNetwork(SMALL)
    # The official code starts the positions at zero; trained ones are not.
    with torch.no_grad():
        for name, value in network.named_parameters():
            if "pos" in name:
                value.normal_()
    return network


@pytest.fixture
def segmenter(network: SamNetwork) -> OfficialSam:
    return OfficialSam(network, INFO)


def _plane(height: int = 64, width: int = 64) -> np.ndarray:
    return np.random.default_rng(5).gamma(2.0, 90.0, (height, width)).astype(np.float32)


def _official_logits(network: SamNetwork, plane: np.ndarray, **prompts: torch.Tensor) -> np.ndarray:
    """What the official `Sam.forward` answers to the same picture."""
    sam = Sam(network.image_encoder, network.prompt_encoder, network.mask_decoder)
    image = torch.from_numpy(scale_pixels(plane)).expand(3, -1, -1) * 255
    (answer,) = sam([{"image": image, "original_size": (64, 64), **prompts}], multimask_output=False)
    logits: np.ndarray = answer["low_res_logits"][:, 0].numpy()
    return logits


def test_all_boxes_in_one_call_are_what_the_official_code_answers(
    network: SamNetwork, segmenter: OfficialSam, monkeypatch: pytest.MonkeyPatch
) -> None:
    plane = _plane()
    xyxy = torch.tensor([(col0, row0, col1, row1) for row0, col0, row1, col1 in BOXES])
    expected = _official_logits(network, plane, boxes=xyxy - 0.5)
    calls = []
    decode = network.mask_decoder.paired_masks
    monkeypatch.setattr(network.mask_decoder, "paired_masks", lambda *given: calls.append(1) or decode(*given))
    window = segmenter.window(Prompt(Box(0, *BOXES[0])), plane.shape)
    (embedding,) = segmenter.embed([window.crop(plane)[None]])
    logits = segmenter.masks(embedding, window, [Prompt(Box(0, *corners)) for corners in BOXES])
    assert len(calls) == 1
    assert (logits.shape, logits.dtype) == ((3, 16, 16), np.float32)
    assert np.allclose(logits, expected, atol=1e-4)


def test_points_arrive_at_their_pixel(network: SamNetwork, segmenter: OfficialSam) -> None:
    plane = _plane()
    expected = _official_logits(
        network,
        plane,
        boxes=torch.tensor([[12.0, 10.0, 44.0, 30.0]]) - 0.5,
        point_coords=torch.tensor([[[20.0, 15.0], [40.0, 28.0]]]),
        point_labels=torch.tensor([[1.0, 0.0]]),
    )
    window = segmenter.window(Prompt(Box(0, *BOXES[0])), plane.shape)
    prompt = Prompt(Box(0, *BOXES[0]), ((15.5, 20.5, True), (28.5, 40.5, False)))
    logits = segmenter.masks(segmenter.embed([plane[None]])[0], window, [prompt])
    assert np.allclose(logits, expected, atol=1e-4)


def test_a_mask_does_not_depend_on_its_neighbours(segmenter: OfficialSam) -> None:
    plane = _plane()
    window = segmenter.window(Prompt(Box(0, *BOXES[0])), plane.shape)
    (embedding,) = segmenter.embed([plane[None]])
    prompts = [
        Prompt(Box(0, *BOXES[0])),
        Prompt(Box(0, *BOXES[0]), ((15.0, 20.0, True),)),
        Prompt(Box(0, *BOXES[1])),
        Prompt(Box(0, *BOXES[1]), ((15.0, 20.0, True), (4.0, 50.0, False))),
    ]
    together = segmenter.masks(embedding, window, prompts)
    for logits, prompt in zip(together, prompts, strict=True):
        assert np.allclose(logits, segmenter.masks(embedding, window, [prompt])[0], atol=1e-4)
    assert not np.allclose(together[0], together[1], atol=1e-3), "a point changes the mask"
    assert not np.allclose(together[0], together[2], atol=1e-3), "so does the box"


def test_the_window_is_the_slice_and_the_mask_comes_back_to_its_pixels(segmenter: OfficialSam) -> None:
    shape = (48, 96)
    window = segmenter.window(Prompt(Box(7, 1, 2, 3, 4)), shape)
    assert (window.slice, window.row_max, window.col_max, window.size) == (7, 96.0, 96.0, 64)
    (embedding,) = segmenter.embed([window.crop(_plane(*shape))[None]])
    logits = segmenter.masks(embedding, window, [Prompt(Box(7, 10, 10, 30, 50))])
    rows, cols, native = window.paste(logits[0], shape)
    assert (rows, cols, native.shape) == (slice(0, 48), slice(0, 96), shape)


def test_no_state_between_slices(segmenter: OfficialSam) -> None:
    first, second = _plane(), _plane()[::-1].copy()
    window = segmenter.window(Prompt(Box(0, *BOXES[0])), first.shape)
    prompts = [Prompt(Box(0, *BOXES[0]))]
    one, two = segmenter.embed([first[None], second[None]])
    before = segmenter.masks(one, window, prompts)
    other = segmenter.masks(two, window, prompts)
    assert np.array_equal(segmenter.masks(one, window, prompts), before)
    assert not np.allclose(before, other, atol=1e-3)


def test_no_prompts_and_many_prompts(segmenter: OfficialSam) -> None:
    window = segmenter.window(Prompt(Box(0, *BOXES[0])), (64, 64))
    (embedding,) = segmenter.embed([_plane()[None]])
    assert segmenter.masks(embedding, window, []).shape == (0, 16, 16)
    assert segmenter.embed([]) == []
    many = segmenter.masks(embedding, window, [Prompt(Box(0, *BOXES[n % 3])) for n in range(70)])
    assert np.allclose(many[69], many[0], atol=1e-4) and not np.allclose(many[69], many[1], atol=1e-3)


# --- weights ----------------------------------------------------------------------------------------------------------


def test_an_official_checkpoint_is_known_by_its_hash(network: SamNetwork, tmp_path: Path) -> None:
    path = tmp_path / "sam_vit_s_000000.pth"
    torch.save(network.state_dict(), path)
    with pytest.raises(WeightsError, match="not one of the official Segment Anything files"):
        load_official_sam(path, "small", Device.CPU)
    segmenter = load_official_sam(path, "small", Device.CPU, official={file_sha256(path): SMALL})
    assert segmenter.info == EngineInfo("small", file_sha256(path), "cpu", "Apache-2.0", 0.0)
    plane = _plane()
    window = segmenter.window(Prompt(Box(0, *BOXES[0])), plane.shape)
    logits = segmenter.masks(segmenter.embed([plane[None]])[0], window, [Prompt(Box(0, *BOXES[0]))])
    own = OfficialSam(network, INFO)
    assert np.allclose(logits, own.masks(own.embed([plane[None]])[0], window, [Prompt(Box(0, *BOXES[0]))]), atol=1e-5)


def test_converted_weights_load(network: SamNetwork, tmp_path: Path) -> None:
    path = tmp_path / "sam.safetensors"
    save_weights(path, network.state_dict(), sam_header(SMALL, "MIT", {}), half=False)
    segmenter = load_official_sam(path, "mine", Device.CPU)
    assert (segmenter.info.name, segmenter.info.licence) == ("mine", "MIT")
    assert not any(parameter.is_meta for parameter in segmenter._network.parameters())


def test_load_segmenter_takes_sam_by_path(network: SamNetwork, tmp_path: Path) -> None:
    path = tmp_path / "sam.safetensors"
    save_weights(path, network.state_dict(), sam_header(SMALL, "MIT", {}))
    assert isinstance(load_segmenter(str(path), Device.CPU), OfficialSam)
    pickled = tmp_path / "sam.pth"
    torch.save(network.state_dict(), pickled)
    with pytest.raises(WeightsError, match=r"not one of the official .* scarseg models convert"):
        load_segmenter(str(pickled), Device.CPU)


def test_tensors_of_another_size_are_refused(network: SamNetwork, tmp_path: Path) -> None:
    path = tmp_path / "sam.safetensors"
    other = SamConfig(32, 3, 2, (1,), image_size=64)
    save_weights(path, network.state_dict(), sam_header(other, "MIT", {}))
    with pytest.raises(WeightsError, match="do not fit the network official-sam"):
        load_official_sam(path, "mine", Device.CPU)


@pytest.mark.parametrize(
    "change",
    [{"depth": "12"}, {"num_heads": 5}, {"image_size": 100}, {"global_attn_indexes": 3}, {"more": 1}, {"depth": 0}],
)
def test_headers_that_describe_no_network(change: dict[str, object]) -> None:
    with pytest.raises(WeightsError, match="does not describe a Segment Anything network"):
        SamConfig.from_dict({**SMALL.as_dict(), **change})


def test_other_weights_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    header = sam_header(SMALL, "MIT", {})
    save_weights(
        path, {"w": torch.ones(1)}, WeightsHeader("yolo11n", {}, header.scaling, 0.0, "MIT", {})
    )  # fmt: skip
    with pytest.raises(WeightsError, match="belong to the network yolo11n, but official-sam is needed"):
        load_official_sam(path, "other", Device.CPU)
    with pytest.raises(WeightsError, match="cannot be read"):
        load_official_sam(tmp_path / "gone.pth", "gone", Device.CPU)


def test_official_sizes_have_the_official_tensors() -> None:
    """Names and shapes of our three parts against segment_anything's own builders, without their memory."""
    from segment_anything.build_sam import build_sam_vit_b, build_sam_vit_h, build_sam_vit_l

    assert sorted(OFFICIAL.values(), key=lambda c: c.depth) == [VIT_B, VIT_L, VIT_H]
    for config, build in ((VIT_B, build_sam_vit_b), (VIT_L, build_sam_vit_l), (VIT_H, build_sam_vit_h)):
        with torch.device("meta"):
            ours, theirs = SamNetwork(config).state_dict(), build().state_dict()
        assert {k: v.shape for k, v in ours.items()} == {k: v.shape for k, v in theirs.items()}
        assert SamConfig.from_dict(config.as_dict()) == config


def test_slices_encoded_and_answered_together_are_what_each_is_alone(segmenter: OfficialSam) -> None:
    planes = [_plane(), np.ascontiguousarray(_plane()[::-1]), np.ascontiguousarray(_plane().T)]
    windows = [segmenter.window(Prompt(Box(z, *BOXES[0])), (64, 64)) for z in range(3)]
    prompts = [
        [Prompt(Box(0, *BOXES[0])), Prompt(Box(0, *BOXES[1]), ((15.0, 20.0, True),))],
        [Prompt(Box(1, *BOXES[1]))],
        [Prompt(Box(2, *BOXES[2])), Prompt(Box(2, *BOXES[0])), Prompt(Box(2, *BOXES[1]), ((4.0, 50.0, False),))],
    ]
    embeddings = segmenter.embed([plane[None] for plane in planes])
    asked = [Asked(*three) for three in zip(embeddings, windows, prompts, strict=True)]
    for plane, one, together in zip(planes, asked, segmenter.masks_together(asked), strict=True):
        (alone,) = segmenter.embed([plane[None]])
        assert np.allclose(together, segmenter.masks(alone, one.window, one.prompts), atol=1e-4)


@pytest.mark.parametrize("device_kind", ["cpu", "accelerator"])
def test_attention_without_a_score_matrix_is_the_official_one(
    network: SamNetwork, device_kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = copy.deepcopy(network.image_encoder)
    image = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(3))
    use_flash_attention(encoder)
    assert all(isinstance(block.attn, FlashAttention) for block in encoder.blocks)
    if device_kind == "accelerator":
        # What a GPU takes: places as part of the product and no mask. It is the same sum on any device.
        monkeypatch.setattr(FlashAttention, "_wants_mask", lambda self, tokens: False)
    with torch.inference_mode():
        expected = network.image_encoder(image)
        assert torch.allclose(encoder(image), expected, atol=1e-5)
        assert not torch.allclose(encoder(image.flip(3)), expected, atol=1e-2)


def test_half_precision_moves_no_mask_by_much(network: SamNetwork, segmenter: OfficialSam) -> None:
    half = OfficialSam(network, INFO, precision=torch.bfloat16)
    assert (segmenter.info.precision, half.info.precision) == ("float32", "bfloat16")
    plane, prompts = _plane(), [Prompt(Box(0, *corners)) for corners in BOXES]
    window = segmenter.window(prompts[0], plane.shape)
    (full_embedding,), (half_embedding,) = segmenter.embed([plane[None]]), half.embed([plane[None]])
    assert half_embedding.dtype == torch.float32
    assert not torch.equal(half_embedding, full_embedding), "it did compute in another precision"
    full = segmenter.masks(full_embedding, window, prompts)
    # Random weights answer about zero everywhere: the masks are cut at the median, far from any plateau.
    cut = np.median(full, axis=(1, 2), keepdims=True)
    a, b = full > cut, half.masks(half_embedding, window, prompts) > cut
    assert 2 * (a & b).sum() / (a.sum() + b.sum()) > 0.97
