"""A report as one HTML file that needs nothing beside it: no script, no font, no address."""

import base64
from html import escape

from napari_scarseg.measure.figure_files import FigureFormat, render_figure
from napari_scarseg.measure.report.content import NOTICE, Report, ReportFigure, ReportSection, ReportTable

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff; max-width: 62rem; margin: 2rem auto;
  padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2rem; border-bottom: 1px solid #ddd; }
table { border-collapse: collapse; font-size: 13px; margin: 1rem 0; }
th, td { padding: 0.25rem 0.6rem; text-align: right; border-bottom: 1px solid #e3e3e3; }
th:first-child, td:first-child { text-align: left; }
.wide { overflow-x: auto; }
figure { margin: 1rem 0.5rem 1rem 0; display: inline-block; vertical-align: top; max-width: 100%; }
figure img { max-width: 100%; height: auto; } figcaption { font-size: 13px; color: #444; max-width: 30rem; }
.synthetic { border: 2px solid #d55e00; padding: 0.5rem 1rem; font-weight: bold; }
.note, footer { font-size: 13px; color: #555; } footer { margin-top: 3rem; border-top: 1px solid #ddd; }
@media print { h2 { break-after: avoid; } figure, tr { break-inside: avoid; } }
"""


def html_report(report: Report) -> str:
    """The whole page; figures are drawn into it as SVG images, texts escaped."""
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(report.title)}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{escape(report.title)}</h1>",
    ]
    if report.synthetic:
        parts.append(f'<p class="synthetic">{escape(report.synthetic)}</p>')
    parts += [_paragraph(text) for text in report.paragraphs]
    parts += [_section(section) for section in report.sections]
    parts.append(f"<footer><p>{escape(report.made_with)}. {escape(NOTICE)}</p></footer></body></html>")
    return "\n".join(parts) + "\n"


def _section(section: ReportSection) -> str:
    parts = [f"<h2>{escape(section.title)}</h2>", *(_paragraph(text) for text in section.paragraphs)]
    parts += [_table(table) for table in section.tables]
    parts += [_figure(figure) for figure in section.figures]
    return "\n".join(parts)


def _paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>"


def _table(table: ReportTable) -> str:
    text = table.frame.to_html(index=False, border=0, escape=True, na_rep="–")
    note = f'<p class="note">{escape(table.note)}</p>' if table.note else ""
    return f'<div class="wide">{text}</div>{note}'


def _figure(one: ReportFigure) -> str:
    # As images of their own, so that the ids inside one drawing cannot meet those of another.
    data = base64.b64encode(render_figure(one.figure, FigureFormat.SVG)).decode()
    caption = escape(one.caption)
    image = f'<img alt="{caption}" src="data:image/svg+xml;base64,{data}">'
    return f"<figure>{image}<figcaption>{caption}</figcaption></figure>"
