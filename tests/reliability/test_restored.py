"""The database is restored from a backup taken before the last payments: they are found, and not made again.

Both banks of these tests pay a repeated reference again: nothing but our own record stands between a restore and money
that leaves twice. CAIR_TORTURE=N restores N random histories; the seed is printed, CAIR_SEED plays it again.
"""

import random
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest

from cair.channels.bank_sandbox.bank import Bank
from cair.channels.bank_sandbox.files import carry_out, write_statement_of
from cair.channels.bank_sandbox.ledger import Kind
from cair.channels.bank_sandbox.partners import read_configuration, set_up, write_client_profiles
from cair.channels.payments.snap.client import SnapRail
from cair.channels.payments.snap.profile import read_profile
from cair.journeys import pay_by_call
from cair.journeys.explain import explain_person
from cair.journeys.pay import pay_now
from cair.journeys.pay_by_call import Worker
from cair.journeys.recover import begin_recovery, end_recovery, tell_recoveries
from cair.journeys.release_incentives import give_money
from cair.journeys.settle import settle_paths
from cair.journeys.take_evidence import take_files
from cair.journeys.verify import money_holds
from cair.ledger.chart import Purpose
from cair.store.configuration import Configuration
from cair.store.office import open_office
from cair.store.records.ledger import UnableToBook
from cair.store.records.recoveries import UnableToRecover
from cair.store.records.releases import UnableToPlan
from cair.store.witness import UnableToTrustDatabase
from tests.reliability.trial import SEED, TORTURE
from tests.stories.money import LINE, Programme, account, card, jakarta_date, programme, quiet
from tests.stories.test_money_by_call import Line
from tests.stories.test_money_by_file import counted

CALLED, FILED = "bank-teringat", "bank-terlupa"
PARTNERS = "".join(
    f'[[partner]]\nname = "{name}"\nkind = "bank"\nbank_code = "{code}"\nrepeated = "pay_again"\n'
    for name, code in ((CALLED, "902"), (FILED, "903"))
)
PEOPLE = 12
AMOUNT = 600_000


