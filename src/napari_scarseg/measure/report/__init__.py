"""Reports of one case and of a cohort, as HTML and PDF."""

from napari_scarseg.measure.report.case import case_report
from napari_scarseg.measure.report.cohort import cohort_report
from napari_scarseg.measure.report.content import Report
from napari_scarseg.measure.report.html import html_report
from napari_scarseg.measure.report.pdf import pdf_report

__all__ = ["Report", "case_report", "cohort_report", "html_report", "pdf_report"]
