"""That no moment is missed: what PostgreSQL and the bank saw is what was counted, and every journey was there."""

import ast
from pathlib import Path
from typing import Any

import psycopg

import cair.journeys
from tests.reliability.jobs import Order
from tests.reliability.trial import BANK, PEOPLE, WALLET, Trial, trial
from tests.reliability.wire import Wire

MONEY = ("pay_by_call", "pay_by_file", "release_incentives", "settle")
"""Journeys that move money."""
SOME = 6


def places_of_commits() -> set[str]:
    """Functions of these journeys that open a connection of the database, by reading their code."""
    found = set()
    for name in MONEY:
        source = Path(cair.journeys.__path__[0]) / f"{name}.py"
        for kind in ast.walk(ast.parse(source.read_text())):
            parts = kind.body if isinstance(kind, ast.ClassDef) else [kind]
            prefix = f"{kind.name}." if isinstance(kind, ast.ClassDef) else ""
            for part in parts:
                if isinstance(part, ast.FunctionDef) and ".database.connect(" in ast.unparse(part):
                    found.add(f"{name}.{prefix}{part.name}")
    methods = {place.rpartition(".")[2] for place in found if place.count(".") == 2}
    return {place for place in found if place.count(".") == 2 or place.rpartition(".")[2] not in methods}


def passed_by_all(tried: Trial) -> list[str]:
    """Let every job do its work once, in each of its ways; give what was noted."""
    garbage = tried.office.folder / "bank-rotan.0.camt.053.xml"
    garbage.write_text("<Document>")
    told: list[str] = []

    def do(order: Order) -> None:
        order.notes_writes = True
        told.extend(tried.work(order).passed)

    do(tried.release(SOME))
    do(tried.calls())
    do(Order("files", partner=BANK))
    tried.carry()
    do(Order("settle", paths=[str(garbage)]))
    do(Order("settle", paths=[str(tried.statement(WALLET)), str(tried.statement(BANK))]))
    do(tried.release(1, withdraws=True))
    return told


def writers(connection: psycopg.Connection[Any], since: int) -> set[str]:
    """The transactions that wrote the rows of all tables, from one on."""
    tables = connection.execute(
        "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    ).fetchall()
    asked = " UNION ".join(f"SELECT xmin::text FROM {table} WHERE xmin::text::bigint > {since}" for (table,) in tables)
    return {row[0] for row in connection.execute(asked).fetchall()}


def test_every_commit_and_every_call_is_a_moment(tmp_path: Path) -> None:
    with trial(tmp_path, people=PEOPLE, partners=[WALLET, BANK]) as tried, Wire(tried.bank.url) as wire:
        tried.call_through(wire.url, timeout=20)
        with tried.office.office.database.connect(autocommit=True) as connection:
            row = connection.execute("SELECT pg_current_xact_id()::text").fetchone()
            told = passed_by_all(tried)
            assert row
            wrote = writers(connection, int(row[0]))
        counted = {line.removeprefix("wrote ") for line in told if line.startswith("wrote ")}
        assert wrote <= counted, "rows were written by a commit that is no moment"
        assert len(wrote) > 10
        assert sum(line.startswith("before call") for line in told) == wire.requests > SOME
        places = {line.split(" ")[2] for line in told if line.startswith("before commit")}
        assert places_of_commits() <= places, places_of_commits() - places
