"""Money: the books, releases and who approved them, payment orders, what was sent and answered, what banks say.

Append-only, all of it: a state is what the rows say, a total is what they add up to. What a row may say is held by
constraints here and by the triggers of the migrations (0003_money.sql, 0005_money_by_statement.sql), so that no program
can say otherwise.
"""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Case, CheckConstraint, F, Q, UniqueConstraint, Value, When

from cair.store.models.evidence import BINARY


def _word(about: str = "", *, null: bool = False) -> "models.TextField[str, str]":
    return models.TextField(db_collation=BINARY, db_comment=about, null=null)


class Account(models.Model):
    """An account of the books, opened when it was first needed."""

    number = models.BigIntegerField(primary_key=True)
    name = models.TextField(db_collation=BINARY, unique=True)
    is_personal = models.BooleanField(db_comment="Kept per participant: every leg names a card.")
    is_capped = models.BooleanField(db_comment="May never be overdrawn: its sum stays a credit or zero.")
    opened_at = models.DateTimeField()

    class Meta:
        """Append-only."""

        db_table = "account"
        constraints = [
            CheckConstraint(name="account_kind", condition=~(Q(is_personal=True) & Q(is_capped=True))),
        ]


class Transfer(models.Model):
    """One business event in money. A pending one is settled by a later one without legs, once, posted or voided."""

    number = models.BigIntegerField(primary_key=True, db_comment="Without gaps, in the order of booking.")
    booked_at = models.DateTimeField(db_comment="Never runs backwards.")
    event = _word("Name of the event: booked once.")
    code = _word("Why money moved.")
    stage = _word("PENDING, POSTED or VOIDED.")
    settles = models.BigIntegerField(null=True, db_comment="The pending transfer that it settles.")
    amount_idr = models.BigIntegerField(db_comment="Sum of the debits, whole rupiah.")
    legs = models.BigIntegerField(db_comment="Number of its legs.")

    class Meta:
        """Append-only; its legs sum to zero when its transaction ends (trigger)."""

        db_table = "transfer"
        constraints = [
            CheckConstraint(name="transfer_amount", condition=Q(amount_idr__gt=0)),
            CheckConstraint(
                name="transfer_stage",
                condition=Q(stage="POSTED", settles__isnull=True, legs__gte=2)
                | Q(stage="PENDING", settles__isnull=True, legs__gte=2)
                | Q(stage__in=["POSTED", "VOIDED"], settles__isnull=False, legs=0),
            ),
            # What settles is booked once because what it settles is settled once.
            UniqueConstraint(fields=["event"], condition=Q(settles__isnull=True), name="transfer_event_once"),
            UniqueConstraint(fields=["settles"], condition=Q(settles__isnull=False), name="transfer_settles_once"),
            CheckConstraint(name="transfer_settles_earlier", condition=Q(settles__lt=F("number")) | Q(settles=None)),
        ]


class Leg(models.Model):
    """One side of a transfer on one account."""

    pk = models.CompositePrimaryKey("transfer", "position")
    transfer = models.BigIntegerField()
    position = models.BigIntegerField(db_comment="From 1 to the number of legs of the transfer.")
    account = models.BigIntegerField()
    card_number = models.BigIntegerField(null=True, db_comment="On a personal account, whose.")
    amount_idr = models.BigIntegerField(db_comment="Whole rupiah; debit above zero, credit below.")

    class Meta:
        """Append-only."""

        db_table = "leg"
        indexes = [
            models.Index(fields=["card_number"], name="leg_card", condition=Q(card_number__isnull=False)),
            models.Index(fields=["account"], name="leg_account", condition=Q(card_number__isnull=True)),
        ]
        constraints = [
            CheckConstraint(name="leg_amount", condition=~Q(amount_idr=0)),
            CheckConstraint(name="leg_position", condition=Q(position__gte=1)),
        ]


