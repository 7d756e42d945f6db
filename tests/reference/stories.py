"""Made-up lives for the adversary: what everybody would report, with a fault here and there, in no file yet.

A report is a dict: feed, partner, values (by their meaning, as `values.read_value` gives them), revision (None when
it is not written), step (in which it is taken in). All persons, partners, cards and codes are invented.
"""

import datetime

from tests.reference import days
from tests.reference.tables import BREAK_KINDS, FEEDS, RULEBOOKS, WHEN_UNKNOWN, WORDS

PLATFORMS = ("plat1", "plata", "plat-a", "duo", "tokokelas")
PROVIDERS = ("prov1", "prova", "prov-b", "skill-hub", "9akademi", "duo")
BANKS = ("bank1", "bank-1", "bankx", "e-dompet", "duo")
MESSENGERS = ("kabar", "msg-a", "duo")
AUTHORITIES = ("dukcapil", "kemnaker", "duo")
REGIONS = ("3201", "3204", "32", "3", "1101", "9911", "9", "7301", "é1", "\u00aa2")
TEXTS = (
    "Budi",
    "Siti, Aminah",
    'Agus "Jago" W',
    "a\nb",
    "\N{GRINNING FACE} é",
    "NULL",
    "\\N",
    "0012",
    "1e5",
    "true",
    "-",
)
EARLIEST = days.start_of(datetime.date(2000, 1, 1)) - 7 * days.HOUR  # 2000-01-01T00:00:00+14:00
NICE = "Pelatihan ini bermanfaat"

# A fault and the break that it makes (None when it makes none).
FAULTS = {
    "course_not_in_catalogue": "UNKNOWN_COURSE",
    "course_too_late": "UNKNOWN_COURSE",
    "platform_not_listed": "UNKNOWN_COURSE",
    "code_of_another": "DUPLICATE_CODE",
    "card_unknown": "UNKNOWN_CARD",
    "redeemed_other_course": "REDEEMED_OTHER_COURSE",
    "completed_other_course": "COMPLETED_OTHER_COURSE",
    "confirmed_other_course": "CONFIRMED_OTHER_COURSE",
    "spying_provider": "WRONG_PROVIDER",
    "spying_activity": "WRONG_PROVIDER",
    "spying_platform": "WRONG_PLATFORM",
    "too_dear": "PRICE_ABOVE_LIST",
    "over_balance": "OVER_BALANCE",
    "just_the_balance": None,
    "bought_early": "BEFORE_APPOINTMENT",
    "redeemed_early": "REDEEMED_BEFORE_BOUGHT",
    "finished_early": "FINISHED_BEFORE_REDEEMED",
    "reviewed_early": "REVIEWED_BEFORE_FINISHED",
    "certificate_of_another": "CERTIFICATE_REUSED",
    "certificates_differ": "COMPLETIONS_DIFFER",
    "days_apart": "COMPLETIONS_DIFFER",
    "too_fast": "TOO_FAST",
    "voided": "VOIDED_BUT_USED",
    "voided_and_bought_again": "VOIDED_BUT_USED",
    "never_bought": "NO_PURCHASE",
    "not_bought": None,
    "not_redeemed": None,
    "not_finished": None,
    "attendance_missing": None,
    "task_missing": None,
    "demonstration_missing": None,
    "post_test_missing": None,
    "no_completion": None,
    "no_confirmation": None,
    "no_certificate": None,
    "no_review": None,
    "no_stars": None,
    "short_text": None,
    "no_account": None,
    "account_of_another": None,
    "account_basic": None,
    "account_frozen": None,
    "account_unlinked": None,
    "many_accounts": None,
    "person_twice": None,
    "held": None,
    "hold_ended": None,
    "revoked": None,
    "restored": None,
    "last_day_edge": None,
}
SEEN_LATER = ("NO_PURCHASE", "VOIDED_BUT_USED", "WRONG_PROVIDER", "WRONG_PLATFORM", "CERTIFICATE_REUSED")


