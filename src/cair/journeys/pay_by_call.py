"""Orders paid by calls, one at a time: on record before a call leaves, the state asked for before any is sent again.

A worker holds orders for a while. Everything it knows comes from the record, so another one goes on where it was
stopped, at whatever instant.
"""

import secrets
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pyarrow as pa

from cair.channels.payments.rail import AccountAnswer, Action, Answer, CallRail, PaymentOrder, Sent
from cair.channels.payments.snap.client import SnapRail
from cair.channels.payments.snap.pace import Budget, FaultyRequests
from cair.channels.payments.snap.profile import SnapKeys, SnapProfile
from cair.channels.payments.steps import Call, Deed, Gap, next_deed
from cair.kernel.identity import Secret
from cair.kernel.remedies import BankReason
from cair.rules.names import NameVerdict, compare_names
from cair.store.database import UnableToUseDatabase
from cair.store.office import Office
from cair.store.payees import participants, with_payees
from cair.store.queries.recoveries import forgotten
from cair.store.records.calls import CallOnRecord, CallOrder, calls_of, claim_ready
from cair.store.records.payments import (
    ANSWERS,
    OUTCOMES,
    SENDINGS,
    UnableToSend,
    add_answers,
    add_outcomes,
    add_sendings,
)
from cair.store.witness import note_sent

Announce = Callable[[str, int, int], None]
AT_ONCE = 50
"""Orders that a worker holds."""
LEASE = timedelta(minutes=2)
"""How long; a worker that is stopped leaves its orders to others after it."""
RESTING = tuple(
    str(action) for action in (Action.BOOKED, Action.RETURNED, Action.ALARM, Action.HELD, Action.ASK_PERSON)
)
_CALLS = frozenset({Deed.SEND, Deed.ASK, Deed.CHECK})


@dataclass
class Payee:
    """An order with what is needed to carry it out, in the clear for as long as a worker holds it."""

    claimed: CallOrder
    order: PaymentOrder
    full_name: str
    calls: list[Call]
    gap: Gap | None = None


