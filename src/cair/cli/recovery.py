"""`cair recovery`: after a restore from a backup, before anything is paid again."""

from typing import Annotated

import typer

from cair.cli.money import As, in_words, secret_of, show_document
from cair.cli.terminal import AsJson, instant, now, office

recovery = typer.Typer(help="After a restore from a backup: pay nobody twice.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(recovery, name="recovery")


@recovery.command("begin")
def begin(
    why: Annotated[str, typer.Option("--why", help="What happened, and which backup was restored.")],
    actor: As,
    until: Annotated[
        str | None,
        typer.Option("--until", metavar="INSTANT", help="Until when the lost database may have sent; by default now."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say that the database was restored: what may have been sent before is asked for, and waits."""
    from cair.journeys.recover import begin_recovery
    from cair.journeys.staff import who_acts

    lost_until = instant(until, option="--until")
    with office() as opened:
        by = who_acts(opened, actor, secret_of(actor))
        told = begin_recovery(opened, lost_until=lost_until, why=in_words(why), by=by, now=now())
    show_document(told, as_json=as_json)


@recovery.command("end")
def end(actor: As, as_json: AsJson = False) -> None:
    """Say that evidence, answers and statements of the lost time are in; by somebody else than who began it."""
    from cair.journeys.recover import end_recovery
    from cair.journeys.staff import who_acts

    with office() as opened:
        told = end_recovery(opened, by=who_acts(opened, actor, secret_of(actor)), now=now())
    show_document(told, as_json=as_json)


@recovery.command("list")
def tell(as_json: AsJson = False) -> None:
    """Show recoveries, and how many orders are in doubt."""
    from cair.journeys.recover import tell_recoveries

    with office() as opened:
        told = tell_recoveries(opened)
    show_document(told, as_json=as_json)