class Booking(models.Model):
    """Transfers that one statement wrote, `first` to `last`: written by a trigger, whole when the transaction ends."""

    first = models.BigIntegerField(primary_key=True)
    last = models.BigIntegerField()

    class Meta:
        """Append-only."""

        db_table = "booking"


class Staff(models.Model):
    """Somebody who may act. The newest row of a name counts; a secret is kept only as a strong hash."""

    number = models.BigIntegerField(primary_key=True)
    name = _word()
    roles = ArrayField(models.TextField(db_collation=BINARY))
    secret = models.TextField(db_collation=BINARY, db_comment="scrypt$log2 n$r$p$salt$hash; empty: may not act.")
    added_at = models.DateTimeField()
    added_by = _word("Empty: by whoever holds the machine.")

    class Meta:
        """Append-only; some roles no one person may hold together (constraint of the migration)."""

        db_table = "staff"
        indexes = [models.Index(fields=["name", "-number"], name="staff_name")]


class Audit(models.Model):
    """Who did what, when. Each row carries the hash of the row before (trigger)."""

    number = models.BigIntegerField(primary_key=True)
    content = models.TextField(db_collation=BINARY, db_comment="Canonical JSON: actor, act, at, roles, subject, facts.")
    previous = models.BinaryField(db_comment="Hash of the row before; zeros before the first.")
    hash = models.BinaryField(db_comment="SHA-256 of `previous` and `content`.")

    class Meta:
        """Append-only, chained."""

        db_table = "audit"


class Appropriation(models.Model):
    """Money given to a budget line for a purpose by a document, or taken back by one."""

    pk = models.CompositePrimaryKey("document", "line", "purpose")
    document = _word("Number of the budget document.")
    line = _word("Name of the rulebook.")
    purpose = _word()
    amount_idr = models.BigIntegerField(db_comment="Whole rupiah; below zero: cut.")
    appropriated_at = models.DateTimeField()
    by_name = _word()
    transfer = models.BigIntegerField(unique=True)

    class Meta:
        """Append-only."""

        db_table = "appropriation"
        constraints = [CheckConstraint(name="appropriation_amount", condition=~Q(amount_idr=0))]


class Release(models.Model):
    """A list of who is to be paid, frozen with its hash. Whoever planned it never approves it."""

    number = models.BigIntegerField(primary_key=True)
    as_of = models.DateTimeField()
    planned_at = models.DateTimeField()
    planned_by = _word()
    seed = models.BigIntegerField(db_comment="Of the sample for inspection.")
    items = models.BigIntegerField()
    amount_idr = models.BigIntegerField()
    stages = models.BigIntegerField(db_comment="How many approvals it needs.")
    list_hash = models.BinaryField(db_comment="SHA-256 of the canonical list.")

    class Meta:
        """Append-only."""

        db_table = "release"
        constraints = [
            CheckConstraint(name="release_items", condition=Q(items__gt=0) & Q(amount_idr__gt=0)),
            CheckConstraint(name="release_stages", condition=Q(stages__gte=1) & Q(stages__lte=3)),
        ]


class ReleaseItem(models.Model):
    """One benefit of one participant on the list of a release."""

    pk = models.CompositePrimaryKey("release", "position")
    release = models.BigIntegerField()
    position = models.BigIntegerField()
    order_ref = _word("Name of the payment, the same for all its attempts.")
    attempt = models.BigIntegerField()
    card_number = models.BigIntegerField()
    benefit = _word()
    line = _word("Budget line: name of the rulebook.")
    amount_idr = models.BigIntegerField()
    partner = _word("Payment partner of the account.")
    account_ref_index = models.UUIDField()
    account_fingerprint = models.UUIDField(db_comment="The report of the account, in `accounts`.")
    facts = models.UUIDField(db_comment="Hash of what the decision rests on.")
    since = models.DateTimeField(db_comment="Since when it is due: who waits longest comes first.")
    is_sampled = models.BooleanField(db_comment="Drawn for inspection.")

    class Meta:
        """Append-only; no benefit twice on one list."""

        db_table = "release_item"
        constraints = [
            UniqueConstraint(fields=["release", "card_number", "benefit"], name="release_item_once"),
            CheckConstraint(name="release_item_amount", condition=Q(amount_idr__gt=0)),
            CheckConstraint(name="release_item_numbers", condition=Q(attempt__gte=1) & Q(position__gte=1)),
        ]