class Stage:
    """Where the lives are played: the clock of receipts, the catalogue, and the reports so far."""

    def __init__(self, rng, receipts, people):
        self.rng = rng
        self.receipts = receipts
        self.people = people
        self.reports = []
        self.suspects = []
        self.cards, self.niks, self.codes, self.certificates, self.invoices = [], [], [], [], []
        self.catalogue = []
        self.serial = 0
        self.theme = rng.sample(sorted(FAULTS), 15)

    def chance(self, probability):
        """True so often."""
        return self.rng.random() < probability

    def some_faults(self):
        """None, one or a few faults, mostly of those that are this stage's theme, so that they meet."""
        rng = self.rng
        faults = set()
        for _ in range(rng.choice((0, 0, 0, 0, 1, 1, 1, 2, 3, 4))):
            faults.add(rng.choice(self.theme if self.chance(0.7) else sorted(FAULTS)))
        if "restored" in faults and self.chance(0.3):
            faults.add("not_bought")
        return faults

    def next_number(self):
        """A number that nobody has yet."""
        self.serial += 1
        return self.serial

    def send(self, feed, partner, step=None, revision=None, **values):
        """Drafts a report; one that has not happened by the last receipt is not sent (None)."""
        moment = values.get("occurred_at", values.get("checked_at", 0))
        open_steps = [i for i, receipt in enumerate(self.receipts) if moment <= receipt + 10 * days.MINUTE]
        open_steps = [i for i in open_steps if step is None or i >= step]
        if not open_steps:
            return None
        chosen = open_steps[0] if self.chance(0.75) else self.rng.choice(open_steps)
        report = {"feed": feed, "partner": partner, "values": values, "revision": revision, "step": chosen}
        self.reports.append(report)
        return report

    def some_time(self, earliest, longest):
        """An instant in a span; on a second, a millisecond or a microsecond."""
        moment = earliest + self.rng.randrange(max(1, longest))
        return moment // (grain := self.rng.choice((days.SECOND, 1000, 1, days.MINUTE))) * grain

    def edge(self, exact):
        """Exactly there, or a microsecond or a second beside it."""
        return exact + self.rng.choice((0, 0, 1, -1, days.SECOND, -days.SECOND))


# The catalogue


def fill_catalogue(stage):
    """Courses with one to three rows: overlapping, ended, late, for other platforms, revised."""
    rng = stage.rng
    first_day = days.jakarta_day(stage.receipts[0])
    codes = ("CRS-1", "crs-1", "CRS-2", "CRS-3", "CRS-4", "0004", "4", "Kursus Café", "K,5", "CRS-6", "CRS-7", "CRS-8")
    for code in codes:
        base = {
            "course_code": code,
            "title": rng.choice(TEXTS),
            "provider": rng.choice(PROVIDERS),
            "platforms": tuple(rng.sample(PLATFORMS, rng.choice((2, 3, 4)))),
            "price_idr": rng.choice((200_000, 450_000, 500_000, 1_000_000)),
            "hours": rng.choice((1, 25_000, 40_000, 100_000, 123_456, 250_000)),
            "mode": rng.choice(WORDS["courses", "mode"]),
            "approved_from": first_day - datetime.timedelta(days=rng.choice((60, 200, 900))),
            "approved_until": None,
            "sessions": rng.choice((None, None, 0, 1, 2, 3)),
            "tasks": rng.choice((None, None, 0, 1, 2)),
        }
        stage.catalogue.append(base)
        stage.send("courses", "pmo", step=0 if stage.chance(0.85) else None, **base)
        if stage.chance(0.5):
            later = dict(base, approved_from=first_day - datetime.timedelta(days=rng.choice((0, 5, 30, 40))))
            later["price_idr"] += rng.choice((0, 1, -1, 50_000))
            later["provider"] = rng.choice((base["provider"], rng.choice(PROVIDERS)))
            later["platforms"] = rng.choice((base["platforms"], (*base["platforms"], ""), ("duo",)))
            later["approved_until"] = rng.choice(
                (None, later["approved_from"] + datetime.timedelta(days=rng.choice((-1, 0, 9))))
            )
            stage.send("courses", "pmo", **later)


# A life


def live(stage, **fixed):
    """One person: a plan, its faults, and what follows from both; returns the plan."""
    life = planned(stage, **fixed)
    for fault in sorted(life["faults"]):
        kind = FAULTS[fault]
        if kind and stage.chance(0.6):
            stage.suspects.append((life["code"], kind))
    appoint(stage, life)
    reach(stage, life)
    if "not_bought" not in life["faults"]:
        learn(stage, life)
    link_accounts(stage, life)
    revoke(stage, life)
    if "held" in life["faults"] or "hold_ended" in life["faults"]:
        hold_person(stage, life)
    return life


