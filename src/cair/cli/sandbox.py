"""`cair sandbox bank`: banks and wallets to try payments on, with a ledger of their own."""

from pathlib import Path
from typing import Annotated

import typer

from cair.cli.terminal import say

sandbox = typer.Typer(help="The outside world, to try things on.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(sandbox, name="sandbox")


@sandbox.command("bank")
def bank(
    folder: Annotated[Path, typer.Option("--folder", metavar="DIR", help="Where its books and keys lie.")],
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port; 0 takes a free one.")] = 8090,
    profiles: Annotated[
        Path | None, typer.Option("--profiles", metavar="FILE", help="TOML with partners of your own.")
    ] = None,
) -> None:
    """Serve the bank and wallet sandbox (SNAP) until it is stopped."""
    from cair.journeys.sandbox import serve_bank

    say(f"The bank sandbox keeps its books in {folder}; its address goes into {folder / 'address'}.")
    serve_bank(folder, host=host, port=port, profiles=profiles)
