"""`cair outreach`: campaigns to those who have not bought."""

import typer

outreach = typer.Typer(help="Campaigns to those who have not bought.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(outreach, name="outreach")