def planned(stage, faults=None, **fixed):
    """Who the person is, when appointed, under which rulebook, with which faults and which course."""
    rng = stage.rng
    number = stage.next_number()
    card = f"{rng.randrange(1, 10):d}{rng.randrange(10):d}{number:014d}"
    nik = f"{number:08d}{rng.randrange(10**8):08d}"
    faults = stage.some_faults() if faults is None else set(faults)
    if "person_twice" in faults and stage.niks:
        nik = rng.choice(stage.niks)
    row = rng.choice(stage.catalogue)
    code = rng.choice(("R", "r", "R-", "00", "Kode ")) + f"{number:05d}"
    if "code_of_another" in faults and stage.codes:
        code = rng.choice(stage.codes[-12:])
    stage.cards.append(card)
    stage.niks.append(nik)
    stage.codes.append(code)
    rulebook = rng.choice(("semi-bansos-2020",) * 20 + ("normal-2023",) * 18 + ("foo", "Normal-2023", "normal-2023 ."))
    life = {
        "card": card,
        "nik": nik,
        "faults": faults,
        "row": row,
        "code": code,
        "rulebook": rulebook,
        "appointed_on": day_of_appointment(stage, faults, rulebook),
        "platform": rng.choice(row["platforms"]),
        "provider": row["provider"],
        "wave": rng.choice((1, 1, 2, 3, 78, 10**12)),
        "region": rng.choice(REGIONS),
    }
    return {**life, **fixed}


def day_of_appointment(stage, faults, rulebook):
    """Mostly in the weeks before the last receipt; with `last_day_edge` so that a buying day ends on the last day."""
    rng = stage.rng
    first, last = days.jakarta_day(stage.receipts[0]), days.jakarta_day(stage.receipts[-1])
    if "last_day_edge" in faults:
        rules = RULEBOOKS.get(rulebook, RULEBOOKS[WHEN_UNKNOWN])
        edge = datetime.date(last.year - rng.choice((0, 1)), *rules["last_day"])
        day = edge - datetime.timedelta(days=rules["buying_days"] - 1 - rng.choice((-1, 0, 0, 1)))
        if day <= last:
            return day
    if stage.chance(0.04):
        return last + datetime.timedelta(days=rng.choice((0, 1, 20)))
    earliest = first - datetime.timedelta(days=45)
    return earliest + datetime.timedelta(days=rng.randrange(max(1, (last - earliest).days - 3)))


def appoint(stage, life):
    """The appointment; with `card_unknown` none, unless it comes last."""
    rng = stage.rng
    if "card_unknown" in life["faults"] and stage.chance(0.7):
        return
    step = len(stage.receipts) - 1 if "card_unknown" in life["faults"] else None
    last_step_before = [i for i, at in enumerate(stage.receipts) if days.jakarta_day(at) >= life["appointed_on"]]
    if step is None and last_step_before and stage.chance(0.7):
        step = last_step_before[0]
    stage.send(
        "appointments",
        "pmo",
        step=step,
        card_number=life["card"],
        nik=life["nik"],
        full_name=rng.choice(TEXTS),
        birth_date=datetime.date(rng.choice((1900, 1955, 1988, 2001)), rng.randrange(1, 13), rng.randrange(1, 29)),
        sex=rng.choice("LP"),
        phone=rng.choice((None, "+62800000" + life["card"][-4:])),
        email=rng.choice((None, f"p{stage.serial}@contoh.id")),
        region_code=life["region"],
        wave=life["wave"],
        appointed_on=life["appointed_on"],
        rulebook=life["rulebook"],
    )


def learn(stage, life):
    """Purchase, redemption, activities, end, review."""
    faults, rng = life["faults"], stage.rng
    bought_at = buy(stage, life)
    if "never_bought" in faults:
        bought_at = stage.some_time(days.start_of(life["appointed_on"]), 5 * days.DAY)
    redeemed_at = stage.some_time(bought_at, rng.choice((1, 3 * days.HOUR, 3 * days.DAY)))
    if "redeemed_early" in faults:
        redeemed_at = stage.edge(bought_at - 10 * days.MINUTE)
    if "not_redeemed" not in faults:
        course = another_course(stage, life) if "redeemed_other_course" in faults else life["row"]["course_code"]
        sender = spy(stage, life) if "spying_provider" in faults else life["provider"]
        stage.send("redemptions", sender, redeem_code=life["code"], course_code=course, occurred_at=redeemed_at)
        if sender != life["provider"] and stage.chance(0.5):
            stage.send(
                "redemptions",
                life["provider"],
                redeem_code=life["code"],
                course_code=life["row"]["course_code"],
                occurred_at=stage.edge(redeemed_at),
            )
    if "not_finished" in faults:
        return
    do_activities(stage, life, redeemed_at)
    finished_at = finish(stage, life, redeemed_at)
    review(stage, life, finished_at)


def another_course(stage, life):
    """A course code that is not the bought one; also one that differs in case alone."""
    code = life["row"]["course_code"]
    return stage.rng.choice(
        [other["course_code"] for other in stage.catalogue if other["course_code"] != code] + ["TIDAK-ADA"]
    )


def spy(stage, life):
    """A partner that is not the provider."""
    return stage.rng.choice([partner for partner in (*PROVIDERS, "plat1") if partner != life["provider"]])


