"""Scenes for the adversary: rules that meet too seldom by chance, each played with other edges every time."""

import datetime

from tests.reference import days
from tests.reference.stories import BANKS, PLATFORMS, invoice_of, live, score_of, spy, void


def settled_life(stage, rulebook="semi-bansos-2020", faults=(), **fixed):
    """Somebody appointed four or five weeks before the first receipt, whom no wide hold covers by wave or region."""
    first = days.jakarta_day(stage.receipts[0])
    appointed_on = first - datetime.timedelta(days=stage.rng.randrange(25, 36))
    plain = {"wave": 1, "region": "3201", "rulebook": rulebook, "appointed_on": appointed_on}
    return live(stage, faults=set(faults), **{**plain, **fixed})


def some_step(stage):
    """A step after the first, where there is one."""
    return stage.rng.randrange(min(1, len(stage.receipts) - 1), len(stage.receipts))


def shortly_before(stage, step):
    """An instant shortly before the receipt of a step."""
    return stage.receipts[step] - stage.rng.choice((0, days.SECOND, days.HOUR))


def completion(stage, code, certificate, partner, course, step):
    """A completion that is taken in at a step."""
    stage.send(
        "completions",
        partner,
        step=step,
        redeem_code=code,
        course_code=course,
        occurred_at=shortly_before(stage, step),
        certificate_no=certificate,
        score=score_of(stage),
    )


def one_certificate_on_many_codes(stage):
    """A bought code, a voided one, one that nobody bought, one of another provider; a resolution in between."""
    life = settled_life(stage)
    certificate = stage.certificates[-1][0]
    course = life["row"]["course_code"]
    for faults in (("voided",), ("voided",), ()):
        if stage.chance(0.5):
            other = settled_life(stage, faults=faults, row=life["row"], provider=life["provider"])
            completion(stage, other["code"], certificate, life["provider"], course, some_step(stage))
    if stage.chance(0.5):
        completion(stage, f"X{stage.next_number()}", certificate, life["provider"], course, some_step(stage))
    completion(stage, f"X{stage.next_number()}", certificate, spy(stage, life), course, some_step(stage))
    settle(stage, life["code"], "CERTIFICATE_REUSED", some_step(stage))


def settle(stage, code, kind, step, verdict=None):
    """A resolution that is taken in at a step; mostly it sets aside."""
    stage.send(
        "resolutions",
        "pmo",
        step=step,
        resolution_ref=stage.rng.choice(("Q", "q", "")) + str(stage.next_number()),
        redeem_code=code,
        break_kind=kind,
        verdict=verdict or stage.rng.choice(("SET_ASIDE", "SET_ASIDE", "SET_ASIDE", "CONFIRMED")),
        reason=None,
        by="kantor",
        occurred_at=shortly_before(stage, step),
    )


def sold_twice_and_voided(stage):
    """A code sold by two platforms, both voided; VOIDs under other codes, before the sale, known late; a resolution."""
    life = settled_life(stage, faults=("voided",))
    other = {**life, "platform": stage.rng.choice(PLATFORMS)}
    sale = {
        "invoice_code": invoice_of(stage),
        "card_number": life["card"],
        "course_code": life["row"]["course_code"],
        "amount_idr": 1,
        "redeem_code": life["code"],
        "occurred_at": days.start_of(life["appointed_on"]) + stage.rng.choice((-1, 0, days.DAY, 9 * days.DAY)),
    }
    stage.send("purchases", other["platform"], status="SUCCESS", **sale)
    void(stage, other, {**sale, "redeem_code": stage.rng.choice((life["code"], f"X{stage.next_number()}"))})
    settle(stage, life["code"], "VOIDED_BUT_USED", some_step(stage))
    if stage.chance(0.5):
        completion(stage, life["code"], None, life["provider"], life["row"]["course_code"], some_step(stage))


def revoked_and_restored(stage):
    """Somebody who bought nothing, revoked and restored again and again, at one instant too."""
    life = settled_life(stage, stage.rng.choice(("semi-bansos-2020", "normal-2023")), faults=("not_bought",))
    at = days.start_of(life["appointed_on"]) + 3 * days.DAY
    for _ in range(stage.rng.choice((1, 2, 3))):
        for status in ("REVOKED", "RESTORED"):
            stage.send(
                "revocations",
                "pmo",
                revocation_ref=f"{stage.rng.choice(('V', 'v', ''))}{stage.next_number()}",
                card_number=life["card"],
                status=status,
                reason=None,
                occurred_at=at,
            )
            at += stage.rng.choice((0, 1, 17 * days.HOUR, 4 * days.DAY))


