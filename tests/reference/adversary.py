"""A seeded adversary: folders of partners' files, as nasty as the contract allows, in the form of the examples.

`python -m tests.reference.adversary FOLDER SEED` writes one, with what must come of it.
"""

import argparse
import datetime
import json
import random
import sys
from pathlib import Path

from tests.reference import conformance, days, refusals, scenes, spelling, stories, writing
from tests.reference.feeds import MIB
from tests.reference.tables import FEEDS

# The first receipts lie near holidays, last days, ends of years and of months.
FIRST_RECEIPTS = (
    "2019-12-14",
    "2020-05-18",
    "2020-06-01",
    "2020-10-25",
    "2020-12-20",
    "2021-02-26",
    "2022-04-26",
    "2023-04-17",
    "2023-11-10",
)
SMALL_FEEDS = ("courses", "surveys", "registry", "holds", "revocations", "results")
GAPS = (0, 0, 1, days.MINUTE, 10 * days.MINUTE, days.HOUR, days.DAY, 3 * days.DAY, 14 * days.DAY, 35 * days.DAY)


def make_folder(seed, path, steps=5, people=250):
    """Writes plan.json and the files of each step; the same seed, the same folder."""
    rng = random.Random(seed)
    folder = Path(path)
    receipts = receipts_of(rng, steps)
    reports = play(rng, receipts, people)
    plan, kept = [], []
    for number, received_at in enumerate(receipts):
        files = files_of_step(rng, [r for r in reports if r["step"] == number], received_at, number)
        files += repeated_files(rng, kept, files)
        rng.shuffle(files)
        plan.append({"received_at": days.instant_text(received_at), "files": write_files(folder, number, files)})
        kept += files
    as_ofs = [days.instant_text(as_of) for as_of in as_ofs_of(rng, receipts)]
    text = json.dumps({"steps": plan, "as_ofs": as_ofs}, indent=1)
    (folder / "plan.json").write_text(text + "\n", encoding="utf-8")
    return folder


def play(rng, receipts, people):
    """Everything that everybody reports."""
    stage = stories.Stage(rng, receipts, people)
    stories.fill_catalogue(stage)
    for _ in range(people):
        stories.live(stage)
    scenes.play_scenes(stage)
    stories.hold(stage)
    stories.orphans(stage)
    stories.noise(stage)
    stories.resolve(stage)
    stories.disturb(stage)
    return stage.reports


def receipts_of(rng, steps):
    """Instants of receipt that never run backwards; some equal, some a microsecond apart, some at midnight."""
    first = datetime.date.fromisoformat(rng.choice(FIRST_RECEIPTS))
    at = days.start_of(first) + rng.choice((0, -1, rng.randrange(days.DAY), rng.randrange(86_400) * days.SECOND))
    receipts = [at]
    while len(receipts) < steps:
        at += rng.choice(GAPS) if len(receipts) % 2 == 0 else rng.randrange(4 * days.DAY, 40 * days.DAY)
        receipts.append(at)
    return receipts


def as_ofs_of(rng, receipts):
    """Around the receipts, 24 hours and 10 minutes after them, at midnight in Jakarta, and well after the last."""
    last = receipts[-1]
    some = rng.choice(receipts)
    midnight = days.start_of(days.jakarta_day(last) + datetime.timedelta(days=rng.choice((1, 4, 20))))
    chosen = {
        some + rng.choice((0, -1, 1)),
        rng.choice(receipts) + rng.choice((days.DAY, days.DAY - 1, 10 * days.MINUTE, 5 * days.MINUTE, 4 * days.MINUTE)),
        receipts[0] + rng.randrange(max(1, last - receipts[0])),
        midnight - rng.choice((0, 1)),
        last + 10 * days.MINUTE,
        last + rng.choice((60, 200, 500)) * days.DAY,
    }
    return sorted(chosen)


# The files of a step


def files_of_step(rng, reports, received_at, number):
    """The files (name, bytes) of a step: by feed and partner, in any form, with refused ones among them."""
    groups = {}
    for report in reports:
        groups.setdefault((report["feed"], report["partner"]), []).append(report)
    files, names = [], set()
    for (feed, partner), of_partner in groups.items():
        rng.shuffle(of_partner)
        for part in parted(rng, of_partner):
            lines = lines_of(rng, part, received_at)
            form = rng.choice(("csv",) * 5 + ("csv.gz", "ndjson", "ndjson", "ndjson.gz", "parquet", "parquet"))
            name = new_name(rng, names, f"{feed}.{partner}.{writing.file_date(rng, received_at)}", form)
            files.append((name, content_of(rng, feed, lines, form)))
    for serial in range(rng.choice((4, 6, 9))):
        files.append(refusals.refused_file(rng, writing.file_date(rng, received_at), 1000 * number + serial))
    files += seldom(rng, names, received_at)
    return files


