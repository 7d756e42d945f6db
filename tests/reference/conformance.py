"""Folders in the form of the conformance examples: a plan, partners' files, and what must come of them."""

import csv
import datetime
import io
import json
import lzma
import shutil
from pathlib import Path

from tests.reference.intake import World

OF_DECISIONS = (
    *("card_number", "benefit", "state", "reason", "detail", "whose_move"),
    *("partner", "since", "due_on", "amount_idr", "redeem_code", "order_ref"),
)
EXPORTS = {
    "decisions": OF_DECISIONS,
    "breaks": ("redeem_code", "kind", "whose_move", "partner", "since", "due_on", "card_number"),
    "funnel": ("as_of", "measure", "dimension", "value", "count"),
}
REJECTS = ("file", "line", "feed", "partner", "code", "column")


def instant(text):
    """The instant of a plan, exact to the microsecond."""
    return datetime.datetime.fromisoformat(text)


def taken_in(folder):
    """All steps of a folder's plan taken in: the world, what each step said (joined), the as-ofs."""
    folder = Path(folder)
    plan = json.loads((folder / "plan.json").read_text("utf-8"))
    world = World()
    said = {"files": [], "refused": []}
    for step in plan["steps"]:
        files = [(Path(name).name, content_of(folder / name)) for name in step["files"]]
        of_step = world.take_in(files, instant(step["received_at"]))
        said["files"] += of_step["files"]
        said["refused"] += of_step["refused"]
    return world, said, [instant(text) for text in plan["as_ofs"]]


def content_of(path):
    """A file's bytes, unpacked when it is stored as `.xz`; None when it cannot be opened."""
    packed = path.with_name(path.name + ".xz")
    try:
        return lzma.decompress(packed.read_bytes()) if packed.exists() else path.read_bytes()
    except OSError:
        return None


def laid_out(folder, into):
    """A copy of a folder with the packed files unpacked, for programs that read the files themselves."""
    shutil.copytree(folder, into, dirs_exist_ok=True)
    for packed in sorted(Path(into).rglob("*.xz")):
        packed.with_suffix("").write_bytes(lzma.decompress(packed.read_bytes()))
        packed.unlink()
    return Path(into)


def csv_rows(path):
    """The rows of an expected CSV as dicts of text."""
    with Path(path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def reject_rows(world):
    """The rejects in the columns of the expected file."""
    return [{name: str(reject[name]) for name in REJECTS} for reject in world.rejects()]


def csv_text(names, rows):
    """Rows as a CSV with header and LF."""
    out = io.StringIO()
    writer = csv.DictWriter(out, names, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def write_expected(folder):
    """Writes what the reference says must come of a folder, in the form of the examples."""
    world, said, as_ofs = taken_in(folder)
    expected = Path(folder) / "expected"
    expected.mkdir(exist_ok=True)
    (expected / "outcomes.json").write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
    write_csv(expected / "rejects.csv", REJECTS, reject_rows(world))
    for number, as_of in enumerate(as_ofs, start=1):
        (expected / str(number)).mkdir(exist_ok=True)
        for name, columns, rows in zip(EXPORTS, EXPORTS.values(), world.exports(as_of), strict=True):
            write_csv(expected / str(number) / f"{name}.csv", columns, rows)


def write_csv(path, names, rows):
    """Writes rows as a CSV with header and LF."""
    Path(path).write_bytes(csv_text(names, rows).encode("utf-8"))