def buy(stage, life):
    """The purchase with its faults: wrong course, price, balance, platform; a VOID; a second one."""
    faults, rng, row = life["faults"], stage.rng, life["row"]
    start = days.start_of(life["appointed_on"])
    at = stage.some_time(start, rng.choice((1, days.DAY, 12 * days.DAY)))
    if "bought_early" in faults:
        at = start - rng.choice((1, days.SECOND, days.DAY))
    elif stage.chance(0.08):
        at = start
    amount = row["price_idr"]
    if "too_dear" in faults:
        amount += rng.choice((1, 1, 0, 300_000))
    course = row["course_code"]
    if "course_not_in_catalogue" in faults:
        course = rng.choice(("TIDAK-ADA", "Crs-1", "04"))
    if "course_too_late" in faults:
        at = days.start_of(row["approved_from"]) - rng.choice((0, 1, days.DAY))
    if "platform_not_listed" in faults:
        life["platform"] = rng.choice([p for p in PLATFORMS if p not in row["platforms"]])
    if "never_bought" in faults:
        return at
    fill_balance(stage, life, at, amount)
    invoice = invoice_of(stage)
    purchase = {
        "invoice_code": invoice,
        "card_number": life["card"],
        "course_code": course,
        "amount_idr": amount,
        "redeem_code": life["code"],
        "occurred_at": at,
    }
    stage.send("purchases", life["platform"], status="SUCCESS", **purchase)
    if "voided" in faults or "voided_and_bought_again" in faults:
        void(stage, life, purchase)
        if stage.chance(0.4):
            sold_twice = dict(purchase, invoice_code=invoice_of(stage))
            sold_twice["occurred_at"] = at + rng.choice((0, 1, -days.HOUR, days.HOUR))
            other = dict(life, platform=rng.choice(PLATFORMS))
            stage.send("purchases", other["platform"], status="SUCCESS", **sold_twice)
            void(stage, other, sold_twice)
    if "voided_and_bought_again" in faults:
        again = dict(purchase, invoice_code=invoice_of(stage), occurred_at=at + rng.choice((0, days.HOUR)))
        again["redeem_code"] = rng.choice((life["code"], life["code"] + "b"))
        life["code"] = again["redeem_code"]
        stage.send("purchases", rng.choice((life["platform"], *row["platforms"])), status="SUCCESS", **again)
    elif stage.chance(0.08):
        second = dict(purchase, invoice_code=invoice_of(stage), redeem_code=life["code"] + "z")
        second["occurred_at"] = at + rng.choice((0, 0, 1, days.DAY))
        stage.send("purchases", rng.choice(PLATFORMS), status="SUCCESS", **second)
    return at


def invoice_of(stage):
    """An invoice code; numbers are common, and another platform has often used it."""
    if stage.invoices and stage.chance(0.25):
        return stage.rng.choice(stage.invoices)
    invoice = stage.rng.choice(("", "INV-", "inv ")) + str(stage.next_number())
    stage.invoices.append(invoice)
    return invoice


def void(stage, life, purchase):
    """The VOID of a purchase, at any instant after; once in a while of another platform's invoice of the same name."""
    partner = life["platform"] if stage.chance(0.9) else stage.rng.choice(PLATFORMS)
    at = purchase["occurred_at"] + stage.rng.choice((0, 1, -2 * days.HOUR, days.HOUR, 4 * days.DAY))
    values = dict(purchase, occurred_at=at)
    if stage.chance(0.3):
        values["redeem_code"] = stage.rng.choice((*stage.codes[-3:], f"X{stage.next_number()}"))
        orphan(stage, values["redeem_code"], at)
    if stage.chance(0.1):
        values["card_number"] = stage.rng.choice(stage.cards)
    stage.send("purchases", partner, status="VOID", **values)


def fill_balance(stage, life, at, amount):
    """Earlier purchases of the card that bring the sum to the balance, or one rupiah over it."""
    wanted = {"over_balance": 1, "just_the_balance": 0}
    over = [wanted[fault] for fault in life["faults"] if fault in wanted]
    if not over:
        return
    balance = RULEBOOKS.get(life["rulebook"], RULEBOOKS[WHEN_UNKNOWN])["balance"]
    stage.send(
        "purchases",
        stage.rng.choice(PLATFORMS),
        invoice_code=invoice_of(stage),
        card_number=life["card"],
        course_code=stage.rng.choice(stage.catalogue)["course_code"],
        amount_idr=max(0, balance - amount + over[0]),
        redeem_code=life["code"] + stage.rng.choice(("", "x", "x")),
        status="SUCCESS",
        occurred_at=at - stage.rng.choice((0, 1, days.HOUR)),
    )


