"""`cair init`, `cair doctor`: the database made, and what is configured, reachable, missing."""

import os
import sys

import typer

from cair.cli.terminal import AsJson, office, say, show_json
from cair.store.configuration import read_configuration


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("init")(init)
    app.command("doctor")(doctor)


def init(as_json: AsJson = False) -> None:
    """Create or migrate the database (also done by itself on first use)."""
    with office() as opened:
        opened.vault.key_check()
        document = {"home": str(opened.home), "embedded": opened.database.is_embedded, "ready": True}
    if as_json:
        show_json(document)
    else:
        say(f"Ready. The data folder is {document['home']}.")


def doctor(as_json: AsJson = False) -> None:
    """Say what is configured, what is reachable, what is missing."""
    from cair.journeys.examine import examine

    configuration = read_configuration(os.environ)
    findings = examine(configuration, announce=say)
    if as_json:
        show_json({"findings": [{"what": f.what, "fine": f.fine, "told": f.told} for f in findings]})
    else:
        for finding in findings:
            sys.stdout.write(f"{'ok     ' if finding.fine else 'MISSING'}  {finding.what}: {finding.told}\n")
    if not all(finding.fine for finding in findings):
        raise SystemExit(1)
