"""The feed table and the rulebooks, as the pages write them (contract section 2, decisions sections 2 and 3)."""

PROGRAMME_OFFICE = "pmo"

BREAK_KINDS = (
    "UNKNOWN_CARD",
    "UNKNOWN_COURSE",
    "DUPLICATE_CODE",
    "NO_PURCHASE",
    "VOIDED_BUT_USED",
    "WRONG_PROVIDER",
    "WRONG_PLATFORM",
    "REDEEMED_OTHER_COURSE",
    "COMPLETED_OTHER_COURSE",
    "CONFIRMED_OTHER_COURSE",
    "PRICE_ABOVE_LIST",
    "OVER_BALANCE",
    "BEFORE_APPOINTMENT",
    "REDEEMED_BEFORE_BOUGHT",
    "FINISHED_BEFORE_REDEEMED",
    "REVIEWED_BEFORE_FINISHED",
    "CERTIFICATE_REUSED",
    "COMPLETIONS_DIFFER",
    "TOO_FAST",
)

# One line per column: name, `?` when it may be empty or absent, `*` when it belongs to the key.
FEEDS_AS_WRITTEN = {
    "appointments": "card_number* nik full_name birth_date sex phone? email? region_code wave appointed_on rulebook",
    "courses": "course_code* title provider platforms price_idr hours mode approved_from* approved_until? sessions? "
    "tasks?",
    "purchases": "invoice_code* card_number course_code amount_idr redeem_code status* occurred_at",
    "redemptions": "redeem_code* course_code occurred_at",
    "activities": "redeem_code* kind* sequence* occurred_at score?",
    "completions": "redeem_code* course_code occurred_at certificate_no? score?",
    "confirmations": "redeem_code* course_code occurred_at certificate_no? score?",
    "reviews": "redeem_code* stars? text? occurred_at",
    "accounts": "card_number* account_ref* holder_nik? holder_name? kyc status checked_at*",
    "surveys": "card_number* survey_no* occurred_at",
    "messages": "message_ref* card_number channel status* occurred_at reason?",
    "contacts": "contact_ref* card_number kind occurred_at reason?",
    "registry": "nik* list_name* valid_on*",
    "holds": "hold_ref* status* scope scope_value? reason? owner? occurred_at expected_end?",
    "revocations": "revocation_ref* card_number status reason? occurred_at",
    "resolutions": "resolution_ref* redeem_code break_kind verdict reason? by occurred_at",
    "results": "order_ref* attempt* status* code? amount_idr occurred_at",
}

FROM_THE_OFFICE_ALONE = {"appointments", "courses", "surveys", "contacts", "holds", "revocations", "resolutions"}

WORDS = {
    ("appointments", "sex"): ("L", "P"),
    ("courses", "mode"): ("self_paced", "webinar", "face_to_face"),
    ("purchases", "status"): ("SUCCESS", "VOID"),
    ("activities", "kind"): ("attendance", "pre_test", "quiz", "task", "post_test", "demonstration"),
    ("accounts", "kyc"): ("none", "basic", "full"),
    ("accounts", "status"): ("LINKED", "UNLINKED", "CLOSED", "FROZEN"),
    ("messages", "channel"): ("sms", "email", "whatsapp", "voice", "push"),
    ("messages", "status"): ("sent", "delivered", "failed", "bounced", "opened", "clicked", "answered"),
    ("contacts", "kind"): ("login", "login_failed", "otp_failed", "purchase_failed", "password_reset"),
    ("holds", "status"): ("START", "END"),
    ("holds", "scope"): ("person", "wave", "region", "provider", "platform", "payment_partner", "all"),
    ("revocations", "status"): ("REVOKED", "RESTORED"),
    ("resolutions", "break_kind"): BREAK_KINDS,
    ("resolutions", "verdict"): ("SET_ASIDE", "CONFIRMED"),
    ("results", "status"): ("PAID", "FAILED", "RETURNED"),
}

TYPES = {
    "card": ("card_number",),
    "nik": ("nik", "holder_nik"),
    "instant": ("occurred_at", "checked_at"),
    "day": ("birth_date", "appointed_on", "approved_from", "approved_until", "valid_on", "expected_end"),
    "whole": ("revision", "wave", "price_idr", "amount_idr", "sessions", "tasks", "sequence", "survey_no", "attempt"),
    "stars": ("stars",),
    "decimal": ("hours", "score"),
    "platforms": ("platforms",),
}


def type_of(feed, name):
    """The type of a column: by its name, a word when it has a list, text for the rest."""
    for kind, names in TYPES.items():
        if name in names:
            return kind
    return "word" if (feed, name) in WORDS else "text"


def columns_of(feed):
    """The columns of a feed in the order of the table, then revision."""
    columns = []
    for written in [*FEEDS_AS_WRITTEN[feed].split(), "revision?"]:
        name = written.rstrip("*?")
        columns.append(
            {
                "name": name,
                "type": type_of(feed, name),
                "optional": "?" in written,
                "key": "*" in written,
                "words": WORDS.get((feed, name), ()),
            }
        )
    return columns


FEEDS = {feed: columns_of(feed) for feed in FEEDS_AS_WRITTEN}

IN_ORDER = (
    "REVOKED",
    "NO_RULEBOOK",
    "DUPLICATE_PERSON",
    "HELD",
    "NOT_BOUGHT",
    "BREAK",
    "NOT_REDEEMED",
    "NOT_FINISHED",
    "ATTENDANCE_INCOMPLETE",
    "TASK_MISSING",
    "DEMONSTRATION_MISSING",
    "POST_TEST_MISSING",
    "PROVIDER_REPORT_MISSING",
    "PLATFORM_REPORT_MISSING",
    "CERTIFICATE_MISSING",
    "NOT_RATED",
    "NOT_REVIEWED",
    "NO_ACCOUNT",
    "ACCOUNT_NOT_OWN",
    "ACCOUNT_NOT_VERIFIED",
    "ACCOUNT_NOT_ACTIVE",
)
OF_ACTIVITIES = ("ATTENDANCE_INCOMPLETE", "TASK_MISSING", "DEMONSTRATION_MISSING", "POST_TEST_MISSING")
OF_ACCOUNTS = ("NO_ACCOUNT", "ACCOUNT_NOT_OWN", "ACCOUNT_NOT_VERIFIED", "ACCOUNT_NOT_ACTIVE")


def order_of_2023():
    """All checks, the four of the account right after HELD."""
    order = []
    for reason in IN_ORDER:
        if reason in OF_ACCOUNTS:
            continue
        order.append(reason)
        if reason == "HELD":
            order.extend(OF_ACCOUNTS)
    return tuple(order)


RULEBOOKS = {
    "semi-bansos-2020": {
        "order": tuple(reason for reason in IN_ORDER if reason not in OF_ACTIVITIES),
        "balance": 1_000_000,
        "buying_days": 30,
        "last_day": (12, 15),
        "tranche_1": 600_000,
        "rests_on_activities": False,
    },
    "normal-2023": {
        "order": order_of_2023(),
        "balance": 3_500_000,
        "buying_days": 15,
        "last_day": (11, 12),
        "tranche_1": 600_000,
        "rests_on_activities": True,
    },
}
WHEN_UNKNOWN = "semi-bansos-2020"
