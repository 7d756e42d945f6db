"""The tables: one Django app, one migration line. Evidence, decisions and money are append-only by trigger."""

from cair.store.models.decisions import Awaited, Decision, Run
from cair.store.models.evidence import REPORTS
from cair.store.models.intake import IntakeFile, Reject, Unmasking
from cair.store.models.keys import KeyCheck
from cair.store.models.money import MONEY

__all__ = ["MONEY", "REPORTS", "Awaited", "Decision", "IntakeFile", "KeyCheck", "Reject", "Run", "Unmasking"]
