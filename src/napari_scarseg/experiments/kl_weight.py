"""Experiments on the paper's loss: the weight of the KL, the softening σ, the form of the KL, and wrong labels."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import Field

from napari_scarseg.evaluation.summary import EvaluationTables
from napari_scarseg.experiments.config import OneSourceConfig, Strict
from napari_scarseg.experiments.data import ExperimentData
from napari_scarseg.experiments.findings import (
    ALPHA,
    Experiment,
    Findings,
    NamedFigure,
    print_comparison,
    print_estimates,
    tell_difference,
)
from napari_scarseg.experiments.label_noise import LabelNoise
from napari_scarseg.experiments.results import DSC, PERIMETER, compare_with, estimate_methods, is_synthetic
from napari_scarseg.experiments.run import Run
from napari_scarseg.experiments.training_plan import Variant, plan_training
from napari_scarseg.measure.figure_curves import curves_figure, tradeoff_figure
from napari_scarseg.measure.figure_methods import methods_figure


class Noise(Strict):
    """One kind of wrong labels, of which every KL weight of `weights` is trained."""

    kind: LabelNoise
    amount_px: float = Field(default=1.0, ge=0)


class KlWeightConfig(OneSourceConfig):
    """Dice and cross-entropy keep the ratio that they have in the paper's loss, 1 : 1, and share what the KL leaves.

    `planted` is the loss of a run that must lose; without it none is trained.
    """

    weights: tuple[float, ...] = (0.0, 0.3, 0.6, 0.9)
    sigma_px: float = Field(default=2.0, ge=0)
    with_papers_form: bool = True
    noise: tuple[Noise, ...] = ()
    noise_weights: tuple[float, ...] = (0.0, 0.6)
    planted: dict[str, Any] = Field(default_factory=dict)


class SigmaByKlConfig(OneSourceConfig):
    """σ of the soft target × weight of the KL."""

    sigmas_px: tuple[float, ...] = (1.0, 2.0, 3.0)
    weights: tuple[float, ...] = (0.3, 0.6, 0.9)


PLANTED = "broken loss (planted)"
PAPERS_FORM = "KL 0.6, the paper's form"
_PAPERS_WEIGHT = 0.6


def loss_with(kl: float, sigma_px: float, *, papers_kl: bool = False) -> dict[str, Any]:
    """Loss settings at a weight of the KL; Dice and cross-entropy share the rest evenly."""
    rest = round((1 - kl) / 2, 6)
    return {"loss": {"kl": kl, "dice": rest, "cross_entropy": rest, "sigma_px": sigma_px, "papers_kl": papers_kl}}


def plan_kl(config: KlWeightConfig, data: ExperimentData) -> list[Run]:
    """The weights, the paper's form, the planted mistake, and the weights again under each label noise."""
    variants = [_variant(f"KL {kl:g}", kl, config.sigma_px) for kl in config.weights]
    if config.with_papers_form:
        variants.append(_variant(PAPERS_FORM, _PAPERS_WEIGHT, config.sigma_px, papers_kl=True))
    if config.planted:
        variants.append(Variant(PLANTED, {"loss": config.planted}, _settings(-1.0, -1.0, "none", 0.0)))
    for noise in config.noise:
        for kl in config.noise_weights:
            settings = _settings(kl, config.sigma_px, noise.kind.value, noise.amount_px)
            name = f"{noise.kind.value} labels, KL {kl:g}"
            variants.append(Variant(name, loss_with(kl, config.sigma_px), settings, noise.kind, noise.amount_px))
    return plan_training(config, data, variants)


def find_kl(
    config: KlWeightConfig, data: ExperimentData, runs: Sequence[Run], tables: EvaluationTables, folder: Path
) -> Findings:
    """DSC and perimeter similarity over the weight, everything against the lowest weight, and the planted mistake."""
    estimates = estimate_methods(tables, seed=config.seed)
    reference = f"KL {config.weights[0]:g}"
    compared = compare_with(tables, reference, seed=config.seed)
    pairs = [
        compare_with(
            tables,
            f"{noise.kind.value} labels, KL {config.noise_weights[0]:g}",
            [f"{noise.kind.value} labels, KL {kl:g}" for kl in config.noise_weights[1:]],
            seed=config.seed,
        )
        for noise in config.noise
        if len(config.noise_weights) > 1
    ]
    points = _over_weights(estimates, {f"KL {kl:g}": kl for kl in config.weights})
    synthetic = is_synthetic(tables)
    figures = [
        NamedFigure(
            "kl_weight",
            curves_figure(points, "weight of the KL", "value", limits=None, note=_NOTE, synthetic=synthetic),
            "DSC and perimeter similarity over the weight of the KL, on labels as they are.",
            points,
        )
    ]
    if config.noise:
        noisy = _noise_points(config, estimates)
        figures.append(
            NamedFigure(
                "label_noise",
                methods_figure(noisy, note=_NOTE, synthetic=synthetic),
                "The same under labels that were made wrong on purpose; judged on labels as they are.",
                noisy,
            )
        )
    shown, not_shown = _tell_planted(compared) if config.planted else ([], [])
    on_dsc = compared[(compared["measure"] == DSC) & (compared["method"] != PLANTED)]
    plain = on_dsc[~on_dsc["method"].str.contains("labels")]
    shown += [tell_difference(row) for row in plain.to_dict("records")]
    shown += [tell_difference(row) for pair in pairs for row in pair[pair["measure"] == DSC].to_dict("records")]
    return Findings(
        tables={
            "estimates": estimates,
            "compared": compared,
            **({"noise_compared": pd.concat(pairs)} if pairs else {}),
        },
        printed=(print_estimates(estimates), print_comparison(compared), *map(print_comparison, pairs)),
        figures=tuple(figures),
        shown=tuple(shown),
        not_shown=(
            *not_shown,
            _WINDOWS,
            "The threshold is a logit of 0 for every run unless the settings say otherwise.",
        ),
    )


