"""The next step with each person who has not bought: on which channel, or on whose call list. Pure.

Source: decisions, section 5: another channel, password reset, a call by the labour office, help with the one-time code.
Channels are tried from the cheapest on. Where a channel reached the person it is used again, unless nothing came of it;
where all were tried in vain the labour office calls.
"""

from enum import StrEnum

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from cair.kernel.days import DAY
from cair.kernel.reasons import ReachClass
from cair.programme.reader import steady
from cair.rules.revocation import Heard

CASCADE = ("sms", "whatsapp", "email", "voice")
BY_PHONE = ("sms", "whatsapp", "voice")
DAYS_APART = steady("days_between_messages")
"""Nobody is messaged twice within so many days."""
HELD_OUT = ""
"""The channel of somebody who is left out for comparison."""


class CallList(StrEnum):
    """Who calls, where messages do not help."""

    HELPDESK = "helpdesk"
    """Helps with the one-time code until the purchase succeeds."""
    LABOUR_OFFICE = "labour_office"
    """Visits or calls, and brings the number up to date."""


DESTINATIONS = (*CASCADE, *CallList)
_ANOTHER = (ReachClass.DELIVERED, ReachClass.UNREACHABLE, ReachClass.NO_RECEIPT)
"""Classes with which the channels that were used have not helped."""
_NEVER = 99
Marks = npt.NDArray[np.bool_]


def too_soon(cases: pa.Table, as_of: int) -> Marks:
    """Say of each person whether a message was sent within the last days. :param as_of: microseconds UTC."""
    newest = pc.fill_null(cases["last_message"], 0)
    found: Marks = pc.greater(newest, as_of - DAYS_APART * DAY).to_numpy()
    return found


def next_channels(cases: pa.Table, *, has_phone: Marks, has_email: Marks) -> pa.Array:
    """Give for each person a channel of `CASCADE`, a call list, or `HELD_OUT`.

    :param cases: reach, is_held_out, on_<channel>; the other two say by whom an address is known, in the same order.
    """
    reach = cases["reach"].to_pylist()
    another = np.isin(reach, [str(each) for each in _ANOTHER])
    ranks = np.full((len(CASCADE), cases.num_rows), _NEVER, np.int64)
    for place, channel in enumerate(CASCADE):
        heard = pc.fill_null(cases[f"on_{channel}"], "").to_numpy(zero_copy_only=False)
        is_new, reached = heard == "", heard == str(Heard.DELIVERED)
        # Untried before used where another channel is wanted; a channel that reached the person first elsewhere.
        rank = np.where(another, np.where(is_new, 0, np.where(reached, 1, _NEVER)), np.where(reached, 0, 1))
        rank = np.where(~another & ~is_new & ~reached, 2 + (heard == str(Heard.FAILED)), rank)
        known = has_phone if channel in BY_PHONE else has_email
        ranks[place] = np.where(known, np.where(rank == _NEVER, _NEVER, rank * len(CASCADE) + place), _NEVER)
    chosen = np.array(CASCADE, object)[ranks.argmin(axis=0)] if cases.num_rows else np.array([], object)
    chosen = np.where(ranks.min(axis=0, initial=_NEVER) == _NEVER, str(CallList.LABOUR_OFFICE), chosen)
    helped = np.isin(reach, [str(ReachClass.TRIED)]) & has_phone
    chosen = np.where(helped, str(CallList.HELPDESK), chosen)
    held_out = cases["is_held_out"].to_numpy(zero_copy_only=False)
    return pa.array(np.where(held_out, HELD_OUT, chosen), pa.string())


def countdown(last_day: int, today: int) -> str:
    """Name how near a last day is: `passed`, `today`, `within_7_days`, `later`."""
    left = last_day - today
    if left < 0:
        return "passed"
    if left == 0:
        return "today"
    return "within_7_days" if left <= 7 else "later"


def message_ref(campaign: int, mark: str, position: int) -> str:
    """Name one message of a campaign: known before it is sent, the same however often it is handed over."""
    return f"C{campaign}-{mark}-{position}"
