"""Phantoms that several tests look at, made once."""

from collections.abc import Callable
from functools import cache

import pytest

from napari_scarseg.core.case import Phase
from napari_scarseg.phantom import Phantom, make_phantom


@pytest.fixture(scope="session")
def phantom_of() -> Callable[[int, Phase], Phantom]:
    """The default phantom of a seed and a phase."""
    return cache(make_phantom)