def do_activities(stage, life, redeemed_at):
    """Attendance, tasks, tests and demonstration as the course asks, some missing, some one too many."""
    faults, rng, row = life["faults"], stage.rng, life["row"]
    asked = [("attendance", n) for n in range(1, (1 if row["sessions"] is None else row["sessions"]) + 1)]
    tasks = (0 if row["mode"] == "face_to_face" else 1) if row["tasks"] is None else row["tasks"]
    asked += [("task", n) for n in range(1, tasks + 1)]
    asked += [("post_test", 1), ("demonstration", rng.choice((0, 1, 7)))]
    if stage.chance(0.3):
        asked += [(rng.choice(WORDS["activities", "kind"]), rng.choice((0, 1, 2, 9, 10**12)))]
    for kind, sequence in asked:
        if f"{kind}_missing" in faults and (sequence == 1 or kind == "demonstration"):
            continue
        if life["rulebook"] != "normal-2023" and stage.chance(0.5):
            continue
        sender = spy(stage, life) if "spying_activity" in faults and stage.chance(0.5) else life["provider"]
        stage.send(
            "activities",
            sender,
            redeem_code=life["code"],
            kind=kind,
            sequence=sequence,
            occurred_at=stage.some_time(redeemed_at, rng.choice((days.DAY, days.DAY, 30 * days.DAY))),
            score=score_of(stage),
        )


def score_of(stage):
    """A score as ten-thousandths, or none."""
    return stage.rng.choice((None, 850_000, 0, 75_000, 1, 999_999, 10**13 - 1))


def finish(stage, life, redeemed_at):
    """The completion and the confirmation."""
    faults, rng, row = life["faults"], stage.rng, life["row"]
    short = row["hours"] * days.HOUR // 10_000 * 6 // 10
    at = stage.some_time(redeemed_at + short, rng.choice((1, days.DAY, 6 * days.DAY)))
    if "too_fast" in faults:
        at = rng.choice((stage.edge(redeemed_at + short), redeemed_at, redeemed_at - 10 * days.MINUTE))
    if "finished_early" in faults:
        at = stage.edge(redeemed_at - 10 * days.MINUTE)
    certificate = certificate_of(stage, life)
    if "no_completion" not in faults:
        course = another_course(stage, life) if "completed_other_course" in faults else row["course_code"]
        sender = spy(stage, life) if "spying_provider" in faults and stage.chance(0.5) else life["provider"]
        stage.send(
            "completions",
            sender,
            redeem_code=life["code"],
            course_code=course,
            occurred_at=at,
            certificate_no=certificate if stage.chance(0.9) else None,
            score=score_of(stage),
        )
    if "no_confirmation" not in faults:
        confirm(stage, life, at, certificate)
    return at


def certificate_of(stage, life):
    """A certificate number; with a fault none, or somebody else's."""
    if "no_certificate" in life["faults"]:
        return None
    of_provider = [known for known in stage.certificates if known[2] == life["provider"]]
    if "certificate_of_another" in life["faults"] and of_provider:
        certificate, code, _ = stage.rng.choice(of_provider[-8:])
        stage.suspects.append((code, "CERTIFICATE_REUSED"))
        return certificate
    certificate = stage.rng.choice(("C-", "SERT/", "c-")) + str(stage.next_number())
    stage.certificates.append((certificate, life["code"], life["provider"]))
    return certificate


def confirm(stage, life, completed_at, certificate):
    """The platform's confirmation; days apart, with another certificate number, or from another platform."""
    faults, rng = life["faults"], stage.rng
    at = stage.some_time(completed_at, 20 * days.HOUR)
    if "days_apart" in faults:
        midnight = days.start_of(days.jakarta_day(completed_at) + datetime.timedelta(days=rng.choice((2, -1))))
        at = midnight + rng.choice((0, -1, 1))
    if "certificates_differ" in faults and certificate:
        certificate = rng.choice((certificate + "x", certificate.swapcase(), None))
    course = another_course(stage, life) if "confirmed_other_course" in faults else life["row"]["course_code"]
    senders = [life["platform"]]
    if "spying_platform" in faults:
        others = [platform for platform in PLATFORMS if platform != life["platform"]]
        senders = rng.choice(([rng.choice(others)], [life["platform"], rng.choice(others)]))
    for sender in senders:
        stage.send(
            "confirmations",
            sender,
            redeem_code=life["code"],
            course_code=course,
            occurred_at=at,
            certificate_no=certificate if stage.chance(0.85) else None,
            score=score_of(stage),
        )


