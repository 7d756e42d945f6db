"""Intake: every line gets exactly one outcome, as if taken one by one in the order of the file (contract section 2)."""

import hashlib

from tests.reference import days
from tests.reference.decide import AsOf
from tests.reference.feeds import Refused, read_lines, read_name
from tests.reference.funnel import funnel_of
from tests.reference.tables import FEEDS
from tests.reference.values import WrongValue, read_value

OUTCOMES = ("accepted", "superseding", "outdated", "conflict", "duplicate", "rejected")


class World:
    """Everything that was ever taken in, and what may be asked about it."""

    def __init__(self):
        self.latest_receipt = None
        self.files_seen = set()
        self.reports = {}
        self.taken_in = 0
        self._rejects = []
        self._conflicts = []

    def take_in(self, files, received_at):
        """Takes files (name, bytes; None when it cannot be opened) in, and says what came of them."""
        received = days.micros_of(received_at)
        if self.latest_receipt is not None and received < self.latest_receipt:
            raise ValueError("instants of receipt never run backwards")
        self.latest_receipt = received
        said = {"files": [], "refused": []}
        for name, content in files:
            try:
                named = read_name(name)
                lines = read_lines(named, content)
            except Refused as refusal:
                said["refused"].append({"name": name, "reason": refusal.reason})
                continue
            said["files"].append(self._take_in_file(name, named, content, lines, received))
        return said

    def _take_in_file(self, name, named, content, lines, received):
        """The outcomes of one file's lines; a file of the same name and bytes adds no rejects."""
        identity = (name, hashlib.sha256(content).digest())
        seen_before = identity in self.files_seen
        self.files_seen.add(identity)
        counts = dict.fromkeys(OUTCOMES, 0)
        for number, line in enumerate(lines, start=1):
            place = {"file": name, "line": number, "feed": named["feed"], "partner": named["partner"]}
            wrong = what_is_wrong(named["feed"], line, received)
            if wrong:
                counts["rejected"] += 1
                if not seen_before:
                    self._rejects.append({**place, **wrong, "raw_masked": masked(line["raw"])})
                continue
            outcome = self._take_in_report(place, line["texts"], received)
            counts[outcome] += 1
        totals = {"name": name, "feed": named["feed"], "partner": named["partner"], "lines": len(lines)}
        return {**totals, **counts}

    def _take_in_report(self, place, texts, received):
        """The outcome of a line that can be read; all but duplicates are kept."""
        report = report_of(place["feed"], place["partner"], texts, received)
        report["order"] = self.taken_in
        here = self.reports.setdefault((place["feed"], place["partner"], report["key"]), [])
        outcome = outcome_of(report, here)
        if outcome == "duplicate":
            return outcome
        self.taken_in += 1
        here.append(report)
        if outcome == "conflict":
            self._conflicts.append({**place, "key": report["key"], "revision": report["revision"]})
        return outcome

    def rejects(self):
        """The rejected lines in the order of intake."""
        return [dict(reject) for reject in self._rejects]

    def conflicts(self):
        """The lines by which a partner contradicts itself, in the order of intake."""
        return [dict(conflict) for conflict in self._conflicts]

    def as_of(self, as_of):
        """The evidence as of an instant."""
        return AsOf(self.reports, days.micros_of(as_of))

    def decisions(self, as_of):
        """The export `decisions` as of an instant."""
        return self.as_of(as_of).decision_rows()

    def breaks(self, as_of):
        """The export `breaks` as of an instant."""
        return self.as_of(as_of).break_rows()

    def funnel(self, as_of):
        """The export `funnel` as of an instant."""
        return funnel_of(self.as_of(as_of))

    def exports(self, as_of):
        """The three exports of one as-of at once: decisions, breaks, funnel."""
        evidence = self.as_of(as_of)
        return evidence.decision_rows(), evidence.break_rows(), funnel_of(evidence)


def what_is_wrong(feed, line, received):
    """The code and column of the first thing wrong with a line, or None."""
    if line["malformed"]:
        return {"code": "MALFORMED_LINE", "column": ""}
    for column in FEEDS[feed]:
        text = line["texts"][column["name"]]
        if text is None:
            if not column["optional"]:
                return {"code": "MISSING_VALUE", "column": column["name"]}
            continue
        try:
            read_value(column, text, received)
        except WrongValue as wrong:
            return {"code": wrong.code, "column": column["name"]}
    return None


def report_of(feed, partner, texts, received):
    """A report: feed, partner, key, revision, content, and when it was received and known."""
    values = {}
    for column in FEEDS[feed]:
        text = texts[column["name"]]
        values[column["name"]] = None if text is None else read_value(column, text, received)
    revision = values.pop("revision")
    key = tuple(values[column["name"]] for column in FEEDS[feed] if column["key"])
    return {
        **values,
        "feed": feed,
        "partner": partner,
        "key": key,
        "revision": 1 if revision is None else revision,
        "content": values,
        "received_at": received,
        "known": known_at(feed, values, received),
    }


def known_at(feed, values, received):
    """The later of what the partner says and when it was received (decisions section 1)."""
    if feed in ("courses", "registry"):
        return received
    if feed == "appointments":
        return max(received, days.start_of(values["appointed_on"]))
    if feed == "accounts":
        return max(received, values["checked_at"])
    return max(received, values["occurred_at"])


def outcome_of(report, here):
    """The outcome of a report among those of its key that are here already."""
    if any(other["revision"] == report["revision"] and other["content"] == report["content"] for other in here):
        return "duplicate"
    if not here:
        return "accepted"
    highest = max(other["revision"] for other in here)
    if highest < report["revision"]:
        return "superseding"
    if highest > report["revision"]:
        return "outdated"
    return "conflict"


def masked(raw):
    """The raw line, each digit as 9, each letter as x, bytes that are not UTF-8 as \\xNN (contract section 3)."""
    shown = []
    for character in raw.decode("utf-8", "surrogateescape"):
        if "\udc80" <= character <= "\udcff":
            shown.append(f"\\x{ord(character) - 0xDC00:02x}")
        elif character.isdecimal():
            shown.append("9")
        elif character.isalpha():
            shown.append("x")
        else:
            shown.append(character)
    return "".join(shown)[:1000]
