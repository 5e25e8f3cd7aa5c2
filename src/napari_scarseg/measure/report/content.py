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
