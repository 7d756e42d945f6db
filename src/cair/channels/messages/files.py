"""Messages as files for a messaging partner or a call centre: one file a channel, whole or not at all, for its owner alone.

Handed over again, the files have the same names and the same lines. What became of the messages comes back as the feed
`messages`, under the same references.
"""

import csv
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, TextIO

from cair.channels.messages.messenger import Fate, Message, UnableToSendMessages

COLUMNS = ("message_ref", "to", "name", "text")
FORMS = ("csv", "ndjson")


class MessageFiles:
    """Writes `<title>.<channel>.<form>` into a folder."""

    via = "files"
    is_repeatable = True

    def __init__(self, folder: Path, *, title: str, form: str, carries: frozenset[str]) -> None:
        assert form in FORMS, "a known form"
        self.carries = carries
        self.written: dict[str, int] = {}
        """Messages by the name of each file, once they are written."""
        self._folder, self._title, self._form = folder, title, form

    def send(self, messages: Iterable[Message]) -> Iterator[Fate]:
        """Write all messages; nothing is known of them yet.

        :raises UnableToSendMessages: the folder cannot be written.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._write(messages)
        except OSError as error:
            raise UnableToSendMessages(
                f"{self._folder} cannot be written: {error.strerror}. Mend it and give the same command again."
            ) from error
        yield from ()

    def _write(self, messages: Iterable[Message]) -> None:
        unfinished: dict[str, Path] = {}
        counts: dict[str, int] = {}
        try:
            with ExitStack() as opened:
                writers: dict[str, tuple[TextIO, Any]] = {}
                for message in messages:
                    name = f"{self._title}.{message.channel}.{self._form}"
                    if name not in writers:
                        unfinished[name] = self._folder / f".{name}.{os.getpid()}"
                        file = opened.enter_context(_private(unfinished[name]))
                        writers[name] = (file, csv.writer(file, lineterminator="\n"))
                        if self._form == "csv":
                            writers[name][1].writerow(COLUMNS)
                    _add(message, *writers[name], form=self._form)
                    counts[name] = counts.get(name, 0) + 1
                for file, _ in writers.values():
                    file.flush()
                    os.fsync(file.fileno())
            for name, path in unfinished.items():
                path.replace(self._folder / name)
            self.written = counts
        finally:
            for path in unfinished.values():
                with suppress(FileNotFoundError):
                    path.unlink()


def _private(path: Path) -> TextIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8", newline="")


def _add(message: Message, file: TextIO, writer: Any, *, form: str) -> None:
    name = message.name.reveal() if message.name else ""
    values = (message.message_ref, message.to.reveal(), name, message.text)
    if form == "csv":
        writer.writerow(values)
    else:
        file.write(json.dumps(dict(zip(COLUMNS, values, strict=True)), ensure_ascii=False) + "\n")
