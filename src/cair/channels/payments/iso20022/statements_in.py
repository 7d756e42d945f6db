"""Reading a bank's statements and notices, camt.053 and camt.054: one line per payment booked."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from cair.channels.payments import lines
from cair.channels.payments.amounts import EXACT, UnableToReadAmount, exact_text, read_exact
from cair.channels.payments.iso20022.elements import Element, Record, keep, put
from cair.channels.payments.iso20022.reasons import ENTRY_STATUSES, RETURN_CODES
from cair.channels.payments.iso20022.shapes import Known
from cair.channels.payments.iso20022.walk import AtDesk, Walker
from cair.channels.payments.lines import Desk
from cair.channels.payments.settlement import (
    Direction,
    Proof,
    Scope,
    SettlementLine,
    StatementRefusal,
    Status,
    Trouble,
    UnableToReadStatement,
)

BODIES = {"BkToCstmrStmt": "Stmt", "BkToCstmrDbtCdtNtfctn": "Ntfctn"}
"""The element of each message that holds one account's entries."""
MOST_STATEMENTS = 10_000
_MOST_VALUE_DAYS = 1_000
_SIDES = {"DBIT": Direction.DEBIT, "CRDT": Direction.CREDIT}
_NEEDED = {"amount": "Amt", "side": "CdtDbtInd", "status": "Sts"}
_OPENING = ("OPBD", "PRCD")
_CLOSING = "CLBD"
_CODES = {
    "domain": "BkTxCd/Domn/Cd",
    "family": "BkTxCd/Domn/Fmly/Cd",
    "sub_family": "BkTxCd/Domn/Fmly/SubFmlyCd",
    "own_code": "BkTxCd/Prtry/Cd",
}
_CHARGES = "Chrgs/Amt Chrgs/TtlChrgsAndTaxAmt Chrgs/Rcrd/Amt"


@dataclass(slots=True)
class _Balance:
    exact: int
    currency: str | None
    day: date | None


@dataclass(slots=True)
class _Account:
    """What the entries of one statement add up to, exactly; booked movements by currency and value day."""

    number: Counter[Direction | None] = field(default_factory=Counter)
    total: Counter[Direction | None] = field(default_factory=Counter)
    booked: Counter[tuple[str | None, date | None]] = field(default_factory=Counter)
    opening: dict[str, _Balance] = field(default_factory=dict)
    closing: _Balance | None = None


@dataclass(slots=True)
class _Batch:
    """The details of one entry (or of one batch in it) seen so far."""

    count: int = 0
    signed: int = 0
    unsigned: int = 0
    comparable: bool = True