class Approval(models.Model):
    """One stage of approval of exactly one list."""

    pk = models.CompositePrimaryKey("release", "stage")
    release = models.BigIntegerField()
    stage = models.BigIntegerField()
    previous_stage = models.BigIntegerField(null=True)
    list_hash = models.BinaryField()
    planned_by = _word()
    approved_by = _word()
    role = _word("In which role.")
    approved_at = models.DateTimeField()

    class Meta:
        """Append-only; bound to the hash and to the planner by foreign keys (migration)."""

        db_table = "approval"
        constraints = [
            UniqueConstraint(fields=["release", "approved_by"], name="approval_once_each"),
            CheckConstraint(name="approval_not_own", condition=~Q(approved_by=F("planned_by"))),
            CheckConstraint(
                name="approval_role",
                condition=Q(stage=1, role__in=["CHECKER", "APPROVER", "DIRECTOR"])
                | Q(stage=2, role__in=["APPROVER", "DIRECTOR"])
                | Q(stage=3, role="DIRECTOR"),
            ),
            CheckConstraint(
                name="approval_in_order",
                condition=Q(stage=1, previous_stage=None)
                | Q(stage__gt=1, previous_stage__isnull=False, previous_stage=F("stage") - 1),
            ),
        ]


class ReleaseEnd(models.Model):
    """How a release ended: RUN with all its approvals, REFUSED, or WITHDRAWN. It ends once."""

    release = models.BigIntegerField(primary_key=True)
    how = _word()
    by_name = _word()
    ended_at = models.DateTimeField()
    stages = models.BigIntegerField(null=True, db_comment="When run: the approvals it needed and has.")
    list_hash = models.BinaryField(null=True, db_comment="When run: of the list that was run.")
    why = models.TextField(blank=True)

    class Meta:
        """Append-only."""

        db_table = "release_end"
        constraints = [
            CheckConstraint(
                name="release_end_how",
                condition=Q(how="RUN", stages__isnull=False, list_hash__isnull=False)
                | Q(how__in=["REFUSED", "WITHDRAWN"], stages=None, list_hash=None),
            ),
        ]


class AccountOverride(models.Model):
    """Two people let one account receive for one more participant."""

    number = models.BigIntegerField(primary_key=True)
    partner = _word()
    account_ref_index = models.UUIDField()
    card_number = models.BigIntegerField()
    first_by = _word()
    second_by = _word()
    why = models.TextField()
    decided_at = models.DateTimeField()

    class Meta:
        """Append-only."""

        db_table = "account_override"
        constraints = [
            CheckConstraint(name="account_override_two_people", condition=~Q(first_by=F("second_by"))),
            UniqueConstraint(
                fields=["number", "partner", "account_ref_index", "card_number"], name="account_override_whole"
            ),
        ]


class Payee(models.Model):
    """An account and the participant it pays: one, unless two people overrode it."""

    pk = models.CompositePrimaryKey("partner", "account_ref_index", "card_number")
    partner = _word()
    account_ref_index = models.UUIDField()
    card_number = models.BigIntegerField()
    override_number = models.BigIntegerField(null=True)

    class Meta:
        """Append-only."""

        db_table = "payee"
        constraints = [
            UniqueConstraint(
                fields=["partner", "account_ref_index"],
                condition=Q(override_number__isnull=True),
                name="payee_one_participant",
            ),
        ]


