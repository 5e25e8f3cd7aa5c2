"""Tables of measures with known differences between groups."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest


@pytest.fixture
def make_table() -> Callable[..., pd.DataFrame]:
    """A table of lesion slices: so many patients in two phases, with a shift of the first phase and an ICC."""

    def make(
        patients: int = 12, slices: int = 8, icc: float = 0.5, shift: float = 0.0, seed: int = 0, features: int = 1
    ) -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        people = np.repeat(np.arange(2 * patients), slices)
        acute = people < patients
        names = ["solidity", "circularity", "extent", "eccentricity", "mass_g", "area_mm2", "perimeter_mm"]
        columns = {}
        for name in names[:features]:
            between = rng.normal(scale=icc**0.5, size=2 * patients) + shift * (np.arange(2 * patients) < patients)
            values = between[people] + rng.normal(scale=(1 - icc) ** 0.5, size=people.size)
            # Into the range of a ratio: tables of measures are checked for impossible values.
            columns[name] = 0.5 + 0.05 * values
        return pd.DataFrame(
            {
                "case": [f"case{i}" for i in people],
                "patient": [f"P{i:03}" for i in people],
                "phase": np.where(acute, "acute", "chronic"),
                "cohort": "north",
                "lesion_id": 1,
                "slice": np.tile(np.arange(slices), 2 * patients),
                "area_px": 100,
                **columns,
            }
        )

    return make