class Statements(AtDesk):
    """The elements of camt.053 and camt.054 and the lines they make."""

    def __init__(self, walker: Walker, desk: Desk, head: Record, *, inside: str) -> None:
        super().__init__(walker, desk)
        self._head, self._inside = head, inside
        self._statement: Record = {}
        self._balance: Record = {}
        self._entry: Record = {}
        self._batch: Record = {}
        self._detail: Record = {}
        self._held: Record | None = None
        self._details = _Batch()
        self._in_batch = _Batch()
        self._account = _Account()
        self._early: tuple[str, ...] = ()

    def elements(self) -> Element:
        """What is looked at in the message."""
        body = Element()
        page = {"page": "GrpHdr/MsgPgntn/PgNb", "last_page": "GrpHdr/MsgPgntn/LastPgInd"}
        keep(body, self._head, {"message_id": "GrpHdr/MsgId", "created_at": "GrpHdr/CreDtTm", **page})
        statement = put(body, self._inside)
        statement.begin, statement.end = self._begin_statement, self._end_statement
        pages = f"{self._inside}Pgntn"
        keep(statement, self._statement, {"page": f"{pages}/PgNb", "last_page": f"{pages}/LastPgInd"})
        for side, tag in (("all", "TtlNtries"), ("CREDIT", "TtlCdtNtries"), ("DEBIT", "TtlDbtNtries")):
            paths = {f"{side}.count": f"TxsSummry/{tag}/NbOfNtries", f"{side}.sum": f"TxsSummry/{tag}/Sum"}
            keep(statement, self._statement, paths)
        balance = put(statement, "Bal")
        balance.begin, balance.end = self._balance.clear, self._end_balance
        keep(
            balance,
            self._balance,
            {"kind": "Tp/CdOrPrtry/Cd", "amount": "Amt", "side": "CdtDbtInd", "day": "Dt/Dt Dt/DtTm"},
        )
        self._entry_elements(put(statement, "Ntry"))
        return body

    def _entry_elements(self, entry: Element) -> None:
        entry.begin, entry.end, entry.repeats = self._begin_entry, self._end_entry, True
        keep(
            entry,
            self._entry,
            {
                "amount": "Amt",
                "side": "CdtDbtInd",
                "reversal": "RvslInd",
                "status": "Sts Sts/Cd Sts/Prtry",
                "booked_on": "BookgDt/Dt BookgDt/DtTm",
                "valued_on": "ValDt/Dt ValDt/DtTm",
                "bank_reference": "AcctSvcrRef",
                **_CODES,
            },
            own={"bank_reference": "entry_reference"},
        )
        keep(entry, self._entry, {"charges": _CHARGES}, many=True)
        details = put(entry, "NtryDtls")
        details.begin, details.end = self._begin_details, self._end_details
        keep(details, self._batch, {"payment_group": "Btch/PmtInfId", "message_id": "Btch/MsgId"})
        keep(details, self._batch, {"count": "Btch/NbOfTxs", "total": "Btch/TtlAmt"})
        detail = put(details, "TxDtls")
        detail.begin, detail.end = self._begin_detail, self._end_detail
        keep(
            detail,
            self._detail,
            {
                "message_id": "Refs/MsgId",
                "bank_reference": "Refs/AcctSvcrRef",
                "payment_group": "Refs/PmtInfId",
                "instruction_id": "Refs/InstrId",
                "end_to_end_id": "Refs/EndToEndId",
                "amount": "Amt",
                "ordered": "AmtDtls/TxAmt/Amt",
                "side": "CdtDbtInd",
                "creditor": "RltdPties/CdtrAcct/Id/IBAN RltdPties/CdtrAcct/Id/Othr/Id",
                "debtor": "RltdPties/DbtrAcct/Id/IBAN RltdPties/DbtrAcct/Id/Othr/Id",
                "reason": "RtrInf/Rsn/Cd RtrInf/Rsn/Prtry",
                **_CODES,
            },
            own={name: name for name in ("bank_reference", "end_to_end_id", "creditor", "debtor")},
        )
        words = {"narrative": "RtrInf/AddtlInf", "charges": _CHARGES}
        keep(detail, self._detail, words, many=True, own={"narrative": "narrative"})

    # Entries that are alike

    def again(self, known: Known) -> None:
        """Add what an entry added to sums as often as there were others like it."""
        self._desk.totals.add_again(known.line, known.times, currency=self._desk.currency)
        side, exact, moved = known.effect
        self._add(side, exact, moved, known.times)

    def own_columns(self, line: SettlementLine, own: Mapping[str, int]) -> dict[str, int]:
        """Say which columns of a line hold which of an entry's own texts."""
        to_us = line.direction is Direction.CREDIT and line.status is not Status.RETURNED
        return {
            "end_to_end_id": own.get("end_to_end_id", -1),
            "account": own.get("debtor" if to_us else "creditor", -1),
            "bank_reference": own.get("bank_reference", own.get("entry_reference", -1)),
            "narrative": own.get("narrative", -1),
        }

    def finish(self) -> None:
        """Check that there was a statement at all.

        :raises UnableToReadStatement: MISSING_ELEMENT.
        """
        if not self._desk.totals.proofs:
            raise self._walker.refuse(StatementRefusal.MISSING_ELEMENT, f"there is no {self._inside} in the message")

    # The statement

    def _begin_statement(self) -> None:
        self._statement.clear()
        self._account = _Account()

    def _end_balance(self) -> None:
        said = self._balance
        kind = said.get("kind")
        if kind not in (*_OPENING, _CLOSING):
            return
        exact = self._exact(said.get("amount"))
        balance = _Balance(-exact if said.get("side") == "DBIT" else exact, said.get("amount.Ccy"), None)
        balance.day, _ = lines.day(said.get("day"))
        if kind == _CLOSING:
            self._account.closing = balance
        else:
            self._account.opening.setdefault(kind, balance)

    def _end_statement(self) -> None:
        proofs = self._desk.totals.proofs
        if len(proofs) >= MOST_STATEMENTS:
            why = f"more than {MOST_STATEMENTS:,} statements in one file"
            raise self._walker.refuse(StatementRefusal.TOO_LONG, why)
        if not (_is_whole(self._head) and _is_whole(self._statement)):
            proofs.append(Proof.NOTHING)  # the pages' numbers are those of all pages together
            return
        summed = self._prove_summary()
        balanced = self._prove_balances()
        proofs.append(balanced or summed or Proof.NOTHING)

    def _prove_summary(self) -> Proof | None:
        number, total = self._account.number, self._account.total
        proved = None
        for side in ("all", Direction.CREDIT, Direction.DEBIT):
            found = number.total() if side == "all" else number[Direction(side)]
            added = total.total() if side == "all" else total[Direction(side)]
            if (said := self._statement.get(f"{side}.count")) is not None:
                proved = Proof.SUMMARY
                if self._exact(said) != found * EXACT:
                    raise self._differs(
                        StatementRefusal.COUNT_DIFFERS, f"it holds {found:,} entries, and says another number"
                    )
            if (said := self._statement.get(f"{side}.sum")) is not None:
                proved = Proof.SUMMARY
                if self._exact(said) != added:
                    why = f"its entries sum to {exact_text(added)}, and it says another sum"
                    raise self._differs(StatementRefusal.SUM_DIFFERS, why)
        return proved

    def _prove_balances(self) -> Proof | None:
        opening = next((self._account.opening[kind] for kind in _OPENING if kind in self._account.opening), None)
        closing = self._account.closing
        if opening is None or closing is None:
            return None
        if opening.currency != closing.currency:
            why = "the opening and the closing balance are in two currencies"
            raise self._differs(StatementRefusal.CURRENCIES_MIXED, why)
        moved = {day: exact for (currency, day), exact in self._account.booked.items() if currency == closing.currency}
        gap = closing.exact - opening.exact - sum(moved.values())
        if gap == 0:
            return Proof.BALANCES
        later = sum(exact for day, exact in moved.items() if day and closing.day and day > closing.day)
        if gap == -later:
            return Proof.VALUE_DAY_BALANCES
        why = f"opening balance and booked entries give another closing balance; {exact_text(gap)} is not explained"
        raise self._differs(StatementRefusal.BALANCE_DIFFERS, why)

    # Entries

    def _begin_entry(self) -> None:
        for record in (self._entry, self._batch, self._detail):
            record.clear()
        self._early = ()
        self._held = None
        self._details = _Batch()

    def _end_entry(self) -> None:
        said = self._entry
        missing = [tag for name, tag in _NEEDED.items() if name not in said]
        if missing:
            why = f"an entry (Ntry) without {missing[0]}; ask the bank for a mended file"
            raise self._walker.refuse(StatementRefusal.MISSING_ELEMENT, why)
        if self._early:
            why = f"in an entry (Ntry) {self._early[0]} comes after NtryDtls, which cannot be understood without it"
            raise self._walker.refuse(StatementRefusal.ELEMENT_ORDER, why)
        if said["side"] not in _SIDES:
            raise self._walker.refuse(StatementRefusal.NOT_A_STATEMENT, "CdtDbtInd is neither DBIT nor CRDT")
        exact, _, wrong = lines.amount(said["amount"], said.get("amount.Ccy"), self._desk.currency)
        self._book(exact)
        if self._held is not None:
            held, self._held = self._held, None
            self._give(held, said["amount"], said.get("amount.Ccy"))
        elif self._details.count == 0:
            self._give({}, said["amount"], said.get("amount.Ccy"))
        elif self._details.comparable and wrong is not Trouble.AMOUNT_UNREADABLE and "charges" not in said:
            self._compare(self._details, exact, "an entry (Ntry)")

    def _book(self, exact: int) -> None:
        said = self._entry
        side, moved = _SIDES[said["side"]], None
        if ENTRY_STATUSES.get(said["status"]) is Status.BOOKED:
            valued_on, _ = lines.day(said.get("valued_on"))
            if len(self._account.booked) > _MOST_VALUE_DAYS:
                raise self._walker.refuse(StatementRefusal.TOO_LONG, f"more than {_MOST_VALUE_DAYS:,} value days")
            moved = (said.get("amount.Ccy"), valued_on)
        self.effect = (side, exact, moved)
        self._add(side, exact, moved, 1)

    def _add(self, side: Direction, exact: int, moved: tuple[str | None, date | None] | None, times: int) -> None:
        account = self._account
        account.number[side] += times
        account.total[side] += exact * times
        if moved is not None:
            account.booked[moved] += (exact if side is Direction.CREDIT else -exact) * times

    # Details of entries

    def _begin_details(self) -> None:
        self._batch.clear()
        self._in_batch = _Batch()
        self._early = self._early or tuple(tag for name, tag in _NEEDED.items() if name not in self._entry)

    def _end_details(self) -> None:
        said, batch = self._batch, self._in_batch
        if batch.count == 0:
            return
        if "count" in said and self._exact(said["count"]) != batch.count * EXACT:
            why = f"a batch lists {batch.count:,} payments, and says another number"
            raise self._walker.refuse(StatementRefusal.COUNT_DIFFERS, why)
        if "total" in said and batch.comparable and said.get("total.Ccy") == self._entry.get("amount.Ccy"):
            self._compare(batch, self._exact(said["total"]), "a batch (Btch)")

    def _begin_detail(self) -> None:
        self._detail.clear()
        if self._held is not None:
            held, self._held = self._held, None
            self._incomparable()
            self._give(held, None, self._entry.get("amount.Ccy"))

    def _end_detail(self) -> None:
        said = self._detail
        name = "amount" if "amount" in said else "ordered"
        text, currency = said.get(name), said.get(f"{name}.Ccy")
        for batch in (self._details, self._in_batch):
            batch.count += 1
        if text is None and self._details.count == 1:
            # Alone in its entry it has the entry's amount, and whether it is alone shows later.
            self._held = dict(said)
            self._in_batch.comparable = False
            return
        exact, _, _ = lines.amount(text, currency, self._desk.currency)
        if currency != self._entry.get("amount.Ccy") or text is None or "charges" in said:
            self._incomparable()
        same = said.get("side", self._entry.get("side")) == self._entry.get("side")
        for batch in (self._details, self._in_batch):
            batch.signed += exact if same else -exact
            batch.unsigned += exact
        self._give(said, text, currency)

    def _incomparable(self) -> None:
        self._details.comparable = self._in_batch.comparable = False

    def _compare(self, batch: _Batch, exact: int, what: str) -> None:
        # Banks write the direction of details from either side, so either way of adding them may be meant.
        if exact not in (abs(batch.signed), batch.unsigned):
            why = f"{what} says {exact_text(exact)}, its payments sum to {exact_text(batch.unsigned)}"
            raise self._walker.refuse(StatementRefusal.SUM_DIFFERS, why)

    def _give(self, said: Record, text: str | None, currency: str | None) -> None:
        """Make the line of a detail, or (`said` empty) of an entry without details."""
        entry, batch, desk = self._entry, self._batch, self._desk
        _, minor, wrong = lines.amount(text, currency, desk.currency)
        side = _SIDES.get(entry.get("side", ""))
        status_code = entry.get("status")
        status = ENTRY_STATUSES.get(status_code or "")
        differs = Trouble.DIRECTION_DIFFERS if _SIDES.get(said.get("side", ""), side) is not side else None
        unknown = Trouble.UNKNOWN_STATUS if status is None else None
        reference, foreign = desk.reference(said.get("end_to_end_id"), said.get("instruction_id"))
        booked_on, bad_booking = lines.day(entry.get("booked_on"))
        valued_on, bad_value = lines.day(entry.get("valued_on"))
        trouble = lines.first_of(wrong, differs, unknown, bad_booking, bad_value, foreign)
        returned = side is Direction.CREDIT and status is Status.BOOKED and self._is_return(said)
        code = said.get("reason")
        group = said.get("payment_group") or batch.get("payment_group")
        desk.give(
            SettlementLine(
                end_to_end_id=lines.said(said.get("end_to_end_id")),
                amount=minor,
                currency=currency,
                direction=side,
                status=Status.RETURNED if returned else status or Status.PENDING,
                status_code=lines.bank_word(status_code),
                reason_code=lines.bank_word(code),
                reason=desk.reason(code),
                narrative=lines.secret("narrative", said.get("narrative")),
                booked_on=booked_on,
                valued_on=valued_on,
                account=lines.secret("account", self._other_side(said, side, returned=returned)),
                bank_reference=said.get("bank_reference") or entry.get("bank_reference"),
                transaction_code=_transaction_code(said) or _transaction_code(entry),
                payment_group=group,
                message_id=said.get("message_id") or batch.get("message_id"),
                scope=Scope.GROUP if not said and group else Scope.PAYMENT,
                reference=reference,
                trouble=trouble,
                ordinal=desk.totals.lines + 1,
            )
        )

    def _is_return(self, said: Record) -> bool:
        codes = {said.get("sub_family"), self._entry.get("sub_family")}
        return "reason" in said or self._entry.get("reversal") in ("true", "1") or not RETURN_CODES.isdisjoint(codes)

    @staticmethod
    def _other_side(said: Record, side: Direction | None, *, returned: bool) -> str | None:
        return said.get("debtor") if side is Direction.CREDIT and not returned else said.get("creditor")

    # Words

    def _exact(self, text: str | None) -> int:
        try:
            return read_exact(text or "")
        except UnableToReadAmount as trouble:
            why = f"a sum, number or balance is {trouble}"
            raise self._walker.refuse(StatementRefusal.SUM_DIFFERS, why) from None

    def _differs(self, refusal: StatementRefusal, why: str) -> UnableToReadStatement:
        place = len(self._desk.totals.proofs) + 1
        return self._walker.refuse(refusal, f"statement {place} of the file: {why}; ask the bank for a mended file")


def _is_whole(said: Record) -> bool:
    """Whether there is one page, which is also the last."""
    return said.get("page", "1").lstrip("0") == "1" and said.get("last_page", "true") in ("true", "1")


def _transaction_code(said: Record) -> str | None:
    parts = [said[name] for name in ("domain", "family", "sub_family") if name in said]
    return "/".join(parts) if parts else said.get("own_code")