class PaymentOrder(models.Model):
    """One attempt to pay one benefit. Attempt n + 1 exists only when attempt n failed or came back, with its evidence:

    so of all attempts at most the newest is in force, and nobody is paid a benefit twice.
    """

    pk = models.CompositePrimaryKey("order_ref", "attempt")
    order_ref = _word()
    attempt = models.BigIntegerField()
    release = models.BigIntegerField()
    position = models.BigIntegerField()
    card_number = models.BigIntegerField()
    benefit = _word()
    line = _word()
    partner = _word()
    amount_idr = models.BigIntegerField()
    transfer = models.BigIntegerField(unique=True, db_comment="Its pending transfer.")
    previous_attempt = models.BigIntegerField(null=True)
    previous_status = _word("FAILED or RETURNED: how the attempt before ended.", null=True)

    class Meta:
        """Append-only."""

        db_table = "payment_order"
        constraints = [
            UniqueConstraint(fields=["card_number", "benefit", "attempt"], name="payment_order_in_force_once"),
            CheckConstraint(
                name="payment_order_after_the_one_before",
                condition=Q(attempt=1, previous_attempt=None, previous_status=None)
                | Q(
                    attempt__gt=1,
                    previous_attempt=F("attempt") - 1,
                    previous_attempt__isnull=False,
                    previous_status__isnull=False,
                    previous_status__in=["FAILED", "RETURNED"],
                ),
            ),
        ]


class Claim(models.Model):
    """A worker's hold on an order for a while. The highest epoch counts: a worker that slept too long is fenced off."""

    pk = models.CompositePrimaryKey("order_ref", "attempt", "epoch")
    order_ref = _word()
    attempt = models.BigIntegerField()
    epoch = models.BigIntegerField()
    worker = _word()
    claimed_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        """Append-only."""

        db_table = "claim"
        constraints = [CheckConstraint(name="claim_epoch", condition=Q(epoch__gte=1))]


class Sending(models.Model):
    """A call, or a line of a file, about an order: committed before it leaves."""

    number = models.BigIntegerField(primary_key=True)
    order_ref = _word()
    attempt = models.BigIntegerField()
    epoch = models.BigIntegerField(db_comment="Of the claim it was sent under; 0: first line in a file.")
    kind = _word("SEND, ASK (for the state) or CHECK (the account).")
    rail = _word()
    external_id = _word("Name of this one call.")
    file_ref = _word("Name of the file it is a line of; empty: a call.")
    begun_at = models.DateTimeField()

    class Meta:
        """Append-only."""

        db_table = "sending"
        indexes = [models.Index(fields=["file_ref"], condition=~Q(file_ref=""), name="sending_file")]
        constraints = [
            # The first line in a file is named after its order (trigger), so that it is unique by the constraint below.
            UniqueConstraint(fields=["rail", "external_id"], condition=Q(epoch__gt=0), name="sending_external_id"),
            # One first line of each order, and the way to all sendings of an order.
            UniqueConstraint(
                "order_ref",
                "attempt",
                Case(When(epoch=0, then=Value(0)), default=F("number"), output_field=models.BigIntegerField()),
                name="sending_one_first_file",
            ),
            CheckConstraint(name="sending_kind", condition=Q(kind__in=["SEND", "ASK", "CHECK"])),
        ]


class Answer(models.Model):
    """What came back for a sending: at most one; none is as good as not known."""

    sending = models.BigIntegerField(primary_key=True)
    answered_at = models.DateTimeField()
    action = _word("What may be done after it.")
    code = _word()
    raw_code = _word()
    reason = _word("Normalised reason.", null=True)
    bank_reference = _word("The partner's own name of the payment.")

    class Meta:
        """Append-only."""

        db_table = "answer"


