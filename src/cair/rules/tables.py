"""The data dictionary: every feed and its columns, described once.

Readers, checks, tables in the database, segments and the feed reference are all made from this table.
Source: contract, section 2.
"""

from dataclasses import dataclass
from enum import StrEnum

from cair.kernel.reasons import BreakKind

PMO = "pmo"
TEXT_LIMIT = 500
"""Characters (code points) a text may have, except where a column says otherwise."""


class Kind(StrEnum):
    """How a value is written in a file, and so how it is checked."""

    CARD = "card"
    NIK = "nik"
    INSTANT = "instant"
    DAY = "day"
    WHOLE = "whole"
    DECIMAL = "decimal"
    WORD = "word"
    TEXT = "text"


@dataclass(frozen=True)
class Column:
    """One column of a feed.

    `secret` names the kind of personal value: it is kept only encrypted, and compared only by the blind index of that
    kind (the NIK of an account holder must equal that of a participant, so both are of kind `nik`).
    """

    name: str
    kind: Kind = Kind.TEXT
    key: bool = False
    optional: bool = False
    words: tuple[str, ...] = ()
    limit: int = TEXT_LIMIT
    span: tuple[int, int] | None = None
    secret: str = ""
    meaning: str = ""


@dataclass(frozen=True)
class Feed:
    """One feed: who sends it, its columns in the order of the contract, and when a report of it is known.

    `known_from` is the column that, beside the receipt, decides `known_at`; empty: the receipt alone.
    `anchor` is the key column that leads the unique index; `ties` are further columns by which facts are fetched.
    """

    name: str
    sender: str
    columns: tuple[Column, ...]
    known_from: str = "occurred_at"
    anchor: str = ""
    ties: tuple[str, ...] = ()
    meaning: str = ""

    @property
    def key(self) -> tuple[Column, ...]:
        """The key columns, in the order of the table."""
        return tuple(column for column in self.columns if column.key)

    @property
    def required(self) -> tuple[str, ...]:
        """The columns that a CSV or Parquet file must have."""
        return tuple(column.name for column in self.columns if not column.optional)

    @property
    def secrets(self) -> tuple[Column, ...]:
        """The columns that are personal data at rest."""
        return tuple(column for column in self.columns if column.secret)

    def column(self, name: str) -> Column:
        """Find a column by its name; `revision` is one of every feed.

        :raises KeyError: no such column.
        """
        for column in (*self.columns, REVISION):
            if column.name == name:
                return column
        raise KeyError(name)


REVISION = Column("revision", Kind.WHOLE, optional=True, meaning="Number of the correction; absent or empty means 1.")


def _card(*, key: bool = False) -> Column:
    return Column("card_number", Kind.CARD, key=key, meaning="Programme card number, 16 digits.")


def _code(*, key: bool = False) -> Column:
    return Column("redeem_code", key=key, meaning="The code that ties all sides of one training together.")


def _course() -> Column:
    return Column("course_code", meaning="The course as the catalogue names it.")


def _occurred(*, key: bool = False) -> Column:
    return Column("occurred_at", Kind.INSTANT, key=key, meaning="When it happened, as the partner says.")


def _reason() -> Column:
    return Column("reason", optional=True, meaning="Why, in the sender's words.")


_CERTIFICATE = Column("certificate_no", optional=True, meaning="Number of the certificate issued.")
_SCORE = Column("score", Kind.DECIMAL, optional=True, meaning="Result of the test, as the partner counts it.")


def _word(name: str, *words: str, key: bool = False, meaning: str = "") -> Column:
    return Column(name, Kind.WORD, key=key, words=words, meaning=meaning)