def review(stage, life, finished_at):
    """Stars and a text from the platform, the office or somebody else."""
    faults, rng = life["faults"], stage.rng
    if "no_review" in faults:
        return
    at = stage.some_time(finished_at, 2 * days.DAY)
    if "reviewed_early" in faults:
        at = stage.edge(finished_at - 10 * days.MINUTE)
    text = rng.choice((NICE, "1234567890", "\N{GRINNING FACE}" * 10, "a,b\nc\r\nd e f", "é" * 10_000))
    if "short_text" in faults:
        text = rng.choice((None, "123456789", "\N{GRINNING FACE}" * 9, "e\u0301" * 5, "\u200b" * 9))
    senders = rng.choice(
        ((life["platform"],),) * 6 + (("pmo",), (life["platform"], "pmo"), (rng.choice(PLATFORMS), "prov-b"))
    )
    for sender in senders:
        stage.send(
            "reviews",
            sender,
            redeem_code=life["code"],
            stars=None if "no_stars" in faults else rng.randrange(1, 6),
            text=text,
            occurred_at=at,
        )


def link_accounts(stage, life):
    """Accounts of many states; the good one last unless a fault says otherwise."""
    faults, rng = life["faults"], stage.rng
    if "no_account" in faults:
        return
    holder, kyc, status = life["nik"], "full", "LINKED"
    if "account_of_another" in faults:
        holder = rng.choice((None, stage.niks[0], life["nik"][::-1]))
    if "account_basic" in faults:
        kyc = rng.choice(("none", "basic"))
    if "account_frozen" in faults:
        status = rng.choice(("FROZEN", "CLOSED"))
    if "account_unlinked" in faults:
        status = "UNLINKED"
    at = stage.some_time(days.start_of(life["appointed_on"]), 15 * days.DAY)
    account = {
        "card_number": life["card"],
        "account_ref": f"A{stage.next_number()}",
        "holder_nik": holder,
        "holder_name": rng.choice((None, *TEXTS)),
        "kyc": kyc,
        "status": status,
        "checked_at": at,
    }
    bank = rng.choice(BANKS)
    stage.send("accounts", bank, **account)
    if "many_accounts" not in faults and not stage.chance(0.15):
        return
    for _ in range(rng.choice((1, 2, 3))):
        other = dict(account, checked_at=at + rng.choice((0, 0, 1, -1, days.DAY, -days.DAY)))
        other["account_ref"] = rng.choice(
            (account["account_ref"], f"A{stage.next_number()}", f"0{stage.next_number()}")
        )
        other["status"] = rng.choice(("LINKED", "LINKED", "UNLINKED", "FROZEN", "CLOSED"))
        other["kyc"] = rng.choice(("full", "full", "basic"))
        other["holder_nik"] = rng.choice((life["nik"], life["nik"], None))
        stage.send("accounts", rng.choice((bank, bank, rng.choice(BANKS))), **other)


def revoke(stage, life):
    """Revocations and restorations, some at one instant."""
    rng = stage.rng
    orders = {"revoked": ("REVOKED",), "restored": ("REVOKED", "RESTORED")}
    statuses = [status for fault in ("revoked", "restored") if fault in life["faults"] for status in orders[fault]]
    if statuses and stage.chance(0.3):
        statuses += rng.choice((("REVOKED",), ("REVOKED", "RESTORED"), ("RESTORED",)))
    if stage.chance(0.02):
        statuses.append("RESTORED")
    at = stage.some_time(days.start_of(life["appointed_on"]), 20 * days.DAY)
    for status in statuses:
        stage.send(
            "revocations",
            "pmo",
            revocation_ref=rng.choice(("V", "v", "")) + str(stage.next_number()),
            card_number=life["card"],
            status=status,
            reason=rng.choice((None, *TEXTS)),
            occurred_at=at,
        )
        at += rng.choice((0, 0, days.HOUR, 5 * days.DAY))


def reach(stage, life):
    """Messages and contacts around the start of the appointment."""
    rng = stage.rng
    start = days.start_of(life["appointed_on"])
    for _ in range(rng.choice((0, 0, 1, 1, 2))):
        stage.send(
            "messages",
            rng.choice(MESSENGERS),
            message_ref=f"M{rng.choice((stage.next_number(), stage.serial // 2))}",
            card_number=life["card"],
            channel=rng.choice(WORDS["messages", "channel"]),
            status=rng.choice(WORDS["messages", "status"]),
            occurred_at=rng.choice((start, start - 1, stage.some_time(start, 9 * days.DAY))),
            reason=rng.choice((None, "penuh")),
        )
    if stage.chance(0.3):
        stage.send(
            "contacts",
            "pmo",
            contact_ref=f"K{stage.next_number()}",
            card_number=life["card"],
            kind=rng.choice(WORDS["contacts", "kind"]),
            occurred_at=rng.choice((start, start - 1, stage.some_time(start, 9 * days.DAY))),
            reason=None,
        )


# Holds, orphans, noise, resolutions


