"""Threshold methods on a wall whose remote mean, SD and scar are known."""

import numpy as np
import pytest
from skimage.filters import threshold_otsu

from napari_scarseg.errors import InputError
from napari_scarseg.measure.thresholds import (
    REASON_CONTRAST,
    REASON_NO_MYOCARDIUM,
    REASON_SMALL,
    ThresholdConfig,
    ThresholdMethod,
    fill_obstruction,
    find_remote,
    threshold_stack,
)

ROWS, COLS = np.mgrid[-32:33, -32:33]
RADIUS, ANGLE = np.hypot(ROWS, COLS), np.degrees(np.arctan2(ROWS, COLS)) % 360
WALL = (RADIUS > 14) & (RADIUS < 24)
SCAR = WALL & (ANGLE < 50) & (RADIUS < 20)
# Darker than the rest, so that the remote sector is known: 180° to 240°.
REMOTE = WALL & (ANGLE >= 180) & (ANGLE < 240)


def heart(scar: float = 200.0, noise: float = 0.4, offset: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(0)
    image = np.full(WALL.shape, 60.0) + 80 * (RADIUS <= 14)
    image[WALL] = 100
    image[REMOTE] = 99.5
    image[SCAR] = scar
    return (image + rng.normal(0, noise, image.shape) + offset)[None]


def run(image: np.ndarray, method: ThresholdMethod, n: float = 5.0, **options):  # type: ignore[no-untyped-def]
    scar, slices = threshold_stack(image, WALL[None], ThresholdConfig(method, n, **options))
    return scar[0], slices[0]


def test_the_remote_sector_is_the_darkest_sixth_of_the_wall() -> None:
    assert np.array_equal(find_remote(heart()[0], WALL), REMOTE)


@pytest.mark.parametrize("method", list(ThresholdMethod))
def test_each_method_finds_a_bright_scar(method: ThresholdMethod) -> None:
    scar, found = run(heart(), method)
    assert np.array_equal(scar, SCAR)
    assert found.reason == ""
    assert (found.scar_px, found.myocardium_px) == (SCAR.sum(), WALL.sum())


def test_thresholds_are_their_formulas() -> None:
    image = heart()
    mean, sd = image[0][REMOTE].mean(), image[0][REMOTE].std(ddof=1)
    for n in (2, 3.5, 6):
        assert run(image, ThresholdMethod.NSD, n)[1].threshold == pytest.approx(mean + n * sd)
    assert run(image, ThresholdMethod.FWHM)[1].threshold == pytest.approx((mean + image[0][WALL].max()) / 2)
    assert run(image, ThresholdMethod.OTSU)[1].threshold == pytest.approx(threshold_otsu(image[0][WALL]))


@pytest.mark.parametrize("method", list(ThresholdMethod))
def test_the_zero_of_the_image_does_not_matter(method: ThresholdMethod) -> None:
    # PSIR has an arbitrary offset; half of the raw maximum would find something else here.
    assert np.array_equal(run(heart(), method)[0], run(heart(offset=2048), method)[0])
    assert np.array_equal(run(heart(), method)[0], run(heart(offset=-500), method)[0])


def test_otsu_does_not_halve_a_healthy_heart() -> None:
    image = heart(scar=100, noise=4)
    image[0][REMOTE] += 0.5
    scar, found = run(image, ThresholdMethod.OTSU)
    assert not scar.any()
    assert found.reason == REASON_CONTRAST and np.isnan(found.threshold)
    assert (image[0][WALL] > threshold_otsu(image[0][WALL])).mean() > 0.4  # what it would have done


def test_specks_under_five_pixels_are_no_scar() -> None:
    image = heart(scar=100, noise=0.5)
    image[0, 32, 12:16] = 300
    assert WALL[32, 12:16].all()
    assert not run(image, ThresholdMethod.NSD)[0].any()
    image[0, 33, 12] = 300
    assert run(image, ThresholdMethod.NSD)[0].sum() == 5


def test_a_given_remote_region_is_used() -> None:
    image = heart()
    given = WALL & (ANGLE > 100) & (ANGLE < 150)
    _, (found,) = threshold_stack(image, WALL[None], ThresholdConfig(ThresholdMethod.NSD), given[None])
    assert found.remote_mean == pytest.approx(image[0][given].mean())
    assert found.remote_px == given.sum()


def test_slices_without_enough_wall_say_so() -> None:
    image, wall = np.repeat(heart(), 3, axis=0), np.stack([WALL, np.zeros_like(WALL), np.zeros_like(WALL)])
    wall[2, 10:12, 10:13] = True
    scar, slices = threshold_stack(image, wall, ThresholdConfig(ThresholdMethod.NSD))
    assert [found.reason for found in slices] == ["", REASON_NO_MYOCARDIUM, REASON_SMALL]
    assert not scar[1:].any()


def test_obstruction_enclosed_by_scar_and_cavity_is_filled_on_request() -> None:
    image = heart()
    core = SCAR & (RADIUS < 17) & (ANGLE > 15) & (ANGLE < 35)  # subendocardial, beside the cavity
    image[0][core] = 95
    without, with_core = run(image, ThresholdMethod.NSD)[0], run(image, ThresholdMethod.NSD, fill_mvo=True)[0]
    assert np.array_equal(without, SCAR & ~core)
    assert np.array_equal(with_core, SCAR)


def test_nothing_is_filled_where_there_is_no_scar() -> None:
    assert not fill_obstruction(np.zeros_like(WALL), WALL).any()


def test_what_cannot_be_thresholded_is_refused() -> None:
    config = ThresholdConfig(ThresholdMethod.NSD)
    with pytest.raises(InputError, match="no myocardium"):
        threshold_stack(heart(), np.zeros((1, 65, 65)), config)
    with pytest.raises(InputError, match="one \\(slice, row, column\\) grid"):
        threshold_stack(heart(), WALL, config)
    for n in (0, -1, float("nan")):
        with pytest.raises(InputError, match="must be positive"):
            ThresholdConfig(ThresholdMethod.NSD, n)
