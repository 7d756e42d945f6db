"""After a restore from a backup: what may have been sent and forgotten is asked for, and waits until that is found out."""

from django.db import migrations, models

_LAWS = """
-- Until when an order may have been sent by the database that is lost: it was due by then, or was planned before the
-- recovery ended (evidence that comes in again makes it due anew). Null: it cannot have been.
CREATE FUNCTION forgotten_until(text, bigint) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT max(recovery.lost_until) FROM payment_order AS ordered
    JOIN release_item AS item ON (item.release, item.position) = (ordered.release, ordered.position)
    JOIN release ON release.number = ordered.release
    CROSS JOIN recovery LEFT JOIN recovery_end AS ended ON ended.recovery = recovery.number
    WHERE (ordered.order_ref, ordered.attempt) = ($1 COLLATE "C", $2)
      AND (item.since < recovery.lost_until OR release.planned_at < coalesce(ended.ended_at, 'infinity'))
$$;
-- Whether nothing is sent for an order yet: that is still being found out, or a bank has a payment of its name that is
-- another one: of another amount, account or attempt, or another bank.
CREATE FUNCTION waits_for_recovery(text, bigint) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT FROM payment_order AS ordered
        JOIN release_item AS item ON (item.release, item.position) = (ordered.release, ordered.position)
        JOIN release ON release.number = ordered.release
        CROSS JOIN recovery LEFT JOIN recovery_end AS ended ON ended.recovery = recovery.number
        WHERE (ordered.order_ref, ordered.attempt) = ($1 COLLATE "C", $2) AND ended.recovery IS NULL
          AND (item.since < recovery.lost_until OR release.planned_at < 'infinity')
    ) OR EXISTS (
        SELECT FROM line_verdict AS said
        WHERE said.order_ref = $1 COLLATE "C"
          AND said.bucket IN ('WRONG_AMOUNT', 'WRONG_ACCOUNT', 'WRONG_PARTNER', 'OTHER_ATTEMPT')
          AND NOT EXISTS (SELECT FROM line_verdict AS newer WHERE newer.number > said.number
                            AND (newer.file_number, newer.line) = (said.file_number, said.line))
    )
$$;
CREATE FUNCTION check_recovered() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM recovery) AND EXISTS (
        SELECT FROM added WHERE kind = 'SEND' AND waits_for_recovery(order_ref, attempt)
    ) THEN
        PERFORM refuse_money('an order that may have been sent and forgotten waits', 'sending_after_recovery');
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER check_recovered AFTER INSERT ON sending
REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION check_recovered();
ALTER TABLE recovery_end ADD CONSTRAINT recovery_end_of_recovery
    FOREIGN KEY (recovery, begun_by) REFERENCES recovery (number, begun_by);
"""
_BEFORE = """
ALTER TABLE recovery_end DROP CONSTRAINT recovery_end_of_recovery;
DROP FUNCTION check_recovered() CASCADE;
DROP FUNCTION waits_for_recovery(text, bigint);
DROP FUNCTION forgotten_until(text, bigint);
"""
_APPEND_ONLY = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""
_UNEXPLAINED = models.Q(
    ("bucket__in", ["UNKNOWN", "NOT_SENT", "WRONG_AMOUNT", "WRONG_ACCOUNT", "WRONG_PARTNER", "OTHER_ATTEMPT"])
)


class Migration(migrations.Migration):
    """Make the tables of recoveries; find lines that no verdict explains yet."""

    dependencies = [
        ("store", "0007_what_partners_say"),
    ]

    operations = [
        migrations.CreateModel(
            name="Recovery",
            fields=[
                ("number", models.BigIntegerField(primary_key=True, serialize=False)),
                ("known_until", models.DateTimeField(db_comment="The newest instant of money on record.", null=True)),
                (
                    "lost_until",
                    models.DateTimeField(db_comment="Until when the lost database may have sent payments."),
                ),
                ("why", models.TextField()),
                ("begun_at", models.DateTimeField()),
                ("begun_by", models.TextField(db_collation="C", db_comment="")),
            ],
            options={
                "db_table": "recovery",
            },
        ),
        migrations.CreateModel(
            name="RecoveryEnd",
            fields=[
                ("recovery", models.BigIntegerField(primary_key=True, serialize=False)),
                ("begun_by", models.TextField(db_collation="C", db_comment="")),
                ("ended_by", models.TextField(db_collation="C", db_comment="")),
                ("ended_at", models.DateTimeField()),
            ],
            options={
                "db_table": "recovery_end",
            },
        ),
        migrations.AddIndex(
            model_name="lineverdict",
            index=models.Index(
                condition=_UNEXPLAINED,
                fields=["order_ref", "attempt", "file_number", "line"],
                name="line_verdict_unexplained",
            ),
        ),
        migrations.AddConstraint(
            model_name="recovery",
            constraint=models.CheckConstraint(
                condition=models.Q(("lost_until__lte", models.F("begun_at"))), name="recovery_of_the_past"
            ),
        ),
        migrations.AddConstraint(
            model_name="recovery",
            constraint=models.UniqueConstraint(fields=("number", "begun_by"), name="recovery_as_begun"),
        ),
        migrations.AddConstraint(
            model_name="recoveryend",
            constraint=models.CheckConstraint(
                condition=models.Q(("ended_by", models.F("begun_by")), _negated=True),
                name="recovery_ended_by_another",
            ),
        ),
        migrations.RunSQL(_LAWS, _BEFORE),
        *(
            migrations.RunSQL(_APPEND_ONLY.format(table=table), migrations.RunSQL.noop)
            for table in ("recovery", "recovery_end")
        ),
    ]
