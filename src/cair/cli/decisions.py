"""`cair reconcile`, `explain`, `funnel`, `breaks`, `export`, `verify`: everyone decided, explained, counted."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cair.cli.terminal import (
    AsJson,
    AsOf,
    Language,
    UsageError,
    console,
    instant,
    language,
    now,
    office,
    progress,
    say,
    show_json,
)


class Engine(StrEnum):
    """What runs the rules."""

    DUCKDB = "duckdb"
    SPARK = "spark"


class Exported(StrEnum):
    """What can be exported."""

    DECISIONS = "decisions"
    BREAKS = "breaks"
    REJECTS = "rejects"
    CONFLICTS = "conflicts"
    FUNNEL = "funnel"
    ORDERS = "orders"
    LEDGER = "ledger"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("reconcile")(reconcile)
    app.command("explain")(explain)
    app.command("funnel")(funnel)
    app.command("breaks")(breaks)
    app.command("export")(export)
    app.command("verify")(verify)


def reconcile(
    as_of: AsOf = None,
    full: Annotated[bool, typer.Option("--full", help="Everyone, not only those whose facts changed.")] = False,
    engine: Annotated[Engine, typer.Option("--engine", help="What runs the rules.")] = Engine.DUCKDB,
    as_json: AsJson = False,
) -> None:
    """Decide; without --as-of, store what changed."""
    from cair.journeys.reconcile import look_back, reconcile_now
    from cair.journeys.settle import apply_results

    if engine is Engine.SPARK:
        raise UsageError(
            "--engine spark: this installation has no Spark. The rules compile for it; run them with --engine duckdb."
        )
    moment = instant(as_of, option="--as-of")
    with office() as opened, progress("reconcile") as told:
        if moment is not None:
            document = look_back(opened, moment, announce=told)
        else:
            document = reconcile_now(opened, now(), full=full, announce=told).document()
            if booked := apply_results(opened, now()):
                document["results"] = booked
    if as_json:
        show_json(document)
        return
    for name, value in document.items():
        sys.stdout.write(f"{name.replace('_', ' '):>18}  {value}\n")


def explain(
    card_number: Annotated[str, typer.Argument(metavar="CARD_NUMBER", help="16 digits.")],
    as_of: AsOf = None,
    lang: Language = None,
    as_json: AsJson = False,
) -> None:
    """Tell one person's story: what is in, what blocks, who must act, by when."""
    from cair.cli.explain import render_story
    from cair.journeys.explain import explain_person

    chosen = language(lang)
    if len(card_number) != 16 or not (card_number.isascii() and card_number.isdigit()):
        raise UsageError("A card number has 16 digits.")
    moment = instant(as_of, option="--as-of") or now()
    with office() as opened:
        story = explain_person(opened, card_number, moment, lang=chosen)
    if as_json:
        show_json(story)
    else:
        render_story(story, lang=chosen, console=console())


def funnel(as_of: AsOf = None, lang: Language = None, as_json: AsJson = False) -> None:
    """Show the figures: the ladder, who does not buy, who finished and is not paid."""
    from cair.cli.figures import render_funnel
    from cair.journeys.publish_figures import funnel_rows

    chosen = language(lang)
    moment = instant(as_of, option="--as-of") or now()
    with office() as opened, progress("funnel") as told:
        rows = funnel_rows(opened, moment, announce=told)
    if as_json:
        show_json({"funnel": rows})
    else:
        render_funnel(rows, lang=chosen, console=console())


def breaks(
    partner: Annotated[str | None, typer.Option("--partner", metavar="P", help="Of this partner alone.")] = None,
    as_of: AsOf = None,
    lang: Language = None,
    as_json: AsJson = False,
) -> None:
    """Show open breaks, and by whose move."""
    from cair.cli.figures import render_breaks
    from cair.journeys.publish_figures import open_breaks

    chosen = language(lang)
    moment = instant(as_of, option="--as-of") or now()
    with office() as opened, progress("breaks") as told:
        rows = open_breaks(opened, moment, partner=partner, announce=told)
    if as_json:
        show_json({"breaks": rows})
    else:
        render_breaks(rows, lang=chosen, console=console())


def export(
    what: Annotated[Exported, typer.Argument(help="What to write.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Ends in .csv, .parquet or .ndjson.")],
    as_of: AsOf = None,
    unmasked: Annotated[
        bool, typer.Option("--unmasked", help="Raw lines of rejects in the clear; this is recorded.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write decisions, breaks, rejects, conflicts, the funnel, orders or the ledger to a file."""
    from cair.journeys.export_rows import export_rows
    from cair.store.exports import FORMATS
    from cair.store.money_exports import BEANCOUNT

    forms = [*FORMATS, BEANCOUNT] if what is Exported.LEDGER else [*FORMATS]
    if file.suffix not in forms:
        raise UsageError(f"{file.name} must end in {', '.join(forms)}: the ending says the form.")
    moment = instant(as_of, option="--as-of") or now()
    with office() as opened, progress("export") as told:
        rows = export_rows(opened, str(what), file, as_of=moment, unmasked=unmasked, announce=told)
    if as_json:
        show_json({"file": str(file), "rows": rows})
    else:
        say(f"{rows:,} rows in {file}.")


def verify(as_json: AsJson = False) -> None:
    """Check every invariant and decide the stored decisions again; ends with 1 when one fails."""
    from cair.journeys.verify import verify_all

    with office() as opened, progress("verify") as told:
        checks = verify_all(opened, now(), announce=told)
    if as_json:
        show_json({"checks": [{"check": check.name, "holds": check.holds, "told": check.told} for check in checks]})
    else:
        for check in checks:
            sys.stdout.write(f"{'holds' if check.holds else 'FAILS'}  {check.name}: {check.told}\n")
    if not all(check.holds for check in checks):
        raise SystemExit(1)