def plan_sigma(config: SigmaByKlConfig, data: ExperimentData) -> list[Run]:
    """One variant per σ and weight."""
    variants = [_variant(_cell_name(sigma, kl), kl, sigma) for sigma in config.sigmas_px for kl in config.weights]
    return plan_training(config, data, variants)


def find_sigma(
    config: SigmaByKlConfig, data: ExperimentData, runs: Sequence[Run], tables: EvaluationTables, folder: Path
) -> Findings:
    """DSC against perimeter similarity, one line per σ."""
    estimates = estimate_methods(tables, seed=config.seed)
    reference = _cell_name(config.sigmas_px[0], config.weights[0])
    compared = compare_with(tables, reference, seed=config.seed)
    points = _tradeoff(config, estimates)
    curves = pd.concat(
        [
            _over_weights(estimates, {_cell_name(sigma, kl): kl for kl in config.weights}, line=f"σ = {sigma:g} px")
            for sigma in config.sigmas_px
        ],
        ignore_index=True,
    )
    synthetic = is_synthetic(tables)
    return Findings(
        tables={"estimates": estimates, "compared": compared},
        printed=(print_estimates(estimates), print_comparison(compared)),
        figures=(
            NamedFigure(
                "tradeoff",
                tradeoff_figure(points, DSC, PERIMETER, note=_NOTE, synthetic=synthetic),
                "DSC against perimeter similarity; a line per σ, a point per weight of the KL.",
                points,
            ),
            NamedFigure(
                "sigma_by_kl",
                curves_figure(curves, "weight of the KL", "value", limits=None, note=_NOTE, synthetic=synthetic),
                "The same over the weight of the KL.",
                curves,
            ),
        ),
        shown=tuple(tell_difference(row) for row in compared[compared["measure"] == DSC].to_dict("records")),
        not_shown=(_WINDOWS, "The best cell of a table is the best of these draws, not the best setting."),
    )


_NOTE = "95 % intervals over patients; slices with scar"
_WINDOWS = "Windows lie round the true LV and boxes are true ones: this is about the segmenter, not about a cascade."


def _variant(name: str, kl: float, sigma_px: float, *, papers_kl: bool = False) -> Variant:
    return Variant(name, loss_with(kl, sigma_px, papers_kl=papers_kl), _settings(kl, sigma_px, "none", 0.0))


def _settings(kl: float, sigma_px: float, noise: str, noise_px: float) -> dict[str, str | float]:
    return {"kl": kl, "sigma_px": sigma_px, "label_noise": noise, "noise_px": noise_px}


def _cell_name(sigma_px: float, kl: float) -> str:
    return f"σ {sigma_px:g} px, KL {kl:g}"


def _over_weights(estimates: pd.DataFrame, weight_of: Mapping[str, float], line: str = "") -> pd.DataFrame:
    own = estimates[estimates["method"].isin(weight_of) & estimates["measure"].isin([DSC, PERIMETER])]
    return own.assign(panel=own["measure"], line=line, x=own["method"].map(weight_of))


def _noise_points(config: KlWeightConfig, estimates: pd.DataFrame) -> pd.DataFrame:
    parts = []
    for kl in config.noise_weights:
        names = {f"KL {kl:g}": "as they are"}
        for noise in config.noise:
            said = "drawn by FWHM" if noise.kind is LabelNoise.FWHM else noise.kind.value
            names[f"{noise.kind.value} labels, KL {kl:g}"] = said
        own = estimates[estimates["method"].isin(names) & estimates["measure"].isin([DSC, PERIMETER])]
        parts.append(own.assign(panel=own["measure"], line=f"KL {kl:g}", name="labels " + own["method"].map(names)))
    return pd.concat(parts, ignore_index=True)


def _tradeoff(config: SigmaByKlConfig, estimates: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for sigma in config.sigmas_px:
        for kl in config.weights:
            own = estimates[estimates["method"] == _cell_name(sigma, kl)].set_index("measure")
            dsc, perimeter = own.loc[DSC], own.loc[PERIMETER]
            rows.append(
                {"line": f"σ = {sigma:g} px", "name": f"{kl:g}"}
                | {"x": dsc["value"], "x_low": dsc["low"], "x_high": dsc["high"]}
                | {"y": perimeter["value"], "y_low": perimeter["low"], "y_high": perimeter["high"]}
            )
    return pd.DataFrame(rows)


def _tell_planted(compared: pd.DataFrame) -> tuple[list[str], list[str]]:
    """Whether the run with the broken loss was told apart: the check that this experiment can show anything."""
    row = compared[(compared["method"] == PLANTED) & (compared["measure"] == DSC)].iloc[0].to_dict()
    if row["p_adjusted"] < ALPHA and row["difference"] < 0:
        return [f"The planted mistake was told apart. {tell_difference(row)}"], []
    return [], [
        f"The planted mistake was NOT told apart, so no other difference should be read. {tell_difference(row)}"
    ]


KL_WEIGHT = Experiment(
    name="kl-weight",
    title="the weight of the KL, and labels made wrong",
    question="What does the KL to a softened target buy, on labels as they are and on labels made wrong on purpose?",
    config=KlWeightConfig,
    plan=plan_kl,
    find=find_kl,
)

SIGMA_BY_KL = Experiment(
    name="sigma-by-kl",
    title="softening σ by weight of the KL",
    question="How do the softening of the target and the weight of the KL trade DSC against perimeter similarity?",
    config=SigmaByKlConfig,
    plan=plan_sigma,
    find=find_sigma,
)
