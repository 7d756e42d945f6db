"""Partners' files in: kept as received, read, every line with one outcome, each file in one transaction.

What was killed at any instant is done again by the same command: a file is in whole or not at all, and lines that are
here already are duplicates.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cair.channels.inbox.names import UnableToTakeFile, read_name
from cair.channels.inbox.reader import Batch, read
from cair.kernel.reasons import Outcome, Refusal
from cair.store.ahead import ahead, side_by_side
from cair.store.engine import session_without_spills
from cair.store.locks import alone
from cair.store.office import Office
from cair.store.queries.intake import intake_so_far
from cair.store.records.evidence import EvidenceWriter, evidence_writer
from cair.store.records.raw_files import clear_unfinished, keep_file
from cair.store.records.reading import LineReader, Origin, ReadLines
from cair.store.vault import Kept

BATCHES_AHEAD = 2
READERS = 2
"""So many batches are made ready at once: lines with personal values take longer to make ready than to write."""
STEPS_BEGUN = 8
"""So many beginnings, batches and ends of files may be under way: a large batch must not hold up small files."""
BYTES_A_LINE, BYTES_A_PACKED_LINE = 60, 12
"""Rough sizes, by which it is guessed how many lines will come."""

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
    """Give the files to take in: of a folder its files by name, in code point order.

    A folder that cannot be opened stands for itself: it is refused as a file would be, and the others still go in.
    """
    found: list[Path] = []
    for path in paths:
        if not _is_folder(path):
            found.append(path)
            continue
        try:
            inside = [file for file in path.iterdir() if not _is_folder(file)]
        except OSError:
            inside = [path]
        found += sorted(inside, key=lambda file: file.name)
    return found


def _is_folder(path: Path) -> bool:
    """Look whether a path leads to a folder; one that leads nowhere or cannot be followed does not."""
    try:
        return path.is_dir()
    except OSError:
        return False


def take_files(
    office: Office, paths: Iterable[Path], *, received_at: datetime, now: datetime, progress: Progress
) -> Intake:
    """Take files in, one after the other. A file that is refused is named, and the others still go in.

    The next lines are read while those before are written, also across files; what becomes of them is the same.

    :raises UnableToReceiveThen: nothing is taken in.
    :raises cair.store.locks.UnableToGoAlone: another intake is running.
    :raises cair.store.records.raw_files.UnableToKeepFile: our disk is full; files before it are in.
    :raises cair.store.database.UnableToUseDatabase: the database refused; files before are in.
    """
    files = files_of(paths)
    sizes = [_size(file) for file in files]
    taken = _Taken(sizes, progress)
    # One thread of the engine: the other processor has the database's work.
    with alone(office.database, "intake"), session_without_spills(threads=1) as engine:
        check_receipt(office, received_at, now=now)
        clear_unfinished(office.home)
        first = intake_so_far(office.database).last_number + 1
        reading = _Reading(office, received_at)
        readers = [_ready_by(LineReader(engine.cursor(), office.vault)) for _ in range(READERS)]
        with (
            evidence_writer(office.database, engine, expected=_expected(files, sizes)) as writer,
            ahead(reading.files(files, first), depth=1) as cut,
            ahead(side_by_side(cut, readers, depth=STEPS_BEGUN), depth=BATCHES_AHEAD) as steps,
        ):
            for step in steps:
                taken.write(writer, step)
        progress("", sum(sizes), sum(sizes))
    return taken.result


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _expected(files: list[Path], sizes: list[int]) -> dict[str, int]:
    """Guess how many lines of each feed there are."""
    lines: Counter[str] = Counter()
    for path, size in zip(files, sizes, strict=True):
        lines[path.name.partition(".")[0]] += size // (
            BYTES_A_LINE if path.suffix in (".csv", ".ndjson") else BYTES_A_PACKED_LINE
        )
    return dict(lines)


@dataclass(frozen=True)
class _Begun:
    """A file's bytes are kept; its lines follow."""

    origin: Origin
    kept: Kept


@dataclass(frozen=True)
class _Cut:
    """Some lines of the file that was begun, as columns of text."""

    origin: Origin
    batch: Batch


@dataclass(frozen=True)
class _Read:
    """Some lines of the file that was begun, ready to be written."""

    lines: ReadLines
    position: int


