"""Accounts looked at when they are linked: the partner is asked whether they can be paid to, and whose they are.

What it says is kept as evidence and tells people early. It accepts nothing: what decides is the partner's own report of
the account, and before money leaves the partner is asked once more. A name is never accepted for its likeness alone.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cair.channels.payments.rail import AccountAnswer, CallRail, PaymentOrder
from cair.channels.payments.snap.client import SnapRail
from cair.channels.payments.snap.pace import Budget
from cair.channels.payments.snap.profile import SnapKeys, SnapProfile
from cair.kernel.remedies import BankReason
from cair.programme.reader import rulebooks
from cair.rules.names import NameVerdict, compare_names
from cair.store.locks import alone
from cair.store.office import Office
from cair.store.records.account_checks import (
    AccountCheck,
    LinkedAccount,
    add_checks,
    find_unchecked,
    to_look_at,
    unchecked,
)

Announce = Callable[[str, int, int], None]
AT_ONCE = 50
"""Answers that are put on record together; whoever stops the program loses no more."""
USELESS = 10
"""So many answers of no use, one after the other, and the partner is left alone."""
_OF_THE_MOMENT = frozenset({BankReason.LIMIT_REACHED, BankReason.FUNDS_SHORT, BankReason.PARTNER_FAULT})


@dataclass
class AccountWorker:
    """One worker on one partner. `wait` sleeps, or moves a clock in tests; `most`: accounts it asks about."""

    office: Office
    rail: CallRail
    profile: SnapProfile
    clock: Callable[[], datetime]
    wait: Callable[[timedelta], None]
    most: int | None = None
    counts: Counter[str] = field(default_factory=Counter)
    stopped: str = ""
    _budget: Budget = field(init=False)

    def run(self, announce: Announce) -> None:
        """Ask about every linked account that nothing certain is known of, the one that waits longest first."""
        self._budget = Budget.full(rate=self.profile.status_rate, capacity=self.profile.status_burst, now=self.clock())
        amounts = {book.name: book.tranche_1_idr for book in rulebooks()}
        name, done, after, useless = self.profile.name, 0, 0, 0
        with self.office.database.connect(autocommit=True) as connection:
            waiting = find_unchecked(connection, name, amounts=amounts, now=self.clock())
            wanted = waiting if self.most is None else min(waiting, self.most)
            while done < wanted and not self.stopped:
                announce(name, done, wanted)
                limit = min(AT_ONCE, wanted - done)
                after, accounts = unchecked(connection, self.office.vault, after=after, limit=limit, amounts=amounts)
                checks = []
                for account in accounts:
                    checks.append(self._ask(account))
                    useless = 0 if checks[-1].verdict else useless + 1
                    if useless == USELESS:
                        self.stopped = checks[-1].code
                        break
                with self.office.database.connect() as own:
                    add_checks(own, self.office.vault, name, checks)
                done += len(checks)
        self.counts["WAITING"] = waiting - done

    def _ask(self, account: LinkedAccount) -> AccountCheck:
        self._budget, pause = self._budget.draw(self.clock())
        while pause:
            self.wait(pause)
            self._budget, pause = self._budget.draw(self.clock())
        now = self.clock()
        order = PaymentOrder(
            order_ref=account.order_ref,
            attempt=account.asked + 1,
            amount_idr=account.amount_idr,
            account_ref=account.account,
            holder_name=account.holder_name,
            partner=self.profile.name,
        )
        external_id = self.profile.external_id(order.reference, 1)
        answer = self.rail.check(order, external_id=external_id, now=now)
        verdict, why = judge(answer, account.full_name, nik_confirmed=account.is_nik_confirmed)
        self.counts[str(verdict or "NO_ANSWER")] += 1
        reason = why and str(why)
        return AccountCheck(
            account, external_id, now, answer.code, answer.raw_code, reason, verdict, answer.holder_name
        )


def judge(
    answer: AccountAnswer, full_name: str, *, nik_confirmed: bool
) -> tuple[NameVerdict | None, BankReason | None]:
    """Say what an answer is worth, and why where it is not accepted: None when it is of no use.

    An account that cannot be paid to is refused, or looked at where that may pass; else the holder's name decides.
    """
    if not answer.certain:
        return None, None
    if answer.reason is not None:
        return (NameVerdict.LOOK if answer.reason in _OF_THE_MOMENT else NameVerdict.REFUSED), answer.reason
    theirs = answer.holder_name.reveal() if answer.holder_name else ""
    verdict = compare_names(full_name, theirs, nik_confirmed=nik_confirmed)
    return verdict, None if verdict is NameVerdict.ACCEPTED else BankReason.NAME_DIFFERS


def check_accounts(
    office: Office,
    partners: Mapping[str, tuple[SnapProfile, SnapKeys]],
    *,
    clock: Callable[[], datetime],
    wait: Callable[[timedelta], None],
    most: int | None,
    announce: Announce,
) -> list[dict[str, object]]:
    """Ask SNAP partners about linked accounts that nothing certain is known of; stop it and start it at any instant.

    :param most: accounts asked about, at most, of each partner.
    :raises cair.store.locks.UnableToGoAlone: somebody else is at it.
    """
    told: list[dict[str, object]] = []
    with alone(office.database, "check of accounts"):
        for name, (profile, keys) in partners.items():
            with SnapRail(profile, keys) as rail:
                worker = AccountWorker(office, rail, profile, clock, wait, most=most)
                worker.run(announce)
            told.append({"partner": name, **dict(sorted(worker.counts.items())), "stopped": worker.stopped or None})
    return told


def accounts_to_look_at(office: Office, *, partner: str, limit: int) -> dict[str, object]:
    """Give the accounts that the newest check refused, or that people should look at."""
    with office.database.connect() as connection:
        count, rows = to_look_at(connection, partner, limit=limit)
    return {"count": count, "accounts": rows}
