"""Who is affected: by which ties a report reaches the people whose decision may change, and what must be fetched to
decide a few people as if everybody were decided. The one declared table of both.

A person's decision rests on the card's own reports, on the codes of its purchases, on everybody else who bought those
codes (and on what else those bought: the balance), on completions that share a certificate with those codes (and whether
the codes they name are sold), on appointments of the same NIK, on holds and on the catalogue.
"""

from dataclasses import dataclass

_PAIRS = """
    -- every version of a purchase's key, and the VOID of the same invoice
    {name} AS (SELECT DISTINCT q.* FROM {source} s JOIN purchases q USING (invoice_code, partner))"""

PURCHASES_OF = (
    """
WITH own AS (SELECT invoice_code, partner FROM purchases WHERE card_number = ANY(%(cards)s)
             UNION SELECT invoice_code, partner FROM purchases WHERE redeem_code = ANY(%(codes)s)),"""
    + _PAIRS.format(name="own_reports", source="own")
    + """,
    codes AS (SELECT DISTINCT redeem_code FROM own_reports),
    rivals AS (SELECT q.invoice_code, q.partner FROM codes JOIN purchases q USING (redeem_code)),"""
    + _PAIRS.format(name="rival_reports", source="rivals")
    + """,
    cards AS (SELECT DISTINCT card_number FROM rival_reports UNION SELECT DISTINCT card_number FROM own_reports),
    others AS (SELECT q.invoice_code, q.partner FROM cards JOIN purchases q USING (card_number)),
    pairs AS (SELECT * FROM own UNION SELECT * FROM rivals UNION SELECT * FROM others)
SELECT {columns} FROM purchases JOIN pairs USING (invoice_code, partner)"""
)
"""Reports of purchases that decide some cards, or some codes, and those of whoever shares a code with them."""

PURCHASES_NAMING = (
    "WITH named AS (SELECT DISTINCT invoice_code, partner FROM purchases WHERE redeem_code = ANY(%(codes)s)) "
    "SELECT {columns} FROM purchases JOIN named USING (invoice_code, partner)"
)
"""Reports of purchases that tell whether some codes are sold."""

COMPLETIONS_OF = """
WITH numbers AS (SELECT DISTINCT partner, certificate_no FROM completions
                 WHERE redeem_code = ANY(%(codes)s) AND certificate_no IS NOT NULL),
     named AS (SELECT DISTINCT c.redeem_code FROM numbers n
               JOIN completions c ON c.certificate_no = n.certificate_no AND c.partner = n.partner
               UNION SELECT unnest(%(codes)s::text[]))
SELECT {columns} FROM completions JOIN named USING (redeem_code)"""
"""Completions of some codes, and of the codes that share a certificate with them."""

APPOINTMENTS_OF = """
WITH own AS (SELECT DISTINCT nik_index FROM appointments WHERE card_number = ANY(%(cards)s)),
     cards AS (SELECT DISTINCT a.card_number FROM own JOIN appointments a USING (nik_index)
               UNION SELECT unnest(%(cards)s::bigint[]))
SELECT {columns} FROM appointments JOIN cards USING (card_number)"""
"""Appointments of some cards, and of all cards of the same NIK."""

BY_CARD = "SELECT {columns} FROM {feed} WHERE card_number = ANY(%(cards)s)"
BY_CODE = "SELECT {columns} FROM {feed} WHERE redeem_code = ANY(%(codes)s)"
BY_REFERENCE = (
    "WITH named AS (SELECT DISTINCT {reference}, partner FROM {feed} WHERE {tie} = ANY(%({param})s)) "
    "SELECT {columns} FROM {feed} JOIN named USING ({reference}, partner)"
)
"""Reports under a reference whose versions may name another card or code: every version of the reference."""
WHOLE = "SELECT {columns} FROM {feed}"


@dataclass(frozen=True)
class Reach:
    """How a report of a feed reaches people: SQL over `fresh` (its new reports) that gives cards, codes or everybody.

    `cards` and `codes` give one column each; `everybody` says when so many may change that all are decided.
    """

    cards: str = ""
    codes: str = ""
    everybody: str = ""