@dataclass
class Story:
    """An office that pays one bank by calls and one by files, and what came from outside since it began."""

    office: Programme
    bank: Bank
    folder: Path
    backup: Path | None = None
    told: list[Path] = field(default_factory=list)
    desk: list[Path] = field(default_factory=list)
    given: list[tuple[str, int]] = field(default_factory=list)

    def pass_(self, **passed: int) -> None:
        self.bank.set_clock(self.office.pass_(**passed))

    def wait(self, pause: timedelta) -> None:
        self.pass_(seconds=int(pause.total_seconds()) + 1)

    def give(self, people: int) -> None:
        self.given.append((f"D-{len(self.given) + 1}", people * AMOUNT))
        self._give(*self.given[-1])

    def _give(self, document: str, amount: int) -> None:
        give_money(self.office.office, document=document, line=LINE, purpose=Purpose.INCENTIVES, amount_idr=amount,
                   by=self.office.staff["Citra"], now=self.office.now)  # fmt: skip

    def release(self) -> None:
        """Release whatever is due and paid for."""
        try:
            self.office.release()
        except UnableToPlan:
            return

    def call(self, most: int | None = None) -> None:
        """Pay by calls, and stop after so many."""
        profile, keys = read_profile(self.folder / "bank" / "partners" / CALLED / "profile.toml")
        rail = SnapRail(profile, keys, transport=Line(self.bank))
        self.pass_(hours=1)
        Worker(self.office.office, rail, profile, self.office.clock, self.wait, patience=timedelta(hours=2),
               lease=timedelta(minutes=50), most=most).run(quiet)  # fmt: skip

    def file(self, *, carry: bool = True) -> None:
        """Write payment files; and bring what lies on the desk to the bank, each file whenever the program gives it."""
        document = pay_now(
            self.office.office, rail="iso20022", partner=FILED, rails=self.office.office.home / "rails",
            clock=self.office.clock, wait=self.wait, announce=quiet,
        )  # fmt: skip
        self.desk += [Path(str(file["file"])) for file in document["files"]]  # type: ignore[attr-defined]
        while carry and self.desk:
            self.told.append(carry_out(self.bank, FILED, self.desk.pop(0), self.folder).answers)

    def statements(self, days: int = 0) -> None:
        """The banks write their statements of today, and of so many days before."""
        for partner in (CALLED, FILED):
            for before in range(days, -1, -1):
                day = jakarta_date(self.office.now - timedelta(days=before))
                path = write_statement_of(self.bank, partner, day, self.folder)
                self.told.append(path.rename(path.with_name(f"{partner}.{len(self.told)}.camt.053.xml")))

    def settle(self) -> None:
        settle_paths(self.office.office, self.told, partner="", rails=self.folder, now=self.office.now, announce=quiet)

    def come_back(self, dice: random.Random) -> None:
        """A payment comes back, and its holder links another account."""
        entries = [entry for entry in self.bank.ledger.entries() if entry.kind in (Kind.BOOKED, Kind.RETURNED)]
        kinds = {entry.reference: entry.kind for entry in entries}
        booked = [entry for entry in entries if kinds[entry.reference] is Kind.BOOKED]
        if booked:
            entry = dice.choice(booked)
            self.bank.give_back(entry.partner, entry.reference, "AC04")
            self.pass_(hours=1)
            self.link(int(entry.account) % 1_000_000, entry.partner)

    def link(self, person: int, partner: str) -> None:
        """Somebody links another account, perhaps with the other bank."""
        number = int(account(person)) + 1_000_000 * (len(list(self.office.folder.glob("accounts.*"))) + 1)
        self.office.link(person, partner, str(number))

    @contextmanager
    def stopped(self) -> Iterator[Path]:
        """Stop the database; yields its folder."""
        home = self.office.office.home
        self.opened.__exit__(None, None, None)
        yield home / "postgres"
        self.open(home)

    def open(self, home: Path) -> None:
        self.opened = open_office(Configuration(home, home / "keys"), announce=quiet)
        self.office = replace(self.office, office=self.opened.__enter__())

    def back_up(self) -> None:
        with self.stopped() as database:
            self.backup = self.folder / "backup"
            shutil.copytree(database, self.backup)
            (self.folder / "evidence then").write_text(str(self.office.files))

    def restore(self) -> None:
        """The database is set back; with it everything that came in since is gone."""
        assert self.backup
        with self.stopped() as database:
            shutil.rmtree(database)
            shutil.copytree(self.backup, database)

    def recover(self) -> None:
        """As the page says: begin, bring everything again, let it be found, let somebody else end."""
        office, before = self.office, paid(self.bank)
        self.pass_(hours=1)
        begun = begin_recovery(office.office, lost_until=None, why="restored", by=office.staff["Ani"], now=office.now)
        self.desk = [path for path in self.desk if path.name not in begun["set_aside"]]  # type: ignore[operator]
        self.settle()
        take_files(office.office, sorted(office.folder.glob("*.ndjson")), received_at=office.now, now=office.now,
                   progress=quiet)  # fmt: skip
        for document, amount in self.given:
            try:
                self._give(document, amount)
            except UnableToBook:
                continue  # it was given before the backup
        for _ in range(2):
            self.release()
            self.settle()
        self.call()
        self.file(carry=False)
        assert paid(self.bank) == before, "nothing leaves before the recovery has ended"
        with pytest.raises(UnableToRecover):
            end_recovery(office.office, by=office.staff["Ani"], now=office.now)
        end_recovery(office.office, by=office.staff["Budi"], now=office.now)

    def go_on(self) -> None:
        """Pay until nothing is left to do."""
        self.release()
        for _ in range(2):
            self.pass_(hours=2)
            self.call()
            self.file()
            self.statements()
            self.settle()

    def open_orders(self) -> int:
        """How many orders have no end."""
        with self.office.office.database.connect() as connection:
            sql = "SELECT count(*) FROM payment_order LEFT JOIN payment_outcome USING (order_ref, attempt) WHERE status IS NULL"
            row = connection.execute(sql).fetchone()
        return int(row[0]) if row else 0

    def outcomes(self) -> dict[str, int]:
        with self.office.office.database.connect() as connection:
            return dict(connection.execute("SELECT status, count(*) FROM payment_outcome GROUP BY 1").fetchall())


def paid(bank: Bank) -> dict[str, int]:
    """How often each payment is paid, by its name: what came back does not count."""
    found: dict[str, int] = {}
    for entry in bank.ledger.entries():
        if entry.kind in (Kind.BOOKED, Kind.RETURNED):
            name = entry.reference.rpartition("-")[0]
            found[name] = found.get(name, 0) + (1 if entry.kind is Kind.BOOKED else -1)
    return found