def hold_ended_late(stage):
    """A hold on a person that ended, the END of another scope, or with no START, or known last."""
    life = settled_life(stage)
    hold = {"hold_ref": f"H{stage.next_number()}", "reason": None, "owner": "x", "expected_end": None}
    step = some_step(stage)
    start = days.start_of(life["appointed_on"])
    if stage.chance(0.8):
        stage.send("holds", "pmo", status="START", occurred_at=start, scope="person", scope_value=life["card"], **hold)
    scope, value = stage.rng.choice((("person", None), ("person", life["card"]), ("wave", "2"), ("all", None)))
    at = shortly_before(stage, step)
    stage.send("holds", "pmo", step=step, status="END", occurred_at=at, scope=scope, scope_value=value, **hold)


def accounts_at_one_instant(stage):
    """Accounts checked at one instant that all fail, or all pass, or are revised last."""
    life = settled_life(stage, faults=("no_account",))
    rng = stage.rng
    at = days.start_of(life["appointed_on"]) + days.DAY
    good = stage.chance(0.4)
    for _ in range(rng.choice((2, 3))):
        account = {
            "card_number": life["card"],
            "account_ref": rng.choice("ZXCV") + str(stage.next_number()),
            "holder_nik": rng.choice((None, life["nik"][::-1])) if not good and stage.chance(0.4) else life["nik"],
            "holder_name": None,
            "kyc": "full" if good else rng.choice(("none", "basic", "full")),
            "status": "LINKED" if good else rng.choice(("FROZEN", "CLOSED")),
            "checked_at": at,
        }
        bank = rng.choice(BANKS[:2])
        stage.send("accounts", bank, **account)
        if stage.chance(0.3):
            later = {**account, "holder_name": "Budi"}
            stage.send("accounts", bank, step=some_step(stage), revision=2, **later)


def late_activity(stage):
    """Under normal-2023 an activity that comes last: one too many, or a quiz, which counts for nothing."""
    life = settled_life(stage, "normal-2023")
    step = some_step(stage)
    stage.send(
        "activities",
        life["provider"],
        step=step,
        redeem_code=life["code"],
        kind=stage.rng.choice(("quiz", "quiz", "pre_test", "task", "post_test")),
        sequence=77,
        occurred_at=shortly_before(stage, step),
        score=None,
    )


def late_void_of_another(stage):
    """A VOID that comes last: of the card's earlier purchase, or naming the card alone."""
    life = settled_life(stage)
    step = some_step(stage)
    purchase = {
        "invoice_code": invoice_of(stage),
        "card_number": life["card"],
        "course_code": "CRS-1",
        "amount_idr": 1,
        "redeem_code": f"X{stage.next_number()}",
    }
    platform = stage.rng.choice(PLATFORMS)
    if stage.chance(0.5):
        at = days.start_of(life["appointed_on"])
        stage.send("purchases", platform, status="SUCCESS", occurred_at=at, **purchase)
    if stage.chance(0.5):
        purchase["card_number"] = stage.rng.choice(stage.cards)
    at = stage.receipts[step] - stage.rng.choice((0, 1))
    stage.send("purchases", platform, step=step, status="VOID", occurred_at=at, **purchase)


def no_course_and_many_providers(stage):
    """A course that nobody knows, set aside: the provider is who redeemed, else who completed."""
    fault = stage.rng.choice(("no_certificate", "no_completion", "attendance_missing"))
    rulebook = stage.rng.choice(("semi-bansos-2020", "normal-2023"))
    life = settled_life(stage, rulebook, faults=("course_not_in_catalogue", "spying_provider", fault))
    for kind in ("UNKNOWN_COURSE", "REDEEMED_OTHER_COURSE", "COMPLETED_OTHER_COURSE", "CONFIRMED_OTHER_COURSE"):
        settle(stage, life["code"], kind, len(stage.receipts) - 1, "SET_ASIDE")


def another_ones_code(stage):
    """A code sold to two people, the second without an account; the evidence is the code's, not the person's."""
    life = settled_life(stage, "normal-2023", faults=("no_account",))
    settled_life(
        stage, "normal-2023", faults=("no_account",), code=life["code"], row=life["row"], provider=life["provider"]
    )


SCENES = (
    one_certificate_on_many_codes,
    sold_twice_and_voided,
    revoked_and_restored,
    hold_ended_late,
    accounts_at_one_instant,
    late_activity,
    late_void_of_another,
    no_course_and_many_providers,
    another_ones_code,
)


def play_scenes(stage):
    """Every scene, the more often the more people there are."""
    for scene in SCENES:
        for _ in range(max(1, stage.people // 80)):
            scene(stage)
