"""`cair outreach`: campaigns to those who have not bought, and their messages."""

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from cair.cli.money import As, secret_of
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

outreach = typer.Typer(help="Campaigns to those who have not bought.", no_args_is_help=True)


class Form(StrEnum):
    """How files of messages are written."""

    CSV = "csv"
    NDJSON = "ndjson"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(outreach, name="outreach")


@outreach.command("plan")
def plan(actor: As, as_of: AsOf = None, lang: Language = None, as_json: AsJson = False) -> None:
    """Say by class what the next step is, by when, on which channel; keep it as a campaign. Nothing is sent."""
    from cair.journeys.reach_out import plan_campaign
    from cair.journeys.staff import who_acts

    chosen = language(lang)
    moment = instant(as_of, option="--as-of") or now()
    with office() as opened, progress("outreach plan") as told:
        by = who_acts(opened, actor, secret_of(actor))
        document: dict[str, Any] = plan_campaign(opened, moment, by=by, lang=chosen, now=now(), announce=told)
    if as_json:
        show_json(document)
        return
    rows = [
        {
            "class": row["class"],
            "people": f"{row['people']:,}",
            "held out": f"{row['held_out']:,}",
            "channels": _counts(row["channels"]),
            "last day": _counts(row["last_day"]),
            "next step": row["next_step"],
        }
        for row in document["classes"]
    ]
    _table(rows)
    peace = f"{document['within_7_days']:,} got a message within seven days and are left in peace."
    if document["campaign"] is None:
        say(f"Nobody is to be addressed. {peace}")
    else:
        say(
            f"Campaign {document['campaign']} addresses {document['addressed']:,}; {document['held_out']:,} are held out. "
            f"{peace} Next: cair outreach send {document['campaign']} --out FOLDER --as {actor}"
        )


@outreach.command("send")
def send(
    number: Annotated[int, typer.Argument(metavar="CAMPAIGN")],
    actor: As,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FOLDER", help="Files for a messaging partner, one a channel.")
    ] = None,
    form: Annotated[Form, typer.Option("--form", help="Of the files.")] = Form.CSV,
    channel: Annotated[
        list[str] | None, typer.Option("--channel", help="Only these; may be given several times.")
    ] = None,
    smtp: Annotated[
        str | None,
        typer.Option("--smtp", metavar="smtp://HOST:PORT", help="E-mail; CAIR_SMTP_USER and CAIR_SMTP_PASSWORD."),
    ] = None,
    sender: Annotated[str | None, typer.Option("--from", metavar="ADDRESS", help="Whom e-mail comes from.")] = None,
    lang: Language = None,
    as_json: AsJson = False,
) -> None:
    """Send a campaign's messages, or go on where it was stopped. Nobody gets two."""
    from cair.journeys.reach_out import send_campaign
    from cair.journeys.staff import who_acts

    chosen = language(lang)
    messenger = _messenger(number, out, form, channel, smtp, sender)
    with office() as opened, progress("outreach send") as told:
        by = who_acts(opened, actor, secret_of(actor))
        if smtp:
            messenger.check()
        document = send_campaign(opened, number, messenger, by=by, lang=chosen, clock=now, announce=told)
    document["files"] = getattr(messenger, "written", {})
    if as_json:
        show_json(document)
        return
    say(f"{document['begun']:,} messages of campaign {number} were begun by {document['via']}.")
    for name, count in document["files"].items():
        say(f"{count:>10,}  {name}")
    if document["fates"]:
        say(f"At once: {_counts(document['fates'])}.")
    if document["in_doubt"]:
        say(f"{document['in_doubt']:,} are in doubt: begun, and nothing is known of them. They are not sent again.")


def _messenger(
    number: int, out: Path | None, form: Form, channels: list[str] | None, smtp: str | None, sender: str | None
) -> Any:
    from cair.channels.messages.files import MessageFiles
    from cair.channels.messages.smtp import Mail, Server
    from cair.rules.outreach import DESTINATIONS

    if bool(out) == bool(smtp):
        raise UsageError("Give --out FOLDER for files, or --smtp smtp://HOST:PORT for e-mail.")
    if out:
        unknown = set(channels or ()) - set(DESTINATIONS)
        if unknown:
            raise UsageError(f"--channel is one of {', '.join(DESTINATIONS)}.")
        carries = frozenset(channels or DESTINATIONS)
        return MessageFiles(out, title=f"outreach-{number}", form=str(form), carries=carries)
    try:
        address = urlsplit(smtp or "")
        host, port = address.hostname, address.port
    except ValueError:
        host = port = None
    if address.scheme != "smtp" or not host or not sender or "@" not in sender:
        raise UsageError("Write --smtp smtp://HOST:PORT and --from ADDRESS.")
    user, password = os.environ.get("CAIR_SMTP_USER", ""), os.environ.get("CAIR_SMTP_PASSWORD", "")
    return Mail(Server(host, port or 25, sender, user, password))


@outreach.command("list")
def show(as_json: AsJson = False) -> None:
    """List campaigns, the newest first."""
    from cair.journeys.reach_out import list_campaigns

    with office() as opened:
        rows = list_campaigns(opened)
    if as_json:
        show_json({"campaigns": rows})
    else:
        _table(rows)


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items())


def _table(rows: list[dict[str, Any]]) -> None:
    from rich.table import Table

    if not rows:
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in rows[0]:
        table.add_column(name.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    console().print(table)
