"""What a report holds, whatever it is written as."""

from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

NOTICE = "Research use only; not a medical device."


@dataclass(frozen=True, slots=True, eq=False)
class ReportTable:
    """A table of texts.

    Parameters
    ----------
    frame : DataFrame of str
        As it is to be read: rounded, with units in the headings.
    note : str
    """

    frame: pd.DataFrame
    note: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class ReportFigure:
    """A figure, in the theme for paper.

    Parameters
    ----------
    figure : Figure
    caption : str
        Says what is seen to those who do not see it.
    """

    figure: Figure
    caption: str


@dataclass(frozen=True, slots=True, eq=False)
class ReportSection:
    """A heading with what stands under it, in this order."""

    title: str
    paragraphs: tuple[str, ...] = ()
    tables: tuple[ReportTable, ...] = ()
    figures: tuple[ReportFigure, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """One report.

    Parameters
    ----------
    title : str
    synthetic : str
        That the data are a phantom's; stands above everything. Empty where they are not.
    paragraphs : tuple of str
        What the reader must know first.
    sections : tuple of ReportSection
    made_with : str
        Program and version.
    """

    title: str
    synthetic: str
    paragraphs: tuple[str, ...]
    sections: tuple[ReportSection, ...]
    made_with: str


def number_text(value: float, digits: int = 3) -> str:
    """A number with so many significant digits; a dash where there is none.

    Examples
    --------
    >>> number_text(0.123456), number_text(-1234.5), number_text(float("nan"))
    ('0.123', '−1230', '–')
    """
    if value != value:
        return "–"
    rounded = float(f"{value:.{digits}g}")
    text = f"{rounded:.0f}" if abs(rounded) >= 10 ** (digits - 1) else f"{rounded:.{digits}g}"
    return text.replace("-", "−")


def interval_text(value: float, low: float, high: float) -> str:
    """A value with its interval in brackets, where it has one."""
    if low != low or high != high:
        return number_text(value)
    return f"{number_text(value)} [{number_text(low)}, {number_text(high)}]"


def p_text(p: float) -> str:
    """A p or q value; never 0."""
    if p != p:
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
