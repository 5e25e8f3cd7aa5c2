"""Attributes of a DICOM data set as plain values: what is missing or malformed is None, never an exception."""

import math

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.dataset import Dataset


def text(dataset: Dataset, keyword: str) -> str:
    """A value as text without blanks at its ends; empty where there is none."""
    value = dataset.get(keyword)
    return "" if value is None else str(value).strip()


def words(dataset: Dataset, keyword: str) -> tuple[str, ...]:
    """The values of an attribute that may have several."""
    value = dataset.get(keyword)
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(str(word) for word in value)


def integer(dataset: Dataset, keyword: str) -> int | None:
    """First whole number of an attribute; None where there is none."""
    value = dataset.get(keyword)
    if isinstance(value, list | tuple | pydicom.multival.MultiValue):
        value = value[0] if len(value) else None
    try:
        return int(value) if value is not None else None
    except (TypeError, ValueError, OverflowError):
        return None


def number(dataset: Dataset, keyword: str) -> float | None:
    """First number of an attribute, if it is finite."""
    value = dataset.get(keyword)
    if isinstance(value, list | tuple | pydicom.multival.MultiValue):
        value = value[0] if len(value) else None
    try:
        found = float(value) if value is not None else math.nan
    except (TypeError, ValueError):
        return None
    return found if math.isfinite(found) else None


def length_mm(dataset: Dataset, keyword: str) -> float | None:
    """A positive length."""
    value = number(dataset, keyword)
    return value if value is not None and value > 0 else None


def vector(dataset: Dataset, keyword: str, count: int) -> npt.NDArray[np.float64] | None:
    """Exactly `count` finite numbers."""
    try:
        values = np.asarray([float(value) for value in dataset.get(keyword) or ()], dtype=np.float64)
    except (TypeError, ValueError):
        return None
    return values if values.shape == (count,) and bool(np.isfinite(values).all()) else None


def first_item(dataset: Dataset, keyword: str) -> Dataset:
    """First item of a sequence; an empty data set where there is none."""
    items = dataset.get(keyword)
    if isinstance(items, pydicom.sequence.Sequence) and len(items):
        item: Dataset = items[0]
        return item
    return Dataset()
