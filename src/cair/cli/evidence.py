"""`cair intake`: partners' files in."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cair.cli.terminal import AsJson, Language, instant, language, now, office, progress, show_json

if TYPE_CHECKING:
    from cair.journeys.take_evidence import Intake, TakenFile


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("intake")(intake)


def intake(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Files, or folders of files.", readable=False)],
    received_at: Annotated[
        str | None, typer.Option("--received-at", metavar="INSTANT", help="Instant of receipt of all lines.")
    ] = None,
    lang: Language = None,
    as_json: AsJson = False,
) -> None:
    """Take files or folders of files in; every line gets one outcome."""
    from cair.journeys.take_evidence import take_files

    clock = now()
    received = instant(received_at, option="--received-at") or clock
    chosen = language(lang)
    with office() as opened, progress("intake") as told:
        result = take_files(opened, paths, received_at=received, now=clock, progress=told)
    if as_json:
        show_json(_document(result))
    else:
        _show(result, chosen)
    if result.refused:
        raise SystemExit(1)


def _document(result: "Intake") -> dict[str, object]:
    files = [
        {"name": file.name, "feed": file.feed, "partner": file.partner, "lines": _lines(file), **file.counts}
        for file in result.files
    ]
    refused = [{"name": name, "reason": str(reason)} for name, reason, _ in result.refused]
    return {"files": files, "refused": refused}


def _lines(file: "TakenFile") -> int:
    return sum(file.counts.values())


def _show(result: "Intake", lang: str) -> None:
    from rich.table import Table

    from cair.cli.terminal import console
    from cair.programme.sentences import remedy, word

    table = Table(box=None, pad_edge=False, header_style="bold")
    outcomes = list(result.files[0].counts) if result.files else []
    table.add_column("file", overflow="fold")
    table.add_column("lines", justify="right")
    for outcome in outcomes:
        table.add_column(word("outcome", outcome, lang=lang), justify="right")
    for file in result.files:
        table.add_row(file.name, f"{_lines(file):,}", *(f"{file.counts[outcome]:,}" for outcome in outcomes))
    totals = [sum(file.counts[outcome] for file in result.files) for outcome in outcomes]
    table.add_row(f"[bold]{len(result.files)}[/]", f"{sum(totals):,}", *(f"{total:,}" for total in totals))
    out = console()
    out.print(table)
    for name, reason, why in result.refused:
        sys.stdout.write(f"\n{name}: {word('refusal', reason, lang=lang)} ({reason}): {why}.\n")
        sys.stdout.write(f"  {remedy('refusal', reason, lang=lang)}\n")