@dataclass
class Worker:
    """One worker on one partner. `wait` sleeps, or moves a clock in tests; `most`: orders it takes on, None: all."""

    office: Office
    rail: CallRail
    profile: SnapProfile
    clock: Callable[[], datetime]
    wait: Callable[[timedelta], None]
    name: str = field(default_factory=lambda: f"worker-{secrets.token_hex(6)}")
    lease: timedelta = LEASE
    patience: timedelta = timedelta(0)
    most: int | None = None
    counts: Counter[str] = field(default_factory=Counter)
    stopped: str = ""
    _budget: Budget = field(init=False)
    _faulty: FaultyRequests = field(default_factory=FaultyRequests)

    def run(self, announce: Announce) -> None:
        """Carry out all that can be; give up what waits for longer than the patience."""
        self._budget = Budget.full(rate=self.profile.status_rate, capacity=self.profile.status_burst, now=self.clock())
        done = 0
        while not self.stopped and (self.most is None or done < self.most) and self.profile.is_open(self.clock()):
            held = self._claim()
            if not held:
                return
            self._carry_out(held)
            done += len(held)
            announce(self.profile.name, done, done + AT_ONCE)

    def _claim(self) -> list[Payee]:
        now = self.clock()
        with self.office.database.connect() as connection:
            claimed = claim_ready(
                connection, worker=self.name, partner=self.profile.name, limit=AT_ONCE, resting=RESTING,
                lease=self.lease, now=now,
            )  # fmt: skip
        if not claimed:
            return []
        with self.office.database.connect() as connection:
            rows = pa.table(
                {
                    "card_number": pa.array([each.card_number for each in claimed], pa.int64()),
                    "account_fingerprint": [each.account_fingerprint for each in claimed],
                }
            )
            opened = next(with_payees(connection, self.office.vault, rows))
            names = participants(connection, self.office.vault, rows)
            known = calls_of(connection, claimed)
            gaps = forgotten(connection, [(each.order_ref, each.attempt) for each in claimed])
        payees = []
        for each, account, holder, name in zip(
            claimed, opened["account"].to_pylist(), opened["holder_name"].to_pylist(), names, strict=True
        ):
            order = PaymentOrder(
                order_ref=each.order_ref,
                attempt=each.attempt,
                amount_idr=each.amount_idr,
                account_ref=Secret("account", account),
                holder_name=Secret("name", holder),
                partner=self.profile.name,
                remark=each.benefit.replace("_", " "),
            )
            calls = [_recorded(call) for call in known.get((each.order_ref, each.attempt), [])]
            gap = gaps.get((each.order_ref, each.attempt))
            payees.append(Payee(each, order, name, calls, Gap(gap.until, gap.waits) if gap else None))
        return payees

    def _carry_out(self, held: list[Payee]) -> None:
        """Go round by round until each order has come to rest, or the lease is over."""
        until = self.clock() + self.lease
        given_up = self.clock() + self.patience
        while held and not self.stopped:
            now = self.clock()
            planned = [(each, *next_deed(each.calls, each.order.reference, now=now, gap=each.gap)) for each in held]
            ready = [(payee, deed) for payee, deed, at in planned if deed in _CALLS and at <= now]
            self.counts.update(str(deed) for _, deed, _ in planned if deed not in _CALLS)
            held = [payee for payee, deed, _ in planned if deed in _CALLS]
            if ready:
                self._round(ready, until)
            elif held:
                soonest = min(at for _, deed, at in planned if deed in _CALLS)
                if soonest > given_up or soonest > until:
                    self.counts["WAITING"] += len(held)
                    return
                self.wait(soonest - now)
            if self.clock() >= until:
                return

    def _round(self, ready: Sequence[tuple[Payee, Deed]], until: datetime) -> None:
        """Put the calls on record, commit, make them, put the answers on record."""
        now = self.clock()
        names = [self._name(payee) for payee, _ in ready]
        rows = [
            (payee.claimed.order_ref, payee.claimed.attempt, payee.claimed.epoch, str(deed), "snap", name, "")
            for (payee, deed), name in zip(ready, names, strict=True)
        ]
        columns = [pa.array(column, kind.type) for column, kind in zip(zip(*rows, strict=True), SENDINGS, strict=True)]
        try:
            with self.office.database.connect() as connection:
                numbers = add_sendings(connection, pa.table(columns, schema=SENDINGS), now=now).to_pylist()
        except (UnableToSend, UnableToUseDatabase) as error:
            # Whoever took the order over has made the next call already, under the very name this one would have.
            if isinstance(error, UnableToUseDatabase) and error.constraint != "sending_external_id":
                raise
            self.counts["TAKEN_OVER"] += len(ready)
            self.stopped = "taken over"
            return
        note_sent(self.office.home, numbers[-1], names[-1], now)
        answers: list[tuple[int, Answer | AccountAnswer, Payee, Deed]] = []
        for (payee, deed), name, number in zip(ready, names, numbers, strict=True):
            # A worker that slept may have been taken over: what it has on record it leaves to the other one.
            if self.clock() >= until or self.stopped:
                break
            answer = self._call(payee, deed, name)
            answers.append((number, answer, payee, deed))
            payee.calls.append(_call_of(deed, name, now, answer, payee))
        self._record(answers)

    def _name(self, payee: Payee) -> str:
        """Name the next call about an order; after a gap, as none can have been named that was forgotten."""
        since = f"/{payee.gap.until.isoformat()}" if payee.gap else ""
        return self.profile.external_id(payee.order.reference + since, len(payee.calls) + 1)

    def _call(self, payee: Payee, deed: Deed, external_id: str) -> Answer | AccountAnswer:
        now = self.clock()
        if deed is Deed.CHECK:
            return self.rail.check(payee.order, external_id=external_id, now=now)
        sends = [call for call in payee.calls if call.deed is Deed.SEND]
        if deed is Deed.SEND:
            answer = self.rail.send(payee.order, external_id=external_id, now=now, sent_before=bool(sends))
            self._faulty = self._faulty.counted(faulty=answer.action is Action.MEND_REQUEST)
            known_before = answer.action is Action.CONFIRM and not sends
            if answer.action is Action.STOP_RAIL or self._faulty.stops_rail or known_before:
                self.stopped = "KNOWN_BEFORE_IT_WAS_SENT" if known_before else answer.code
            return answer
        self._budget, pause = self._budget.draw(now)
        while pause:
            self.wait(pause)
            now = self.clock()
            self._budget, pause = self._budget.draw(now)
        answer = self.rail.ask(payee.order, external_id=external_id, sent=self._sent(payee, now), now=now)
        # A call leaves up to a lease after it was put on record.
        if (
            answer.action is Action.RESEND_ALLOWED
            and sends
            and now - sends[-1].at < self.profile.quiet_period + self.lease
        ):
            return replace(answer, action=Action.ASK_STATUS)
        return answer

    def _sent(self, payee: Payee, now: datetime) -> Sent:
        """What is known of the calls that carried an order; of one that is forgotten, how it was named."""
        sends = [call for call in payee.calls if call.deed is Deed.SEND]
        gap = payee.gap
        if not gap or (sends and sends[-1].at >= gap.until):
            return Sent(first_at=sends[0].at, last_at=sends[-1].at, external_id=sends[-1].external_id)
        asked = sum(call.deed is Deed.ASK and call.at >= gap.until for call in payee.calls)
        name = self.profile.external_id(payee.order.reference, 2 + asked)  # the first call asks for the account
        return Sent(first_at=sends[0].at if sends else now, last_at=gap.until, external_id=name)

    def _record(self, answers: Sequence[tuple[int, Answer | AccountAnswer, Payee, Deed]]) -> None:
        """Put answers on record, and what they settle: a state the partner confirmed, an account that cannot be paid."""
        if not answers:
            return
        now = self.clock()
        rows, outcomes = [], []
        for number, answer, payee, _ in answers:
            call = payee.calls[-1]
            rows.append((number, str(call.action), answer.code, answer.raw_code, call.reason, _own_name(answer)))
            outcomes += [
                (payee.claimed.order_ref, payee.claimed.attempt, status, reason, now, f"answer {number}")
                for status, reason in _settled(call, payee)
            ]
        with self.office.database.connect() as connection:
            add_answers(connection, _table(rows, ANSWERS), now=now)
            if outcomes:
                add_outcomes(connection, _table(outcomes, OUTCOMES), now=now)
        self.counts.update(status for _, _, status, *_ in outcomes)