_VERSIONS_OF_PURCHASE = "SELECT q.{tie} FROM fresh f JOIN purchases q USING (invoice_code, partner)"
_VERSIONS = "SELECT q.{tie} FROM fresh f JOIN {feed} q USING ({reference}, partner)"
_SAME_NIK = (
    "WITH niks AS (SELECT DISTINCT a.nik_index FROM fresh f JOIN appointments a USING (card_number)) "
    "SELECT a.card_number FROM niks JOIN appointments a USING (nik_index)"
)
_SAME_CERTIFICATE = (
    "WITH numbers AS (SELECT DISTINCT c.partner, c.certificate_no FROM fresh f JOIN completions c USING (redeem_code)) "
    "SELECT c.redeem_code FROM numbers n JOIN completions c USING (partner, certificate_no) "
    "UNION SELECT redeem_code FROM fresh"
)
_SOLD_AND_SHARED = (
    "WITH codes AS (SELECT q.redeem_code FROM fresh f JOIN purchases q USING (invoice_code, partner)), "
    "numbers AS (SELECT DISTINCT c.partner, c.certificate_no FROM codes JOIN completions c USING (redeem_code)) "
    "SELECT redeem_code FROM codes UNION "
    "SELECT c.redeem_code FROM numbers n JOIN completions c USING (partner, certificate_no)"
)

REACHES: dict[str, Reach] = {
    "appointments": Reach(cards=_SAME_NIK),
    "courses": Reach(codes="SELECT p.redeem_code FROM fresh f JOIN purchases p USING (course_code)"),
    "purchases": Reach(cards=_VERSIONS_OF_PURCHASE.format(tie="card_number"), codes=_SOLD_AND_SHARED),
    "redemptions": Reach(codes="SELECT redeem_code FROM fresh"),
    "activities": Reach(codes="SELECT redeem_code FROM fresh"),
    "completions": Reach(codes=_SAME_CERTIFICATE),
    "confirmations": Reach(codes="SELECT redeem_code FROM fresh"),
    "reviews": Reach(codes="SELECT redeem_code FROM fresh"),
    "accounts": Reach(cards="SELECT card_number FROM fresh"),
    "holds": Reach(
        cards="SELECT h.scope_value::bigint FROM fresh f JOIN holds h USING (hold_ref, partner) "
        "WHERE h.scope = 'person' AND h.scope_value ~ '^[0-9]{16}$'",
        everybody="SELECT 1 FROM fresh f JOIN holds h USING (hold_ref, partner) WHERE h.scope <> 'person' LIMIT 1",
    ),
    "revocations": Reach(cards=_VERSIONS.format(tie="card_number", feed="revocations", reference="revocation_ref")),
    "resolutions": Reach(codes=_VERSIONS.format(tie="redeem_code", feed="resolutions", reference="resolution_ref")),
}
"""The ties of each feed. Feeds that are not here (messages, contacts, surveys, registry, results) change no decision.

Beside reports, time changes decisions: a report that was received but speaks of a later time (an appointment that
begins, an event some minutes ahead) is noted as awaited by the run that saw it, and reaches people when its time has
come. The 24 hours after which evidence without a purchase is a break concern codes that nobody has bought, so no
person's decision.
"""

CARDS_OF_CODES = "SELECT DISTINCT card_number FROM purchases WHERE redeem_code = ANY(%(codes)s)"
"""People whose trainings are concerned by some codes."""

NEIGHBOURS = (
    "WITH own AS (SELECT DISTINCT invoice_code, partner FROM purchases WHERE card_number = ANY(%(cards)s)), "
    "codes AS (SELECT DISTINCT q.redeem_code FROM own JOIN purchases q USING (invoice_code, partner)) "
    "SELECT DISTINCT p.card_number FROM codes JOIN purchases p USING (redeem_code)"
)
"""People who share a code with some cards: what those spend, and when they were appointed, may concern them."""
