"""A file booked at once leaves the same books and the same answers as its orders paid one after the other."""

import hashlib
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from cair.channels.bank_sandbox.bank import Bank
from cair.channels.bank_sandbox.books import Books, Taken, Wanted
from cair.channels.bank_sandbox.cases import Refused
from cair.channels.bank_sandbox.files import carry_out
from cair.channels.bank_sandbox.ledger import Ledger
from cair.channels.bank_sandbox.partners import Partner, Repeated, set_up
from cair.channels.bank_sandbox.states import State
from cair.channels.payments.iso20022.payments_out import Debtor, PaymentsHead, write_payments
from cair.channels.payments.iso20022.reading import read_statement
from cair.channels.payments.transfers import TRANSFERS

NOW = datetime(2020, 7, 31, 16, 59, tzinfo=UTC)
_orders = st.lists(
    st.builds(
        Wanted,
        reference=st.sampled_from(["A-1", "A-2", "B-1", "C-1", "D-1", "E-1", ""]),
        service=st.just("17"),
        amount_idr=st.sampled_from([600_000, 600_000, 50_000, 0]),
        account=st.sampled_from(["1", "2", "3", "4", 'x"', "é"]),
        bank_code=st.sampled_from(["", "", "901", "902"]),
        name=st.sampled_from(["", "ANI", "BUDI"]),
    ),
    max_size=9,
)
_partners = st.builds(
    Partner,
    name=st.just("bank"),
    bank_code=st.just("901"),
    repeated=st.sampled_from(Repeated),
    unknown_accounts=st.sampled_from(["pay", "refuse"]),
    other_banks=st.sampled_from([(), ("902",), ("903",)]),
    monthly_most_idr=st.sampled_from([0, 1_200_000]),
    most_idr=st.sampled_from([100_000, 250_000_000]),
    funds_idr=st.sampled_from([1_500_000, 10**15]),
    fee_idr=st.sampled_from([0, 2_500]),
    reference_days=st.sampled_from([1, 60]),
)


def _books(folder: str, name: str, partner: Partner) -> tuple[Ledger, Books]:
    ledger = Ledger(Path(folder) / name)
    states = {"2": State.CLOSED, "3": State.WRONG_NAME}
    ledger.register(("bank", code, number, "ANI", states.get(number, State.ACTIVE))
                    for code in ("", "902") for number in ("1", "2", "3"))  # fmt: skip
    return ledger, Books(ledger, partner)


def _one_by_one(books: Books, orders: list[Wanted], now: datetime) -> list[object]:
    told: list[object] = []
    for wanted in orders:
        try:
            told.append(_said(books.pay(wanted, now)))
        except Refused as refusal:
            told.append(_said(refusal))
    return told


def _said(became: Taken | Refused) -> object:
    if isinstance(became, Refused):
        return became.case
    return became.entry.kind, became.entry.reference, became.entry.bank_reference, became.is_new


@settings(max_examples=150, deadline=None)
@given(_partners, st.lists(st.tuples(_orders, st.sampled_from([0, 1, 40])), min_size=1, max_size=3))
def test_a_file_is_booked_as_its_orders_are(partner: Partner, files: list[tuple[list[Wanted], int]]) -> None:
    with TemporaryDirectory() as folder:
        (plain, one), (set_wise, many) = (_books(folder, name, partner) for name in ("one", "many"))
        now = NOW
        for orders, days in files:
            now += timedelta(days=days)
            with plain.transaction():
                told = _one_by_one(one, orders, now)
            with set_wise.transaction():
                became = many.pay_file(set_wise, orders, now)
            assert list(map(_said, became)) == told
            assert list(set_wise.entries()) == list(plain.entries())
        plain.close()
        set_wise.close()


@given(st.integers(0, 10**15), st.text(max_size=4), st.sampled_from(["", "901", "é", '"']))
def test_the_hash_of_an_order_is_that_of_its_plain_writing(amount_idr: int, account: str, bank_code: str) -> None:
    wanted = Wanted(reference="A-1", service="17", amount_idr=amount_idr, account=account, bank_code=bank_code)
    told = json.dumps([amount_idr, account, bank_code]).encode()
    assert wanted.content == hashlib.sha256(told).hexdigest()[:32]


def _file_of(path: Path, accounts: list[str]) -> Path:
    count = len(accounts)
    rows = {
        "reference": [f"CA{path.suffixes[0]}{number}-1".replace(".", "") for number in range(count)],
        "amount_idr": [600_000] * count,
        "account": accounts,
        "holder_name": ["ANI"] * count,
        "bank": [""] * count,
        "partner": ["x"] * count,
        "execution_day": [date(2020, 7, 28)] * count,
        "remark": [""] * count,
    }
    debtor = Debtor(name="PMO", account="9000000001", bank="901")
    head = PaymentsHead(message_id=path.name[:9], created_at=NOW, initiator="PMO", debtor=debtor)
    with path.open("wb") as out:
        write_payments(pa.table(rows, schema=TRANSFERS), out, head=head)
    return path


def test_some_banks_list_what_they_refuse_and_nothing_else(tmp_path: Path) -> None:
    bank = Bank(tmp_path / "bank", set_up(tmp_path / "bank"))
    bank.set_clock(NOW)
    found = {}
    for partner, name, accounts in (
        ("bank-rotan", "one", ["81", "82"]),
        ("dompet-kemiri", "two", ["81", "82"]),
        ("dompet-kemiri", "three", ["91", "92"]),
    ):
        bank.ledger.register([(partner, "", "82", "", str(State.CLOSED))])
        answered = carry_out(bank, partner, _file_of(tmp_path / f"{partner}.{name}.xml", accounts), tmp_path)
        with answered.answers.open("rb") as stream:
            found[name] = [(line.reference, str(line.scope), str(line.status)) for line in read_statement(stream)]
        assert answered.accepted + answered.rejected == 2
    bank.close()
    assert found == {
        "one": [("CAone0-1", "PAYMENT", "ACCEPTED"), ("CAone1-1", "PAYMENT", "REJECTED")],
        "two": [("CAtwo1-1", "PAYMENT", "REJECTED")],
        "three": [(None, "GROUP", "ACCEPTED")],
    }
