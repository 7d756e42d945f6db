"""`cair hold`, `cair resolve`, `cair restore`: facts that officers state."""

import sys
from datetime import date
from enum import StrEnum
from typing import Annotated

import typer

from cair.cli.terminal import AsJson, AsOf, UsageError, console, instant, now, office, say, show_json
from cair.kernel.reasons import BreakKind
from cair.rules.tables import FEEDS

Scope = StrEnum("Scope", {word: word for word in FEEDS["holds"].column("scope").words})  # type: ignore[misc]


class Verdict(StrEnum):
    """What an officer says of a break."""

    SET_ASIDE = "SET_ASIDE"
    CONFIRMED = "CONFIRMED"


hold = typer.Typer(help="Payments held back and let go.", no_args_is_help=True)
Reason = Annotated[str | None, typer.Option("--reason", help="Why, in your words.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(hold, name="hold")
    app.command("resolve")(resolve)


@hold.command("add")
def add(
    scope: Annotated[Scope, typer.Option("--scope", help="Whom it covers.")],
    owner: Annotated[str, typer.Option("--owner", help="Who can lift it.")],
    value: Annotated[str | None, typer.Option("--value", help="Card number, wave, region code, partner.")] = None,
    expected_end: Annotated[
        str | None, typer.Option("--expected-end", metavar="DATE", help="Day it should end.")
    ] = None,
    reference: Annotated[str | None, typer.Option("--ref", help="Reference; made if not given.")] = None,
    reason: Reason = None,
    as_json: AsJson = False,
) -> None:
    """Hold payments back: for a person, wave, region, provider, platform, payment partner, or all."""
    from cair.journeys.hold import add_hold

    try:
        ends = date.fromisoformat(expected_end) if expected_end else None
    except ValueError:
        raise UsageError(f"--expected-end {expected_end!r} is no day. Write 2020-07-27.") from None
    with office() as opened:
        made = add_hold(
            opened, scope=str(scope), value=value, owner=owner, reason=reason, expected_end=ends, reference=reference,
            now=now(),
        )  # fmt: skip
    if as_json:
        show_json({"hold_ref": made})
    else:
        say(f"Hold {made} stands. `cair hold end {made}` lets it go.")


@hold.command("end")
def end(
    reference: Annotated[str, typer.Argument(metavar="HOLD_REF")], reason: Reason = None, as_json: AsJson = False
) -> None:
    """Let a hold go, for good; a hold that must go on gets another reference."""
    from cair.journeys.hold import end_hold

    with office() as opened:
        end_hold(opened, reference, reason=reason, now=now())
    if as_json:
        show_json({"hold_ref": reference, "ended": True})
    else:
        say(f"Hold {reference} has ended.")


@hold.command("list")
def show(
    ended: Annotated[bool, typer.Option("--ended", help="Those that have ended too.")] = False,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """List holds with their owner and expected end."""
    from rich.table import Table

    from cair.journeys.hold import holds_known

    moment = instant(as_of, option="--as-of") or now()
    with office() as opened:
        rows = holds_known(opened, moment, ended=ended)
    if as_json:
        show_json({"holds": rows})
        return
    if not rows:
        sys.stdout.write("No hold stands.\n")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in rows[0]:
        table.add_column(name.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(str(value or "") for value in row.values()))
    console().print(table)


def resolve(
    code: Annotated[str, typer.Argument(metavar="REDEEM_CODE")],
    kind: Annotated[BreakKind, typer.Argument(metavar="BREAK_KIND")],
    verdict: Annotated[Verdict, typer.Option("--verdict", help="SET_ASIDE closes it, CONFIRMED keeps it open.")],
    by: Annotated[str, typer.Option("--by", help="Officer who resolves.")],
    reason: Reason = None,
    as_json: AsJson = False,
) -> None:
    """State a verdict on a break, having seen what it rests on."""
    from cair.journeys.hold import resolve_break

    with office() as opened:
        made = resolve_break(opened, code, str(kind), verdict=str(verdict), by=by, reason=reason, now=now())
    if as_json:
        show_json({"resolution_ref": made})
    else:
        say(f"Resolution {made} is on record.")
