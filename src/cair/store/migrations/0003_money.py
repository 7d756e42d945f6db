"""Money: books, releases, orders, what was sent and what banks say, with all that the database holds about them.

What a row may say beyond its own columns is in `0003_money.sql`.
"""

from pathlib import Path

import django.contrib.postgres.fields
import django.db.models.expressions
from django.db import migrations, models

GUARDED = (
    "account",
    "transfer",
    "leg",
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
)
_LAWS = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
_FUNCTIONS = (
    "check_transfers",
    "check_balance",
    "check_legs",
    "chain_audit",
    "check_release",
    "check_items",
    "check_approval",
    "lock_release",
    "check_orders",
    "check_sendings",
    "check_outcomes",
)
_DROPPED = (
    "".join(f"DROP FUNCTION {name}() CASCADE;" for name in _FUNCTIONS)
    + "DROP FUNCTION refuse_money(text, text); DROP FUNCTION plan_for(boolean);"
)
_APPEND_ONLY = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON "{table}"
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""


class Migration(migrations.Migration):
    """Make the tables, then hold them to their laws."""

    dependencies = [
        ("store", "0002_append_only"),
    ]

    operations = [
        migrations.CreateModel(
            name="Answer",
            fields=[
                ("sending", models.BigIntegerField(primary_key=True, serialize=False)),
                ("answered_at", models.DateTimeField()),
                ("action", models.TextField(db_collation="C", db_comment="What may be done after it.")),
                ("code", models.TextField(db_collation="C", db_comment="")),
                ("raw_code", models.TextField(db_collation="C", db_comment="")),
                ("reason", models.TextField(db_collation="C", db_comment="Normalised reason.", null=True)),
                (
                    "bank_reference",
                    models.TextField(db_collation="C", db_comment="The partner's own name of the payment."),
                ),
            ],
            options={
                "db_table": "answer",
            },
        ),
        migrations.CreateModel(
            name="Audit",
            fields=[
                ("number", models.BigIntegerField(primary_key=True, serialize=False)),
                (
                    "content",
                    models.TextField(
                        db_collation="C", db_comment="Canonical JSON: actor, act, at, roles, subject, facts."
                    ),
                ),
                ("previous", models.BinaryField(db_comment="Hash of the row before; zeros before the first.")),
                ("hash", models.BinaryField(db_comment="SHA-256 of `previous` and `content`.")),
            ],
            options={
                "db_table": "audit",
            },
        ),
        migrations.CreateModel(
            name="Account",
            fields=[
                ("number", models.BigIntegerField(primary_key=True, serialize=False)),
                ("name", models.TextField(db_collation="C", unique=True)),
                ("is_personal", models.BooleanField(db_comment="Kept per participant: every leg names a card.")),
                (
                    "is_capped",
                    models.BooleanField(db_comment="May never be overdrawn: its sum stays a credit or zero."),
                ),
                ("opened_at", models.DateTimeField()),
            ],
            options={
                "db_table": "account",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("is_personal", True), ("is_capped", True), _negated=True),
                        name="account_kind",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="AccountOverride",
            fields=[
                ("number", models.BigIntegerField(primary_key=True, serialize=False)),
                ("partner", models.TextField(db_collation="C", db_comment="")),
                ("account_ref_index", models.UUIDField()),
                ("card_number", models.BigIntegerField()),
                ("first_by", models.TextField(db_collation="C", db_comment="")),
                ("second_by", models.TextField(db_collation="C", db_comment="")),
                ("why", models.TextField()),
                ("decided_at", models.DateTimeField()),
            ],
            options={
                "db_table": "account_override",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("first_by", models.F("second_by")), _negated=True),
                        name="account_override_two_people",
                    ),
                    models.UniqueConstraint(
                        fields=("number", "partner", "account_ref_index", "card_number"), name="account_override_whole"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Appropriation",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "document", "line", "purpose", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("document", models.TextField(db_collation="C", db_comment="Number of the budget document.")),
                ("line", models.TextField(db_collation="C", db_comment="Name of the rulebook.")),
                ("purpose", models.TextField(db_collation="C", db_comment="")),
                ("amount_idr", models.BigIntegerField(db_comment="Whole rupiah; below zero: cut.")),
                ("appropriated_at", models.DateTimeField()),
                ("by_name", models.TextField(db_collation="C", db_comment="")),
                ("transfer", models.BigIntegerField(unique=True)),
            ],
            options={
                "db_table": "appropriation",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("amount_idr", 0), _negated=True), name="appropriation_amount"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Approval",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "release", "stage", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("release", models.BigIntegerField()),
                ("stage", models.BigIntegerField()),
                ("previous_stage", models.BigIntegerField(null=True)),
                ("list_hash", models.BinaryField()),
                ("planned_by", models.TextField(db_collation="C", db_comment="")),
                ("approved_by", models.TextField(db_collation="C", db_comment="")),
                ("role", models.TextField(db_collation="C", db_comment="In which role.")),
                ("approved_at", models.DateTimeField()),
            ],
            options={
                "db_table": "approval",
                "constraints": [
                    models.UniqueConstraint(fields=("release", "approved_by"), name="approval_once_each"),
                    models.CheckConstraint(
                        condition=models.Q(("approved_by", models.F("planned_by")), _negated=True),
                        name="approval_not_own",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("role__in", ["CHECKER", "APPROVER", "DIRECTOR"]), ("stage", 1)),
                            models.Q(("role__in", ["APPROVER", "DIRECTOR"]), ("stage", 2)),
                            models.Q(("role", "DIRECTOR"), ("stage", 3)),
                            _connector="OR",
                        ),
                        name="approval_role",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("previous_stage", None), ("stage", 1)),
                            models.Q(
                                (
                                    "previous_stage",
                                    django.db.models.expressions.CombinedExpression(
                                        models.F("stage"), "-", models.Value(1)
                                    ),
                                ),
                                ("previous_stage__isnull", False),
                                ("stage__gt", 1),
                            ),
                            _connector="OR",
                        ),
                        name="approval_in_order",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="BankFile",
            fields=[
                ("number", models.BigIntegerField(primary_key=True, serialize=False)),
                ("name", models.TextField(db_collation="C", db_comment="")),
                ("partner", models.TextField(db_collation="C", db_comment="")),
                ("format", models.TextField(db_collation="C", db_comment="")),
                ("sha256", models.TextField(db_collation="C", unique=True)),
                ("received_at", models.DateTimeField()),
                (
                    "refusal",
                    models.TextField(db_collation="C", db_comment="Why it was refused whole; empty: taken in."),
                ),
                ("lines", models.BigIntegerField()),
                ("debit_idr", models.BigIntegerField()),
                ("credit_idr", models.BigIntegerField()),
                ("opening_idr", models.BigIntegerField(null=True)),
                ("closing_idr", models.BigIntegerField(null=True)),
                ("proof", models.TextField(db_collation="C", db_comment="What it proves about its completeness.")),
            ],
            options={
                "db_table": "bank_file",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("opening_idr", None),
                            ("closing_idr", None),
                            (
                                "closing_idr",
                                django.db.models.expressions.CombinedExpression(
                                    django.db.models.expressions.CombinedExpression(
                                        models.F("opening_idr"), "+", models.F("credit_idr")
                                    ),
                                    "-",
                                    models.F("debit_idr"),
                                ),
                            ),
                            _connector="OR",
                        ),
                        name="bank_file_adds_up",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="BankLine",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "file_number", "line", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("file_number", models.BigIntegerField()),
                ("line", models.BigIntegerField()),
                (
                    "reference",
                    models.TextField(db_collation="C", db_comment="Ours, when it has the form of ours.", null=True),
                ),
                (
                    "direction",
                    models.TextField(
                        db_collation="C",
                        db_comment="DEBIT or CREDIT, seen from our account; empty: an answer, nothing booked.",
                    ),
                ),
                ("status", models.TextField(db_collation="C", db_comment="")),
                ("reason", models.TextField(db_collation="C", db_comment="Normalised reason.", null=True)),
                (
                    "amount",
                    models.BigIntegerField(
                        db_comment="In whole rupiah, or minor units of another currency.", null=True
                    ),
                ),
                ("currency", models.TextField(db_collation="C", db_comment="", null=True)),
                ("booked_on", models.DateField(null=True)),
                ("bank_reference", models.TextField(db_collation="C", db_comment="", null=True)),
                ("sealed", models.BinaryField(db_comment="Account and narrative, encrypted.", null=True)),
            ],
            options={
                "db_table": "bank_line",
                "indexes": [
                    models.Index(
                        condition=models.Q(("reference__isnull", False)), fields=["reference"], name="bank_line_ref"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Claim",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "order_ref", "attempt", "epoch", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("order_ref", models.TextField(db_collation="C", db_comment="")),
                ("attempt", models.BigIntegerField()),
                ("epoch", models.BigIntegerField()),
                ("worker", models.TextField(db_collation="C", db_comment="")),
                ("claimed_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
            ],
            options={
                "db_table": "claim",
                "constraints": [models.CheckConstraint(condition=models.Q(("epoch__gte", 1)), name="claim_epoch")],
            },
        ),
        migrations.CreateModel(
            name="Leg",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "transfer", "position", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("transfer", models.BigIntegerField()),
                ("position", models.BigIntegerField(db_comment="From 1 to the number of legs of the transfer.")),
                ("account", models.BigIntegerField()),
                ("card_number", models.BigIntegerField(db_comment="On a personal account, whose.", null=True)),
                ("amount_idr", models.BigIntegerField(db_comment="Whole rupiah; debit above zero, credit below.")),
            ],
            options={
                "db_table": "leg",
                "indexes": [
                    models.Index(
                        condition=models.Q(("card_number__isnull", False)), fields=["card_number"], name="leg_card"
                    ),
                    models.Index(
                        condition=models.Q(("card_number__isnull", True)), fields=["account"], name="leg_account"
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("amount_idr", 0), _negated=True), name="leg_amount"),
                    models.CheckConstraint(condition=models.Q(("position__gte", 1)), name="leg_position"),
                ],
            },
        ),
        migrations.CreateModel(
            name="LineVerdict",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "file_number", "line", "number", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("file_number", models.BigIntegerField()),
                ("line", models.BigIntegerField()),
                ("number", models.BigIntegerField(db_comment="From 1.")),
                ("bucket", models.TextField(db_collation="C", db_comment="")),
                ("whose_move", models.TextField(db_collation="C", db_comment="")),
                ("order_ref", models.TextField(db_collation="C", db_comment="", null=True)),
                ("attempt", models.BigIntegerField(null=True)),
                ("decided_at", models.DateTimeField()),
                ("decided_by", models.TextField(db_collation="C", db_comment="Empty: by the rules.")),
            ],
            options={
                "db_table": "line_verdict",
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("bucket__in", ["PAID", "RETURNED"])),
                        fields=("order_ref", "attempt", "bucket"),
                        name="line_verdict_settles_once",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Payee",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "partner",
                        "account_ref_index",
                        "card_number",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("partner", models.TextField(db_collation="C", db_comment="")),
                ("account_ref_index", models.UUIDField()),
                ("card_number", models.BigIntegerField()),
                ("override_number", models.BigIntegerField(null=True)),
            ],
            options={
                "db_table": "payee",
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("override_number__isnull", True)),
                        fields=("partner", "account_ref_index"),
                        name="payee_one_participant",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="PaymentOrder",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "order_ref", "attempt", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("order_ref", models.TextField(db_collation="C", db_comment="")),
                ("attempt", models.BigIntegerField()),
                ("release", models.BigIntegerField()),
                ("position", models.BigIntegerField()),
                ("card_number", models.BigIntegerField()),
                ("benefit", models.TextField(db_collation="C", db_comment="")),
                ("line", models.TextField(db_collation="C", db_comment="")),
                ("partner", models.TextField(db_collation="C", db_comment="")),
                ("amount_idr", models.BigIntegerField()),
                ("transfer", models.BigIntegerField(db_comment="Its pending transfer.", unique=True)),
                ("previous_attempt", models.BigIntegerField(null=True)),
                (
                    "previous_status",
                    models.TextField(
                        db_collation="C", db_comment="FAILED or RETURNED: how the attempt before ended.", null=True
                    ),
                ),
            ],
            options={
                "db_table": "payment_order",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("card_number", "benefit", "attempt"), name="payment_order_in_force_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("attempt", 1), ("previous_attempt", None), ("previous_status", None)),
                            models.Q(
                                ("attempt__gt", 1),
                                (
                                    "previous_attempt",
                                    django.db.models.expressions.CombinedExpression(
                                        models.F("attempt"), "-", models.Value(1)
                                    ),
                                ),
                                ("previous_attempt__isnull", False),
                                ("previous_status__in", ["FAILED", "RETURNED"]),
                                ("previous_status__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="payment_order_after_the_one_before",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PaymentOutcome",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "order_ref", "attempt", "status", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("order_ref", models.TextField(db_collation="C", db_comment="")),
                ("attempt", models.BigIntegerField()),
                ("status", models.TextField(db_collation="C", db_comment="")),
                ("previous_status", models.TextField(db_collation="C", db_comment="RETURNED follows PAID.", null=True)),
                (
                    "reason",
                    models.TextField(
                        db_collation="C", db_comment="Normalised reason of FAILED and RETURNED.", null=True
                    ),
                ),
                ("occurred_at", models.DateTimeField(db_comment="When it happened, as the partner says.")),
                (
                    "evidence",
                    models.TextField(
                        db_collation="C", db_comment="What it rests on: answer, statement line or result."
                    ),
                ),
                ("transfer", models.BigIntegerField(db_comment="What booked it.", unique=True)),
            ],
            options={
                "db_table": "payment_outcome",
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("status__in", ["PAID", "FAILED"])),
                        fields=("order_ref", "attempt"),
                        name="payment_outcome_once",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("status__in", ["RETURNED", "FAILED"])),
                        fields=("order_ref", "attempt"),
                        name="payment_outcome_closed_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("previous_status", None), ("reason", None), ("status", "PAID")),
                            models.Q(("previous_status", None), ("reason__isnull", False), ("status", "FAILED")),
                            models.Q(
                                ("previous_status", "PAID"),
                                ("previous_status__isnull", False),
                                ("reason__isnull", False),
                                ("status", "RETURNED"),
                            ),
                            _connector="OR",
                        ),
                        name="payment_outcome_status",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Release",
            fields=[
                ("number", models.BigIntegerField(primary_key=True, serialize=False)),
                ("as_of", models.DateTimeField()),
                ("planned_at", models.DateTimeField()),
                ("planned_by", models.TextField(db_collation="C", db_comment="")),
                ("seed", models.BigIntegerField(db_comment="Of the sample for inspection.")),
                ("items", models.BigIntegerField()),
                ("amount_idr", models.BigIntegerField()),
                ("stages", models.BigIntegerField(db_comment="How many approvals it needs.")),
                ("list_hash", models.BinaryField(db_comment="SHA-256 of the canonical list.")),
            ],
            options={
                "db_table": "release",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("items__gt", 0), ("amount_idr__gt", 0)), name="release_items"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("stages__gte", 1), ("stages__lte", 3)), name="release_stages"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ReleaseEnd",
            fields=[
                ("release", models.BigIntegerField(primary_key=True, serialize=False)),
                ("how", models.TextField(db_collation="C", db_comment="")),
                ("by_name", models.TextField(db_collation="C", db_comment="")),
                ("ended_at", models.DateTimeField()),
                ("stages", models.BigIntegerField(db_comment="When run: the approvals it needed and has.", null=True)),
                ("list_hash", models.BinaryField(db_comment="When run: of the list that was run.", null=True)),
                ("why", models.TextField(blank=True)),
            ],
            options={
                "db_table": "release_end",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("how", "RUN"), ("list_hash__isnull", False), ("stages__isnull", False)),
                            models.Q(("how__in", ["REFUSED", "WITHDRAWN"]), ("list_hash", None), ("stages", None)),
                            _connector="OR",
                        ),
                        name="release_end_how",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ReleaseItem",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "release", "position", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("release", models.BigIntegerField()),
                ("position", models.BigIntegerField()),
                (
                    "order_ref",
                    models.TextField(
                        db_collation="C", db_comment="Name of the payment, the same for all its attempts."
                    ),
                ),
                ("attempt", models.BigIntegerField()),
                ("card_number", models.BigIntegerField()),
                ("benefit", models.TextField(db_collation="C", db_comment="")),
                ("line", models.TextField(db_collation="C", db_comment="Budget line: name of the rulebook.")),
                ("amount_idr", models.BigIntegerField()),
                ("partner", models.TextField(db_collation="C", db_comment="Payment partner of the account.")),
                ("account_ref_index", models.UUIDField()),
                ("account_fingerprint", models.UUIDField(db_comment="The report of the account, in `accounts`.")),
                ("facts", models.UUIDField(db_comment="Hash of what the decision rests on.")),
                ("since", models.DateTimeField(db_comment="Since when it is due: who waits longest comes first.")),
                ("is_sampled", models.BooleanField(db_comment="Drawn for inspection.")),
            ],
            options={
                "db_table": "release_item",
                "constraints": [
                    models.UniqueConstraint(fields=("release", "card_number", "benefit"), name="release_item_once"),
                    models.CheckConstraint(condition=models.Q(("amount_idr__gt", 0)), name="release_item_amount"),
                    models.CheckConstraint(
                        condition=models.Q(("attempt__gte", 1), ("position__gte", 1)), name="release_item_numbers"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Sending",
            fields=[
                ("number", models.BigIntegerField(primary_key=True, serialize=False)),
                ("order_ref", models.TextField(db_collation="C", db_comment="")),
                ("attempt", models.BigIntegerField()),
                (
                    "epoch",
                    models.BigIntegerField(db_comment="Of the claim it was sent under; 0: first line in a file."),
                ),
                (
                    "kind",
                    models.TextField(db_collation="C", db_comment="SEND, ASK (for the state) or CHECK (the account)."),
                ),
                ("rail", models.TextField(db_collation="C", db_comment="")),
                ("external_id", models.TextField(db_collation="C", db_comment="Name of this one call.")),
                (
                    "file_ref",
                    models.TextField(db_collation="C", db_comment="Name of the file it is a line of; empty: a call."),
                ),
                ("begun_at", models.DateTimeField()),
            ],
            options={
                "db_table": "sending",
                "indexes": [models.Index(fields=["order_ref", "attempt"], name="sending_order")],
                "constraints": [
                    models.UniqueConstraint(fields=("rail", "external_id"), name="sending_external_id"),
                    models.UniqueConstraint(
                        condition=models.Q(("epoch", 0)), fields=("order_ref", "attempt"), name="sending_one_first_file"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["SEND", "ASK", "CHECK"])), name="sending_kind"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Staff",
            fields=[
                ("number", models.BigIntegerField(primary_key=True, serialize=False)),
                ("name", models.TextField(db_collation="C", db_comment="")),
                (
                    "roles",
                    django.contrib.postgres.fields.ArrayField(base_field=models.TextField(db_collation="C"), size=None),
                ),
                (
                    "secret",
                    models.TextField(db_collation="C", db_comment="scrypt$log2 n$r$p$salt$hash; empty: may not act."),
                ),
                ("added_at", models.DateTimeField()),
                ("added_by", models.TextField(db_collation="C", db_comment="Empty: by whoever holds the machine.")),
            ],
            options={
                "db_table": "staff",
                "indexes": [models.Index(fields=["name", "-number"], name="staff_name")],
            },
        ),
        migrations.CreateModel(
            name="Transfer",
            fields=[
                (
                    "number",
                    models.BigIntegerField(
                        db_comment="Without gaps, in the order of booking.", primary_key=True, serialize=False
                    ),
                ),
                ("booked_at", models.DateTimeField(db_comment="Never runs backwards.")),
                (
                    "event",
                    models.TextField(db_collation="C", db_comment="Name of the event: booked once.", unique=True),
                ),
                ("code", models.TextField(db_collation="C", db_comment="Why money moved.")),
                ("stage", models.TextField(db_collation="C", db_comment="PENDING, POSTED or VOIDED.")),
                ("settles", models.BigIntegerField(db_comment="The pending transfer that it settles.", null=True)),
                ("amount_idr", models.BigIntegerField(db_comment="Sum of the debits, whole rupiah.")),
                ("legs", models.BigIntegerField(db_comment="Number of its legs.")),
            ],
            options={
                "db_table": "transfer",
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("amount_idr__gt", 0)), name="transfer_amount"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("legs__gte", 2), ("settles__isnull", True), ("stage", "POSTED")),
                            models.Q(("legs__gte", 2), ("settles__isnull", True), ("stage", "PENDING")),
                            models.Q(("legs", 0), ("settles__isnull", False), ("stage__in", ["POSTED", "VOIDED"])),
                            _connector="OR",
                        ),
                        name="transfer_stage",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("settles__isnull", False)),
                        fields=("settles",),
                        name="transfer_settles_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("settles__lt", models.F("number")), ("settles", None), _connector="OR"),
                        name="transfer_settles_earlier",
                    ),
                ],
            },
        ),
        migrations.RunSQL(_LAWS, _DROPPED),
        *(migrations.RunSQL(_APPEND_ONLY.format(table=table), migrations.RunSQL.noop) for table in GUARDED),
    ]
