"""A report as a PDF: A4 pages of text and tables, and a page of its own size for each figure."""

import io
import textwrap
from collections.abc import Iterator

import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure

from napari_scarseg.measure.report.content import NOTICE, Report, ReportSection, ReportTable

_A4_INCHES = (8.27, 11.69)
_LANDSCAPE_INCHES = (11.69, 8.27)
_TEXT_PT = 9
_LINE_CHARACTERS = 104
_LINES_PER_PAGE = 58
_ROWS_PER_PAGE = 30
_LONGEST_CELL = 34


def pdf_report(report: Report) -> bytes:
    """The whole file. Text can be searched; the same report gives the same bytes."""
    buffer = io.BytesIO()
    with (
        rc_context({"pdf.fonttype": 42}),
        PdfPages(buffer, metadata={"Title": report.title, "CreationDate": None}) as pdf,
    ):
        for page in _pages(report):
            pdf.savefig(page)
    return buffer.getvalue()


def _pages(report: Report) -> Iterator[Figure]:
    start = [report.title, ""]
    if report.synthetic:
        start += [report.synthetic.upper(), ""]
    for text in report.paragraphs:
        start += [*textwrap.wrap(text, _LINE_CHARACTERS), ""]
    yield from _text_pages([*start, *textwrap.wrap(f"{report.made_with}. {NOTICE}", _LINE_CHARACTERS)], report)
    for section in report.sections:
        yield from _section_pages(section, report)


def _section_pages(section: ReportSection, report: Report) -> Iterator[Figure]:
    if section.paragraphs:
        lines = [section.title, ""]
        for text in section.paragraphs:
            lines += [*textwrap.wrap(text, _LINE_CHARACTERS), ""]
        yield from _text_pages(lines, report)
    for table in section.tables:
        yield from _table_pages(section.title, table, report)
    for one in section.figures:
        # A page of the figure's own size: drawn anew on A4 it would lose its proportions.
        yield one.figure


def _text_pages(lines: list[str], report: Report) -> Iterator[Figure]:
    """Lines as pages; the first line of all is a heading."""
    for start in range(0, len(lines), _LINES_PER_PAGE):
        page = _page(_A4_INCHES, report)
        for number, line in enumerate(lines[start : start + _LINES_PER_PAGE]):
            is_heading = start + number == 0
            page.text(
                0.08,
                0.94 - number * 0.0152,
                line,
                fontsize=_TEXT_PT + 4 if is_heading else _TEXT_PT,
                fontweight="bold" if is_heading else "normal",
                va="top",
            )
        yield page


def _table_pages(title: str, table: ReportTable, report: Report) -> Iterator[Figure]:
    frame = table.frame.astype(str).map(_cell_text)
    for start in range(0, max(len(frame), 1), _ROWS_PER_PAGE):
        page = _page(_LANDSCAPE_INCHES, report)
        page.text(0.05, 0.94, title, fontsize=_TEXT_PT + 2, fontweight="bold")
        axes = page.add_axes((0.05, 0.1, 0.9, 0.8))
        axes.set_axis_off()
        _draw_table(axes, frame.iloc[start : start + _ROWS_PER_PAGE])
        for number, line in enumerate(textwrap.wrap(table.note, 150)[:3]):
            page.text(0.05, 0.085 - 0.02 * number, line, fontsize=_TEXT_PT - 2, va="top")
        yield page


def _draw_table(axes: Axes, frame: pd.DataFrame) -> None:
    if frame.empty:
        axes.text(0, 1, "no rows", va="top")
        return
    headings = [textwrap.fill(str(name), 16) for name in frame.columns]
    drawn = axes.table(cellText=frame.to_numpy().tolist(), colLabels=headings, loc="upper left", cellLoc="right")
    drawn.auto_set_font_size(False)
    drawn.set_fontsize(_TEXT_PT - 2)
    drawn.auto_set_column_width(list(range(frame.shape[1])))
    lines = max(heading.count("\n") + 1 for heading in headings)
    for (row, _), cell in drawn.get_celld().items():
        cell.set_linewidth(0.3)
        if row == 0:
            cell.set_height(cell.get_height() * lines)
            cell.set_text_props(fontweight="bold")


def _page(size_inches: tuple[float, float], report: Report) -> Figure:
    page = Figure(figsize=size_inches, facecolor="white")
    FigureCanvasAgg(page)
    footer = f"{report.synthetic} · {NOTICE}" if report.synthetic else NOTICE
    page.text(0.5, 0.02, footer, fontsize=_TEXT_PT - 2, ha="center", color="#555555")
    return page


def _cell_text(text: str) -> str:
    return textwrap.shorten(text, _LONGEST_CELL, placeholder=" …")