def _recorded(call: CallOnRecord) -> Call:
    action = Action(call.action) if call.action else None
    return Call(Deed(call.kind), call.external_id, call.at, action, call.reason)


def _table(rows: Sequence[tuple[object, ...]], schema: pa.Schema) -> pa.Table:
    columns = [pa.array(column, kind.type) for column, kind in zip(zip(*rows, strict=True), schema, strict=True)]
    return pa.table(columns, schema=schema)


def _own_name(answer: Answer | AccountAnswer) -> str:
    return answer.bank_reference if isinstance(answer, Answer) else ""


def _call_of(deed: Deed, name: str, at: datetime, answer: Answer | AccountAnswer, payee: Payee) -> Call:
    if isinstance(answer, Answer):
        return Call(deed, name, at, answer.action, answer.reason and str(answer.reason))
    action, reason = _of_account(answer, payee)
    return Call(deed, name, at, action, reason and str(reason))


def _of_account(answer: AccountAnswer, payee: Payee) -> tuple[Action, BankReason | None]:
    """What an inquiry allows: send, fail with the account's reason, or a look by people at the name."""
    if not answer.certain:
        return Action.ASK_STATUS, None
    if answer.reason is BankReason.SUSPECTED_FRAUD:
        return Action.HELD, answer.reason
    if answer.reason is BankReason.LIMIT_REACHED:
        return Action.NEXT_WINDOW, None
    if answer.reason is not None:
        return Action.REFUSED, answer.reason
    theirs = answer.holder_name.reveal() if answer.holder_name else ""
    # The account check has found the participant's NIK at the partner, else nothing would be due.
    verdict = compare_names(payee.full_name, theirs, nik_confirmed=True)
    if verdict is NameVerdict.REFUSED:
        return Action.REFUSED, BankReason.NAME_DIFFERS
    return (Action.RESEND_ALLOWED if verdict is NameVerdict.ACCEPTED else Action.HELD), None


def _settled(call: Call, payee: Payee) -> list[tuple[str, str | None]]:
    """Give the outcomes that an answer proves. That it was paid is proved by the statement alone."""
    if call.deed is Deed.CHECK:
        return [("FAILED", call.reason or "OTHER")] if call.action is Action.REFUSED else []
    if call.deed is Deed.ASK and call.action is Action.REFUSED:
        refused = next((each.reason for each in payee.calls if each.deed is Deed.SEND and each.reason), None)
        reason = call.reason if call.reason not in (None, "OTHER") else refused
        return [("FAILED", reason or "OTHER")]
    if call.deed is Deed.ASK and call.action is Action.RETURNED:
        return [("PAID", None), ("RETURNED", call.reason or "OTHER")]
    return []


def pay_by_call(
    office: Office,
    partners: Mapping[str, tuple[SnapProfile, SnapKeys]],
    *,
    clock: Callable[[], datetime],
    wait: Callable[[timedelta], None],
    patience: timedelta,
    announce: Announce,
) -> list[dict[str, object]]:
    """Pay all orders of SNAP partners that can be paid now; stop it at any instant and start it again."""
    told: list[dict[str, object]] = []
    for name, (profile, keys) in partners.items():
        with SnapRail(profile, keys) as rail:
            worker = Worker(office, rail, profile, clock, wait, patience=patience)
            worker.run(announce)
        told.append({"partner": name, **dict(sorted(worker.counts.items())), "stopped": worker.stopped or None})
    return told
