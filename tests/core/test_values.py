"""The small values: intensity scaling, configuration, case keys and provenance."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_scarseg import __version__
from napari_scarseg.core.case import CaseInfo, Phase
from napari_scarseg.core.config import DetectConfig, Device, SegmentConfig
from napari_scarseg.core.intensity import LEAST_GAMMA, scale_pixels
from napari_scarseg.core.protocols import EngineInfo
from napari_scarseg.core.provenance import library_versions, make_provenance
from napari_scarseg.core.spacing import Spacing, SpacingOrigin
from napari_scarseg.errors import DeviceError, InputError, ScarSegError, WeightsError

PIXELS = hnp.arrays(np.int16, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12))


@settings(deadline=None)
@given(PIXELS, st.sampled_from([0.5, 2, 4]), st.integers(-500, 500))
def test_scaling_does_not_care_for_gain_and_offset(pixels, gain, offset):
    scaled = scale_pixels(pixels)
    assert scaled.dtype == np.float32
    assert scaled.shape == pixels.shape
    assert scaled.min() >= 0 and scaled.max() <= 1
    np.testing.assert_allclose(scale_pixels(pixels.astype(np.float64) * gain + offset), scaled, atol=0.02)


def test_scaling_by_percentiles():
    scaled = scale_pixels(np.arange(201))
    assert scaled[2] == 0 and scaled[198] == 1
    assert scaled[100] == pytest.approx(0.5)


def test_constant_pixels_are_zero():
    np.testing.assert_array_equal(scale_pixels(np.full((3, 4), 7)), np.zeros((3, 4)))


def test_only_a_dark_window_is_lifted_to_the_median():
    dark = np.linspace(0, 1, 10001) ** 2
    lifted = scale_pixels(dark, least_median=0.4)
    assert np.median(lifted) == pytest.approx(0.4, abs=1e-3)
    assert lifted.min() == 0 and lifted.max() == 1
    assert (np.diff(lifted) >= 0).all()
    np.testing.assert_array_equal(scale_pixels(np.arange(201), least_median=0.4), scale_pixels(np.arange(201)))


def test_an_almost_black_window_is_lifted_no_further_than_the_least_gamma():
    dark = np.linspace(0, 1, 10001) ** 20
    np.testing.assert_allclose(scale_pixels(dark, least_median=0.4), scale_pixels(dark) ** LEAST_GAMMA, rtol=1e-5)
    mostly_zero = np.repeat([0, 0, 1], 10)
    np.testing.assert_array_equal(scale_pixels(mostly_zero, least_median=0.4), mostly_zero)


@pytest.mark.parametrize("confidence", [-0.1, 1.1, float("nan")])
def test_confidence_is_a_share(confidence):
    with pytest.raises(InputError, match="between 0 and 1"):
        DetectConfig(confidence=confidence)


def test_configuration_goes_into_json():
    record = {
        "detect": DetectConfig(confidence=0.25, device=Device.CPU).as_dict(),
        "segment": SegmentConfig().as_dict(),
    }
    back = json.loads(json.dumps(record))
    assert back["detect"] == {"detector": "bundled", "confidence": 0.25, "device": "cpu"}
    assert back["segment"]["threshold_logit"] is None


def test_patient_is_the_case_where_none_is_given():
    assert CaseInfo("P001").patient == "P001"
    info = CaseInfo("P001", "seven", Phase.CHRONIC, "north")
    assert (info.patient, info.phase, info.cohort) == ("seven", "chronic", "north")


def test_one_base_for_all_errors():
    assert all(issubclass(kind, ScarSegError) for kind in (InputError, DeviceError, WeightsError))


def test_provenance_is_json_and_says_what_made_it():
    engine = EngineInfo("lge-detector", "ab" * 32, "cpu", "CC BY-NC-SA 4.0")
    record = make_provenance(
        "segment",
        spacing=Spacing(10, 1.4, 1.4, SpacingOrigin.HEADER),
        config=SegmentConfig().as_dict(),
        engines={"detector": engine},
        inputs={"P001": "cd" * 32},
        findings=["odd"],
    )
    back = json.loads(json.dumps(record))
    assert back["command"] == "segment"
    assert back["versions"]["napari-scarseg"] == __version__
    assert back["spacing"] == {"z_mm": 10, "y_mm": 1.4, "x_mm": 1.4, "origin": "header"}
    assert back["engines"]["detector"]["weights_sha256"] == "ab" * 32
    assert (back["inputs"], back["findings"]) == ({"P001": "cd" * 32}, ["odd"])
    assert back["created_utc"].endswith("+00:00")
    assert "not a medical device" in back["notice"]


def test_unknown_spacing_is_null():
    assert make_provenance("detect")["spacing"] is None
    assert make_provenance("detect", spacing=Spacing.unknown())["spacing"] is None


def test_versions_name_only_what_is_installed():
    versions = library_versions()
    assert versions["numpy"] == np.__version__
    assert all(isinstance(version, str) for version in versions.values())
