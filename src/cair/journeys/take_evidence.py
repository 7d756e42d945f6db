"""Partners' files in: kept as received, read, every line with one outcome, each file in one transaction.

What was killed at any instant is done again by the same command: a file is in whole or not at all, and lines that are
here already are duplicates.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cair.channels.inbox.names import FileName, UnableToTakeFile, read_name
from cair.channels.inbox.reader import read
from cair.kernel.reasons import Outcome, Refusal
from cair.store.engine import session_without_spills
from cair.store.locks import alone
from cair.store.office import Office
from cair.store.queries.intake import intake_so_far, is_known_content
from cair.store.records.evidence import EvidenceWriter, Origin, evidence_writer
from cair.store.records.raw_files import keep_file

Progress = Callable[[str, int, int], None]
"""Told the file's name, the bytes read of all files, and the bytes there are."""


class UnableToReceiveThen(Exception):
    """The instant of receipt is not possible: before the latest on record, or in the future."""


@dataclass(frozen=True)
class TakenFile:
    """What became of the lines of one file."""

    name: str
    feed: str
    partner: str
    counts: dict[str, int]


@dataclass
class Intake:
    """What became of the files of one command, in order."""

    files: list[TakenFile] = field(default_factory=list)
    refused: list[tuple[str, Refusal, str]] = field(default_factory=list)


def check_receipt(office: Office, received_at: datetime, *, now: datetime) -> None:
    """Check that files can be received at an instant: instants of receipt never run backwards.

    :raises UnableToReceiveThen: before the latest receipt on record, or in the future.
    """
    latest = intake_so_far(office.database).latest_receipt
    if received_at > now:
        raise UnableToReceiveThen(f"{received_at.isoformat()} lies in the future. Give an instant up to now.")
    if latest is not None and received_at < latest:
        raise UnableToReceiveThen(
            f"{received_at.isoformat()} is before the latest receipt on record, {latest.isoformat()}. "
            "Instants of receipt never run backwards: give that instant or a later one."
        )


def files_of(paths: Iterable[Path]) -> list[Path]:
    """Give the files to take in: of a folder its files by name, in code point order."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = [file for file in path.iterdir() if not file.is_dir()]
            found += sorted(inside, key=lambda file: file.name)
        else:
            found.append(path)
    return found


def take_files(
    office: Office, paths: Iterable[Path], *, received_at: datetime, now: datetime, progress: Progress
) -> Intake:
    """Take files in, one after the other. A file that is refused is named, and the others still go in.

    :raises UnableToReceiveThen: nothing is taken in.
    :raises cair.store.locks.UnableToGoAlone: another intake is running.
    :raises cair.store.records.raw_files.UnableToKeepFile: our disk is full; files before it are in.
    """
    files = files_of(paths)
    sizes = [_size(file) for file in files]
    result = Intake()
    with alone(office.database, "intake"), session_without_spills() as engine:
        check_receipt(office, received_at, now=now)
        number = intake_so_far(office.database).last_number
        with evidence_writer(office.database, engine, office.vault) as writer:
            for place, path in enumerate(files):
                taking = _Taking(office, writer, path, number + place + 1, received_at)
                done = sum(sizes[:place])
                progress(path.name, done, sum(sizes))
                taking.run(result, lambda read, done=done, name=path.name: progress(name, done + read, sum(sizes)))
        progress("", sum(sizes), sum(sizes))
    return result


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


@dataclass(frozen=True)
class _Taking:
    """Taking in one file."""

    office: Office
    writer: EvidenceWriter
    path: Path
    number: int
    received_at: datetime

    def run(self, result: Intake, progress: Callable[[int], None]) -> None:
        """Keep the bytes, then read and write them in one transaction; or note why the file is refused."""
        name = self.path.name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        sha256, size, before = "", 0, None
        try:
            parts = read_name(name)
            before = self._stamp()
            kept = keep_file(self.office.home, self.office.vault, self.path)
            sha256, size = kept.sha256, kept.size
            counts = self._write(parts, sha256, progress)
            if self._stamp() != before:
                raise UnableToTakeFile(Refusal.UNREADABLE, "it changed while it was read; send it again")
        except (UnableToTakeFile, OSError) as error:
            refusal, why = _why(error)
            self.writer.forget()
            if not sha256:
                sha256, size = self._keep_anyway()
            self.writer.add_file(
                Origin(self.number, name, "", "", self.received_at),
                sha256=sha256, size_bytes=size, refusal=refusal, counts={},
            )  # fmt: skip
            result.refused.append((name, refusal, why))
            return
        origin = Origin(self.number, name, parts.feed, parts.partner, self.received_at)
        self.writer.add_file(origin, sha256=sha256, size_bytes=size, refusal="", counts=counts)
        result.files.append(TakenFile(name, parts.feed, parts.partner, counts))

    def _write(self, parts: FileName, sha256: str, progress: Callable[[int], None]) -> dict[str, int]:
        origin = Origin(self.number, parts.name, parts.feed, parts.partner, self.received_at)
        keep_rejects = not is_known_content(self.office.database, parts.name, sha256)
        counts = dict.fromkeys(map(str, Outcome), 0)
        for batch in read(self.path, parts):
            added = self.writer.add_lines(origin, batch, keep_rejects=keep_rejects)
            counts = {outcome: count + added[outcome] for outcome, count in counts.items()}
            lines = batch.values.num_rows + len(batch.malformed_lines)
            assert sum(added.values()) == lines, "every line has exactly one outcome"
            progress(batch.position)
        return counts

    def _stamp(self) -> tuple[int, int, int]:
        found = self.path.stat()
        return found.st_ino, found.st_size, found.st_mtime_ns

    def _keep_anyway(self) -> tuple[str, int]:
        """Keep the bytes of a refused file too, where there are any to be had."""
        try:
            kept = keep_file(self.office.home, self.office.vault, self.path)
        except OSError:
            return "", 0
        return kept.sha256, kept.size


def _why(error: UnableToTakeFile | OSError) -> tuple[Refusal, str]:
    if isinstance(error, UnableToTakeFile):
        return error.refusal, error.why
    return Refusal.UNREADABLE, f"it cannot be opened: {error.strerror}"
