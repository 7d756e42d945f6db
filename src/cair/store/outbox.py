"""Facts that the office itself states: written as a file of their feed and taken in by the same door as a partner's."""

import json
import secrets
from datetime import datetime
from pathlib import Path

from cair.kernel.days import JAKARTA
from cair.rules.tables import PMO
from cair.store.private_files import own_folder


def write_office_file(home: Path, feed: str, rows: list[dict[str, object]], *, now: datetime) -> Path:
    """Write rows of a feed of the office as NDJSON in its outbox; give the file."""
    folder = own_folder(home / "outbox", private=True)
    day = now.astimezone(JAKARTA).strftime("%Y%m%d")
    path = folder / f"{feed}.{PMO}.{day}.{secrets.token_hex(6)}.ndjson"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def written_instant(now: datetime) -> str:
    """Write an instant as files carry it."""
    return now.isoformat(timespec="microseconds").replace("+00:00", "Z")