def hold_person(stage, life):
    """A hold on the person, by one of the scopes that can be narrow enough; perhaps ended."""
    scope, value = stage.rng.choice((("person", life["card"]),) * 5 + (("person", None), ("person", life["nik"])))
    start_hold(stage, scope, value, days.start_of(life["appointed_on"]), ended="hold_ended" in life["faults"])


def start_hold(stage, scope, value, earliest, ended):
    """A START and perhaps its END, each with its own report."""
    rng = stage.rng
    at = stage.some_time(earliest, 10 * days.DAY)
    common = {
        "hold_ref": rng.choice(("H", "h", "")) + str(stage.next_number()),
        "scope": scope,
        "scope_value": value,
        "reason": rng.choice((None, "periksa")),
        "owner": rng.choice((None, "x", "pmo", "duo")),
        "expected_end": rng.choice((None, days.jakarta_day(at) + datetime.timedelta(days=rng.choice((0, 9, 40))))),
    }
    start = stage.send("holds", "pmo", status="START", occurred_at=at, **common)
    if ended and start:
        end = stage.send(
            "holds", "pmo", status="END", occurred_at=at + rng.choice((0, days.HOUR, 9 * days.DAY)), **common
        )
        if end and scope not in ("person", "wave") and stage.chance(0.8):
            start["step"] = end["step"]


def hold(stage):
    """Holds of every scope; the wide ones mostly ended, so that they do not hide everything else."""
    earliest = stage.receipts[0] - 20 * days.DAY
    wide = [
        ("all", None),
        ("all", "x"),
        ("wave", "0078"),
        ("wave", "x78"),
        ("wave", "2"),
        ("wave", None),
        ("region", "99"),
        ("region", "é"),
        ("region", "9"),
        ("provider", "prov1"),
        ("provider", "9akademi"),
        ("platform", "plat-a"),
        ("platform", "tokokelas"),
        ("payment_partner", "bank-1"),
        ("payment_partner", "e-dompet"),
    ]
    for scope, value in stage.rng.sample(wide, 6):
        narrow = (scope, value) in (
            ("wave", "0078"),
            ("wave", "x78"),
            ("wave", None),
            ("region", "99"),
            ("region", "é"),
        )
        start_hold(
            stage,
            scope,
            value,
            earliest,
            ended=not stage.chance(0.7 if narrow else 0.12 if scope in ("provider", "payment_partner") else 0),
        )
    ends_only = {"scope": "all", "scope_value": None, "reason": None, "owner": None, "expected_end": None}
    stage.send("holds", "pmo", hold_ref="END-ONLY", status="END", occurred_at=stage.receipts[0] - days.DAY, **ends_only)


