"""`cair staff`, `cair appropriate`, `cair release`, `cair pay`, `cair settle`: money released, sent, settled."""

import os
import sys
import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from cair.cli.terminal import AsJson, AsOf, UsageError, console, instant, now, office, progress, say, show_json
from cair.ledger.chart import Purpose
from cair.rules.release import Role

SECRET = "CAIR_SECRET"  # noqa: S105 - the name of a variable
staff = typer.Typer(help="Who may act.", no_args_is_help=True)
release = typer.Typer(help="Releases: planned, approved by others, run.", no_args_is_help=True)
As = Annotated[
    str,
    typer.Option(
        "--as", metavar="NAME", envvar="CAIR_STAFF", help=f"Who acts; the secret is asked for, or in {SECRET}."
    ),
]
Rails = Annotated[
    Path | None, typer.Option("--rails", metavar="DIR", help="Folder of the rails' settings; by default in CAIR_HOME.")
]
Number = Annotated[int, typer.Argument(metavar="RELEASE", help="Number of the release.")]


class Rail(StrEnum):
    """By which way money leaves."""

    SNAP = "snap"
    ISO20022 = "iso20022"
    CSV = "csv"


class End(StrEnum):
    """How a release that is not run ends."""

    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(staff, name="staff")
    app.add_typer(release, name="release")
    app.command("appropriate")(appropriate)
    app.command("pay")(pay)
    app.command("settle")(settle)


def secret_of(name: str) -> str:
    """Give the secret of whoever acts: from the environment, else asked for.

    :raises UsageError: there is neither a secret nor a terminal to ask at, or the name cannot be one.
    """
    if not name.isprintable():
        raise UsageError("The name of who acts is not written in UTF-8, or has characters that cannot be shown.")
    if given := os.environ.get(SECRET):
        return given
    if not sys.stdin.isatty():
        raise UsageError(f"Set {SECRET} to the secret of {name}, or give the command at a terminal.")
    return str(typer.prompt(f"Secret of {name}", hide_input=True, err=True))


def in_words(why: str) -> str:
    """Give what is kept as the reason of an act.

    :raises UsageError: it says nothing.
    """
    if not why.strip():
        raise UsageError("--why is empty. Say in your words what happened: it is kept on record with who did it.")
    return why


def _actor(opened: Any, name: str) -> Any:
    from cair.journeys.staff import who_acts

    return who_acts(opened, name, secret_of(name))


@staff.command("add")
def add(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    role: Annotated[list[Role], typer.Option("--role", help="May be given several times.")],
    as_json: AsJson = False,
) -> None:
    """Add somebody, or give new roles and a new secret; the secret is shown once."""
    from cair.journeys.staff import add_member

    with office() as opened:
        secret = add_member(opened, name, frozenset(role), now=now())
    if as_json:
        show_json({"name": name, "roles": sorted(role), "secret": secret})
    else:
        say(f"{name} may act as {', '.join(sorted(role))}. The secret, shown only now:")
        sys.stdout.write(f"{secret}\n")


@staff.command("end")
def end(name: Annotated[str, typer.Argument(metavar="NAME")], as_json: AsJson = False) -> None:
    """Let somebody act no more."""
    from cair.journeys.staff import end_member

    with office() as opened:
        end_member(opened, name, now=now())
    if as_json:
        show_json({"name": name, "roles": []})
    else:
        say(f"{name} may no longer act.")


def appropriate(
    document: Annotated[str, typer.Option("--document", help="Number of the budget document.")],
    line: Annotated[str, typer.Option("--line", help="Budget line: name of the rulebook.")],
    amount: Annotated[int, typer.Option("--amount", help="Whole rupiah; below zero cuts.")],
    actor: As,
    purpose: Annotated[Purpose, typer.Option("--purpose", help="What for.")] = Purpose.INCENTIVES,
    as_json: AsJson = False,
) -> None:
    """Give a budget line money by a budget document."""
    from cair.journeys.release_incentives import give_money

    with office() as opened:
        by = _actor(opened, actor)
        give_money(opened, document=document, line=line, purpose=purpose, amount_idr=amount, by=by, now=now())
    if as_json:
        show_json({"document": document, "line": line, "purpose": str(purpose), "amount_idr": amount})
    else:
        say(f"Rp{amount:,} for {purpose} of {line} by {document}.")


@release.command("plan")
def plan(
    actor: As,
    as_of: AsOf = None,
    seed: Annotated[int, typer.Option("--seed", help="Of the sample for inspection.")] = 1,
    sample: Annotated[int, typer.Option("--sample", min=0, help="How many are drawn for inspection.")] = 30,
    as_json: AsJson = False,
) -> None:
    """Freeze the list of everything due within the appropriation, who waits longest first."""
    from cair.journeys.release_incentives import plan_release, release_document, sample_of
    from cair.store.records.releases import Wishes

    moment = instant(as_of, option="--as-of") or now()
    with office() as opened, progress("release plan") as told:
        by = _actor(opened, actor)
        planned = plan_release(opened, Wishes(moment, seed, sample), by=by, now=now(), announce=told)
        drawn = sample_of(opened, planned.number)
    show_document({**release_document(planned), "sample": drawn}, as_json=as_json)
    if not as_json:
        say(f"Next: cair release approve {planned.number} --hash {planned.list_hash.hex()} --as ANOTHER")


