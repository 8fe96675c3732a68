"""The report of a run: an HTML page, its pictures and numbers as files, and the table that a command prints."""

from valuescope.report.fields import ReportError
from valuescope.report.text_table import text_table
from valuescope.report.write import write_report

__all__ = ["ReportError", "text_table", "write_report"]
