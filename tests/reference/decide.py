"""The evidence as of an instant, and the decision on the first incentive (decisions sections 1 and 3)."""

from tests.reference import days
from tests.reference.codes import Code, order_of_training, settled_breaks
from tests.reference.people import Person
from tests.reference.tables import FEEDS

BY_CODE = ("purchases", "redemptions", "activities", "completions", "confirmations", "reviews")


def in_force_of(reports):
    """Of one key's reports that exist: the highest revision, the earliest known_at, the one taken in first."""
    return min(reports, key=lambda report: (-report["revision"], report["known"], report["order"]), default=None)


def grouped(reports, *columns):
    """The reports by the values of columns."""
    groups = {}
    for report in reports:
        groups.setdefault(tuple(report[column] for column in columns), []).append(report)
    return groups


class AsOf:
    """The reports in force as of an instant, and what follows from them."""

    def __init__(self, reports, as_of):
        self.as_of = as_of
        self.in_force = {feed: [] for feed in FEEDS}
        for (feed, _, _), of_key in reports.items():
            chosen = in_force_of([report for report in of_key if report["known"] <= as_of])
            if chosen:
                self.in_force[feed].append(chosen)
        self.appointments = {report["card_number"]: report for report in self.in_force["appointments"]}
        self._by_code = {feed: grouped(self.in_force[feed], "redeem_code") for feed in BY_CODE}
        self._by_card = {
            feed: grouped(self.in_force[feed], "card_number")
            for feed in ("purchases", "accounts", "revocations", "messages", "contacts")
        }
        self._by_nik = grouped(self.in_force["appointments"], "nik")
        self._voids = grouped(
            [p for p in self.in_force["purchases"] if p["status"] == "VOID"], "partner", "invoice_code"
        )
        self._certificates = grouped(self.in_force["completions"], "partner", "certificate_no")
        self._resolutions = grouped(self.in_force["resolutions"], "redeem_code", "break_kind")
        self._codes = {}
        self._breaks = {}

    def of_code(self, feed, redeem_code):
        """A feed's reports that name the redeem code."""
        return self._by_code[feed].get((redeem_code,), [])

    def of_card(self, feed, card_number):
        """A feed's reports of the card number."""
        return self._by_card[feed].get((card_number,), [])

    def voids_of(self, purchase):
        """The VOID reports of a purchase's (platform, invoice)."""
        return self._voids.get((purchase["partner"], purchase["invoice_code"]), [])

    def is_in_force(self, purchase):
        """A purchase in force: a SUCCESS report whose platform and invoice have no VOID report."""
        return purchase["status"] == "SUCCESS" and not self.voids_of(purchase)

    def bought_by(self, card_number):
        """The purchases in force of a card in the order of first training."""
        bought = [p for p in self.of_card("purchases", card_number) if self.is_in_force(p)]
        return sorted(bought, key=order_of_training)

    def with_certificate(self, partner, certificate_no):
        """The completions by a partner that carry a certificate number."""
        return self._certificates.get((partner, certificate_no), [])

    def with_nik(self, nik):
        """The appointments of a NIK."""
        return self._by_nik.get((nik,), [])

    def resolution_of(self, redeem_code, kind):
        """The greatest (occurred_at, resolution_ref) of the resolutions for (R, kind)."""
        resolutions = self._resolutions.get((redeem_code, kind), [])
        return max(resolutions, key=lambda r: (r["occurred_at"], r["resolution_ref"]), default=None)

    def code(self, redeem_code):
        """The sides of a redeem code."""
        if redeem_code not in self._codes:
            self._codes[redeem_code] = Code(redeem_code, self)
        return self._codes[redeem_code]

    def breaks_of(self, redeem_code):
        """The open breaks of a code in precedence, and the resolutions that set a break of it aside."""
        if redeem_code not in self._breaks:
            self._breaks[redeem_code] = settled_breaks(self.code(redeem_code))
        return self._breaks[redeem_code]

    def all_breaks(self):
        """What breaks_of says of every code that anybody names, by code."""
        codes = {code for feed in BY_CODE for (code,) in self._by_code[feed]}
        return [self.breaks_of(code) for code in sorted(codes)]

    def people(self):
        """Everyone with an appointment in force, by card number."""
        return [Person(self.appointments[card], self) for card in sorted(self.appointments)]

    def break_rows(self):
        """The export `breaks`: by redeem code, then precedence."""
        return [written(row) for open_breaks, _ in self.all_breaks() for row in open_breaks]

    def decision_rows(self):
        """The export `decisions`: by card number."""
        return [written(person.decision()) for person in self.people()]


def written(row):
    """A row in the text forms of the exports (contract section 3)."""
    texts = {}
    for name, value in row.items():
        if value is None:
            texts[name] = ""
        elif name == "since":
            texts[name] = days.instant_text(value)
        elif name == "due_on":
            texts[name] = value.isoformat()
        else:
            texts[name] = str(value)
    return texts
