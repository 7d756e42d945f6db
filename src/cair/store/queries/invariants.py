"""What must hold of money, looked at afresh in all rows: for `cair verify`. Constraints hold most of it already;

this finds what was written past them: with triggers off, by a restored half, or on a damaged disk.
"""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import psycopg

from cair.ledger.audit import first_broken
from cair.rules.release import list_hash
from cair.store.database import Database, without_values
from cair.store.queries.releases import read_items, read_release

Connection = psycopg.Connection[Any]

_AT_ONCE = 2
"""Laws looked at at the same time, each by a process of the database."""
_SHOWN = 3
"""Examples named with each trouble."""

MONEY_TABLES = (
    "account",
    "transfer",
    "leg",
    "booking",
    "staff",
    "audit",
    "appropriation",
    "release",
    "release_item",
    "approval",
    "release_end",
    "account_override",
    "payee",
    "payment_order",
    "claim",
    "sending",
    "answer",
    "payment_outcome",
    "bank_file",
    "bank_line",
    "line_verdict",
    "account_check",
    "recovery",
    "recovery_end",
)
"""Tables whose rows are never changed nor deleted."""

CHECKS: dict[str, str] = {
    "transfers do not balance (I1)": """
        SELECT transfer.number::text FROM transfer LEFT JOIN (
            SELECT transfer, count(*) AS legs, sum(amount_idr) AS rest, sum(greatest(amount_idr, 0)) AS debits
            FROM leg GROUP BY transfer
        ) AS found ON found.transfer = transfer.number
        WHERE settles IS NULL
          AND (found.rest = 0 AND found.legs = transfer.legs AND found.debits = transfer.amount_idr) IS NOT TRUE
    """,
    "legs belong to no transfer, or to one that has none": """
        SELECT DISTINCT leg.transfer::text FROM leg LEFT JOIN transfer ON transfer.number = leg.transfer
        WHERE (leg.position <= transfer.legs) IS NOT TRUE
    """,
    "legs are on accounts that are not kept so": """
        SELECT DISTINCT leg.transfer::text FROM leg LEFT JOIN account ON account.number = leg.account
        WHERE (account.is_personal = (leg.card_number IS NOT NULL)) IS NOT TRUE
    """,
    "transfers are missing in the numbering": """
        SELECT (number - 1)::text FROM (SELECT number, lag(number, 1, 0::bigint) OVER (ORDER BY number) AS before
                                        FROM transfer) AS pairs WHERE number <> before + 1
    """,
    "transfers settle what is not pending, or another amount": """
        SELECT settling.number::text FROM transfer AS settling
        LEFT JOIN transfer AS held ON held.number = settling.settles
        WHERE settling.settles IS NOT NULL
          AND (held.stage = 'PENDING' AND held.amount_idr = settling.amount_idr) IS NOT TRUE
    """,
    "more is promised than was appropriated (I6)": """
        SELECT account.name FROM account JOIN leg ON leg.account = account.number
        WHERE account.is_capped GROUP BY account.name HAVING sum(leg.amount_idr) > 0
    """,
    "the documents of an appropriation do not sum to the books (I6)": """
        SELECT coalesce(booked.purpose, said.purpose) FROM (
            SELECT split_part(account.name, ':', 4) AS purpose, lower(split_part(account.name, ':', 3)) AS line,
                   -sum(leg.amount_idr) AS amount
            FROM leg JOIN account ON account.number = leg.account JOIN transfer ON transfer.number = leg.transfer
            WHERE account.is_capped AND transfer.code IN ('appropriate', 'cut_appropriation') GROUP BY 1, 2
        ) AS booked FULL JOIN (
            SELECT purpose, lower(line) AS line, sum(amount_idr) AS amount FROM appropriation GROUP BY 1, 2
        ) AS said ON (said.purpose, said.line) = (booked.purpose, booked.line)
        WHERE booked.amount IS DISTINCT FROM said.amount
    """,
    "participants were paid or hold more than they were promised (I2)": """
        SELECT account.name FROM account JOIN (
            SELECT leg.account FROM leg LEFT JOIN transfer AS settled ON settled.settles = leg.transfer
            WHERE leg.account IN (SELECT number FROM account WHERE is_personal AND (
                name LIKE 'Liabilities:%' OR name LIKE 'Equity:State-treasury:%'
            ))
              AND settled.stage IS DISTINCT FROM 'VOIDED'
            GROUP BY leg.account, leg.card_number HAVING sum(leg.amount_idr) > 0
        ) AS above ON above.account = account.number
    """,
    "benefits have two payments in force (I2)": """
        SELECT min(ordered.order_ref) FROM payment_order AS ordered
        WHERE NOT EXISTS (SELECT FROM payment_outcome AS ended
                          WHERE (ended.order_ref, ended.attempt) = (ordered.order_ref, ordered.attempt)
                            AND ended.status IN ('FAILED', 'RETURNED'))
        GROUP BY ordered.card_number, ordered.benefit HAVING count(*) > 1
    """,
    "attempts follow one that has not ended (I3)": """
        SELECT later.order_ref FROM payment_order AS later
        LEFT JOIN payment_outcome AS ended ON ended.order_ref = later.order_ref AND ended.attempt = later.attempt - 1
             AND ended.status IN ('FAILED', 'RETURNED')
        WHERE later.attempt > 1 AND ended.order_ref IS NULL
    """,
    "sendings have no order or claim (I4)": """
        SELECT sending.order_ref FROM sending LEFT JOIN claim
          ON (claim.order_ref, claim.attempt, claim.epoch) = (sending.order_ref, sending.attempt, sending.epoch)
        WHERE claim.epoch IS NULL AND NOT (sending.epoch = 0 AND sending.file_ref <> '')
    """,
    "orders disagree with their item, release or pending transfer (I5, I6)": """
        SELECT ordered.order_ref FROM payment_order AS ordered
        LEFT JOIN release_item AS item ON (item.release, item.position) = (ordered.release, ordered.position)
        LEFT JOIN release_end AS ended ON ended.release = ordered.release
        LEFT JOIN transfer ON transfer.number = ordered.transfer
        LEFT JOIN leg ON leg.transfer = ordered.transfer AND leg.position = 1
        WHERE ((item.order_ref, item.attempt, item.card_number, item.benefit, item.amount_idr)
             = (ordered.order_ref, ordered.attempt, ordered.card_number, ordered.benefit, ordered.amount_idr)
            AND ended.how = 'RUN' AND transfer.stage = 'PENDING' AND transfer.amount_idr = ordered.amount_idr
            AND leg.card_number = ordered.card_number) IS NOT TRUE
    """,
    "releases that were run lack orders": """
        SELECT release.number::text FROM release
        JOIN release_end ON release_end.release = release.number AND how = 'RUN'
        LEFT JOIN payment_order ON payment_order.release = release.number
        GROUP BY release.number HAVING count(order_ref) <> release.items
    """,
    "outcomes are not booked as what they are (I7)": """
        SELECT ended.order_ref FROM payment_outcome AS ended
        LEFT JOIN payment_order AS ordered ON (ordered.order_ref, ordered.attempt) = (ended.order_ref, ended.attempt)
        LEFT JOIN transfer ON transfer.number = ended.transfer
        WHERE (transfer.amount_idr = ordered.amount_idr AND CASE ended.status
                WHEN 'PAID' THEN transfer.settles = ordered.transfer AND transfer.stage = 'POSTED'
                WHEN 'FAILED' THEN transfer.settles = ordered.transfer AND transfer.stage = 'VOIDED'
                ELSE transfer.code = 'return_incentive' END) IS NOT TRUE
    """,
    "bookings of payments have no outcome (I7, I13)": """
        SELECT transfer.event FROM transfer LEFT JOIN payment_outcome ON payment_outcome.transfer = transfer.number
        WHERE (transfer.settles IS NOT NULL OR transfer.code = 'return_incentive') AND payment_outcome.transfer IS NULL
    """,
    "pending payments have no order": """
        SELECT transfer.event FROM transfer LEFT JOIN payment_order ON payment_order.transfer = transfer.number
        WHERE transfer.stage = 'PENDING' AND payment_order.transfer IS NULL
    """,
    "releases were approved by whoever planned them, twice by one, or not at all (I14)": """
        SELECT release.number::text FROM release
        JOIN release_end ON release_end.release = release.number AND how = 'RUN'
        LEFT JOIN approval ON approval.release = release.number AND approval.list_hash = release.list_hash
             AND approval.approved_by <> release.planned_by
        GROUP BY release.number HAVING count(DISTINCT approved_by) <> release.stages
    """,
    "accounts pay several participants without two people's decision (I19)": """
        SELECT 'of ' || min(payee.partner) FROM payee LEFT JOIN account_override AS allowed
          ON (allowed.number, allowed.partner, allowed.account_ref_index, allowed.card_number)
           = (payee.override_number, payee.partner, payee.account_ref_index, payee.card_number)
        GROUP BY payee.partner, payee.account_ref_index HAVING count(*) - count(allowed.number) > 1
    """,
    "statements do not add up (I8)": """
        SELECT bank_file.name FROM bank_file LEFT JOIN (
            SELECT file_number, count(*) AS lines FROM bank_line GROUP BY file_number
        ) AS found ON found.file_number = bank_file.number
        WHERE refusal = '' AND (coalesce(found.lines, 0) <> bank_file.lines
              OR closing_idr <> opening_idr + credit_idr - debit_idr)
    """,
    "lines of banks have no verdict (I8)": """
        SELECT bank_line.file_number::text FROM bank_line LEFT JOIN line_verdict
          ON (line_verdict.file_number, line_verdict.line) = (bank_line.file_number, bank_line.line)
        WHERE line_verdict.line IS NULL
    """,
    "tables of money can be changed, their guards are off (I15)": f"""
        SELECT name FROM unnest('{{{",".join(MONEY_TABLES)}}}'::text[]) AS name
        WHERE NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = to_regclass(name) AND tgname = 'append_only'
                            AND tgenabled IN ('O', 'A'))
    """,
}
"""Each is a law broken and the query that gives what breaks it: numbers, references and names, no personal values."""


