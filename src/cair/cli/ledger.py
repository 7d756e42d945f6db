"""`cair ledger`: training money booked as the evidence has it; balances and statements as of any day."""

import sys
from datetime import date, timedelta
from typing import Annotated

import typer

from cair.cli.money import As, secret_of, show_rows
from cair.cli.terminal import AsJson, UsageError, now, office, progress, say, show_json
from cair.kernel.days import JAKARTA

ledger = typer.Typer(help="The books: training money booked, balances, statements.", no_args_is_help=True)
Day = Annotated[
    str | None, typer.Option("--as-of", metavar="DAY", help="As of the end of this day (WIB); by default today.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(ledger, name="ledger")


def _day(written: str | None, *, option: str) -> date:
    if written is None:
        return now().astimezone(JAKARTA).date()
    try:
        return date.fromisoformat(written)
    except ValueError:
        raise UsageError(f"{option} {written!r} is no day. Write 2020-07-27.") from None


@ledger.command("book")
def book(actor: As, as_json: AsJson = False) -> None:
    """Book training money as the evidence has it now: granted, reserved, earned by platforms, fallen back."""
    from cair.journeys.book_training import book_training
    from cair.journeys.staff import who_acts

    with office() as opened, progress("ledger book") as told:
        by = who_acts(opened, actor, secret_of(actor))
        moved = book_training(opened, by=by, now=now(), announce=told).document()
    if as_json:
        show_json({"booked": moved})
    elif not moved:
        say("The books are what the evidence says; nothing was booked.")
    else:
        show_rows([{"booked": code, **told} for code, told in moved.items()])  # type: ignore[dict-item]


@ledger.command("balance")
def balance(as_of: Day = None, as_json: AsJson = False) -> None:
    """Show the trial balance: every account as of the end of a day, debits above zero; they sum to nothing."""
    from cair.journeys.read_books import read_books

    day = _day(as_of, option="--as-of")
    with office() as opened:
        books = read_books(opened, day)
    rows = books.rows()
    if as_json:
        show_json({"as_of": day.isoformat(), "accounts": rows, "lines": books.lines})
        return
    sums = {"account": "sum", "balance_idr": books.rest_idr, "pending_idr": books.pending_rest_idr}
    show_rows([*rows, sums] if rows else [])


@ledger.command("statement")
def statement(
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="As `cair ledger balance` names it.")],
    first: Annotated[str | None, typer.Option("--from", metavar="DAY", help="First day; 30 days by default.")] = None,
    last: Annotated[str | None, typer.Option("--until", metavar="DAY", help="Last day; by default today.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what was posted on an account in some days, with opening and closing balance."""
    from cair.journeys.read_books import UnableToReadBooks, read_statement, rows_of

    until = _day(last, option="--until")
    begin = _day(first, option="--from") if first else until - timedelta(days=30)
    with office() as opened:
        try:
            told = read_statement(opened, account, begin, until)
        except UnableToReadBooks as trouble:
            raise UsageError(str(trouble)) from None
    rows = rows_of(told)
    if as_json:
        show_json({"account": account, "from": begin.isoformat(), "until": until.isoformat(),
                   "opening_idr": told.opening_idr, "lines": rows, "closing_idr": told.closing_idr})  # fmt: skip
        return
    sys.stdout.write(f"{begin}  opening  {told.opening_idr:,}\n")
    show_rows(rows)
    sys.stdout.write(f"{until}  closing  {told.closing_idr:,}\n")