_FEEDS = (
    Feed(
        "appointments",
        PMO,
        (
            _card(key=True),
            Column("nik", Kind.NIK, secret="nik", meaning="Population number of the participant."),
            Column("full_name", secret="name", meaning="Name as on the identity card."),
            Column("birth_date", Kind.DAY, meaning="Day of birth."),
            _word("sex", "L", "P", meaning="L laki-laki (male), P perempuan (female)."),
            Column("phone", optional=True, secret="phone", meaning="Mobile number."),
            Column("email", optional=True, secret="email", meaning="E-mail address."),
            Column("region_code", meaning="Region of residence; the first two characters are the province."),
            Column("wave", Kind.WHOLE, meaning="Number of the wave (gelombang)."),
            Column("appointed_on", Kind.DAY, meaning="Day of the decree of appointment, which pins the rulebook."),
            Column("rulebook", meaning="Scheme under which the participant was appointed."),
        ),
        known_from="appointed_on",
        anchor="card_number",
        ties=("nik",),
        meaning="Who was appointed, by which decree, under which rulebook.",
    ),
    Feed(
        "courses",
        PMO,
        (
            Column("course_code", key=True, meaning="Code of the course."),
            Column("title", meaning="Title of the course."),
            Column("provider", meaning="Partner name of the training provider."),
            Column("platforms", meaning="Partner names of the platforms that may sell it, `;` between."),
            Column("price_idr", Kind.WHOLE, meaning="List price in whole rupiah."),
            Column("hours", Kind.DECIMAL, meaning="Length of the course in hours."),
            _word("mode", "self_paced", "webinar", "face_to_face", meaning="How it is taught."),
            Column("approved_from", Kind.DAY, key=True, meaning="First day of the approval."),
            Column("approved_until", Kind.DAY, optional=True, meaning="Last day of the approval; empty: no end."),
            Column("sessions", Kind.WHOLE, optional=True, meaning="Number of sessions; empty means 1."),
            Column("tasks", Kind.WHOLE, optional=True, meaning="Tasks; empty means 0 face to face, else 1."),
        ),
        known_from="",
        anchor="course_code",
        meaning="The catalogue of approved courses.",
    ),
    Feed(
        "purchases",
        "platform",
        (
            Column("invoice_code", key=True, meaning="The platform's invoice."),
            _card(),
            _course(),
            Column("amount_idr", Kind.WHOLE, meaning="Price paid from the training balance, whole rupiah."),
            _code(),
            _word("status", "SUCCESS", "VOID", key=True, meaning="Bought, or taken back."),
            _occurred(),
        ),
        anchor="invoice_code",
        ties=("card_number", "redeem_code"),
        meaning="Courses bought with the training balance, and purchases taken back.",
    ),
    Feed(
        "redemptions",
        "provider",
        (_code(key=True), _course(), _occurred()),
        anchor="redeem_code",
        meaning="Codes used at a training provider: the training began.",
    ),
    Feed(
        "activities",
        "provider",
        (
            _code(key=True),
            _word(
                "kind",
                *("attendance", "pre_test", "quiz", "task", "post_test", "demonstration"),
                key=True,
                meaning="What was done.",
            ),
            Column("sequence", Kind.WHOLE, key=True, meaning="Which session, task or test."),
            _occurred(),
            _SCORE,
        ),
        anchor="redeem_code",
        meaning="Attendance, tasks and tests.",
    ),
    Feed(
        "completions",
        "provider",
        (_code(key=True), _course(), _occurred(), _CERTIFICATE, _SCORE),
        anchor="redeem_code",
        ties=("certificate_no",),
        meaning="The end of a training as the provider reports it.",
    ),
    Feed(
        "confirmations",
        "platform",
        (_code(key=True), _course(), _occurred(), _CERTIFICATE, _SCORE),
        anchor="redeem_code",
        meaning="The end of a training as the platform reports it.",
    ),
    Feed(
        "reviews",
        "platform or pmo",
        (
            _code(key=True),
            Column("stars", Kind.WHOLE, optional=True, span=(1, 5), meaning="Rating, 1 to 5."),
            Column("text", optional=True, limit=10_000, meaning="Review in the participant's words."),
            _occurred(),
        ),
        anchor="redeem_code",
        meaning="Rating and review by the participant.",
    ),
    Feed(
        "accounts",
        "payment partner",
        (
            _card(key=True),
            Column("account_ref", key=True, secret="account", meaning="Account or wallet at the payment partner."),
            Column("holder_nik", Kind.NIK, optional=True, secret="nik", meaning="Population number of the holder."),
            Column("holder_name", optional=True, secret="name", meaning="Name of the holder."),
            _word("kyc", "none", "basic", "full", meaning="How far the holder's identity was verified."),
            _word("status", "LINKED", "UNLINKED", "CLOSED", "FROZEN", meaning="State of the account."),
            Column("checked_at", Kind.INSTANT, key=True, meaning="When the partner looked at the account."),
        ),
        known_from="checked_at",
        anchor="card_number",
        meaning="Accounts and wallets linked by participants, as the payment partner sees them.",
    ),
    Feed(
        "surveys",
        PMO,
        (_card(key=True), Column("survey_no", Kind.WHOLE, key=True, meaning="Which survey."), _occurred()),
        anchor="card_number",
        meaning="Evaluation surveys answered.",
    ),
    Feed(
        "messages",
        "messaging partner",
        (
            Column("message_ref", key=True, meaning="The partner's reference of one message."),
            _card(),
            _word("channel", "sms", "email", "whatsapp", "voice", "push", meaning="How it was sent."),
            _word(
                "status",
                *("sent", "delivered", "failed", "bounced", "opened", "clicked", "answered"),
                key=True,
                meaning="What became of it.",
            ),
            _occurred(),
            _reason(),
        ),
        anchor="message_ref",
        ties=("card_number",),
        meaning="What became of messages to participants.",
    ),
    Feed(
        "contacts",
        PMO,
        (
            Column("contact_ref", key=True, meaning="Reference of one contact."),
            _card(),
            _word(
                "kind",
                *("login", "login_failed", "otp_failed", "purchase_failed", "password_reset"),
                meaning="What was done, or tried.",
            ),
            _occurred(),
            _reason(),
        ),
        anchor="contact_ref",
        ties=("card_number",),
        meaning="What participants did, or tried, on the programme's site.",
    ),
    Feed(
        "registry",
        "authority",
        (
            Column("nik", Kind.NIK, key=True, secret="nik", meaning="Population number."),
            Column("list_name", key=True, meaning="Name of the authority's list."),
            Column("valid_on", Kind.DAY, key=True, meaning="Day for which the list speaks."),
        ),
        known_from="",
        anchor="nik",
        meaning="Lists of authorities.",
    ),
    Feed(
        "holds",
        PMO,
        (
            Column("hold_ref", key=True, meaning="Reference of the hold."),
            _word("status", "START", "END", key=True, meaning="An END is final."),
            _word(
                "scope",
                *("person", "wave", "region", "provider", "platform", "payment_partner", "all"),
                meaning="By what it covers people.",
            ),
            Column("scope_value", optional=True, meaning="Whom it covers; needed unless the scope is `all`."),
            _reason(),
            Column("owner", optional=True, meaning="Who can lift it."),
            _occurred(),
            Column("expected_end", Kind.DAY, optional=True, meaning="Day by which the owner expects to lift it."),
        ),
        anchor="hold_ref",
        meaning="Payments held back, and holds lifted.",
    ),
    Feed(
        "revocations",
        PMO,
        (
            Column("revocation_ref", key=True, meaning="Reference of the decree."),
            _card(),
            _word("status", "REVOKED", "RESTORED", meaning="Participation revoked, or restored on appeal."),
            _reason(),
            _occurred(),
        ),
        anchor="revocation_ref",
        ties=("card_number",),
        meaning="Participation revoked and restored.",
    ),
    Feed(
        "resolutions",
        PMO,
        (
            Column("resolution_ref", key=True, meaning="Reference of the resolution."),
            _code(),
            _word("break_kind", *BreakKind, meaning="The break it speaks of."),
            _word("verdict", "SET_ASIDE", "CONFIRMED", meaning="SET_ASIDE closes, CONFIRMED keeps open."),
            _reason(),
            Column("by", meaning="Officer who resolved."),
            _occurred(),
        ),
        anchor="resolution_ref",
        ties=("redeem_code",),
        meaning="Officers' verdicts on breaks.",
    ),
    Feed(
        "results",
        "payment partner",
        (
            Column("order_ref", key=True, meaning="Reference of the payment order."),
            Column("attempt", Kind.WHOLE, key=True, meaning="Number of the attempt."),
            _word("status", "PAID", "FAILED", "RETURNED", key=True, meaning="What became of it."),
            Column("code", optional=True, meaning="The partner's reason code."),
            Column("amount_idr", Kind.WHOLE, meaning="Amount in whole rupiah."),
            _occurred(),
        ),
        anchor="order_ref",
        meaning="What became of payment orders.",
    ),
)

FEEDS: dict[str, Feed] = {feed.name: feed for feed in _FEEDS}
"""All feeds by name, in the order of the contract."""
