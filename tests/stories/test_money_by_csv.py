"""Paid and settled by files of a bank's own form: proved whole, each line named, nothing half applied, nothing twice."""

import csv
import io
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cair.channels.payments.csv.mapping import BankForm, read_mapping
from cair.channels.payments.csv.returns_out import write_returns
from cair.channels.payments.settlement import Direction, SettlementLine, Status
from cair.journeys.pay import pay_now
from cair.journeys.settle import settle_paths
from cair.journeys.verify import money_holds
from cair.kernel.identity import Secret
from tests.stories.money import Programme, account, card, jakarta_date, programme, quiet
from tests.stories.test_money_by_file import counted, states

BANK = "bank-jati"
PEOPLE = 8
FORM = """
name: jati
about: A made-up bank that says the currency of each payment.
bulk:
  header: [{text: H}, {value: batch_ref}, {value: count}, {value: total_idr}]
  columns: [{text: D}, {value: reference}, {value: account}, {value: holder_name}, {value: amount_idr}]
  trailer: [{text: T}, {value: account_total}, {value: sha256}]
returns:
  header: [{text: H}, {value: batch_ref}]
  columns: [{text: D}, {value: reference}, {value: account}, {value: currency}, {value: amount_idr, form: "600000.00"},
            {value: status}, {value: reason_code}, {value: booked_on, form: "%Y%m%d"}]
  statuses: {OK: BOOKED, GAGAL: REJECTED, RETUR: RETURNED, PROSES: PENDING}
  reasons: {"02": ACCOUNT_CLOSED}
  trailer: [{text: T}, {value: count}, {value: sha256}]
"""


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Programme]:
    with programme(tmp_path / "home", tmp_path / "files", people=PEOPLE, partners=[BANK]) as made:
        own = made.office.home / "rails" / BANK
        own.mkdir()
        (own / "csv.yaml").write_text(FORM)
        made.release()
        yield made


@pytest.fixture
def form(office: Programme) -> BankForm:
    return read_mapping(office.office.home / "rails" / BANK / "csv.yaml")


def pay(office: Programme) -> list[Path]:
    document = pay_now(
        office.office, rail="csv", partner=None, rails=office.office.home / "rails", clock=office.clock, wait=quiet,
        announce=quiet,
    )  # fmt: skip
    return [Path(str(file["file"])) for file in document["files"]]  # type: ignore[attr-defined]


def orders(path: Path) -> dict[int, str]:
    """The references of a bulk file by the person they pay."""
    rows = list(csv.reader(io.StringIO(path.read_text())))
    assert [row[0] for row in rows] == ["H", *"D" * (len(rows) - 2), "T"]
    assert (rows[0][2], rows[0][3]) == (str(len(rows) - 2), str(600_000 * (len(rows) - 2)))
    return {int(row[2]) - int(account(0)): row[1] for row in rows[1:-1]}


def line(
    office: Programme, reference: str, person: int, status: Status = Status.BOOKED, **more: object
) -> SettlementLine:
    said = SettlementLine(
        reference, 600_000, "IDR", Direction.DEBIT, status, account=Secret("account", account(person)),
        booked_on=jakarta_date(office.now),
    )  # fmt: skip
    return said._replace(**more)


def write(path: Path, form: BankForm, lines: list[SettlementLine]) -> Path:
    with path.open("wb") as out:
        write_returns(lines, out, form=form, batch_ref="B1", created_on=lines[0].booked_on)  # type: ignore[arg-type]
    return path


def settle(office: Programme, *paths: Path) -> list[dict[str, object]]:
    rails = office.office.home / "rails"
    return settle_paths(office.office, paths, partner="", rails=rails, now=office.now, announce=quiet)["files"]  # type: ignore[return-value]


def standing(office: Programme) -> tuple[object, ...]:
    """All that must not change when nothing counts."""
    with office.office.database.connect() as connection:
        return connection.execute(
            "SELECT (SELECT count(*) FROM transfer), (SELECT count(*) FROM payment_outcome), (SELECT count(*) FROM bank_line),"
            " (SELECT count(*) FROM line_verdict)"
        ).fetchone()  # type: ignore[return-value]


def test_paid_settled_and_mended(office: Programme, form: BankForm, tmp_path: Path) -> None:
    (bulk,) = pay(office)
    assert bulk.stat().st_mode & 0o077 == 0
    refs = orders(bulk)
    assert len(refs) == PEOPLE
    assert pay(office) == []
    office.pass_(hours=3)
    lines = [line(office, refs[person], person) for person in range(3, PEOPLE)]
    lines += [
        line(office, refs[0], 0, Status.REJECTED, reason_code="02"),
        line(office, refs[1], 1, Status.PENDING),
        line(office, refs[2], 2),
        line(office, refs[2], 2, Status.RETURNED, reason_code="02", direction=Direction.CREDIT),
    ]
    path = write(tmp_path / f"{BANK}.returns.csv", form, lines)
    (told,) = settle(office, path)
    assert told["buckets"] == {"FAILED": 1, "NOTIFIED": PEOPLE - 2, "NOTIFIED_RETURN": 1, "PENDING": 1}
    found = states(office)
    assert found[0] == ("FAILED", "ACCOUNT_CLOSED")
    assert found[2] == ("RETURNED", "ACCOUNT_CLOSED")
    assert counted(office) == {"FAILED": 1, "SENT": 1, "RETURNED": 1, "PAID": PEOPLE - 3}
    before = standing(office)
    again = tmp_path / f"{BANK}.other-name.csv"
    again.write_bytes(path.read_bytes())
    (told,) = settle(office, again)
    assert (told["file"], told["known"], told["first_name"]) == (again.name, True, path.name)
    assert standing(office) == before
    office.pass_(days=1)
    office.link(0, BANK, "79999999")
    office.reconcile()
    office.release()
    assert [ref.rpartition("-")[2] for ref in orders(pay(office)[0]).values()] == ["2"]
    assert money_holds(office.office).holds, money_holds(office.office).told


