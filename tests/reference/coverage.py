"""What a run of the adversary's seeds brings up, and what of the pages it never does.

`python -m tests.reference.coverage 1 20` plays the seeds 1 to 20.
"""

import collections
import sys
import tempfile

from tests.reference import adversary, conformance
from tests.reference.funnel import FINISHERS
from tests.reference.intake import OUTCOMES
from tests.reference.tables import BREAK_KINDS, FEEDS, IN_ORDER

REFUSALS = ("BAD_NAME", "UNKNOWN_FEED", "WRONG_PARTNER", "UNREADABLE", "TRUNCATED", "MISSING_COLUMN", "REPEATED_COLUMN")
CODES = {
    "card": "BAD_CARD_NUMBER",
    "nik": "BAD_NIK",
    "instant": "BAD_TIMESTAMP",
    "day": "BAD_DATE",
    "whole": "BAD_NUMBER",
    "stars": "BAD_NUMBER",
    "decimal": "BAD_NUMBER",
    "word": "BAD_VALUE",
    "text": "BAD_VALUE",
    "platforms": "BAD_VALUE",
}
STEPS = ("revoked", "not_bought", "bought", "redeemed", *FINISHERS)
CLASSES = ["TRIED", "SIGNED_IN", "LOCKED_OUT", "REACHED", "DELIVERED", "UNREACHABLE", "NO_RECEIPT", "NOT_CONTACTED"]


def everything():
    """What should occur, as (what, which)."""
    wanted = [("break", kind) for kind in BREAK_KINDS] + [("set aside", kind) for kind in BREAK_KINDS]
    wanted += [("reason", reason) for reason in (*IN_ORDER, "DUE")] + [("refused", reason) for reason in REFUSALS]
    wanted += [("outcome", outcome) for outcome in OUTCOMES] + [("reject", "MALFORMED_LINE ")]
    wanted += [("step", step) for step in STEPS] + [("reach", name) for name in CLASSES]
    for feed, columns in FEEDS.items():
        for column in columns:
            wanted.append(("reject", f"{CODES[column['type']]} {feed}.{column['name']}"))
            if not column["optional"]:
                wanted.append(("reject", f"MISSING_VALUE {feed}.{column['name']}"))
    wanted += [("reject", "BAD_VALUE reviews.stars"), ("reject", "FUTURE_TIMESTAMP accounts.checked_at")]
    return [(what, which) for what, which in wanted if (what, which) != ("set aside", "DUPLICATE_CODE")]


def occurring(folder):
    """What occurs in a folder, counted."""
    world, said, as_ofs = conformance.taken_in(folder)
    counts = collections.Counter(("refused", refusal["reason"]) for refusal in said["refused"])
    for file in said["files"]:
        for outcome in OUTCOMES:
            counts["outcome", outcome] += file[outcome]
    for reject in world.rejects():
        where = f"{reject['feed']}.{reject['column']}" if reject["column"] else ""
        counts["reject", f"{reject['code']} {where}"] += 1
    for as_of in as_ofs:
        evidence = world.as_of(as_of)
        for row in evidence.break_rows():
            counts["break", row["kind"]] += 1
        for _, set_aside_by in evidence.all_breaks():
            counts.update(("set aside", resolution["break_kind"]) for resolution in set_aside_by)
        for row in evidence.decision_rows():
            counts["reason", row["reason"] or "DUE"] += 1
        for row in world.funnel(as_of):
            if row["dimension"] in ("step", "reach"):
                counts[row["dimension"], row["value"]] += int(row["count"])
    return counts


def main():
    """Plays seeds and prints what occurred, then what did not."""
    first, last = (int(argument) for argument in sys.argv[1:3])
    counts = collections.Counter()
    for seed in range(first, last + 1):
        with tempfile.TemporaryDirectory() as folder:
            counts.update(occurring(adversary.make_folder(seed, folder)))
    wanted = everything()
    for what, which in wanted:
        sys.stdout.write(f"{counts[what, which]:8} {what}: {which}\n")
    missing = [f"{what}: {which}" for what, which in wanted if not counts[what, which]]
    sys.stdout.write("never: " + (", ".join(missing) or "nothing") + "\n")


if __name__ == "__main__":
    main()
