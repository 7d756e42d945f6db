"""Those who do not buy: revocations as frozen lists with a second person's approval, and campaigns with what was sent."""

from django.db import migrations, models

GUARDED = (
    "revocation_plan",
    "revocation_item",
    "revocation_approval",
    "revocation_run",
    "campaign",
    "campaign_item",
    "campaign_sending",
)
_APPEND_ONLY = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON "{table}"
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""
_LAWS = """
-- An approval is of this list, of this planner; nothing runs without one.
ALTER TABLE revocation_plan ADD CONSTRAINT revocation_plan_as_approved UNIQUE (number, list_hash, planned_by);
ALTER TABLE revocation_item ADD CONSTRAINT revocation_item_of_plan
    FOREIGN KEY (plan) REFERENCES revocation_plan (number);
ALTER TABLE revocation_approval ADD CONSTRAINT revocation_approval_of_this_list
    FOREIGN KEY (plan, list_hash, planned_by) REFERENCES revocation_plan (number, list_hash, planned_by);
ALTER TABLE revocation_run ADD CONSTRAINT revocation_run_approved
    FOREIGN KEY (plan) REFERENCES revocation_approval (plan);
ALTER TABLE campaign_item ADD CONSTRAINT campaign_item_of_campaign
    FOREIGN KEY (campaign) REFERENCES campaign (number);
ALTER TABLE campaign_sending ADD CONSTRAINT campaign_sending_of_item
    FOREIGN KEY (campaign, position) REFERENCES campaign_item (campaign, position);
"""
_UNBOUND = """
ALTER TABLE campaign_sending DROP CONSTRAINT campaign_sending_of_item;
ALTER TABLE campaign_item DROP CONSTRAINT campaign_item_of_campaign;
ALTER TABLE revocation_run DROP CONSTRAINT revocation_run_approved;
ALTER TABLE revocation_approval DROP CONSTRAINT revocation_approval_of_this_list;
ALTER TABLE revocation_item DROP CONSTRAINT revocation_item_of_plan;
ALTER TABLE revocation_plan DROP CONSTRAINT revocation_plan_as_approved;
"""


class Migration(migrations.Migration):
    """Make the tables, then hold them to their laws."""

    dependencies = [
        ("store", "0003_money"),
    ]

    operations = [
        migrations.CreateModel(
            name="Campaign",
            fields=[
                ("number", models.BigIntegerField(primary_key=True, serialize=False)),
                (
                    "mark",
                    models.TextField(db_collation="C", db_comment="Part of its messages' references, drawn at random."),
                ),
                ("as_of", models.DateTimeField()),
                ("planned_at", models.DateTimeField()),
                ("planned_by", models.TextField(db_collation="C")),
                ("people", models.BigIntegerField(db_comment="Addressed or held out.")),
                ("held_out", models.BigIntegerField()),
            ],
            options={
                "db_table": "campaign",
            },
        ),
        migrations.CreateModel(
            name="RevocationRun",
            fields=[
                ("plan", models.BigIntegerField(primary_key=True, serialize=False)),
                ("begun_at", models.DateTimeField()),
                ("begun_by", models.TextField(db_collation="C")),
            ],
            options={
                "db_table": "revocation_run",
            },
        ),
        migrations.CreateModel(
            name="CampaignItem",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "campaign", "position", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("campaign", models.BigIntegerField()),
                ("position", models.BigIntegerField()),
                ("card_number", models.BigIntegerField()),
                ("reach", models.TextField(db_collation="C", db_comment="Class when it was planned.")),
                ("last_day", models.DateField()),
                (
                    "channel",
                    models.TextField(db_collation="C", db_comment="A channel, a call list, or empty: held out."),
                ),
            ],
            options={
                "db_table": "campaign_item",
                "constraints": [models.UniqueConstraint(fields=("campaign", "card_number"), name="campaign_item_once")],
            },
        ),
        migrations.CreateModel(
            name="CampaignSending",
            fields=[
                ("message_ref", models.TextField(db_collation="C", primary_key=True, serialize=False)),
                ("campaign", models.BigIntegerField()),
                ("position", models.BigIntegerField()),
                ("card_number", models.BigIntegerField()),
                ("channel", models.TextField(db_collation="C")),
                ("via", models.TextField(db_collation="C", db_comment="files or smtp.")),
                ("begun_at", models.DateTimeField()),
            ],
            options={
                "db_table": "campaign_sending",
                "indexes": [models.Index(fields=["card_number", "begun_at"], name="campaign_sending_card")],
                "constraints": [
                    models.UniqueConstraint(fields=("campaign", "position"), name="campaign_sending_once"),
                    models.CheckConstraint(
                        condition=models.Q(("via__in", ["files", "smtp"])), name="campaign_sending_via"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="RevocationApproval",
            fields=[
                ("plan", models.BigIntegerField(primary_key=True, serialize=False)),
                ("list_hash", models.BinaryField()),
                ("planned_by", models.TextField(db_collation="C")),
                ("approved_by", models.TextField(db_collation="C")),
                ("role", models.TextField(db_collation="C")),
                ("approved_at", models.DateTimeField()),
            ],
            options={
                "db_table": "revocation_approval",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("approved_by", models.F("planned_by")), _negated=True),
                        name="revocation_approval_other",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="RevocationItem",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "plan", "position", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("plan", models.BigIntegerField()),
                ("position", models.BigIntegerField(db_comment="From 1, by card number.")),
                ("card_number", models.BigIntegerField()),
                ("reach", models.TextField(db_collation="C")),
                ("last_day", models.DateField(db_comment="Last buying day, days restored counted.")),
                ("proof", models.TextField(db_collation="C")),
            ],
            options={
                "db_table": "revocation_item",
                "constraints": [models.UniqueConstraint(fields=("plan", "card_number"), name="revocation_item_once")],
            },
        ),
        migrations.CreateModel(
            name="RevocationPlan",
            fields=[
                ("number", models.BigIntegerField(primary_key=True, serialize=False)),
                ("as_of", models.DateTimeField()),
                ("planned_at", models.DateTimeField()),
                ("planned_by", models.TextField(db_collation="C")),
                ("people", models.BigIntegerField()),
                (
                    "list_hash",
                    models.BinaryField(db_comment="SHA-256 of what it was planned with and of everybody on it."),
                ),
            ],
            options={
                "db_table": "revocation_plan",
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("people__gt", 0)), name="revocation_plan_people")
                ],
            },
        ),
        migrations.RunSQL(_LAWS, _UNBOUND),
        *(migrations.RunSQL(_APPEND_ONLY.format(table=table), migrations.RunSQL.noop) for table in GUARDED),
    ]
