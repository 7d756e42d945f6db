"""`cair accounts`: linked accounts looked at before anybody is paid there."""

import time
from pathlib import Path
from typing import Annotated

import typer

from cair.cli.money import Rails, show_document, show_rows
from cair.cli.terminal import AsJson, now, office, progress, say, show_json

accounts = typer.Typer(help="Linked accounts, looked at before anybody is paid there.", no_args_is_help=True)
Partner = Annotated[str | None, typer.Option("--partner", metavar="P", help="Of this payment partner alone.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(accounts, name="accounts")


@accounts.command("check")
def check(
    partner: Partner = None,
    most: Annotated[int | None, typer.Option("--most", min=1, help="Accounts of a partner, at most.")] = None,
    rails: Rails = None,
    as_json: AsJson = False,
) -> None:
    """Ask partners about linked accounts nothing certain is known of; nobody is paid, nothing is accepted by it."""
    from cair.channels.payments.configured import UnableToUseRail, snap_partners
    from cair.journeys.check_accounts import check_accounts

    with office() as opened, progress("accounts check") as told:
        folder: Path = rails or opened.home / "rails"
        partners = {name: pair for name, pair in snap_partners(folder).items() if partner in (None, name)}
        if not partners:
            raise UnableToUseRail(f"No SNAP partner is set up: write {folder}/<partner>/profile.toml and its keys.")
        rows = check_accounts(
            opened, partners, clock=now, wait=lambda pause: time.sleep(max(0.0, pause.total_seconds())), most=most,
            announce=told,
        )  # fmt: skip
    show_document({"partners": rows}, as_json=as_json)


@accounts.command("list")
def show(
    partner: Partner = None,
    limit: Annotated[int, typer.Option("--most", min=1, help="Rows shown.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List accounts that the newest check refused, or that people should look at."""
    from cair.journeys.check_accounts import accounts_to_look_at

    with office() as opened:
        document = accounts_to_look_at(opened, partner=partner or "", limit=limit)
    if as_json:
        show_json(document)
        return
    show_rows(document["accounts"])  # type: ignore[arg-type]
    say(f"{document['count']:,} accounts in all.")
