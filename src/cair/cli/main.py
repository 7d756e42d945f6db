"""The program `cair`: one file per group of commands, one table from trouble to exit status."""

import gc
import sys
import traceback
from pathlib import Path

import typer

from cair.cli import (
    accounts,
    decisions,
    evidence,
    holds,
    ledger,
    money,
    outreach,
    population,
    recovery,
    revoke,
    sandbox,
    setup,
)
from cair.cli.terminal import UsageError, end
from cair.store.database import without_values

FEW_ROUNDS = (50_000, 20, 100)
"""Objects after which cycles are looked for. The many here are rows, which are in none: with the usual 700 a quarter of
the time of a large file goes into looking."""

SOON = 0.0005
"""Seconds after which a thread that computes lets one go on whose answer has come: ten times sooner than usual."""

app = typer.Typer(
    name="cair",
    help="Runs a training-voucher and conditional-cash programme: evidence in, everyone decided, paid once, explained.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for group in (
    setup,
    evidence,
    decisions,
    holds,
    money,
    ledger,
    recovery,
    accounts,
    population,
    sandbox,
    revoke,
    outreach,
):
    group.register(app)


def _is_expected(error: Exception) -> bool:
    """Whether an exception is an expected failure: they are called `UnableTo...` and say what to do."""
    return type(error).__name__.startswith("UnableTo")


def _place(error: Exception) -> str:
    """Say where a mistake in the program came up, without any value."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {Path(last.filename).name}, line {last.lineno}"


def main() -> None:
    """Run a command: 0 when it did its work, 1 when it could not, 2 on bad usage. No traceback reaches a user."""
    as_json = "--json" in sys.argv
    gc.set_threshold(*FEW_ROUNDS)
    sys.setswitchinterval(SOON)
    try:
        with without_values():
            app()
    except UsageError as error:
        end(2, str(error), as_json=as_json)
    except KeyboardInterrupt:
        end(130, "Stopped. What was done stays done; give the same command again to go on.", as_json=as_json)
    except BrokenPipeError:
        raise SystemExit(1) from None
    except OSError as error:
        end(
            1,
            f"{error.filename or 'a file'}: {error.strerror}. Mend it and give the same command again.",
            as_json=as_json,
        )
    except Exception as error:  # noqa: BLE001 - the last door: nobody is shown a traceback
        if _is_expected(error):
            end(2 if type(error).__name__ == "UnableToReceiveThen" else 1, str(error), as_json=as_json)
        end(
            1,
            f"A mistake in the program itself: {_place(error)}. Nothing was half done. Please report it.",
            as_json=as_json,
        )


if __name__ == "__main__":
    main()
