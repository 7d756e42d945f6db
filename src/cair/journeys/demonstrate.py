"""The main job on a made-up population: files made, taken in as they came, everybody decided, the report written."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from cair.journeys.reconcile import reconcile_now
from cair.journeys.simulate import simulate_files
from cair.journeys.take_evidence import Intake, take_files
from cair.kernel.days import JAKARTA
from cair.kernel.reasons import Outcome
from cair.programme.provinces import provinces
from cair.store.answers import Answers
from cair.store.configuration import Configuration
from cair.store.deciding_runs import Look
from cair.store.office import Office
from cair.store.queries.intake import intake_so_far
from cair.store.queries.training_money import STEPS, Held, held_of
from cair.store.records.decisions import RunRecord

Announce = Callable[[str, int, int], None]
MARK = "demo.json"
"""A home with this file holds a demonstration, and nothing else: the next one may take its place."""
FILES = "demo-files"
REPORT = "report.html"


class UnableToDemonstrate(Exception):
    """The home holds real evidence, which a made-up population must not touch."""


@dataclass(frozen=True)
class Demonstrated:
    """What came out: the rows behind the figures, the intake, the run, and where the report is."""

    intake: Intake
    run: RunRecord
    tables: dict[str, list[dict[str, object]]]
    as_of: datetime
    report: Path


def clear_stage(configuration: Configuration) -> None:
    """Make room in a home that holds an earlier demonstration.

    :raises UnableToDemonstrate: the database is an outside one.
    """
    home = configuration.home
    if configuration.database_url:
        raise UnableToDemonstrate(
            "The demonstration runs on the embedded database alone. Unset CAIR_DATABASE_URL and try again."
        )
    if (home / MARK).exists():
        for name in ("postgres", "segments", "received", "spill", FILES, "demo-bank", "demo-statements", "payments"):
            shutil.rmtree(home / name, ignore_errors=True)
        for name in (REPORT, "postgres.pass", "postgres.log"):
            (home / name).unlink(missing_ok=True)


def mark_stage(office: Office, *, people: int, seed: int) -> None:
    """Mark a home without evidence as a demonstration's.

    :raises UnableToDemonstrate: it holds evidence.
    """
    mark = office.home / MARK
    if intake_so_far(office.database).last_number and not mark.exists():
        raise UnableToDemonstrate(
            f"{office.home} holds evidence. Choose another folder with CAIR_HOME for the demonstration."
        )
    mark.write_text(json.dumps({"people": people, "seed": seed}), encoding="utf-8")


def make_files(office: Office, *, people: int, seed: int, until: date, announce: Announce) -> Path:
    """Make the partners' files; give the plan that says when each was received."""
    return simulate_files(office.home / FILES, people=people, seed=seed, until=until, faults=0.004, progress=announce)


def take_plan(office: Office, plan: Path, *, now: datetime, announce: Announce) -> Intake:
    """Take the files in, each batch at the instant it was received."""
    steps = json.loads(plan.read_text(encoding="utf-8"))["steps"]
    taken = Intake()
    weights = [sum((plan.parent / name).stat().st_size for name in step["files"]) for step in steps]
    for place, step in enumerate(steps):
        before, received = sum(weights[:place]), datetime.fromisoformat(step["received_at"])

        def told(text: str, done: int, _: int, before: int = before) -> None:
            announce(text, before + done, sum(weights))

        files = [plan.parent / name for name in step["files"]]
        result = take_files(office, files, received_at=received, now=now, progress=told)
        taken.files += result.files
        taken.refused += result.refused
    return taken


def end_of(day: date) -> datetime:
    """Give the last microsecond of a Jakarta day."""
    return datetime.combine(day + timedelta(days=1), time(), JAKARTA) - timedelta(microseconds=1)


@dataclass(frozen=True)
class Decided:
    """A run, the rows behind the figures, and what the evidence says of everybody's training money."""

    run: RunRecord
    tables: dict[str, list[dict[str, object]]]
    training: Held


def decide(office: Office, as_of: datetime, *, announce: Announce) -> Decided:
    """Decide everybody as of the last day, and store it."""
    names = ("figures", "reach_figures", "unpaid", "waits", "broken_by")
    tables: dict[str, list[dict[str, object]]] = {}
    held: list[Held] = []

    def read(answer: Answers) -> None:
        tables.update({name: answer.rows(f"FROM given_{name}") for name in names})
        tables["funnel"] = answer.rows(answer.funnel_select())
        held.append(held_of(answer.engine))

    run = reconcile_now(office, as_of, full=True, announce=announce, look=Look((*names, *STEPS), read))
    return Decided(run, tables, held[0])


def write_page(office: Office, tables: dict[str, list[dict[str, object]]], taken: Intake, **about: Any) -> Path:
    """Write the report; `about`: as_of, people, seed, money, books."""
    from cair.channels.report import ReportFacts, write_report

    facts = ReportFacts(
        as_of=about["as_of"],
        people=about["people"],
        seed=about["seed"],
        funnel=tables["funnel"],
        breaks=_summed(tables["broken_by"], "count", "overdue"),
        waits=_summed(tables["waits"], "count"),
        provinces={code: province.name for code, province in provinces().items()},
        intake=_by_feed(taken),
        refused=[{"name": name, "reason": str(reason)} for name, reason, _ in taken.refused],
        unpaid=_summed(tables["unpaid"], "count"),
        money=about.get("money"),
        books=about.get("books"),
    )
    return write_report(facts, office.home / REPORT)


def _summed(rows: list[dict[str, object]], *counts: str) -> list[dict[str, object]]:
    """Add up rows that are alike but for their counts: each part of everybody brings its own."""
    sums: dict[tuple[object, ...], list[int]] = {}
    names = [name for name in rows[0] if name not in counts] if rows else []
    for row in rows:
        found = sums.setdefault(tuple(row[name] for name in names), [0] * len(counts))
        for place, name in enumerate(counts):
            found[place] += int(str(row[name] or 0))
    ordered = sorted(sums.items(), key=lambda item: tuple(map(str, item[0])))
    return [dict(zip(names, key, strict=True)) | dict(zip(counts, found, strict=True)) for key, found in ordered]


def _by_feed(taken: Intake) -> list[dict[str, object]]:
    feeds: dict[str, dict[str, int]] = {}
    for file in taken.files:
        row = feeds.setdefault(file.feed, dict.fromkeys(("files", "lines", *map(str, Outcome)), 0))
        row["files"] += 1
        row["lines"] += sum(file.counts.values())
        for outcome, count in file.counts.items():
            row[outcome] += count
    return [{"feed": feed, **row} for feed, row in sorted(feeds.items())]
