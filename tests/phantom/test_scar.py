"""Infarcts: mass, place, MVO, wall and islands."""

from dataclasses import replace

import numpy as np
import pytest

from napari_scarseg.core.case import Phase
from napari_scarseg.core.masks import label_components
from napari_scarseg.phantom import AnatomyConfig, LogNormal, Range, ScarConfig
from napari_scarseg.phantom.heart import ANGLES, LEVELS, draw_left_ventricle
from napari_scarseg.phantom.noise import draw_log_normal
from napari_scarseg.phantom.scar import DENSITY_G_PER_ML, DEPTHS, Scar, draw_scar


def infarct(seed: int, config: ScarConfig, phase: Phase = Phase.ACUTE) -> Scar:
    healthy = draw_left_ventricle(np.random.default_rng(seed), AnatomyConfig(), phase)
    wall_mm = 4.0 if phase is Phase.CHRONIC else None
    return draw_scar(np.random.default_rng(seed + 100), config, healthy, phase, wall_mm, 1.0)


def test_the_wall_weighs_what_its_shells_weigh():
    left = draw_left_ventricle(np.random.default_rng(1), AnatomyConfig(), Phase.ACUTE)
    volumes = left.cell_volumes_ml(DEPTHS)
    assert volumes.shape == (LEVELS, ANGLES, DEPTHS)
    rings = (np.pi / ANGLES) * ((left.endo_mm + left.wall_mm) ** 2 - left.endo_mm**2).sum(dtype=float)
    assert volumes.sum() == pytest.approx(rings * left.length_mm / LEVELS / 1000, rel=1e-5)
    assert 60 < volumes.sum() * DENSITY_G_PER_ML < 260


@pytest.mark.parametrize("seed", range(6))
def test_the_infarct_has_the_mass_that_was_asked_for(seed):
    wanted = Range(12.0, 12.001)
    scar = infarct(seed, ScarConfig(acute_mass_g=LogNormal(12.0, 0.0001), mass_limits_g=wanted))
    assert scar.mass_g == pytest.approx(12.0, rel=0.02)


def test_masses_are_log_normal_with_their_own_mean_and_deviation():
    rng = np.random.default_rng(0)
    masses = [draw_log_normal(rng, LogNormal(25.0, 17.0), Range(0.0, 1e6)) for _ in range(20_000)]
    assert np.mean(masses) == pytest.approx(25.0, rel=0.03)
    assert np.std(masses) == pytest.approx(17.0, rel=0.06)
    assert np.mean(np.log(masses)) == pytest.approx(np.median(np.log(masses)), abs=0.02)


@pytest.mark.parametrize("seed", range(8))
def test_it_grows_from_the_endocardium_outwards(seed):
    scar = infarct(seed, ScarConfig(fragmentation=Range(0.0, 0.0)))
    inside = scar.level_mm > 0
    by_depth = inside.sum(axis=(0, 1))
    assert by_depth[0] == by_depth.max() > 0
    assert (np.diff(by_depth) <= 0).all()
    # No viable layer under scarred one: each column is scar from the cavity up to its depth.
    assert not (inside[..., 1:] & ~inside[..., :-1]).any()


@pytest.mark.parametrize(("territory", "middle_deg"), [(0, 118), (1, 248), (2, 338)])
def test_it_lies_in_the_territory_of_its_artery(territory, middle_deg):
    weights = tuple(float(i == territory) for i in range(3))
    for seed in range(5):
        scar = infarct(seed, ScarConfig(territory_weights=weights, mass_limits_g=Range(8.0, 20.0)))
        mass = (scar.level_mm > 0).sum(axis=(0, 2))
        middle = np.angle((mass * np.exp(2j * np.pi * np.arange(ANGLES) / ANGLES)).sum())
        away = np.angle(np.exp(1j * (middle - np.deg2rad(middle_deg))))
        assert abs(np.rad2deg(away)) < 50


def test_mvo_is_a_core_of_the_share_that_was_asked_for():
    config = ScarConfig(mvo_probability=1.0, mvo_share=Range(0.2, 0.2))
    for seed in range(4):
        scar = infarct(seed, config)
        volumes = scar.left.cell_volumes_ml(DEPTHS)
        inside, mvo = scar.level_mm > 0, scar.mvo_level > 0
        assert not (mvo & ~inside).any()
        assert volumes[mvo].sum() / volumes[inside].sum() == pytest.approx(0.2, abs=0.02)


def test_how_often_mvo_comes_and_that_chronic_infarcts_have_none():
    assert all((infarct(s, ScarConfig(mvo_probability=1.0), Phase.CHRONIC).mvo_level < 0).all() for s in range(3))
    assert all((infarct(s, ScarConfig(mvo_probability=0.0)).mvo_level < 0).all() for s in range(3))
    assert all((infarct(s, ScarConfig(mvo_probability=1.0)).mvo_level > 0).any() for s in range(3))


def test_a_chronic_infarct_thins_its_wall_and_spares_the_rest():
    healthy = draw_left_ventricle(np.random.default_rng(5), AnatomyConfig(), Phase.CHRONIC)
    scar = draw_scar(np.random.default_rng(6), ScarConfig(), healthy, Phase.CHRONIC, 4.0, 1.0)
    factor = scar.left.wall_mm / np.maximum(healthy.wall_mm, 1e-6)
    assert factor.min() == pytest.approx(4.0 / healthy.wall_mm[: LEVELS // 2].mean(), rel=0.05)
    assert (factor[~(scar.level_mm > 0).any(axis=-1)] > 0.8).mean() > 0.9


@pytest.mark.parametrize("phase", [Phase.ACUTE, Phase.CHRONIC])
def test_fragmentation_makes_islands_in_either_phase(phase):
    def pieces(fragmentation: float) -> float:
        config = replace(ScarConfig(), fragmentation=Range(fragmentation, fragmentation), mvo_probability=0.0)
        counts = []
        for seed in range(6):
            inside = infarct(seed, config, phase).level_mm > 0
            counts += [label_components(inside[:, :, d]).max() for d in range(0, DEPTHS, 3)]
        return float(np.mean(counts))

    assert pieces(1.0) > 2 * pieces(0.0)
