"""The tables: one Django app, one migration line. Evidence, decisions and money are append-only by trigger."""

from cair.store.models.campaigns import CAMPAIGNS
from cair.store.models.decisions import Awaited, Decision, Run
from cair.store.models.evidence import REPORTS
from cair.store.models.intake import IntakeFile, Reject, Unmasking
from cair.store.models.keys import KeyCheck
from cair.store.models.money import MONEY
from cair.store.models.revocations import REVOCATIONS

__all__ = [
    "CAMPAIGNS",
    "MONEY",
    "REPORTS",
    "REVOCATIONS",
    "Awaited",
    "Decision",
    "IntakeFile",
    "KeyCheck",
    "Reject",
    "Run",
    "Unmasking",
]