@release.command("approve")
def approve(
    number: Number,
    list_hash: Annotated[str, typer.Option("--hash", help="The hash of the list that was looked at.")],
    actor: As,
    as_json: AsJson = False,
) -> None:
    """Approve the next stage of exactly this list."""
    from cair.journeys.release_incentives import approve_release, release_document

    try:
        hashed = bytes.fromhex(list_hash)
    except ValueError:
        raise UsageError("--hash has 64 hexadecimal digits, as `cair release plan` showed them.") from None
    with office() as opened:
        approved = approve_release(opened, number, hashed, by=_actor(opened, actor), now=now())
    show_document(release_document(approved), as_json=as_json)


@release.command("run")
def run(number: Number, actor: As, as_json: AsJson = False) -> None:
    """Turn an approved list into orders, once, all or nothing."""
    from cair.journeys.release_incentives import release_document, run_release

    with office() as opened:
        ran, otherwise = run_release(opened, number, by=_actor(opened, actor), now=now())
    listed = [{"order_ref": one.order_ref, "attempt": one.attempt, "reason": one.reason} for one in otherwise]
    show_document({**release_document(ran), "decided_otherwise_now": listed}, as_json=as_json)


@release.command("end")
def end_release(
    number: Number,
    how: Annotated[End, typer.Option("--how", help="Refused by who approves, or withdrawn by who plans.")],
    why: Annotated[str, typer.Option("--why", help="In your words.")],
    actor: As,
    as_json: AsJson = False,
) -> None:
    """End a release that was not run."""
    from cair.journeys.release_incentives import end_release as end_it

    with office() as opened:
        end_it(opened, number, how=how.name, why=in_words(why), by=_actor(opened, actor), now=now())
    show_document({"release": number, "ended": how.name}, as_json=as_json)


@release.command("otherwise")
def otherwise(as_json: AsJson = False) -> None:
    """List orders in force that would be decided otherwise now, sent or not."""
    from cair.journeys.release_incentives import orders_decided_otherwise

    with office() as opened:
        rows = orders_decided_otherwise(opened)
    if as_json:
        show_json({"decided_otherwise_now": rows})
    else:
        show_rows(rows)


@release.command("list")
def show(as_json: AsJson = False) -> None:
    """List releases, the newest first, with approvals and end."""
    from cair.journeys.release_incentives import list_releases

    with office() as opened:
        rows = list_releases(opened)
    if as_json:
        show_json({"releases": rows})
    else:
        show_rows(
            [{**row, "as_of": str(row["as_of"])[:10], "list_hash": f"{str(row['list_hash'])[:8]}…"} for row in rows]
        )


def pay(
    rail: Annotated[
        Rail | None, typer.Option("--rail", help="By which way; by default the one each partner has.")
    ] = None,
    partner: Annotated[str | None, typer.Option("--partner", metavar="P", help="To this partner alone.")] = None,
    rails: Rails = None,
    as_json: AsJson = False,
) -> None:
    """Send due orders; stop and start it at any instant."""
    from cair.journeys.pay import pay_now

    with office() as opened, progress("pay") as told:
        document = pay_now(
            opened, rail=rail and str(rail), partner=partner, rails=rails or opened.home / "rails", clock=now,
            wait=lambda pause: time.sleep(max(0.0, pause.total_seconds())), announce=told,
        )  # fmt: skip
    show_document(document, as_json=as_json)
    if not as_json and not any(document.values()):
        say(f"Nothing is waiting to be sent{f' to {partner!r}' if partner else ''}.")


def settle(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="PATH...", help="Files or folders: results, statements, notices.", readable=False),
    ] = None,
    partner: Annotated[str, typer.Option("--partner", metavar="P", help="Whose files they are.")] = "",
    rails: Rails = None,
    as_json: AsJson = False,
) -> None:
    """Take in results, statements and SNAP notices, match them with orders and calls, book what they say."""
    from cair.journeys.settle import settle_paths

    with office() as opened, progress("settle") as told:
        document = settle_paths(
            opened, paths or [], partner=partner, rails=rails or opened.home / "rails", now=now(), announce=told
        )
    show_document(document, as_json=as_json)
    refused = [file for file in document["files"] if file.get("refused")]  # type: ignore[attr-defined]
    if not as_json and any(file.get("rejected") for file in document["files"]):  # type: ignore[attr-defined]
        say(
            "Rejected lines count for nothing. `cair export rejects FILE` says of each what is wrong; ask for them again."
        )
    if refused:
        if not as_json:
            say(
                "Of a refused file nothing counts. Ask its sender for a whole one, or mend what is set up; then settle again."
            )
        raise SystemExit(1)


def show_document(document: dict[str, Any], *, as_json: bool) -> None:
    """Show a document, lists of it as tables."""
    if as_json:
        show_json(document)
        return
    for name, value in document.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            sys.stdout.write(f"{name.replace('_', ' ')}:\n")
            show_rows(value)
        elif value not in (None, [], {}):
            sys.stdout.write(f"{name.replace('_', ' '):>18}  {_written(value)}\n")


def show_rows(rows: list[dict[str, Any]]) -> None:
    """Show rows as a table; whole numbers to the right."""
    from rich.table import Table

    if not rows:
        sys.stdout.write("None.\n")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    names = {name: value for row in reversed(rows) for name, value in row.items() if value is not None}
    for name in (shown := list(dict.fromkeys(name for row in rows for name in row))):
        is_whole = isinstance(names.get(name), int)
        table.add_column(name.replace("_", " "), justify="right" if is_whole else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_written(row.get(name)) for name in shown))
    console().print(table)


def _written(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(
            f"{count:,} {name}" if isinstance(count, int) else f"{name} {_written(count)}"
            for name, count in value.items()
        )
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return "" if value is None else str(value)
