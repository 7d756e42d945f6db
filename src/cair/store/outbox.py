"""Facts that the office itself states: written as a file of their feed and taken in by the same door as a partner's."""

import json
import secrets
from datetime import datetime
from pathlib import Path

from cair.kernel.days import JAKARTA
from cair.rules.tables import PMO
from cair.store.private_files import own_folder


def write_office_file(
    home: Path, feed: str, rows: list[dict[str, object]], *, now: datetime, partner: str = PMO, serial: str = ""
) -> Path:
    """Write rows of a feed as NDJSON in the office's outbox; give the file.

    With a serial it has the same name however often it is written on a day; without, a new one each time.
    """
    folder = own_folder(home / "outbox", private=True)
    day = now.astimezone(JAKARTA).strftime("%Y%m%d")
    path = folder / f"{feed}.{partner}.{day}.{serial or secrets.token_hex(6)}.ndjson"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def written_instant(now: datetime) -> str:
    """Write an instant as files carry it."""
    return now.isoformat(timespec="microseconds").replace("+00:00", "Z")