def check_invariants(database: Database) -> list[str]:
    """Look at everything money rests on; give one sentence per law that is broken, none when all hold."""
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as asking:
        rows = asking.submit(_broken_chain_or_lists, database)
        found = [*asking.map(partial(_broken, database), CHECKS, CHECKS.values())]
        return [*filter(None, found), *rows.result()]


def _broken_chain_or_lists(database: Database) -> list[str]:
    with database.connect() as connection:
        return [*_broken_chain(connection), *_changed_lists(connection)]


def _broken(database: Database, trouble: str, asked: str) -> str:
    with without_values(), database.connect(autocommit=True) as connection:
        connection.execute("SET max_parallel_workers_per_gather = 0")
        rows = connection.execute(
            f"WITH broken (example) AS MATERIALIZED ({asked}) "
            f"SELECT (SELECT count(*) FROM broken), example FROM broken ORDER BY example LIMIT {_SHOWN}"
        ).fetchall()
    if not rows:
        return ""
    return f"{rows[0][0]} {trouble}: {', '.join(str(example) for _, example in rows)}"


def _broken_chain(connection: Connection) -> list[str]:
    with without_values(), connection.cursor("audit") as cursor:
        cursor.execute("SELECT number, content, previous, hash FROM audit ORDER BY number")
        broken = first_broken(cursor)
    return [] if broken is None else [f"The chain of the audit breaks at line {broken} (I15)"]


def _changed_lists(connection: Connection) -> list[str]:
    with without_values():
        numbers = [row[0] for row in connection.execute("SELECT number FROM release ORDER BY number").fetchall()]
    found = []
    for number in numbers:
        known = read_release(connection, number)
        items = read_items(connection, number)
        told = list_hash(items, as_of=known.as_of, seed=known.seed, planned_by=known.planned_by, stages=known.stages)
        if told != known.list_hash:
            found.append(f"The list of release {number} is not the one with its hash (I14)")
    return found