DAMAGES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "cut": (lambda whole: whole[:200], "MISSING_TRAILER"),
    "without trailer": (lambda whole: b"".join(whole.splitlines(keepends=True)[:-1]), "MISSING_TRAILER"),
    "without header": (lambda whole: b"".join(whole.splitlines(keepends=True)[1:]), "WRONG_HEADER"),
    "empty": (lambda whole: b"", "TRUNCATED"),
    "a line less": (lambda whole: b"".join(whole.splitlines(keepends=True)[:1] + whole.splitlines(keepends=True)[2:]),
                    "COUNT_DIFFERS"),
    "another amount": (lambda whole: whole.replace(b"600000.00", b"600001.00", 1), "HASH_DIFFERS"),
    "another account": (lambda whole: whole.replace(b",7000000", b",8000000", 1), "HASH_DIFFERS"),
    "a field more": (lambda whole: whole.replace(b",IDR,", b",IDR,,", 1), "FIELD_COUNT"),
    "another encoding": (lambda whole: whole.decode().encode("utf-16"), "WRONG_HEADER"),
}  # fmt: skip


def test_what_is_not_whole_is_refused_by_name_and_nothing_counts(
    office: Programme, form: BankForm, tmp_path: Path
) -> None:
    refs = orders(pay(office)[0])
    whole = write(tmp_path / f"{BANK}.whole.csv", form, [line(office, refs[person], person) for person in refs])
    before = standing(office)
    for name, (damage, refusal) in DAMAGES.items():
        path = tmp_path / f"{BANK}.{name.replace(' ', '-')}.csv"
        path.write_bytes(damage(whole.read_bytes()))
        (told,) = settle(office, path)
        assert (told.get("refused"), bool(told.get("why"))) == (refusal, True), name
        assert account(0) not in str(told)
        assert standing(office) == before, name
    (told,) = settle(office, whole)
    assert told["buckets"] == {"NOTIFIED": PEOPLE}


def test_each_odd_line_is_named_and_the_others_count(office: Programme, form: BankForm, tmp_path: Path) -> None:
    refs = orders(pay(office)[0])
    odd = {
        "OTHER_CURRENCY": line(office, refs[0], 0, currency="USD"),
        "NEGATIVE_AMOUNT": line(office, refs[0], 0, amount=-600_000),
        "ZERO_AMOUNT": line(office, refs[0], 0, amount=0),
        "WRONG_AMOUNT": line(office, refs[0], 0, amount=2**31 + 600_000),
        "WRONG_ACCOUNT": line(office, refs[0], 1),
        "FOREIGN_REFERENCE": line(office, "BANSOS 2020/07", 0),
        "UNKNOWN": line(office, "CA000000000000000000000000-1", 0),
        "NO_REFERENCE": line(office, "", 0),
        "UNKNOWN_STATUS": line(office, refs[0], 0, status_code="ENTAH"),
        "TOO_EARLY": line(office, refs[0], 0, Status.RETURNED, reason_code="02"),
        "ASK_PERSON": line(office, refs[0], 0, Status.REJECTED, reason_code="77"),
    }
    path = write(
        tmp_path / f"{BANK}.odd.csv", form, [*odd.values(), line(office, refs[1], 1), line(office, refs[1], 1)]
    )
    (told,) = settle(office, path)
    assert told["buckets"] == {**dict.fromkeys(odd, 1), "NOTIFIED": 1, "DUPLICATE": 1}
    assert set(told["whose_move"]) == {*odd, "DUPLICATE"}  # type: ignore[call-overload]
    assert counted(office) == {"SENT": PEOPLE - 1, "PAID": 1}
    assert money_holds(office.office).holds, money_holds(office.office).told


def test_sums_beyond_all_money_are_refused(office: Programme, form: BankForm, tmp_path: Path) -> None:
    pay(office)
    before = standing(office)
    lines = [line(office, f"CA{number:024X}-1", 0, amount=9 * 10**15) for number in range(1, 1_100)]
    (told,) = settle(office, write(tmp_path / f"{BANK}.much.csv", form, lines))
    assert told["refused"] == "SUM_TOO_LARGE"
    assert standing(office) == before


def test_a_file_that_was_read_by_a_wrong_mapping_comes_again(office: Programme, form: BankForm, tmp_path: Path) -> None:
    refs = orders(pay(office)[0])
    path = write(tmp_path / f"{BANK}.returns.csv", form, [line(office, refs[4], 4)])
    mapping = office.office.home / "rails" / BANK / "csv.yaml"
    mapping.write_text(FORM.replace("{value: booked_on", "{value: bank_reference}, {value: booked_on"))
    for _ in range(2):
        (told,) = settle(office, path)
        assert told["refused"] == "FIELD_COUNT"
    mapping.write_text(FORM.replace("about:", "abuot:"))
    assert settle(office, path)[0]["refused"] == "NOT_SET_UP"
    mapping.unlink()
    assert settle(office, path)[0]["refused"] == "NOT_SET_UP"
    mapping.write_text(FORM)
    assert settle(office, path)[0]["buckets"] == {"NOTIFIED": 1}
    assert settle(office, path)[0]["known"] is True
    assert states(office)[4][0] == "PAID"
    assert card(4) not in str(settle(office, path))
