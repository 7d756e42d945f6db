"""The tables: one Django app, one migration line. Evidence, decisions and money are append-only by trigger."""

from cair.store.models.decisions import Decision, Run
from cair.store.models.evidence import REPORTS
from cair.store.models.intake import IntakeFile, Reject
from cair.store.models.keys import KeyCheck
from cair.store.models.money import MONEY

__all__ = ["MONEY", "REPORTS", "Decision", "IntakeFile", "KeyCheck", "Reject", "Run"]