@dataclass(frozen=True)
class _Ended:
    """The file is read to its end, or refused for a reason; then nothing of it is taken in."""

    origin: Origin
    kept: Kept
    refusal: Refusal | None = None
    why: str = ""


def _ready_by(reader: LineReader) -> "Callable[[_Begun | _Cut | _Ended], _Begun | _Read | _Ended]":
    """Give what makes the lines of a step ready to be written."""

    def ready(step: "_Begun | _Cut | _Ended") -> "_Begun | _Read | _Ended":
        return _Read(reader.read(step.origin, step.batch), step.batch.position) if isinstance(step, _Cut) else step

    return ready


@dataclass(frozen=True)
class _Reading:
    """Keeping and reading files; all that needs no database."""

    office: Office
    received_at: datetime

    def files(self, files: list[Path], first: int) -> "Iterator[_Begun | _Cut | _Ended]":
        """Read files, numbered from `first`."""
        for number, path in enumerate(files, first):
            yield from self._file(number, path)

    def _file(self, number: int, path: Path) -> "Iterator[_Begun | _Cut | _Ended]":
        """Keep the bytes, then read the lines; or say why the file is refused."""
        name = path.name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        kept = None
        try:
            if _is_folder(path):
                raise UnableToTakeFile(Refusal.UNREADABLE, "the folder cannot be opened")
            parts = read_name(name)
            before = _stamp(path)
            kept = keep_file(self.office.home, self.office.vault, path)
            origin = Origin(number, name, parts.feed, parts.partner, self.received_at)
            yield _Begun(origin, kept)
            for batch in read(path, parts):
                yield _Cut(origin, batch)
            if _stamp(path) != before:
                raise UnableToTakeFile(Refusal.UNREADABLE, "it changed while it was read; send it again")
        except (UnableToTakeFile, OSError) as error:
            yield _Ended(Origin(number, name, "", "", self.received_at), kept or self._keep_anyway(path), *_why(error))
            return
        yield _Ended(origin, kept)

    def _keep_anyway(self, path: Path) -> Kept:
        """Keep the bytes of a refused file too, where there are any to be had."""
        try:
            return keep_file(self.office.home, self.office.vault, path)
        except OSError:
            return Kept("", 0)


def _stamp(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def _why(error: UnableToTakeFile | OSError) -> tuple[Refusal, str]:
    if isinstance(error, UnableToTakeFile):
        return error.refusal, error.why
    return Refusal.UNREADABLE, f"it cannot be opened: {error.strerror}"


class _Taken:
    """Writing what was read, each file in one transaction, and what became of it."""

    def __init__(self, sizes: list[int], progress: Progress) -> None:
        self.result = Intake()
        self._sizes, self._progress = sizes, progress
        self._counts: dict[str, int] = {}
        self._origin: Origin | None = None
        self._keep_rejects, self._done = True, 0

    def write(self, writer: EvidenceWriter, step: "_Begun | _Read | _Ended") -> None:
        """Do what a step asks for."""
        match step:
            case _Begun(origin, kept):
                self._origin, self._counts = origin, dict.fromkeys(map(str, Outcome), 0)
                self._keep_rejects = not writer.is_known_content(origin.name, kept.sha256)
                self._tell(0)
            case _Read(lines, position):
                assert self._origin, "a file begins before its lines come"
                added = writer.add_lines(self._origin, lines, keep_rejects=self._keep_rejects)
                assert sum(added.values()) == lines.count, "every line has exactly one outcome"
                self._counts = {outcome: count + added[outcome] for outcome, count in self._counts.items()}
                self._tell(position)
            case _Ended():
                self._end(writer, step)

    def _end(self, writer: EvidenceWriter, step: _Ended) -> None:
        origin, kept = step.origin, step.kept
        if step.refusal:
            writer.forget()
        refusal, counts = step.refusal or "", {} if step.refusal else self._counts
        writer.add_file(origin, sha256=kept.sha256, size_bytes=kept.size, refusal=refusal, counts=counts)
        if step.refusal:
            self.result.refused.append((origin.name, step.refusal, step.why))
        else:
            self.result.files.append(TakenFile(origin.name, origin.feed, origin.partner, counts))
        self._origin = None
        self._done += self._sizes[len(self.result.files) + len(self.result.refused) - 1]
        self._tell(0)

    def _tell(self, position: int) -> None:
        self._progress(self._origin.name if self._origin else "", self._done + position, sum(self._sizes))
