"""`cair hold`: payments held back and let go, as facts."""
import typer


def register(app: typer.Typer) -> None:
    """Add the commands."""
