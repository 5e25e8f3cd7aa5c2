"""Attributes of a DICOM data set as plain values: what is missing or malformed is None, never an exception."""

import functools
import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag, Tag

# Kinds of values that are plain ASCII, several of them with a backslash between.
_ASCII = frozenset({"UI", "CS", "IS", "DS"})


def text(dataset: Dataset, keyword: str) -> str:
    """A value as text without blanks at its ends; empty where there is none."""
    value = _value(dataset, keyword)
    return "" if value is None else str(value).strip(" \0")


def words(dataset: Dataset, keyword: str) -> tuple[str, ...]:
    """The values of an attribute that may have several."""
    value = _value(dataset, keyword)
    if value is None or value == "":
        return ()
    return tuple(value.split("\\")) if isinstance(value, str) else tuple(str(word) for word in value)


def integer(dataset: Dataset, keyword: str) -> int | None:
    """First whole number of an attribute; None where there is none."""
    value = number(dataset, keyword)
    return int(value) if value is not None else None


def number(dataset: Dataset, keyword: str) -> float | None:
    """First number of an attribute, if it is finite."""
    found = _numbers(dataset, keyword)
    return found[0] if found and math.isfinite(found[0]) else None


def length_mm(dataset: Dataset, keyword: str) -> float | None:
    """A positive length."""
    value = number(dataset, keyword)
    return value if value is not None and value > 0 else None


def vector(dataset: Dataset, keyword: str, count: int) -> npt.NDArray[np.float64] | None:
    """Exactly `count` finite numbers."""
    values = _numbers(dataset, keyword)
    return np.array(values) if len(values) == count and all(map(math.isfinite, values)) else None


def all_items(dataset: Dataset, keyword: str) -> list[Dataset]:
    """Items of a sequence."""
    items = _value(dataset, keyword)
    return list(items) if isinstance(items, pydicom.sequence.Sequence) else []


def first_item(dataset: Dataset, keyword: str) -> Dataset:
    """First item of a sequence; an empty data set where there is none."""
    items = all_items(dataset, keyword)
    return items[0] if items else Dataset()


@functools.cache
def _known(keyword: str) -> tuple[BaseTag, str]:
    """Tag and kind of value of an attribute."""
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise KeyError(keyword)
    return Tag(tag), dictionary_VR(tag)


def _value(dataset: Dataset, keyword: str) -> Any:
    """A value; of the plain kinds the text as it is stored, which spares pydicom's conversion of hundreds of them."""
    tag, kind = _known(keyword)
    if tag not in dataset:
        return None
    element: Any = dataset.get_item(tag)
    if isinstance(element, RawDataElement) and isinstance(element.value, bytes):
        own = element.VR or kind
        if own in _ASCII:
            return element.value.decode("latin-1")
        if own == kind == "US" and len(element.value) == 2:
            return int.from_bytes(element.value, "little" if element.is_little_endian else "big")
    return dataset[tag].value


def _numbers(dataset: Dataset, keyword: str) -> list[float]:
    value = _value(dataset, keyword)
    if value is None or value == "":
        return []
    if isinstance(value, str):
        parts: list[Any] = value.strip(" \0").split("\\")
    else:
        parts = list(value) if isinstance(value, list | tuple | pydicom.multival.MultiValue) else [value]
    try:
        return [float(part) for part in parts]
    except (TypeError, ValueError):
        return []
