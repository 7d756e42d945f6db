"""Running `cair intake` as a program of its own, and what is in the database afterwards."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import psycopg

import cair
from cair.rules.tables import FEEDS
from cair.store.embedded import running_server

RECEIVED = "2020-07-28T00:00:00Z"
LIKE_ANYBODY = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()
"""Root reads every file, whatever its permissions; a program that is started so does not."""


@dataclass(frozen=True)
class Home:
    """A home with its keys outside, so that homes can share them: fingerprints are then the same in each."""

    folder: Path
    keys: Path

    def start(self, *arguments: str, before: tuple[str, ...] = (), **options: object) -> "subprocess.Popen[str]":
        """Start the program, by another one if that is wanted."""
        environment = os.environ | {
            "CAIR_HOME": str(self.folder),
            "CAIR_KEYS_FOLDER": str(self.keys),
            "PYTHONPATH": str(Path(cair.__file__).parent.parent),
        }
        command = [*before, sys.executable, "-m", "cair.cli.main", *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": environment}
        return subprocess.Popen(command, **pipes | options)

    def intake(self, *paths: Path, **options: object) -> "subprocess.Popen[str]":
        """Start an intake."""
        return self.start("intake", *map(str, paths), "--received-at", RECEIVED, "--json", **options)

    def take(self, *paths: Path, before: tuple[str, ...] = ()) -> dict[str, list[dict[str, object]]]:
        """Take files in; what the program says."""
        running = self.intake(*paths, before=before)
        told, trouble = running.communicate()
        assert running.returncode in (0, 1), trouble
        said = json.loads(told)
        assert "error" not in said, said["error"]
        assert running.returncode == (1 if said["refused"] else 0)
        return said

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        """Ask the database."""
        with (
            running_server(self.folder, announce=lambda told: None) as parameters,
            psycopg.connect(**parameters) as connection,
        ):
            return connection.execute(sql).fetchall()

    def reports(self, *, with_outcome: bool = True) -> list[tuple[object, ...]]:
        """Give every report that is kept."""
        outcome = "outcome" if with_outcome else "''"
        selects = (f"SELECT '{feed}', key, revision, fingerprint, {outcome} FROM {feed}" for feed in FEEDS)
        return sorted(self.rows(" UNION ALL ".join(selects)), key=str)

    def rejects(self) -> list[tuple[object, ...]]:
        """Give every line that could not be read, by file and line."""
        return self.rows(
            'SELECT f.name, r.line, r.code, r."column", r.masked FROM reject r '
            "JOIN intake_file f ON f.number = r.file_number ORDER BY 1, 2"
        )

    def check_accounts(self) -> None:
        """Every line of every file has one outcome, and what was kept is what was counted."""
        counted = "accepted + superseding + outdated + conflict"
        assert self.rows(f"SELECT name FROM intake_file WHERE lines <> {counted} + duplicate + rejected") == []
        kept = " UNION ALL ".join(f"SELECT '{feed}', count(*) FROM {feed}" for feed in FEEDS)
        said = f"SELECT feed, sum({counted}) FROM intake_file WHERE refusal = '' GROUP BY feed"
        assert {feed: n for feed, n in self.rows(kept) if n} == {feed: n for feed, n in self.rows(said) if n}
