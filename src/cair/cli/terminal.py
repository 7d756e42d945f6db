"""What all commands share: the open office, JSON or words, progress bars, errors without tracebacks."""

import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from typing import Annotated, Any, Literal, NoReturn

import typer

from cair.kernel.days import JAKARTA
from cair.store.configuration import read_configuration
from cair.store.office import Office, open_office

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on standard output, nothing else there.")]
AsOf = Annotated[
    str | None,
    typer.Option("--as-of", metavar="INSTANT", help="As of this instant (RFC 3339), or the end of this day (WIB)."),
]
Language = Annotated[str | None, typer.Option("--lang", metavar="id|en", help="Language: id or en.")]
_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(\.\d{1,6})?(Z|[+-]\d{2}:\d{2})")


class UsageError(Exception):
    """The command was given something it cannot be given; ends with 2."""


def say(message: str) -> None:
    """Write a diagnostic to standard error."""
    print(message, file=sys.stderr, flush=True)  # noqa: T201


def show_json(document: object) -> None:
    """Write one JSON document to standard output."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=1) + "\n")


def now() -> datetime:
    """Read the clock; the only place where commands do."""
    return datetime.now(UTC)


def language(chosen: str | None) -> Literal["id", "en"]:
    """Give the language asked for, else that of the environment."""
    if chosen not in (None, "id", "en"):
        raise UsageError(f"--lang {chosen} is not known. Use id or en.")
    found = chosen or os.environ.get("CAIR_LANG") or os.environ.get("LC_ALL") or os.environ.get("LANG") or "en"
    return "id" if found.startswith("id") else "en"


def instant(written: str | None, *, option: str) -> datetime | None:
    """Read an instant with its offset, or a day, which means its end in Jakarta.

    :raises UsageError: it is neither.
    """
    if written is None:
        return None
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", written):
            day = date.fromisoformat(written)
            return datetime.combine(day + timedelta(days=1), clock(), JAKARTA) - timedelta(microseconds=1)
        if _INSTANT.fullmatch(written):
            return datetime.fromisoformat(written).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise UsageError(f"{option} {written!r} is no instant. Write 2020-07-27T16:59:59Z, with an offset, or 2020-07-27.")


@contextmanager
def office() -> Iterator[Office]:
    """Open the office that the environment names."""
    with open_office(read_configuration(os.environ), announce=say) as opened:
        yield opened


@contextmanager
def progress(title: str) -> Iterator[Callable[[str, int, int], None]]:
    """Show a bar on a terminal once something takes more than a second; elsewhere nothing."""
    if not sys.stderr.isatty():
        yield lambda *_: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"), TimeElapsedColumn(),
        TextColumn("{task.fields[text]}"), console=Console(stderr=True), transient=True,
    )  # fmt: skip
    began, task = time.monotonic(), bar.add_task(title, total=1, text="")

    def told(text: str, done: int, total: int) -> None:
        if not bar.live.is_started and time.monotonic() - began > 1:
            bar.start()
        bar.update(task, completed=done, total=max(total, 1), text=text[:40])

    try:
        yield told
    finally:
        if bar.live.is_started:
            bar.stop()


def console() -> Any:
    """Give the terminal for words and tables."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else 100
    return Console(highlight=False, width=width)


def end(status: int, message: str, *, as_json: bool) -> NoReturn:
    """End the command with a message."""
    say(f"cair: {message}")
    if as_json:
        show_json({"error": message})
    sys.stdout.flush()
    raise SystemExit(status)