def orphans(stage):
    """Evidence for codes that nobody bought; with certificates of others."""
    rng = stage.rng
    for _ in range(max(4, stage.people // 25)):
        code = f"X{stage.next_number()}"
        orphan(stage, code, stage.some_time(stage.receipts[0], max(1, stage.receipts[-1] - stage.receipts[0])))
        stage.suspects.append((code, rng.choice(("NO_PURCHASE", "NO_PURCHASE", "CERTIFICATE_REUSED"))))


def orphan(stage, code, at):
    """Evidence of one to three sides for a code."""
    rng = stage.rng
    evidence = {"redeem_code": code, "course_code": "CRS-1", "occurred_at": at}
    certificate = rng.choice(stage.certificates)[0] if stage.certificates else None
    feeds = ("redemptions", "activities", "completions", "confirmations", "reviews")
    for feed in rng.sample(feeds, rng.choice((1, 1, 2, 3))):
        values = dict(evidence)
        if feed in ("completions", "confirmations"):
            values.update(certificate_no=certificate, score=None)
        if feed == "activities":
            values = {"redeem_code": code, "kind": "quiz", "sequence": 1, "occurred_at": at, "score": None}
        if feed == "reviews":
            values = {"redeem_code": code, "stars": 5, "text": None, "occurred_at": at}
        stage.send(feed, rng.choice(PLATFORMS if feed in ("confirmations", "reviews") else PROVIDERS), **values)


def noise(stage):
    """Feeds that decide nothing in tranche 1."""
    rng = stage.rng
    for _ in range(max(5, stage.people // 20)):
        at = stage.receipts[0] - rng.randrange(30 * days.DAY)
        at = rng.choice((at, at, at, EARLIEST))
        stage.send("surveys", "pmo", card_number=rng.choice(stage.cards), survey_no=rng.randrange(4), occurred_at=at)
        stage.send(
            "registry",
            rng.choice(AUTHORITIES),
            nik=rng.choice(stage.niks),
            list_name=rng.choice(TEXTS),
            valid_on=datetime.date(rng.choice((1900, 2020, 2100)), 2, 28),
        )
        stage.send(
            "results",
            rng.choice(BANKS),
            order_ref=f"O{rng.randrange(20)}",
            attempt=rng.randrange(3),
            status=rng.choice(WORDS["results", "status"]),
            code=rng.choice((None, "00")),
            amount_idr=600_000,
            occurred_at=at,
        )


def resolve(stage):
    """Resolutions of what is suspected, before and after the break, and of what is not; later evidence after some."""
    rng = stage.rng
    suspects = list(stage.suspects)
    suspects += [(rng.choice(stage.codes), rng.choice(BREAK_KINDS)) for _ in range(stage.people // 10 + 3)]
    for code, kind in suspects:
        at = stage.some_time(
            stage.receipts[0] - 10 * days.DAY, max(1, stage.receipts[-1] - stage.receipts[0] + 11 * days.DAY)
        )
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            stage.send(
                "resolutions",
                "pmo",
                resolution_ref=rng.choice(("Q", "q", "")) + str(stage.next_number()),
                redeem_code=code,
                break_kind=kind,
                verdict=rng.choice(("SET_ASIDE", "SET_ASIDE", "SET_ASIDE", "CONFIRMED")),
                reason=rng.choice((None, *TEXTS)),
                by="kantor",
                occurred_at=at,
            )
            at += rng.choice((0, 0, 1, days.DAY))
        if kind in SEEN_LATER and stage.chance(0.4):
            feed = rng.choice(("redemptions", "confirmations"))
            values = {
                "redeem_code": code,
                "course_code": "CRS-1",
                "occurred_at": stage.receipts[-1] - rng.randrange(days.DAY),
            }
            if feed == "confirmations":
                values.update(certificate_no=None, score=None)
            stage.send(feed, rng.choice(PLATFORMS), **values)


# Repeated, corrected, contradicting


def disturb(stage):
    """Repeats, corrections, outdated revisions and contradictions of what was reported."""
    rng = stage.rng
    for report in list(stage.reports):
        if stage.chance(0.03) and "occurred_at" in report["values"]:
            ahead = rng.choice((1, 5 * days.MINUTE, 10 * days.MINUTE - 1, 10 * days.MINUTE))
            report["values"] = dict(report["values"], occurred_at=stage.receipts[report["step"]] + ahead)
        later = list(range(report["step"], len(stage.receipts)))
        if stage.chance(0.06):
            again(stage, report, rng.choice(later), report["revision"], report["values"])
        if stage.chance(0.05):
            revision = (report["revision"] or 1) + rng.choice((1, 1, 2, 999_999_999_998))
            again(stage, report, rng.choice(later), revision, altered(stage, report))
        if stage.chance(0.03):
            revision = report["revision"]
            again(stage, report, rng.choice(later[:1] + later), revision, altered(stage, report))
        if stage.chance(0.02):
            again(stage, report, rng.choice(later), 0, altered(stage, report))


def again(stage, report, step, revision, values):
    """The report once more, with other content or under another revision."""
    moment = values.get("occurred_at", values.get("checked_at", 0))
    if moment <= stage.receipts[step] + 10 * days.MINUTE:
        stage.reports.append(dict(report, step=step, revision=revision, values=values))


def altered(stage, report):
    """The same key with other content."""
    rng = stage.rng
    values = dict(report["values"])
    free = [c["name"] for c in FEEDS[report["feed"]] if not c["key"] and c["name"] in values]
    for name in rng.sample(free, min(len(free), rng.choice((0, 1, 1, 2)))):
        kinds = {column["name"]: column for column in FEEDS[report["feed"]]}
        values[name] = other_value(stage, kinds[name], values[name], report)
    return values


def other_value(stage, column, value, report):
    """Another value of a column's type; codes and cards of others, so that reports move between people."""
    rng = stage.rng
    name = column["name"]
    same_feed = [r["values"][name] for r in rng.sample(stage.reports, 8) if r["feed"] == report["feed"]]
    if name in ("redeem_code", "course_code", "certificate_no", "card_number", "nik", "rulebook") and same_feed:
        return rng.choice(same_feed) or value
    match column["type"]:
        case "instant":
            return value + rng.choice((1, -1, -days.DAY, -10 * days.MINUTE))
        case "day":
            return None if value is None else value + datetime.timedelta(days=rng.choice((-1, 1)))
        case "whole":
            return (value or 0) + 1
        case "stars":
            return rng.randrange(1, 6)
        case "decimal":
            return rng.choice((10_000, 400_000))
        case "word":
            return rng.choice(column["words"])
        case "text":
            return None if column["optional"] and stage.chance(0.3) else rng.choice((value or "x", (value or "") + "'"))
    return value