def seldom(rng, names, received_at):
    """Over-long lines, files of nothing."""
    date = writing.file_date(rng, received_at)
    files = []
    if rng.random() < 0.25:
        files.append((new_name(rng, names, f"registry.kemnaker.{date}", "csv"), writing.long_csv(rng)))
    if rng.random() < 0.15:
        files.append((new_name(rng, names, f"registry.dukcapil.{date}", "ndjson"), writing.long_ndjson(rng)))
    if rng.random() < 0.3:
        files.append(
            (new_name(rng, names, f"results.bank1.{date}", "ndjson"), rng.choice((b"", b"\n \n", b"\xef\xbb\xbf")))
        )
    return files


def parted(rng, reports):
    """One or several files of one partner."""
    if len(reports) < 4 or rng.random() < 0.6:
        return [reports]
    cut = rng.randrange(1, len(reports))
    return [reports[:cut], reports[cut:]]


def new_name(rng, names, start, form):
    """A name that the step has not used."""
    while True:
        serial = rng.choice(
            ("", f".{rng.randrange(1000)}", f".{rng.choice('abXY')}{rng.choice('-_')}{rng.randrange(100)}")
        )
        name = f"{start}{serial}.{form}"
        if name not in names:
            names.add(name)
            return name


def lines_of(rng, reports, received_at):
    """The lines of reports, with misspelled and broken copies between them."""
    lines = []
    for report in reports:
        texts = texts_of(rng, report)
        lines.append({"texts": texts})
        if rng.random() < 0.01:
            lines[-1]["broken"] = True
        if rng.random() < (0.25 if report["feed"] in SMALL_FEEDS else 0.06):
            lines.insert(rng.randrange(len(lines) + 1), {"texts": misspelled_once(rng, report, texts, received_at)})
        if rng.random() < 0.04:
            lines.insert(rng.randrange(len(lines) + 1), {"texts": dict(texts), "broken": True})
        if rng.random() < 0.02:
            lines.append({"texts": texts_of(rng, report)})
    return lines


def texts_of(rng, report):
    """A report's values in some spelling."""
    columns = FEEDS[report["feed"]]
    values = {**report["values"], "revision": report["revision"]}
    if values["revision"] is None and rng.random() < 0.2:
        values["revision"] = 1
    return {column["name"]: spelling.spelled(rng, column, values.get(column["name"])) for column in columns}


def misspelled_once(rng, report, texts, received_at):
    """The texts with one column, sometimes two, written wrongly."""
    texts = dict(texts)
    for column in rng.sample(FEEDS[report["feed"]], rng.choice((1, 1, 1, 2))):
        value = report["values"].get(column["name"])
        texts[column["name"]] = spelling.misspelled(rng, column, value, received_at)
    return texts


def content_of(rng, feed, lines, form):
    """The bytes of a file in its form."""
    if form == "parquet":
        return writing.as_parquet(rng, feed, [line for line in lines if not line.get("broken")])
    text = writing.as_csv(rng, feed, lines) if form.startswith("csv") else writing.as_ndjson(rng, feed, lines)
    return writing.gzipped(rng, text) if form.endswith(".gz") else text


def repeated_files(rng, kept, files):
    """Files that came before, in this step or an earlier one, and files of an old name with other bytes."""
    small = [(name, content) for name, content in kept + files if content is not None and len(content) < MIB]
    repeated = rng.sample(small, min(len(small), rng.choice((1, 2, 4))))
    for name, content in rng.sample(small, min(len(small), 2)):
        if name.endswith(".csv"):
            repeated.append((name, content + b"\nsatu,baris,lagi\n"))
    return repeated


def write_files(folder, number, files):
    """Writes a step's files; two of one name go into folders of their own."""
    paths = []
    for name, content in files:
        place = f"s{number + 1:02}"
        while f"{place}/{name}" in paths:
            if (
                content is not None
                and (folder / place / name).exists()
                and (folder / place / name).read_bytes() == content
            ):
                break
            place += "b"
        paths.append(f"{place}/{name}")
        (folder / place).mkdir(parents=True, exist_ok=True)
        if content is not None:
            (folder / place / name).write_bytes(content)
    return paths


def main():
    """Writes a folder, with what must come of it."""
    parser = argparse.ArgumentParser(description="Write a folder of nasty partners' files and what must come of them.")
    parser.add_argument("folder")
    parser.add_argument("seed", type=int)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--people", type=int, default=250)
    asked = parser.parse_args()
    folder = make_folder(asked.seed, asked.folder, steps=asked.steps, people=asked.people)
    conformance.write_expected(folder)
    sys.stdout.write(f"{folder}: {len(json.loads((folder / 'plan.json').read_text('utf-8'))['steps'])} steps\n")


if __name__ == "__main__":
    main()
