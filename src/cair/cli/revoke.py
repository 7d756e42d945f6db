"""`cair revoke`, `cair restore`: participation revoked for not buying, by two people, and given back on appeal."""

from pathlib import Path
from typing import Annotated, Any

import typer

from cair.cli.money import As, secret_of
from cair.cli.terminal import AsJson, AsOf, UsageError, console, instant, now, office, progress, say, show_json

revoke = typer.Typer(help="Revocations: a dry run, somebody else's approval, the run.", no_args_is_help=True)
Plan = Annotated[int, typer.Argument(metavar="PLAN", help="Number of the plan.")]
_WHY = {
    "NO_RULEBOOK": "no known rulebook, so nobody set their last day",
    "DEADLINE_AHEAD": "their last buying day has not passed",
    "HELD": "a hold covers them",
    "NO_MESSAGE": "no message was ever sent to them",
    "NO_RECEIPT": "messages were sent, nothing is known of any",
    "FEW_ATTEMPTS": "fewer than three failed attempts, none delivered",
    "ONE_CHANNEL": "all failed attempts were on one channel",
}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(revoke, name="revoke")
    app.command("restore")(restore)


@revoke.command("plan")
def plan(
    actor: As,
    as_of: AsOf = None,
    listed_in: Annotated[
        Path | None, typer.Option("--list", metavar="FILE", help="Everybody who has not bought, with what is missing.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say who may be revoked, why others may not, and freeze the list. Nobody is revoked."""
    from cair.journeys.revoke import plan_revocation
    from cair.journeys.staff import who_acts

    moment = instant(as_of, option="--as-of") or now()
    with office() as opened, progress("revoke plan") as told:
        by = who_acts(opened, actor, secret_of(actor))
        document = plan_revocation(opened, moment, by=by, now=now(), listed_in=listed_in, announce=told)
    if as_json:
        show_json(document)
        return
    _show_counts(document)
    if document["plan"] is None:
        say("Nobody may be revoked; nothing was planned.")
        return
    say(
        f"Plan {document['plan']} is frozen; nobody is revoked. Next, by somebody else: "
        f"cair revoke approve {document['plan']} --hash {document['list_hash']} --as ANOTHER"
    )


def _show_counts(document: dict[str, Any]) -> None:
    from rich.table import Table

    shown = console()
    shown.print(f"{document['not_bought']:,} have not bought; {document['revocable']:,} of them may be revoked.")
    for title, counts in (("May be revoked", document["by_class"]), ("With the proof", document["by_proof"])):
        if counts:
            shown.print(f"{title}: " + ", ".join(f"{count:,} {name}" for name, count in counts.items()))
    if not document["not_revocable"]:
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name, justify in (("May not be", "left"), ("People", "right"), ("Because", "left")):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    for name, count in document["not_revocable"].items():
        table.add_row(name, f"{count:,}", _WHY[name])
    shown.print(table)


@revoke.command("approve")
def approve(
    number: Plan,
    list_hash: Annotated[str, typer.Option("--hash", help="The hash of the list that was looked at.")],
    actor: As,
    as_json: AsJson = False,
) -> None:
    """Approve exactly this list, as somebody else than who planned it."""
    from cair.journeys.revoke import approve_revocation
    from cair.journeys.staff import who_acts

    try:
        hashed = bytes.fromhex(list_hash)
    except ValueError:
        raise UsageError("--hash has 64 hexadecimal digits, as `cair revoke plan` showed them.") from None
    with office() as opened:
        by = who_acts(opened, actor, secret_of(actor))
        approved = approve_revocation(opened, number, hashed, by=by, now=now())
    if as_json:
        show_json({"plan": number, "people": approved.people, "approved_by": approved.approved_by})
    else:
        say(f"Plan {number} ({approved.people:,} people) is approved. Next: cair revoke run {number} --as NAME")


@revoke.command("run")
def run(number: Plan, actor: As, as_json: AsJson = False) -> None:
    """Revoke everybody on an approved list, or nobody when it no longer holds; go on where it was stopped."""
    from cair.journeys.revoke import run_revocation
    from cair.journeys.staff import who_acts

    with office() as opened, progress("revoke run") as told:
        by = who_acts(opened, actor, secret_of(actor))
        document = run_revocation(opened, number, by=by, clock=now, announce=told)
    if as_json:
        show_json(document)
        return
    before = f" {document['revoked_before']:,} were revoked before." if document["revoked_before"] else ""
    money = f" Rp{document['returned_idr']:,} of {document['returned_people']:,} fell back to the state."
    say(f"{document['revoked']:,} were revoked by plan {number}.{before}{money} `cair reconcile` decides them anew.")


@revoke.command("list")
def show(as_json: AsJson = False) -> None:
    """List plans, the newest first, with approval and run."""
    from rich.table import Table

    from cair.journeys.revoke import list_plans

    with office() as opened:
        rows = list_plans(opened)
    if as_json:
        show_json({"plans": rows})
        return
    if not rows:
        say("No revocation was planned.")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in rows[0]:
        table.add_column(name.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row.values()))
    console().print(table)


def restore(
    card_number: Annotated[str, typer.Argument(metavar="CARD_NUMBER", help="16 digits.")],
    reason: Annotated[str, typer.Option("--reason", help="Why the appeal succeeded.")],
    actor: As,
    as_json: AsJson = False,
) -> None:
    """Restore somebody whose appeal succeeded; the days that were lost are given back, and the balance."""
    from cair.journeys.revoke import restore as restore_person
    from cair.journeys.staff import who_acts

    if len(card_number) != 16 or not (card_number.isascii() and card_number.isdigit()):
        raise UsageError("A card number has 16 digits.")
    with office() as opened:
        by = who_acts(opened, actor, secret_of(actor))
        document = restore_person(opened, card_number, reason=reason, by=by, now=now())
    if as_json:
        show_json(document)
    else:
        say(
            f"Restored by {document['revocation_ref']}. Last day to buy: {document['buy_by']}. "
            f"Rp{document['restored_idr']:,} are on the balance again."
        )
