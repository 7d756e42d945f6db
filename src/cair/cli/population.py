"""`cair simulate`, `cair demo`: a made-up population shaped like July 2020."""

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from cair.cli.terminal import AsJson, Language, UsageError, language, now, progress, say, show_json

People = Annotated[int, typer.Option("--people", min=100, max=50_000_000, help="How many are appointed.")]
Seed = Annotated[int, typer.Option("--seed", help="Same seed, same bytes.")]
Until = Annotated[str, typer.Option("--until", metavar="DATE", help="The last day that is made.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("simulate")(simulate)
    app.command("demo")(demo)


def _day(written: str) -> date:
    try:
        return date.fromisoformat(written)
    except ValueError:
        raise UsageError(f"--until {written!r} is no day. Write 2020-07-27.") from None


def simulate(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the files; it must be empty.")],
    people: People = 680_880,
    seed: Seed = 2020,
    until: Until = "2020-07-27",
    faults: Annotated[float, typer.Option("--faults", metavar="RATE", help="Share of faulty lines, 0 to 0.2.")] = 0.004,
    as_json: AsJson = False,
) -> None:
    """Only make the partners' files."""
    from cair.journeys.simulate import simulate_files

    with progress("simulate") as told:
        plan = simulate_files(out, people=people, seed=seed, until=_day(until), faults=faults, progress=told)
    if as_json:
        show_json({"plan": str(plan), "people": people, "seed": seed})
    else:
        say(f"The files of {people:,} people are in {out}; {plan.name} says when each was received.")


def demo(
    people: People = 680_880,
    seed: Seed = 2020,
    until: Until = "2020-07-27",
    lang: Language = None,
    as_json: AsJson = False,
) -> None:
    """Run the main job on a made-up population shaped like July 2020, in a home of its own."""
    from cair.cli.demonstration import run_demo

    document = run_demo(people=people, seed=seed, until=_day(until), lang=language(lang), quiet=as_json, clock=now)
    if as_json:
        show_json(document)
