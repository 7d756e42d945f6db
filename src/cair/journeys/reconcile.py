"""Deciding: everybody, or those whose facts changed, with the same rules; audits before anything is stored."""

from collections.abc import Callable
from datetime import datetime

from cair.kernel.days import instant_of, instant_text
from cair.store.answers import answers
from cair.store.deciding_runs import NOTHING_ELSE, Look, decide_everybody, decide_some
from cair.store.locks import alone
from cair.store.office import Office
from cair.store.queries.runs import affected_cards, last_run, newest_report
from cair.store.records.decisions import RunRecord, add_run

Announce = Callable[[str, int, int], None]
MOST_AT_A_TIME = 50_000
"""When more people may be affected than this, everybody is decided: it is cheaper than fetching facts by key."""


class UnableToStandBehind(Exception):
    """An audit found that a run's rows do not add up; nothing was stored."""


def reconcile_now(
    office: Office, now: datetime, *, full: bool, announce: Announce, look: Look = NOTHING_ELSE
) -> RunRecord:
    """Decide as of now and store what changed: of those concerned by what is new, or of everybody.

    `look`: what a full run tells besides.

    :raises UnableToStandBehind: an audit failed; nothing was stored.
    :raises cair.store.locks.UnableToGoAlone: another reconciliation is running.
    """
    with alone(office.database, "reconciliation"):
        before, until, as_of = last_run(office.database), newest_report(office.database), instant_of(now)
        cards = None
        if not full and before.number and before.as_of <= as_of:
            cards = affected_cards(office.database, before, as_of=now, until=until, limit=MOST_AT_A_TIME)
        if cards is None:
            people, changed, troubles = decide_everybody(office, as_of, until=until, announce=announce, look=look)
        else:
            people, changed, troubles = decide_some(office, cards, as_of, until=until)
        if troubles:
            raise UnableToStandBehind("The run does not add up and was not stored: " + "; ".join(troubles) + ".")
        run = RunRecord(before.number + 1, as_of, until, cards is None, people, changed.num_rows)
        add_run(office.database, run, changed, after=before.taken_in)
    return run


def look_back(office: Office, as_of: datetime, *, announce: Announce) -> dict[str, object]:
    """Decide everybody as of a past instant, storing nothing; say how many stand in which state."""
    moment = instant_of(as_of)
    with answers(office, moment, "decisions", announce=announce) as answer:
        rows = answer.rows("SELECT state, count(*) AS people FROM given_decisions GROUP BY state ORDER BY state")
    states = {str(row["state"]): row["people"] for row in rows}
    return {"as_of": instant_text(moment), "decided": sum(int(str(n)) for n in states.values()), "states": states}