class PaymentOutcome(models.Model):
    """How an order ended: PAID or FAILED, after PAID perhaps RETURNED; with what it rests on and its booking."""

    pk = models.CompositePrimaryKey("order_ref", "attempt", "status")
    order_ref = _word()
    attempt = models.BigIntegerField()
    status = _word()
    previous_status = _word("RETURNED follows PAID.", null=True)
    reason = _word("Normalised reason of FAILED and RETURNED.", null=True)
    occurred_at = models.DateTimeField(db_comment="When it happened, as the partner says.")
    evidence = _word("What it rests on: answer, statement line or result.")
    transfer = models.BigIntegerField(unique=True, db_comment="What booked it.")

    class Meta:
        """Append-only."""

        db_table = "payment_outcome"
        constraints = [
            UniqueConstraint(
                fields=["order_ref", "attempt"], condition=Q(status__in=["PAID", "FAILED"]), name="payment_outcome_once"
            ),
            UniqueConstraint(
                fields=["order_ref", "attempt"],
                condition=Q(status__in=["RETURNED", "FAILED"]),
                name="payment_outcome_closed_once",
            ),
            CheckConstraint(
                name="payment_outcome_status",
                condition=Q(status="PAID", previous_status=None, reason=None)
                | Q(status="FAILED", previous_status=None, reason__isnull=False)
                | Q(status="RETURNED", previous_status="PAID", previous_status__isnull=False, reason__isnull=False),
            ),
        ]


class BankFile(models.Model):
    """A partner's file about payments, taken in once whatever is in it, with what it proves about itself.

    One that was refused may come again: what was wrong may have been the mapping it was read by.
    """

    number = models.BigIntegerField(primary_key=True)
    name = _word()
    partner = _word()
    format = _word()
    sha256 = _word()
    received_at = models.DateTimeField()
    refusal = _word("Why it was refused whole; empty: taken in.")
    lines = models.BigIntegerField()
    debit_idr = models.BigIntegerField()
    credit_idr = models.BigIntegerField()
    opening_idr = models.BigIntegerField(null=True)
    closing_idr = models.BigIntegerField(null=True)
    proof = _word("What it proves about its completeness.")

    class Meta:
        """Append-only."""

        db_table = "bank_file"
        constraints = [
            UniqueConstraint(fields=["sha256"], condition=Q(refusal=""), name="bank_file_once"),
            CheckConstraint(
                name="bank_file_adds_up",
                condition=Q(opening_idr=None)
                | Q(closing_idr=None)
                | Q(closing_idr=F("opening_idr") + F("credit_idr") - F("debit_idr")),
            ),
        ]


class BankLine(models.Model):
    """One line of a partner's file."""

    pk = models.CompositePrimaryKey("file_number", "line")
    file_number = models.BigIntegerField()
    line = models.BigIntegerField()
    reference = _word("Ours, when it has the form of ours.", null=True)
    direction = _word("DEBIT or CREDIT, seen from our account; empty: an answer, nothing booked.")
    status = _word()
    reason = _word("Normalised reason.", null=True)
    amount = models.BigIntegerField(null=True, db_comment="In whole rupiah, or minor units of another currency.")
    currency = _word(null=True)
    booked_on = models.DateField(null=True)
    bank_reference = _word(null=True)
    sealed = models.BinaryField(null=True, db_comment="Account and narrative, encrypted.")

    class Meta:
        """Append-only."""

        db_table = "bank_line"


class LineVerdict(models.Model):
    """In which bucket a line is, and whose move it is. The newest verdict of a line counts."""

    pk = models.CompositePrimaryKey("file_number", "line", "number")
    file_number = models.BigIntegerField()
    line = models.BigIntegerField()
    number = models.BigIntegerField(db_comment="From 1.")
    bucket = _word()
    whose_move = _word()
    order_ref = _word(null=True)
    attempt = models.BigIntegerField(null=True)
    decided_at = models.DateTimeField()
    decided_by = _word("Empty: by the rules.")

    class Meta:
        """Append-only; one line at most settles an order as paid, one as returned."""

        db_table = "line_verdict"
        indexes = [
            models.Index(
                fields=["order_ref", "attempt", "file_number", "line"],
                condition=Q(
                    bucket__in=[
                        "UNKNOWN",
                        "NOT_SENT",
                        "WRONG_AMOUNT",
                        "WRONG_ACCOUNT",
                        "WRONG_PARTNER",
                        "OTHER_ATTEMPT",
                    ]
                ),
                name="line_verdict_unexplained",
            ),
        ]
        constraints = [
            UniqueConstraint(
                fields=["order_ref", "attempt", "bucket"],
                condition=Q(bucket__in=["PAID", "RETURNED"]),
                name="line_verdict_settles_once",
            ),
        ]