@pytest.fixture
def story(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Story]:
    monkeypatch.setattr(pay_by_call, "AT_ONCE", 2)
    (tmp_path / "partners.toml").write_text(PARTNERS)
    configuration = set_up(tmp_path / "bank", profiles=tmp_path / "partners.toml")
    write_client_profiles(
        tmp_path / "bank", read_configuration(tmp_path / "bank" / "sandbox.toml"), base_url="http://bank.test"
    )
    bank = Bank(tmp_path / "bank", configuration)
    rows = [(CALLED, "", str(int(account(person)) + 1_000_000 * more), f"ORANG BAIK {chr(65 + person % 26)}", "active")
            for person in range(PEOPLE) for more in range(60)]  # fmt: skip
    bank.ledger.register(rows)
    with programme(tmp_path / "home", tmp_path / "files", people=PEOPLE, partners=[CALLED, FILED], money=1) as made:
        pass  # the server stops, so that the database can be copied
    told = Story(made, bank, tmp_path)
    told.open(made.office.home)
    told.pass_(hours=1)
    yield told
    told.opened.__exit__(None, None, None)
    bank.close()


def test_what_was_paid_after_the_backup_is_found_and_not_paid_again(story: Story) -> None:
    story.give(PEOPLE // 2)
    story.release()
    story.back_up()
    story.call()
    story.file()
    story.give(PEOPLE // 2)
    story.release()
    story.call()
    story.file()
    story.statements()
    story.settle()
    assert story.outcomes() == {"PAID": PEOPLE}
    story.restore()
    assert story.outcomes() == {}
    with pytest.raises(UnableToTrustDatabase):
        story.file()
    story.recover()
    assert story.outcomes() == {"PAID": PEOPLE}
    assert tell_recoveries(story.office.office)["in_doubt"] == {"orders": 0, "booked_by_answer": 0, "unexplained": 0}
    assert counted(story.office) == {"PAID": PEOPLE}
    told = explain_person(story.office.office, card(1), story.office.now, lang="en")
    assert told["decision"]["state"] == "PAID"  # type: ignore[index]
    story.go_on()
    assert paid(story.bank) == dict.fromkeys(paid(story.bank), 1)
    assert len(paid(story.bank)) == PEOPLE
    held = money_holds(story.office.office)
    assert held.holds, held.told


def test_by_inquiry_alone(story: Story) -> None:
    """Without any statement the partner's answers keep what it has paid from being sent, and let the rest go."""
    story.give(PEOPLE)
    story.release()
    story.back_up()
    story.call(most=1)
    some = paid(story.bank)
    story.restore()
    office = story.office
    begin_recovery(office.office, lost_until=None, why="restored", by=office.staff["Ani"], now=office.now)
    story.call()
    assert paid(story.bank) == some
    doubt = tell_recoveries(office.office)["in_doubt"]
    assert doubt == {"orders": PEOPLE, "booked_by_answer": len(some), "unexplained": 0}
    end_recovery(office.office, by=office.staff["Budi"], now=office.now)
    story.call()
    assert paid(story.bank) == dict.fromkeys(paid(story.bank), 1)
    assert len(paid(story.bank)) == PEOPLE // 2 > len(some) > 0


def happen(story: Story, dice: random.Random) -> None:
    """Something happens."""
    story.pass_(minutes=dice.randrange(1, 300))
    match dice.randrange(9):
        case 0 | 1:
            story.give(dice.randrange(1, 5))
            story.release()
        case 2:
            story.release()
        case 3 | 4:
            story.call(most=dice.choice([1, 2, None]))
        case 5:
            story.file(carry=dice.random() < 0.8)
        case 6:
            story.statements()
            story.settle()
        case 7:
            story.come_back(dice)
        case 8:
            story.link(dice.randrange(PEOPLE), dice.choice([CALLED, FILED]))


@pytest.mark.parametrize("number", range(TORTURE or 1))
def test_any_history(story: Story, number: int) -> None:
    seed = SEED + number  # not the parameter itself: programs that share the tests draw seeds of their own
    dice = random.Random(seed)
    before, since = dice.randrange(2, 8), dice.randrange(4, 14)
    for _ in range(before):
        happen(story, dice)
    story.back_up()
    for _ in range(since):
        happen(story, dice)
    story.statements(days=5)
    story.restore()
    known = paid(story.bank)
    story.recover()
    doubt = tell_recoveries(story.office.office)["in_doubt"]
    story.go_on()
    again = {name: times for name, times in paid(story.bank).items() if times > 1}
    assert not again, f"seed {seed}"
    left = tell_recoveries(story.office.office)["in_doubt"]
    assert story.open_orders() == left["unexplained"], (left, f"seed {seed}")  # type: ignore[index]
    assert bool(left["unexplained"]) == bool(tell_recoveries(story.office.office)["unexplained"])  # type: ignore[index]
    held = money_holds(story.office.office)
    assert held.holds, (held.told, f"seed {seed}")
    sys.stdout.write(
        f"seed {seed}: {sum(known.values())} paid, {doubt} at the end of the recovery, {story.outcomes()}\n"
    )
