"""The report: one self-contained page that says why people do not buy and why finishers are not paid."""

from cair.channels.report.facts import ReportFacts, UnableToWriteReport
from cair.channels.report.page import write_report

__all__ = ["ReportFacts", "UnableToWriteReport", "write_report"]