class AccountCheck(models.Model):
    """What a payment partner said of a linked account when it was asked, with nobody being paid."""

    number = models.BigIntegerField(primary_key=True)
    partner = _word()
    card_number = models.BigIntegerField()
    account_ref_index = models.UUIDField()
    account_fingerprint = models.UUIDField(db_comment="The report of the account, in `accounts`.")
    external_id = _word("Name of the call.")
    asked_at = models.DateTimeField()
    is_certain = models.BooleanField(db_comment="The partner gave a usable answer; else nothing is known.")
    code = _word()
    raw_code = _word()
    reason = _word("Why it cannot be paid to, normalised.", null=True)
    verdict = _word("ACCEPTED, LOOK (people look) or REFUSED, by the holder's name; none without an answer.", null=True)
    sealed = models.BinaryField(null=True, db_comment="The holder's name as told, encrypted.")

    class Meta:
        """Append-only."""

        db_table = "account_check"
        indexes = [
            models.Index(fields=["card_number", "partner", "account_ref_index"], name="account_check_account"),
        ]
        constraints = [
            UniqueConstraint(fields=["partner", "external_id"], name="account_check_external_id"),
            CheckConstraint(
                name="account_check_verdict",
                condition=Q(is_certain=False, verdict=None, reason=None)
                | Q(is_certain=True, verdict__isnull=False, verdict__in=["ACCEPTED", "LOOK", "REFUSED"]),
            ),
        ]


class Recovery(models.Model):
    """The database was restored from a backup: what was done until an instant may have been forgotten."""

    number = models.BigIntegerField(primary_key=True)
    known_until = models.DateTimeField(null=True, db_comment="The newest instant of money on record.")
    lost_until = models.DateTimeField(db_comment="Until when the lost database may have sent payments.")
    why = models.TextField()
    begun_at = models.DateTimeField()
    begun_by = _word()

    class Meta:
        """Append-only."""

        db_table = "recovery"
        constraints = [
            CheckConstraint(name="recovery_of_the_past", condition=Q(lost_until__lte=F("begun_at"))),
            UniqueConstraint(fields=["number", "begun_by"], name="recovery_as_begun"),
        ]


class RecoveryEnd(models.Model):
    """Somebody else has seen that evidence and statements of the lost time are in: from here on payments go again."""

    recovery = models.BigIntegerField(primary_key=True)
    begun_by = _word()
    ended_by = _word()
    ended_at = models.DateTimeField()

    class Meta:
        """Append-only; bound to who began it by a foreign key (migration)."""

        db_table = "recovery_end"
        constraints = [CheckConstraint(name="recovery_ended_by_another", condition=~Q(ended_by=F("begun_by")))]


MONEY = (
    Account,
    Transfer,
    Leg,
    Booking,
    Staff,
    Audit,
    Appropriation,
    Release,
    ReleaseItem,
    Approval,
    ReleaseEnd,
    AccountOverride,
    Payee,
    PaymentOrder,
    Claim,
    Sending,
    Answer,
    PaymentOutcome,
    BankFile,
    BankLine,
    LineVerdict,
    AccountCheck,
    Recovery,
    RecoveryEnd,
)
"""All tables of money; each refuses UPDATE, DELETE and TRUNCATE."""
