"""Intake killed at any instant: nothing lost, nothing twice, and no personal value left lying about."""

import contextlib
import json
import os
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from cair.journeys.take_evidence import take_files
from cair.kernel.reasons import Refusal
from cair.simulation import Scenario, write_files
from cair.store.configuration import Configuration
from cair.store.embedded import running_server
from cair.store.office import open_office
from tests.stories.intake_runs import LIKE_ANYBODY, Home

SEED = 20200411
FILES = 25


def quiet(*_: object) -> None:
    """Tell nobody."""


@pytest.fixture(scope="module")
def inbox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Partners' files of a small population, faults included, the largest of them."""
    folder = tmp_path_factory.mktemp("made")
    write_files(Scenario(people=1_500, seed=SEED), folder, progress=quiet)
    inbox = tmp_path_factory.mktemp("inbox")
    by_size = sorted((folder / "files").iterdir(), key=lambda file: (-file.stat().st_size, file.name))
    for file in by_size[:FILES]:
        shutil.copy(file, inbox)
    (inbox / "purchases.broken.20200701.csv.gz").write_bytes(by_size[0].read_bytes()[:100])
    return inbox


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keys for all homes of these tests."""
    return tmp_path_factory.mktemp("keys")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, inbox: Path, keys: Path) -> tuple[Home, float]:
    """A home that took the files in without any trouble, and the seconds it took."""
    home = Home(tmp_path_factory.mktemp("undisturbed"), keys)
    home.start("init").communicate()
    begun = time.monotonic()
    home.take(inbox)
    took = time.monotonic() - begun
    home.check_accounts()
    assert len(home.reports()) > 1_000
    assert home.rejects()
    return home, took


@contextlib.contextmanager
def server_of(home: Home) -> Iterator[int]:
    """Keep the server running; its process number."""
    with running_server(home.folder, announce=quiet):
        yield int((home.folder / "postgres" / "postmaster.pid").read_text().split("\n", 1)[0])


def ended_within(running: "subprocess.Popen[str]", seconds: float) -> bool:
    try:
        running.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def same_state(home: Home, other: Home) -> None:
    home.check_accounts()
    assert home.reports() == other.reports()
    assert home.rejects() == other.rejects()


def test_killed_again_and_again_the_same_command_ends_the_work(
    tmp_path: Path, inbox: Path, keys: Path, undisturbed: tuple[Home, float]
) -> None:
    other, took = undisturbed
    home, rng = Home(tmp_path / "home", keys), Random(SEED)
    killed = 0
    for _ in range(6):
        running = home.intake(inbox)
        if not ended_within(running, rng.uniform(0.1, 1.0) * took):
            running.kill()
            killed += 1
        running.communicate()
    assert killed, "it was quicker than every blow"
    home.take(inbox)
    same_state(home, other)
    left = [path.name for path in (home.folder / "received").iterdir() if path.is_file()]
    assert left == [], "what was kept only in part is gone"


def test_a_killed_database_ends_the_command_with_a_word_and_the_next_one_goes_on(
    tmp_path: Path, inbox: Path, keys: Path, undisturbed: tuple[Home, float]
) -> None:
    other, took = undisturbed
    home, rng = Home(tmp_path / "home", keys), Random(SEED)
    home.start("init").communicate()
    for _ in range(3):
        with server_of(home) as server:
            running = home.intake(inbox)
            ended_within(running, rng.uniform(0.2, 0.9) * took)
            os.kill(server, signal.SIGKILL)
            _, trouble = running.communicate()
        assert running.returncode in (0, 1)
        assert "Traceback" not in trouble
        assert "mistake in the program" not in trouble
    home.take(inbox)
    same_state(home, other)


def test_the_same_folder_twice_adds_nothing(tmp_path: Path, inbox: Path, keys: Path) -> None:
    home = Home(tmp_path / "home", keys)
    home.take(inbox)
    before = home.reports(), home.rejects()
    for file in home.take(inbox)["files"]:
        assert file["lines"] == file["duplicate"] + file["rejected"]
    home.check_accounts()
    assert (home.reports(), home.rejects()) == before


def test_files_cut_in_two_and_sent_in_any_order_give_the_same_reports(
    tmp_path: Path, inbox: Path, keys: Path, undisturbed: tuple[Home, float]
) -> None:
    other, _ = undisturbed
    pieces = tmp_path / "pieces"
    pieces.mkdir()
    for file in inbox.iterdir():
        stem, _, ending = file.name.partition(".csv")
        lines = file.read_bytes().splitlines(keepends=True)
        if ending or file.suffix != ".csv" or b'"' in file.read_bytes() or len(lines) < 4 or stem.count(".") != 2:
            shutil.copy(file, pieces)
            continue
        middle = len(lines) // 2
        (pieces / f"{stem}.a.csv").write_bytes(b"".join(lines[:middle]))
        (pieces / f"{stem}.b.csv").write_bytes(lines[0] + b"".join(lines[middle:]))
    assert len(list(pieces.iterdir())) > len(list(inbox.iterdir()))
    in_order = Home(tmp_path / "in order", keys)
    in_order.take(pieces)
    in_order.check_accounts()
    assert in_order.reports() == other.reports()
    files = sorted(pieces.iterdir())
    Random(SEED).shuffle(files)
    shuffled = Home(tmp_path / "shuffled", keys)
    shuffled.take(*files)
    shuffled.check_accounts()
    assert shuffled.reports(with_outcome=False) == other.reports(with_outcome=False)
    assert sorted(row[2:] for row in shuffled.rejects()) == sorted(row[2:] for row in other.rejects())


def test_a_full_disk_is_said_and_the_same_command_succeeds_later(tmp_path: Path, keys: Path) -> None:
    home, file = Home(tmp_path / "home", keys), tmp_path / "reviews.shop.20200701.csv"
    header = "redeem_code,stars,text,occurred_at\n"
    file.write_text(header + "".join(f"C{n},5,{'x' * 400},2020-07-01T00:00:00Z\n" for n in range(5_000)))
    home.start("init").communicate()
    with server_of(home):
        limit = (1 << 20, 1 << 20)
        running = home.intake(file, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit))
        _, trouble = running.communicate()
        assert running.returncode == 1
        assert "Make room and give the same command again" in trouble
        assert home.rows("SELECT count(*) FROM intake_file") == [(0,)]
        assert home.take(file)["files"][0]["accepted"] == 5_000
    left = [path for path in (home.folder / "received").rglob("*") if path.is_file()]
    assert len(left) == 1, "what was kept only in part is gone"


def test_a_named_pipe_in_the_inbox_holds_nothing_up(tmp_path: Path, keys: Path) -> None:
    pipes = tmp_path / "surveys.pmo.20200701.csv", tmp_path / "no name"
    for pipe in pipes:
        os.mkfifo(pipe)
    said = Home(tmp_path / "home", keys).take(*pipes)
    assert [refused["reason"] for refused in said["refused"]] == ["UNREADABLE", "BAD_NAME"]


@pytest.mark.skipif(LIKE_ANYBODY != () and not shutil.which(LIKE_ANYBODY[0]), reason="root may read everything here")
def test_a_file_that_may_not_be_read_is_refused_and_the_others_go_in(tmp_path: Path, keys: Path) -> None:
    good, bad = (tmp_path / f"surveys.pmo.2020070{n}.csv" for n in (1, 2))
    for number, file in enumerate((good, bad)):
        file.write_text(f"card_number,survey_no,occurred_at\n999000000000000{number},1,2020-07-01T00:00:00Z\n")
    bad.chmod(0)
    closed = tmp_path / "inbox"
    closed.mkdir(mode=0)
    bad_paths = bad, closed, closed / bad.name, tmp_path / f"surveys.pmo.20200701.{'x' * 300}.csv"
    said = Home(tmp_path / "home", keys).take(*bad_paths, good, before=LIKE_ANYBODY)
    assert said["refused"] == [{"name": path.name, "reason": "UNREADABLE"} for path in bad_paths]
    assert [(file["name"], file["accepted"]) for file in said["files"]] == [(good.name, 1)]


def test_a_file_that_changes_while_it_is_read_is_refused_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cair.channels.inbox.source.BLOCK", 1 << 20)  # so that it is not read before it grows
    file, home = tmp_path / "reviews.shop.20200701.csv", tmp_path / "home"
    lines = [f"C{n},5,{'x' * 9_000},2020-07-01T00:00:00Z\n" for n in range(10_000)]
    file.write_text("redeem_code,stars,text,occurred_at\n" + "".join(lines))

    def grows(name: str, read: int, of: int) -> None:
        if name and not read:
            with file.open("a") as more:
                more.write("C,5,late,2020-07-01T00:00:00Z\n")

    with open_office(Configuration(home, home / "keys"), announce=quiet) as office:
        moment = datetime.now(UTC)
        taken = take_files(office, [file], received_at=moment, now=moment, progress=grows)
        assert [(name, reason) for name, reason, _ in taken.refused] == [(file.name, Refusal.UNREADABLE)]
        taken = take_files(office, [file], received_at=moment, now=moment, progress=quiet)
        assert taken.files[0].counts["accepted"] == len(lines) + 1


NEEDLES = (
    "3171234509876543", "3171234509876544", "NAMANYA SANGAT RAHASIA", "PEMILIK REKENING RAHASIA", "081298765432",
    "rahasia.sekali@surel.example", "0012345678909", "317123450987654X",
)  # fmt: skip


def planted(folder: Path) -> Path:
    """Files full of personal values, in lines that read and in lines that do not."""
    folder.mkdir()
    nik, holder, name, owner, phone, email, account, wrong = NEEDLES
    person = "card_number,nik,full_name,birth_date,sex,phone,email,region_code,wave,appointed_on,rulebook\n"
    line = "{card:016d},{nik},{name},1990-01-02,L,{phone},{email},3171,1,2020-04-20,permenko-3-2020\n"
    good = [line.format(card=9990000000000000 + n, nik=nik, name=name, phone=phone, email=email) for n in range(3_000)]
    bad = [line.format(card=n, nik=wrong, name=name, phone=phone, email=email) for n in range(300)]
    (folder / "appointments.pmo.20200701.csv").write_text(person + "".join(good + bad) + f'"{name}",{phone}\n')
    linked = "card_number,account_ref,holder_nik,holder_name,kyc,status,checked_at\n"
    row = "{card:016d},{account},{holder},{owner},full,{status},2020-07-02T00:00:00Z\n"
    of = {"account": account, "holder": holder, "owner": owner}
    rows = [row.format(card=9990000000000000 + n, status="LINKED" if n % 5 else "", **of) for n in range(3_000)]
    (folder / "accounts.bank.20200702.csv").write_text(linked + "".join(rows + rows))
    listed = "".join(f"{nik},dtks,2020-07-{day:02d}\n" for day in range(1, 30)) + f"{wrong},dtks,2020-07-01\n"
    (folder / "registry.ministry.20200703.csv").write_text("nik,list_name,valid_on\n" + listed)
    return folder


def found_in(folder: Path) -> list[tuple[str, str]]:
    """Say in which files which needles are, as written or with other encodings' width."""
    told = []
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes()
            told += [(path.name, needle) for needle in NEEDLES if needle.encode() in content]
            told += [(path.name, needle) for needle in NEEDLES if needle.encode("utf-16-le") in content]
    return told


def test_personal_values_are_nowhere_in_the_clear_also_after_kills(
    tmp_path: Path, keys: Path, undisturbed: tuple[Home, float]
) -> None:
    _, took = undisturbed
    folder, home, rng = planted(tmp_path / "in"), Home(tmp_path / "home", keys), Random(SEED)
    home.start("init").communicate()
    said = ""
    for _ in range(3):
        with server_of(home) as server:
            running = home.intake(folder)
            ended_within(running, rng.uniform(0.2, 0.6) * took)
            running.kill()
            os.kill(server, signal.SIGKILL)
            said += "".join(running.communicate())
        assert found_in(home.folder) == []
    running = home.intake(folder)
    told, trouble = running.communicate()
    assert [file["lines"] for file in json.loads(told)["files"]] == [6_000, 3_301, 30]
    shown = home.start("export", "rejects", str(tmp_path / "rejects.csv"))
    said += told + trouble + "".join(shown.communicate())
    assert home.rows("SELECT (SELECT count(*) FROM appointments), (SELECT count(*) > 300 FROM reject)") == [
        (3_000, True)
    ]
    assert found_in(home.folder) == []
    assert [needle for needle in NEEDLES if needle in said] == []
